/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of remote addresses, for a trace: what name servers have answered as it ran, /etc/hosts, and if
 * asked for a resolver, for which no line waits.
 */
#ifndef CONNSNOOP_RNAMES_H
#define CONNSNOOP_RNAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "line.h"

struct dns_record;
struct libc_record;
struct rnames;

struct rnames *rnames_new(bool lookups); /* NULL: out of memory, or there is nobody to ask */
void rnames_free(struct rnames *r);	 /* NULL is fine */

/* What came from a name server, for the events that come after it. Anything may be in it. */
void rnames_add(struct rnames *r, const struct dns_record *record, size_t size);

/* The same of libc. */
void rnames_add_libc(struct rnames *r, const struct libc_record *record, size_t size);

/* Set the name of @l, if there is one; valid until the next call of any of these. */
void rnames_line(struct rnames *r, struct line *l);

/* Take what the resolver has answered; true: it is still asked, so call again in a while. */
bool rnames_poll(struct rnames *r);

/* Is this the cookie of a socket of ours that asks? */
bool rnames_owns(const struct rnames *r, uint64_t id);

/* --stats. @lost: records that the kernel had no room for. */
void rnames_print(const struct rnames *r, uint64_t lost, FILE *f);

#endif
