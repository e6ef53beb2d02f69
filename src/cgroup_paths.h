/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths of cgroups by id, and what they tell: those that were told, also when the cgroup is gone, and of
 * others what the kernel says while it is there. Not for use by several threads.
 */
#ifndef CONNSNOOP_CGROUP_PATHS_H
#define CONNSNOOP_CGROUP_PATHS_H

#include <stddef.h>
#include <stdint.h>

#include "str.h"

struct cgroup_record;

struct cgroup_names {
	struct str path; /* in the v2 hierarchy, beginning with '/' */
	/* What is in that path: see container.h. */
	struct str container;
	struct str runtime;
	struct str pod;
	struct str unit;
};

struct cgroup_paths;
int cgroup_paths_new(struct cgroup_paths **out); /* 0 or -ENOMEM */
void cgroup_paths_free(struct cgroup_paths *p);	 /* NULL is fine */

/* Remember the path of a record of @size bytes; the least used is forgotten when there are too many.
 * 0, -EINVAL when the record is none, or -ENOMEM. */
int cgroup_paths_add(struct cgroup_paths *p, const struct cgroup_record *r, size_t size);

/* Empty when they cannot be had. Valid until the next call. Hostile: a container can name its cgroups. */
const struct cgroup_names *cgroup_paths_get(struct cgroup_paths *p, uint64_t id);

#endif
