/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines in the order of some of their fields. Keeps a copy of each until it is told in its turn. */
#ifndef CONNSNOOP_SORT_H
#define CONNSNOOP_SORT_H

#include <stdbool.h>

#include "line.h"

struct sort;

/* Is @list one of fields, each perhaps with '-' before it? 0, or -EINVAL after one sentence on stderr. */
int sort_check(const char *list);

/* Does a list that has been checked name what only --link tells? */
bool sort_needs_link(const char *list);

struct sort *sort_new(const char *list); /* checked; NULL: out of memory */
void sort_free(struct sort *s);		 /* NULL is fine */

/* 0 or -ENOMEM. */
int sort_add(struct sort *s, const struct line *l);

/*
 * Call @fn with the event of each line, sorted; then forget them. What has no such field comes last. 0, or
 * the first non-zero result.
 */
int sort_end(struct sort *s, int (*fn)(void *ctx, const struct event *e), void *ctx);

#endif
