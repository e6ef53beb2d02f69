/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a command has done, added up from its events: one row for each remote address and port that
 * it went to, and one for each port of its own where others came. Pure: events in, text out.
 */
#ifndef CONNSNOOP_TALLY_H
#define CONNSNOOP_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "event.h"

/* The kinds of event that it is made of; 1 << enum event_kind. */
#define EVENTS_TALLIED                                                                             \
	(1u << EVENT_CONNECT | 1u << EVENT_ESTABLISHED | 1u << EVENT_ACCEPT | 1u << EVENT_FAIL |   \
	 1u << EVENT_CLOSE | 1u << EVENT_FLOW)

struct services;
struct tally;

struct tally *tally_new(void); /* NULL: out of memory */
void tally_free(struct tally *t);

/* @e: a checked event of any kind. */
void tally_add(struct tally *t, const struct event *e);

/* How many connections and flows have begun and not ended, as far as the events tell. */
uint64_t tally_open_cnt(const struct tally *t);

/*
 * The table, for people. @services: NULL for no names. @lost_cnt: events that it lacks because the
 * kernel had no room for them.
 */
void tally_put(const struct tally *t, const struct services *services, uint64_t lost_cnt,
	       struct buf *b);

#endif
