/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The exits of accept(), connect() and bind(): from a descriptor to the handlers. */
#ifndef CONNSNOOP_SYSCALL_BPF_H
#define CONNSNOOP_SYSCALL_BPF_H

#include "state.bpf.h"
#include "udp.bpf.h"

static __always_inline struct tcp_sock *to_tcp_sock(struct sock *sk)
{
	return sk && LOAD(sk, sk_protocol) == IPPROTO_TCP ? (struct tcp_sock *)sk : NULL;
}

/* What the process holds is the MPTCP socket; what is traced is the TCP socket of its first path. */
static __always_inline struct tcp_sock *to_first_path(struct sock *sk)
{
	if (sk && bpf_core_type_exists(struct mptcp_sock) && LOAD(sk, sk_protocol) == IPPROTO_MPTCP)
		sk = LOAD((struct mptcp_sock *)sk, first);
	return to_tcp_sock(sk);
}

/* The struct sock behind a descriptor of the running task; NULL when it is no inet socket. */
static __always_inline struct sock *sock_of_fd(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = LOAD(task, files, fdt);
	struct file **slot = LOAD(fdt, fd), *file = NULL;
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (fd >= LOAD(fdt, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	if (!file)
		return NULL;
	/* any file has private data: only a socket's points back at it */
	socket = LOAD(file, private_data);
	if (!socket || LOAD(socket, file) != file)
		return NULL;
	sk = LOAD(socket, sk);
	if (!sk)
		return NULL;
	family = LOAD(sk, __sk_common.skc_family);
	return family == AF_INET || family == AF_INET6 ? sk : NULL;
}

static __noinline int accept_exit(long ret)
{
	struct tcp_sock *tp;

	if (ret < 0)
		return 0;
	tp = to_first_path(sock_of_fd(ret));
	return tp ? handle_accept(tp) : 0;
}

/* accept_exit() may have been here: only a child that is known and not accepted yet is told. */
static __noinline int accept_exit_again(long ret)
{
	struct tcp_sock *tp;
	struct conn *c;

	if (ret < 0)
		return 0;
	tp = to_first_path(sock_of_fd(ret));
	if (!tp)
		return 0;
	c = conn_find(tp);
	return c && !(c->flags & CONN_F_ACCEPTED) ? handle_accept(tp) : 0;
}

/*
 * What a connect() returns that has not come to SYN_SENT: a local failure, unless it says that the
 * socket is busy with another attempt, or that the call made no sense.
 */
static __always_inline bool connect_error_is_local(long error)
{
	switch (error) {
	case EINPROGRESS:
	case EALREADY:
	case EISCONN:
	case EINTR:
	case EFAULT:
	case EBADF:
	case EAFNOSUPPORT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case ETIMEDOUT:
		return false;
	}
	return error < ERESTARTSYS;
}

/* Does this connect() fetch the error of an attempt that has failed before? */
static __always_inline bool connect_error_fetched(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp, *id = bpf_map_lookup_elem(&failed_connects, &addr);
	bool fetched = id && *id == conn_id(tp);

	if (id)
		bpf_map_delete_elem(&failed_connects, &addr);
	return fetched;
}

/* The address that connect() was given; the process may have changed it since: it lies to itself. */
static __always_inline bool connect_address(struct pt_regs *regs, struct sockaddr_in6 *addr)
{
	const void *user = (const void *)SYSCALL_ARG2(regs);

	if ((__u32)SYSCALL_ARG3(regs) >= sizeof(*addr))
		return !bpf_probe_read_user(addr, sizeof(*addr), user);
	return (__u32)SYSCALL_ARG3(regs) >= sizeof(struct sockaddr_in) &&
	       !bpf_probe_read_user(addr, sizeof(struct sockaddr_in), user) &&
	       addr->sin6_family == AF_INET;
}

static __noinline int connect_exit(struct pt_regs *regs, long ret)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	bool was_syn_sent = !bpf_map_delete_elem(&connecting, &pid_tgid);
	struct sockaddr_in6 addr = {};
	struct tcp_sock *tp;

	if (ret >= 0 || ret == -EINPROGRESS)
		return 0;
	tp = to_first_path(sock_of_fd(SYSCALL_ARG1(regs)));
	if (!tp || connect_error_fetched(tp) || was_syn_sent || !connect_error_is_local(-ret))
		return 0;
	if (connect_address(regs, &addr))
		connect_fail_locally(tp, &addr, -ret);
	return 0;
}

static __noinline int bind_exit(struct pt_regs *regs, long ret)
{
	struct sock *sk;

	if (ret)
		return 0;
	sk = sock_of_fd(SYSCALL_ARG1(regs));
	if (!sk || !(LOAD_BITS(sk, sk_userlocks) & SOCK_BINDPORT_LOCK))
		return 0;
	return handle_udp_bind(sk, LOAD(sk, __sk_common.skc_num));
}

#endif
