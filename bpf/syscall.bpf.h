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

/* The struct sock behind a file; NULL when it is no inet socket. */
static __always_inline struct sock *sock_of_file(struct file *file)
{
	/* any file has private data: only a socket's points back at it */
	struct socket *socket = LOAD(file, private_data);
	struct sock *sk;

	if (!socket || LOAD(socket, file) != file)
		return NULL;
	sk = LOAD(socket, sk);
	return sk && is_inet(LOAD(sk, __sk_common.skc_family)) ? sk : NULL;
}

/* The same of a descriptor of the running task. */
static __always_inline struct sock *sock_of_fd(__u32 fd)
{
	struct file **slots, *file = NULL;
	__u32 cnt;

	if (cfg.task_btf) { /* four reads that cost nothing */
		struct fdtable *fdt = bpf_get_current_task_btf()->files->fdt;

		slots = fdt->fd;
		cnt = fdt->max_fds;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		struct fdtable *fdt = PROBE_LOAD(task, files, fdt);

		slots = PROBE_LOAD(fdt, fd);
		cnt = PROBE_LOAD(fdt, max_fds);
	}
	if (fd >= cnt)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file ? sock_of_file(file) : NULL;
}

SUBPROG int accept_exit(long ret)
{
	struct tcp_sock *tp;

	if (ret < 0)
		return 0;
	tp = to_first_path(sock_of_fd(ret));
	return tp ? handle_accept(tp) : 0;
}

/* accept_exit() may have been here: only a child that is known and not accepted yet is told. */
SUBPROG int accept_exit_again(long ret)
{
	struct tcp_sock *tp;
	struct conn *c;

	if (ret < 0)
		return 0;
	tp = to_first_path(sock_of_fd(ret));
	if (!tp)
		return 0;
	c = conn_find(tp);
	return c && !(c->accepted) ? handle_accept(tp) : 0;
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
	__u32 len = SYSCALL_ARG3(regs);

	if (len < sizeof(struct sockaddr_in) || bpf_probe_read_user(addr, ADDRESS_READ(len), user))
		return false;
	return len >= SOCKADDR_IN6_MIN || addr->sin6_family == AF_INET;
}

SUBPROG int connect_exit(struct pt_regs *regs, long ret)
{
	struct sockaddr_in6 addr = {};
	struct tcp_sock *tp;

	if (ret >= 0 || ret == -EINPROGRESS)
		return 0;
	tp = to_first_path(sock_of_fd(SYSCALL_ARG1(regs)));
	if (!tp || connect_error_fetched(tp) || !connect_error_is_local(-ret))
		return 0;
	if (connect_address(regs, &addr))
		connect_fail_locally(tp, &addr, -ret);
	return 0;
}

/* Where the kernel has chosen the port, nothing is told, but what comes in has an owner. */
SUBPROG int bind_exit(struct pt_regs *regs, long ret)
{
	struct owner owner;
	struct sock *sk;

	if (ret)
		return 0;
	sk = sock_of_fd(SYSCALL_ARG1(regs));
	if (!sk || LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	if (sock_lorigin(sk) == LORIGIN_BOUND)
		return handle_udp_bind(sk, LOAD(sk, __sk_common.skc_num));
	owner_current(&owner);
	udp_socket_own(sock_cookie(sk), &owner, ATTR_LISTEN, true);
	return 0;
}

/* As a process hands its messages to the kernel; sendmmsg() has an array of structs that begin so. */
struct user_message {
	struct sockaddr_in6 *name;
	__s32 name_len;
	__u32 padding;
	struct iovec *parts;
	__u64 part_cnt;
};
#define PART_CNT_MAX 8

/* The size of what was given in parts; beyond the first few the rest is not counted. */
static __always_inline __u32 parts_size(const struct user_message *m)
{
	__u32 bytes = 0;

	for (__u32 i = 0; i < PART_CNT_MAX && i < m->part_cnt; i++) {
		struct iovec part = {};

		bpf_probe_read_user(&part, sizeof(part), m->parts + i);
		bytes += part.iov_len;
	}
	return bytes;
}

/* What the call was given, in the words of sendmsg(). */
static __always_inline void message_read(struct pt_regs *regs, long nr, struct user_message *m)
{
	switch (nr) {
	case SYS_SENDTO:
		m->name = (void *)SYSCALL_ARG5(regs);
		m->name_len = SYSCALL_ARG6(regs);
		break;
	case SYS_WRITEV:
		m->parts = (void *)SYSCALL_ARG2(regs);
		m->part_cnt = SYSCALL_ARG3(regs);
		break;
	case SYS_SENDMSG:
	case SYS_SENDMMSG:
		bpf_probe_read_user(m, sizeof(*m), (void *)SYSCALL_ARG2(regs));
		break;
	}
}

/* A datagram that could not be sent: the packet's own hook never sees it. */
SUBPROG int send_exit(struct pt_regs *regs, long nr, long ret)
{
	struct datagram d = { .attr = ATTR_SEND, .error = -ret };
	struct user_message m = {};
	struct sockaddr_in6 addr = {};
	struct tuple t;
	struct sock *sk;

	sk = sock_of_fd(SYSCALL_ARG1(regs));
	if (!sk || LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	message_read(regs, nr, &m);
	d.bytes = nr == SYS_SENDTO || nr == SYS_WRITE ? SYSCALL_ARG3(regs) : parts_size(&m);
	if (m.name && m.name_len >= (int)sizeof(struct sockaddr_in))
		bpf_probe_read_user(&addr, ADDRESS_READ(m.name_len), m.name);
	if (!key_set(&d.key, sk, &addr))
		return 0;
	datagram_complete(&d, &t, sk);
	return datagram_fail(&d, &t);
}

#endif
