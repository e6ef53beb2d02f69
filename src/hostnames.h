/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of addresses, asked of /etc/hosts and the resolver (c-ares): many at a time, and never longer
 * than the caller is willing to wait. What has been asked once is remembered.
 */
#ifndef CONNSNOOP_HOSTNAMES_H
#define CONNSNOOP_HOSTNAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "str.h"

struct hostnames;

/* NULL: out of memory, or there is nobody to ask. */
struct hostnames *hostnames_new(void);
void hostnames_free(struct hostnames *h); /* NULL is fine */

/* Begin to ask for a name, unless it was asked for before. @addr: network byte order, @ipv: 4 or 6. */
void hostnames_ask(struct hostnames *h, const uint8_t *addr, unsigned int ipv);

/* Until all answers are there, @ms at most. What comes later is remembered when it comes. */
void hostnames_wait(struct hostnames *h, unsigned int ms);

/* Take the answers that are there by now, without waiting. */
void hostnames_poll(struct hostnames *h);
unsigned int hostnames_pending(const struct hostnames *h);

/* Empty: not known, or not yet. Valid until hostnames_trim() or _free(). Hostile: whoever has the address names it. */
struct str hostnames_get(const struct hostnames *h, const uint8_t *addr, unsigned int ipv);

/* If more are remembered than any look is likely to need again, forget all. */
void hostnames_trim(struct hostnames *h);

/* Is this the cookie of a socket that asks? */
bool hostnames_owns(const struct hostnames *h, uint64_t id);

#endif
