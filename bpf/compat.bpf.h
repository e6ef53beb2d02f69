/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where kernels differ: one accessor for each change, with the commit that made it. */
#ifndef CONNSNOOP_COMPAT_BPF_H
#define CONNSNOOP_COMPAT_BPF_H

#include "maps.bpf.h"

/* 6.10, 92ef0fd55ac8 ("net: change proto and proto_ops accept type"): the arguments of
 * inet_csk_accept() went from four to two, and its return value follows them in a fexit's context. */
struct proto_accept_arg___6_10 {
	int flags;
};

static __always_inline struct sock *accept_return(unsigned long long *ctx)
{
	unsigned long long sk;

	/* the barriers keep the two loads apart: the verifier wants a constant offset in each */
	if (bpf_core_type_exists(struct proto_accept_arg___6_10)) {
		sk = ctx[2];
		barrier_var(sk);
	} else {
		sk = ctx[4];
		barrier_var(sk);
	}
	return (struct sock *)sk;
}

/*
 * What an operation of io_uring has resulted in, by the arguments of its tracepoint: the result comes
 * after (ctx, user_data) on 5.10, after (ctx, req, user_data) on 6.1; on 6.18 a pointer to the
 * completion comes after (ctx, req). The loader has looked.
 */
static __always_inline long uring_result(unsigned long long *ctx)
{
	unsigned long long arg;
	__s32 res = -1;

	if (cfg.uring_args == URING_RESULT_FOURTH) {
		arg = ctx[3];
		barrier_var(arg);
		return (__s32)arg;
	}
	arg = ctx[2];
	barrier_var(arg);
	if (cfg.uring_args == URING_RESULT_THIRD)
		return (__s32)arg;
	bpf_probe_read_kernel(&res, sizeof(res),
			      (void *)arg + bpf_core_field_offset(struct io_uring_cqe, res));
	return res;
}

/* 6.1, 7f203bc89eb6 ("cgroup: Replace cgroup->ancestor_ids[] with ->ancestors[]") */
struct cgroup___6_0 {
	u64 ancestor_ids[0];
} __attribute__((preserve_access_index));

/* The id of the ancestor of @cgrp that is @level below the root; 0 when @cgrp is not so deep. */
static __always_inline __u64 cgroup_ancestor_id(struct cgroup *cgrp, __u32 level)
{
	__u64 id = 0;

	if ((__u32)BPF_CORE_READ(cgrp, level) < level)
		return 0;
	if (bpf_core_field_exists(cgrp->ancestors)) {
		struct cgroup *ancestor = NULL;

		bpf_probe_read_kernel(&ancestor, sizeof(ancestor), &cgrp->ancestors[level]);
		id = BPF_CORE_READ(ancestor, kn, id);
	} else {
		struct cgroup___6_0 *old = (void *)cgrp;

		bpf_probe_read_kernel(&id, sizeof(id), &old->ancestor_ids[level]);
	}
	return id;
}

/*
 * The registers that the running task had when it made its system call. Before bpf_task_pt_regs() (5.15),
 * a program at the exit of one call finds them where its context begins; later kernels have others there.
 */
static __always_inline struct pt_regs *syscall_regs(void *ctx)
{
	struct pt_regs *regs = NULL;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	bpf_probe_read_kernel(&regs, sizeof(regs), ctx);
	return regs;
}

/* The system calls that a task is seen to leave, by their numbers for 64-bit programs. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((long)(regs)->orig_ax)
#define SYSCALL_ARG1(regs) PROBE_LOAD(regs, di)
#define SYSCALL_ARG2(regs) PROBE_LOAD(regs, si)
#define SYSCALL_ARG3(regs) PROBE_LOAD(regs, dx)
#define SYSCALL_ARG5(regs) PROBE_LOAD(regs, r8)
#define SYSCALL_ARG6(regs) PROBE_LOAD(regs, r9)
enum syscall_nr {
	SYS_WRITE = 1,
	SYS_WRITEV = 20,
	SYS_CONNECT = 42,
	SYS_ACCEPT = 43,
	SYS_SENDTO = 44,
	SYS_SENDMSG = 46,
	SYS_BIND = 49,
	SYS_ACCEPT4 = 288,
	SYS_SENDMMSG = 307,
};
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((long)(regs)->syscallno)
#define SYSCALL_ARG1(regs) PROBE_LOAD(regs, orig_x0)
#define SYSCALL_ARG2(regs) PROBE_LOAD(regs, regs[1])
#define SYSCALL_ARG3(regs) PROBE_LOAD(regs, regs[2])
#define SYSCALL_ARG5(regs) PROBE_LOAD(regs, regs[4])
#define SYSCALL_ARG6(regs) PROBE_LOAD(regs, regs[5])
enum syscall_nr {
	SYS_WRITE = 64,
	SYS_WRITEV = 66,
	SYS_BIND = 200,
	SYS_ACCEPT = 202,
	SYS_CONNECT = 203,
	SYS_SENDTO = 206,
	SYS_SENDMSG = 211,
	SYS_ACCEPT4 = 242,
	SYS_SENDMMSG = 269,
};
#else
#error "no system call numbers for this architecture"
#endif

#endif
