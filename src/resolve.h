/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an event to a line: the names that the kernel does not send with each event. */
#ifndef CONNSNOOP_RESOLVE_H
#define CONNSNOOP_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"

struct cgroup_record;
struct exe_record;
struct holder_record;
struct link_record;
struct resolver;
struct rnames;
struct services;

/* @services: NULL for no names of ports. 0 or -errno, after one sentence on stderr. */
int resolver_open(struct resolver **out, const struct services *services);
void resolver_close(struct resolver *r); /* NULL is fine */

/* From now on without the paths of struct line: saves 130 instructions of a line without them. */
void resolver_leave_paths(struct resolver *r);

int resolver_clock_fd(const struct resolver *r);
void resolver_clock_was_set(struct resolver *r);
uint64_t resolver_utc(const struct resolver *r, uint64_t monotonic_ns);

/* A record with the path of an executable, for the events that come after it. */
void resolver_add_exe(struct resolver *r, const struct exe_record *record, size_t size);

/* The same of a cgroup. */
void resolver_add_cgroup(struct resolver *r, const struct cgroup_record *record, size_t size);

/* A further process that holds a socket, for its line. */
void resolver_add_holder(struct resolver *r, const struct holder_record *record, size_t size);
/* Another listing begins: of its sockets nobody holds any yet. */
void resolver_forget_holders(struct resolver *r);

/*
 * From now on with the names of remote hosts: by rnames.h, @lookups: asking a resolver too. 0 or -errno, after
 * one sentence on stderr.
 */
int resolver_name_hosts(struct resolver *r, bool lookups);
/* NULL without them. */
struct rnames *resolver_hosts(struct resolver *r);

/* A record of the way that a socket has, for the events that come after it. */
void resolver_add_link(struct resolver *r, const struct link_record *record, size_t size);
/* From now on with these, @all: of a list, none forgotten. 0 or -ENOMEM, after one sentence on stderr. */
int resolver_tell_links(struct resolver *r, bool all);
/* From now on with the real other ends, by nat.h. What is missing for that is said on stderr. 0 or -ENOMEM. */
int resolver_find_nat(struct resolver *r);

/* Let go of what must not be kept while nothing happens: call it before anything waits. */
void resolver_rest(struct resolver *r);

/* Fill @l for @e; its strings are valid until the next call of any of these. */
void resolver_line(struct resolver *r, const struct event *e, struct line *l);

#endif
