/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a format has made of the fields that depend on the owner alone, by all that they depend on,
 * which is compared in full: a process may take another name, user or cgroup at any time. What is read
 * from the path of the cgroup follows from that. Of a bounded size; the latest owner takes the place of
 * another.
 */
#ifndef CONNSNOOP_KEPT_H
#define CONNSNOOP_KEPT_H

#include "line.h"
#include "str.h"

struct kept;

struct kept *kept_new(void);	/* NULL: out of memory */
void kept_free(struct kept *k); /* NULL is fine */

/* Valid until the next call; empty: none is kept. */
struct str kept_get(const struct kept *k, const struct line *l);

/* Does nothing if something is too long. */
void kept_add(struct kept *k, const struct line *l, struct str text);

#endif
