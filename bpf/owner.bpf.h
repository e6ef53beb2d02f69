/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is running: the task as an owner, and the path of its executable. Only for hooks that run in
 * the context of the process that made the call.
 */
#ifndef CONNSNOOP_OWNER_BPF_H
#define CONNSNOOP_OWNER_BPF_H

#include "compat.bpf.h"
#include "tree.bpf.h"

#define PATH_DEPTH_MAX 24
#define NAME_LEN_MAX 256

/* Room for a last name beyond the mask that bounds the offset. */
struct exe_buffer {
	struct exe_record record;
	char slack[NAME_LEN_MAX];
};

/*
 * Write the components of @path into @r, leaf first, as seen from the root of its own mount
 * namespace. 0, or -1 when it does not fit or has no end. The length is kept in @r alone: in a
 * register, the verifier would follow each of its values through the loop.
 */
SUBPROG int path_components(struct path *path, struct exe_record *r)
{
	struct dentry *d = BPF_CORE_READ(path, dentry);
	struct vfsmount *vfs = BPF_CORE_READ(path, mnt);
	struct mount *m = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	volatile __u32 *len = &r->len;

	*len = 0;
	for (int i = 0; i < PATH_DEPTH_MAX; i++) {
		struct dentry *parent = BPF_CORE_READ(d, d_parent);
		__u32 offset = *len;
		long n;

		if (d == BPF_CORE_READ(m, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(m, mnt_parent);

			if (above == m)
				return 0;
			d = BPF_CORE_READ(m, mnt_mountpoint);
			m = above;
			continue;
		}
		if (d == parent || offset >= EXE_PATH_MAX)
			return -1;
		n = bpf_probe_read_kernel_str(r->path + (offset & (EXE_PATH_MAX - 1)), NAME_LEN_MAX,
					      BPF_CORE_READ(d, d_name.name));
		if (n <= 1)
			return -1;
		*len = offset + n;
		d = parent;
	}
	return -1;
}

/* Make the record of the path of @exe_file. 0, or -1 when there is no path or it does not fit. */
static __always_inline int exe_fill(struct exe_record *r, struct file *exe_file, __u64 key)
{
	struct path *path = (void *)exe_file + bpf_core_field_offset(struct file, f_path);

	if (path_components(path, r) || r->len > EXE_PATH_MAX)
		return -1;
	r->kind = RECORD_EXE;
	r->key = key;
	return 0;
}

/*
 * Send the path of the file at @exe_file under @key. 0, or -1 when there was no room or no path. Global:
 * the verifier follows the path once a program, not once for each way to here, which took it half its time.
 */
__weak __noinline int exe_send(__u64 exe_file, __u64 key)
{
	struct exe_buffer *b = bpf_ringbuf_reserve(&events, sizeof(*b), 0);
	/* with a wakeup for each event the kernel wakes only for the first that waits: it may be this */
	__u64 quiet = cfg.wakeup_bytes ? BPF_RB_NO_WAKEUP : 0;

	if (!b)
		return -1;
	if (exe_fill(&b->record, (struct file *)exe_file, key)) {
		bpf_ringbuf_discard(b, quiet);
		return -1;
	}
	bpf_ringbuf_submit(b, quiet);
	return 0;
}

/* Unique: no two CPUs share the low bits, and none is twice here in a nanosecond. */
static __always_inline __u64 exe_key_make(void)
{
	return bpf_ktime_get_ns() << 8 | (bpf_get_smp_processor_id() & 0xff);
}

/* Was the path of what this process runs sent before? Then @sent gets its key. */
static __always_inline bool exe_was_sent(__u32 pid, struct exe_sent *sent)
{
	struct exe_sent *known = bpf_map_lookup_elem(&exes, &pid);

	if (!known || known->start_ns != sent->start_ns || known->exe_file != sent->exe_file)
		return false;
	sent->key = known->key;
	return true;
}

/* The key of the record that has the path of this process' executable; sends it the first time. */
static __always_inline __u64 exe_key(__u32 pid, __u64 start_ns, struct file *exe_file)
{
	struct exe_sent sent = { .start_ns = start_ns, .exe_file = (__u64)exe_file };

	if (!exe_file)
		return 0;
	if (exe_was_sent(pid, &sent))
		return sent.key;
	sent.key = exe_key_make();
	if (exe_send(as_number(exe_file), sent.key))
		sent.key = 0; /* the path stays unknown: it is not tried for each connection */
	bpf_map_update_elem(&exes, &pid, &sent, BPF_ANY);
	return sent.key;
}

/* All but exe_key. */
#define OWNER_FROM_TASK(o, task, load)                                                             \
	do {                                                                                       \
		struct task_struct *leader = load(task, group_leader);                             \
                                                                                                   \
		(o)->pid = load(task, tgid);                                                       \
		(o)->tid = load(task, pid);                                                        \
		(o)->ppid = load(task, real_parent, tgid);                                         \
		(o)->uid = load(task, cred, uid.val);                                              \
		(o)->cgroup_id = load(task, cgroups, dfl_cgrp, kn, id);                            \
		bpf_probe_read_kernel_str((o)->comm, COMM_LEN, leader->comm);                      \
	} while (0)

#define EXE_KEY_FROM_TASK(o, task, load)                                                           \
	((o)->exe_key = exe_key((o)->pid, load(task, group_leader, start_boottime),                \
				load(task, mm, exe_file)))

/* Do the filters want what this process owns? */
static __always_inline bool owner_passes(const struct owner *o, struct task_struct *task)
{
	if (!o->pid)
		return false;
	if (cfg.filters & FILTER_TREE && !bpf_map_lookup_elem(&tree, &o->pid))
		return false;
	if (cfg.filters & FILTER_CGROUP &&
	    cgroup_ancestor_id(BPF_CORE_READ(task, cgroups, dfl_cgrp), cfg.cgroup_level) !=
		    cfg.cgroup_id)
		return false;
	if (cfg.filters & FILTER_PID && !bpf_map_lookup_elem(&filter_pids, &o->pid))
		return false;
	if (cfg.filters & FILTER_UID && !bpf_map_lookup_elem(&filter_uids, &o->uid))
		return false;
	if (cfg.filters & FILTER_COMM) {
		char comm[COMM_LEN];

		__builtin_memcpy(comm, o->comm, COMM_LEN);
		if (!bpf_map_lookup_elem(&filter_comms, comm))
			return false;
	}
	return true;
}

static __always_inline void owner_read(struct owner *o, struct task_struct *task)
{
	if (cfg.task_btf) {
		struct task_struct *typed = bpf_get_current_task_btf();

		OWNER_FROM_TASK(o, typed, TYPED_LOAD);
		EXE_KEY_FROM_TASK(o, typed, TYPED_LOAD);
		return;
	}
	OWNER_FROM_TASK(o, task, PROBE_LOAD);
	EXE_KEY_FROM_TASK(o, task, PROBE_LOAD);
}

/*
 * The running task as an owner: the process, not the thread, and not the io_uring worker that
 * works for it. All zero for a kernel thread. Here, where the task is at hand, its filters are
 * decided, once: 0 and all zero if they exclude it, so that owner_wanted() need not ask again.
 */
SUBPROG int owner_current(struct owner *o)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!o)
		return 0;
	__builtin_memset(o, 0, sizeof(*o));
	/* first: it excludes nearly all of the machine, and they should cost nothing more */
	if (cfg.filters & FILTER_TREE && !tree_has_current())
		return 0;
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD))
		owner_read(o, task);
	if (!(cfg.filters & FILTER_OWNER) || owner_passes(o, task))
		return 1;
	__builtin_memset(o, 0, sizeof(*o));
	return 0;
}

#define CLOSER_FROM_TASK(pid, comm, task, load, owner_pid)                                         \
	do {                                                                                       \
		struct task_struct *leader = load(task, group_leader);                             \
		__u32 tgid = load(task, tgid);                                                     \
                                                                                                   \
		if (tgid == (owner_pid) || load(task, flags) & PF_KTHREAD)                         \
			break;                                                                     \
		*(pid) = tgid;                                                                     \
		bpf_probe_read_kernel_str(comm, COMM_LEN, leader->comm);                           \
	} while (0)

/* The running process as who closes a socket, unless that is its owner or the kernel. */
static __always_inline void closer_current(__u32 *pid, char *comm, __u32 owner_pid)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (cfg.task_btf) {
		struct task_struct *typed = bpf_get_current_task_btf();

		CLOSER_FROM_TASK(pid, comm, typed, TYPED_LOAD, owner_pid);
		return;
	}
	CLOSER_FROM_TASK(pid, comm, task, PROBE_LOAD, owner_pid);
}

#endif
