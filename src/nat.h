/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real other end of a socket, where this host translates addresses (DNAT, SNAT) between the two. */
#ifndef CONNSNOOP_NAT_H
#define CONNSNOOP_NAT_H

#include <stdint.h>

#include "conntrack.h"
#include "line.h"

struct nat;

/* As conntrack_ask(). */
typedef int (*nat_ask_fn)(void *ctx, uint32_t netns, uint32_t pid, const struct path *sent,
			  struct path *back);

#define NAT_SOCKETS_MAX 65536 /* remembered at a time, 9.4 MB; the one not asked for longest goes */

/* @home: the namespace in which the host translates. NULL: out of memory. */
struct nat *nat_new(nat_ask_fn ask, void *ctx, uint32_t home);
void nat_free(struct nat *n); /* NULL is fine */

/* Set l->nat, if there is one, which is valid until the next call. */
void nat_line(struct nat *n, struct line *l);

#endif
