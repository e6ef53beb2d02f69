/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The processes that descend from the command that the loader runs. Who is in is decided when a
 * process is born, so that it does not matter who inherits it, nor what it calls itself.
 */
#ifndef CONNSNOOP_TREE_BPF_H
#define CONNSNOOP_TREE_BPF_H

#include "emit.bpf.h"

static __always_inline bool tree_has(__u32 tgid)
{
	return bpf_map_lookup_elem(&tree, &tgid);
}

/*
 * By the task: on 5.10, programs at packets have no bpf_get_current_pid_tgid(). In a frame of its
 * own: the caller's is deep in a stack that is nearly full.
 */
SUBPROG int tree_has_current(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return tree_has(BPF_CORE_READ(task, tgid));
}

static __always_inline long tree_add(__u32 tgid)
{
	__u8 one = 1;
	long err = bpf_map_update_elem(&tree, &tgid, &one, BPF_NOEXIST);

	if (!err)
		__sync_fetch_and_add(&shared.tree_cnt, 1);
	return err;
}

/* Nobody is left: the reader is to look at once, though there is nothing to read. */
static __always_inline void tree_tell_empty(void)
{
	__u32 *nothing = bpf_ringbuf_reserve(&events, sizeof(*nothing), 0);

	if (nothing) /* else the buffer is full, and it is about to read */
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* Several threads may find themselves the last: the map lets only one of them delete. */
static __always_inline void tree_remove(__u32 tgid)
{
	if (bpf_map_delete_elem(&tree, &tgid))
		return;
	__sync_fetch_and_add(&shared.tree_cnt, -1);
	if (!shared.tree_cnt)
		tree_tell_empty();
}

/* A process or a thread is born, and has not run yet. */
static __always_inline int handle_fork(__u32 parent_tgid, __u32 tgid)
{
	long err;

	/* a thread is in with its process */
	if (tgid == parent_tgid || !tree_has(parent_tgid))
		return 0;
	err = tree_add(tgid);
	if (err && err != -EEXIST)
		lost(EVENT_CONNECT, LOST_MAP); /* whatever it will do */
	return 0;
}

static __always_inline int handle_exit(__u32 tgid, int threads_left)
{
	if (!threads_left)
		tree_remove(tgid);
	return 0;
}

#endif
