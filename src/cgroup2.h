/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cgroup v2 hierarchy: its root, all that is in it, and paths by id. */
#ifndef CONNSNOOP_CGROUP2_H
#define CONNSNOOP_CGROUP2_H

#include <stdint.h>

#include "str.h"

/*
 * A descriptor of the root of the v2 hierarchy: where it is mounted, or a mount of our own that
 * nobody sees and that goes with the descriptor. The caller closes it. -errno without cgroup v2.
 */
int cgroup2_open_root(void);

/*
 * Id and depth (0: the root) of a cgroup. @path is absolute in the file system, or relative to the
 * hierarchy's root, with or without a leading slash. 0 or -errno.
 */
int cgroup2_lookup(const char *path, uint64_t *id, uint32_t *level);

/* The path of a cgroup below the open @root, the caller's to free(); NULL: it has gone, or may not be known. */
char *cgroup2_path(int root, uint64_t id);

/*
 * Calls @fn for each cgroup that is there, each before those in it, until one call is not 0. One that is made
 * or removed meanwhile may be missed. The result of @fn, or -errno without cgroup v2.
 */
typedef int (*cgroup2_fn)(void *ctx, uint64_t id, struct str path);
int cgroup2_walk(cgroup2_fn fn, void *ctx);

#endif
