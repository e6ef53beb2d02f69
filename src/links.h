/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --link: by which way each connection goes. What its socket says of that comes in a record before its
 * first event, and is kept by its id; what it does not say is asked of rtnetlink, without waiting, in
 * its network namespace.
 */
#ifndef CONNSNOOP_LINKS_H
#define CONNSNOOP_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "line.h"

struct link_record;
struct links;

#define LINKS_TRACE_MAX 65536  /* sockets, of which the least recently used are forgotten: 12 MiB */
#define LINKS_LIST_MAX 1048576 /* of a list all, since lines may wait for others */

struct links *links_new(size_t max); /* NULL: out of memory */
void links_free(struct links *l);    /* NULL is fine */

/* A record, for the events that come after it. 0, -EINVAL if it is none, or -ENOMEM. */
int links_add(struct links *l, const struct link_record *record, size_t size);

/* Set l->link, unless nothing is known; valid until the next call. @now_ns: CLOCK_MONOTONIC. */
void links_line(struct links *links, struct line *l, uint64_t now_ns);

/* Let go of the network namespaces of others: to be called before waiting. */
void links_rest(struct links *l);

#endif
