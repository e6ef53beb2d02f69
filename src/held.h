/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of connections that are open: they keep theirs, whatever is learned or forgotten meanwhile. The
 * size is bounded; beyond, those that were opened first go.
 */
#ifndef CONNSNOOP_HELD_H
#define CONNSNOOP_HELD_H

#include "line.h"

#define HELD_BYTES_MAX (8 << 20) /* 60000 connections with names of 30 characters */

struct held;

struct held *held_new(void);	/* NULL: out of memory */
void held_free(struct held *h); /* NULL is fine */

/* The connection of @e has this name from now on, known by @source. Out of memory: it has none. */
void held_set(struct held *h, const struct event *e, struct str name, enum rname_source source);

/*
 * Its name, empty if it has none; after its last event that is forgotten. Valid until the next call of any. *@source
 * is set if there is one.
 */
struct str held_get(struct held *h, const struct event *e, enum rname_source *source);

#endif
