/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets of the last look, to tell which are new and which have gone. */
#ifndef CONNSNOOP_SEEN_H
#define CONNSNOOP_SEEN_H

#include "line.h"

struct seen;

struct seen *seen_new(void);	/* NULL: out of memory */
void seen_free(struct seen *s); /* NULL is fine */

/* Remember an `existing` of this look, and say whether it is new; at the first look nothing is. */
enum change seen_add(struct seen *s, const struct event *e);

/* What seen_add() has said of it at this look. */
enum change seen_change(const struct seen *s, const struct event *e);

/* The look is over: call @fn with those that have gone since the one before. 0, or its first other result. */
int seen_end(struct seen *s, int (*fn)(void *ctx, const struct event *e), void *ctx);

#endif
