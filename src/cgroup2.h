/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cgroup v2 hierarchy: its root, and paths by id. */
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

struct cgroup_names {
	struct str path;      /* beginning with '/', relative to the root */
	struct str container; /* the id in that path */
};

/* Paths of cgroups by id, remembered. Not for use by several threads. */
struct cgroup_paths;
int cgroup_paths_new(struct cgroup_paths **out);
/* Empty when they cannot be had. Valid until the next call. */
const struct cgroup_names *cgroup_paths_get(struct cgroup_paths *p, uint64_t id);
void cgroup_paths_free(struct cgroup_paths *p);

#endif
