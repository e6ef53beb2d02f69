/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths of cgroups, sent when they are made: when an event is printed, its cgroup may be gone. */
#ifndef CONNSNOOP_CGROUP_BPF_H
#define CONNSNOOP_CGROUP_BPF_H

#include "emit.bpf.h"

#define CGROUP_PATH_USUAL                                                                          \
	240 /* as Kubernetes names them: a quarter of the buffer's room that the longest take */

/* 0, or -1 when the path does not fit into @room, a constant. */
static __always_inline int cgroup_send(struct cgroup *cgrp, const char *path, const __u32 room)
{
	struct cgroup_record *r = bpf_ringbuf_reserve(&events, CGROUP_HEAD_SIZE + room, 0);
	long n;

	if (!r)
		return 0; /* as long as it is there, the loader finds its path by itself */
	n = bpf_probe_read_kernel_str(r->path, room, path);
	if (n <= 1 || n >= room) {
		bpf_ringbuf_discard(r, wakeup_flags());
		return n >= room ? -1 : 0;
	}
	r->kind = RECORD_CGROUP;
	r->len = n - 1;
	r->id = PROBE_LOAD(cgrp, kn, id);
	/* it wakes the reader like an event: the buffer must not fill with these alone */
	bpf_ringbuf_submit(r, wakeup_flags());
	return 0;
}

/*
 * The kernel has just made @cgrp, which nobody can enter yet. @path is the kernel's own text, and not seen
 * from a cgroup namespace.
 */
static __always_inline int handle_cgroup(struct cgroup *cgrp, const char *path)
{
	if (PROBE_LOAD(cgrp, root, hierarchy_id)) /* 0 is that of v2 */
		return 0;
	if (cgroup_send(cgrp, path, CGROUP_PATH_USUAL))
		cgroup_send(cgrp, path, CGROUP_PATH_MAX);
	return 0;
}

#endif
