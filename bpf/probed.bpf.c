// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The hooks that get addresses without a type: kprobes, the exit of system calls, cgroup hooks.
 * Each only unpacks its arguments; the handlers are those of typed.bpf.c, compiled for
 * bpf_probe_read_kernel().
 */
#define PROBED
#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "packet.bpf.h"
#include "dns.bpf.h"
#include "libc.bpf.h"
#include "list.bpf.h"
#include "syscall.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* --- TCP ------------------------------------------------------------------------------------ */

SEC("kprobe/tcp_set_state")
int BPF_KPROBE(tcp_set_state_kprobe, struct sock *sk, int state)
{
	struct tcp_sock *tp = to_tcp_sock(sk);

	return tp ? handle_state(tp, LOAD(sk, __sk_common.skc_state), state) : 0;
}

SEC("kprobe/tcp_connect")
int BPF_KPROBE(tcp_connect_kprobe, struct sock *sk)
{
	struct tcp_sock *tp = to_tcp_sock(sk);

	return tp ? handle_connect(tp) : 0;
}

static __always_inline int connect_return(enum function function, int ret)
{
	struct sockaddr_in6 addr = {};
	struct sock *sk;
	struct call call;

	if (!call_leave(function, &call) || ret >= 0)
		return 0;
	sk = (struct sock *)call.arg[0];
	/* for a mapped address tcp_v6_connect() has called the other, and tells by itself */
	if (function == TCP_V4_CONNECT && LOAD(sk, __sk_common.skc_family) != AF_INET)
		return 0;
	if (call.arg[2] < sizeof(struct sockaddr_in))
		return 0;
	bpf_probe_read_kernel(&addr, ADDRESS_READ(call.arg[2]), (void *)call.arg[1]);
	connect_fail_locally((struct tcp_sock *)sk, &addr, -ret);
	return 0;
}

SEC("kprobe/tcp_v4_pre_connect")
int BPF_KPROBE(tcp_v4_pre_connect_kprobe, struct sock *sk, struct sockaddr *uaddr, int len)
{
	return call_enter(TCP_V4_PRE_CONNECT, (__u64)sk, (__u64)uaddr, len);
}

SEC("kretprobe/tcp_v4_pre_connect")
int BPF_KRETPROBE(tcp_v4_pre_connect_kretprobe, int ret)
{
	return connect_return(TCP_V4_PRE_CONNECT, ret);
}

SEC("kprobe/tcp_v6_pre_connect")
int BPF_KPROBE(tcp_v6_pre_connect_kprobe, struct sock *sk, struct sockaddr *uaddr, int len)
{
	return call_enter(TCP_V6_PRE_CONNECT, (__u64)sk, (__u64)uaddr, len);
}

SEC("kretprobe/tcp_v6_pre_connect")
int BPF_KRETPROBE(tcp_v6_pre_connect_kretprobe, int ret)
{
	return connect_return(TCP_V6_PRE_CONNECT, ret);
}

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(tcp_v4_connect_kprobe, struct sock *sk, struct sockaddr *uaddr, int len)
{
	return call_enter(TCP_V4_CONNECT, (__u64)sk, (__u64)uaddr, len);
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(tcp_v4_connect_kretprobe, int ret)
{
	return connect_return(TCP_V4_CONNECT, ret);
}

SEC("kprobe/tcp_v6_connect")
int BPF_KPROBE(tcp_v6_connect_kprobe, struct sock *sk, struct sockaddr *uaddr, int len)
{
	return call_enter(TCP_V6_CONNECT, (__u64)sk, (__u64)uaddr, len);
}

SEC("kretprobe/tcp_v6_connect")
int BPF_KRETPROBE(tcp_v6_connect_kretprobe, int ret)
{
	return connect_return(TCP_V6_CONNECT, ret);
}

/*
 * Not the return of inet_csk_accept(): each accept() that waits would hold one of the few slots that
 * the kernel has for returns, and one that waited before the trace began would not be seen.
 */
SEC("kprobe/security_sock_graft")
int BPF_KPROBE(security_sock_graft_kprobe, struct sock *sk)
{
	struct tcp_sock *tp = to_first_path(sk);

	return tp ? handle_accept(tp) : 0;
}

SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(inet_csk_accept_kretprobe, struct sock *sk)
{
	struct tcp_sock *tp = to_tcp_sock(sk);

	return tp ? handle_accept(tp) : 0;
}

SEC("kprobe/inet_csk_listen_start")
int BPF_KPROBE(inet_csk_listen_start_kprobe, struct sock *sk)
{
	return call_enter(LISTEN_START, (__u64)sk, 0, 0);
}

SEC("kretprobe/inet_csk_listen_start")
int BPF_KRETPROBE(inet_csk_listen_start_kretprobe, int ret)
{
	struct tcp_sock *tp;
	struct call call;

	if (!call_leave(LISTEN_START, &call) || ret)
		return 0;
	tp = to_tcp_sock((struct sock *)call.arg[0]);
	return tp ? handle_listen(tp) : 0;
}

SEC("kprobe/tcp_v4_destroy_sock")
int BPF_KPROBE(tcp_v4_destroy_sock_kprobe, struct sock *sk)
{
	struct tcp_sock *tp = to_tcp_sock(sk);

	return tp ? handle_destroy(tp) : 0;
}

/* --- system calls, for kernels without kprobes and trampolines ------------------------------ */

/*
 * The exits of single calls. Others go by faster than with the hook of all exits below: 0.2 us less
 * for the five calls of a connection. Here the kernel lets no task preempt another's program.
 */
SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit_tp(struct trace_event_raw_sys_exit *ctx)
{
	return accept_exit(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit_tp(struct trace_event_raw_sys_exit *ctx)
{
	return accept_exit(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit_tp(struct trace_event_raw_sys_exit *ctx)
{
	return connect_exit(syscall_regs(ctx), ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_bind")
int bind_exit_tp(struct trace_event_raw_sys_exit *ctx)
{
	return bind_exit(syscall_regs(ctx), ctx->ret);
}

/*
 * Every system call of the machine ends here, so the first thing is to leave. A system call of a
 * 32-bit program has other numbers: what is taken for one of these fails the tests of sock_of_fd().
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit_tp, struct pt_regs *regs, long ret)
{
	switch (SYSCALL_NR(regs)) {
	case SYS_ACCEPT:
	case SYS_ACCEPT4:
		return accept_exit(ret);
	case SYS_CONNECT:
		return connect_exit(regs, ret);
	case SYS_BIND:
		return bind_exit(regs, ret);
	}
	return 0;
}

/*
 * The same exit once more, for accept() alone. Since 6.13 these tracepoints run with preemption on: a
 * task that preempts another inside the program above finds it busy, and the kernel skips its run.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit_again_tp, struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);

	return nr == SYS_ACCEPT || nr == SYS_ACCEPT4 ? accept_exit_again(ret) : 0;
}

/* --datagrams alone asks for this one. */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit_send_tp, struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);

	if (ret >= 0 || ret <= -ERESTARTSYS)
		return 0;
	switch (nr) {
	case SYS_WRITE:
	case SYS_WRITEV:
	case SYS_SENDTO:
	case SYS_SENDMSG:
	case SYS_SENDMMSG:
		return send_exit(regs, nr, ret);
	}
	return 0;
}

/*
 * An operation of io_uring is complete, in a task that has the process' files. Only accept() gives a
 * descriptor of a child that is known and not accepted; what is a count of bytes is not that.
 */
SEC("tp_btf/io_uring_complete")
int io_uring_complete_tp(unsigned long long *ctx)
{
	return accept_exit_again(uring_result(ctx));
}

/* --- UDP ------------------------------------------------------------------------------------ */

SEC("kprobe/udp_sendmsg")
int BPF_KPROBE(udp_sendmsg_kprobe, struct sock *sk, struct msghdr *msg, size_t len)
{
	return call_enter(UDP_SENDMSG, (__u64)sk, (__u64)msg, len);
}

static __always_inline int udp_send_return(enum function function, int ret)
{
	struct call call;

	if (!call_leave(function, &call))
		return 0;
	return handle_udp_send((struct sock *)call.arg[0], (struct msghdr *)call.arg[1],
			       call.arg[2], ret, function == UDP_SENDMSG);
}

SEC("kretprobe/udp_sendmsg")
int BPF_KRETPROBE(udp_sendmsg_kretprobe, int ret)
{
	return udp_send_return(UDP_SENDMSG, ret);
}

SEC("kprobe/udpv6_sendmsg")
int BPF_KPROBE(udpv6_sendmsg_kprobe, struct sock *sk, struct msghdr *msg, size_t len)
{
	return call_enter(UDPV6_SENDMSG, (__u64)sk, (__u64)msg, len);
}

SEC("kretprobe/udpv6_sendmsg")
int BPF_KRETPROBE(udpv6_sendmsg_kretprobe, int ret)
{
	return udp_send_return(UDPV6_SENDMSG, ret);
}

SEC("kprobe/udp_push_pending_frames")
int BPF_KPROBE(udp_push_pending_frames_kprobe, struct sock *sk)
{
	return handle_udp_push(sk);
}

SEC("kprobe/udp_v6_push_pending_frames")
int BPF_KPROBE(udp_v6_push_pending_frames_kprobe, struct sock *sk)
{
	return handle_udp_push(sk);
}

SEC("kprobe/skb_consume_udp")
int BPF_KPROBE(skb_consume_udp_kprobe, struct sock *sk, struct sk_buff *skb, int len)
{
	return handle_udp_receive(sk, skb, len);
}

SEC("kprobe/udp_lib_get_port")
int BPF_KPROBE(udp_lib_get_port_kprobe, struct sock *sk, unsigned short port)
{
	return call_enter(GET_PORT, (__u64)sk, port, 0);
}

SEC("kretprobe/udp_lib_get_port")
int BPF_KRETPROBE(udp_lib_get_port_kretprobe, int ret)
{
	struct call call;

	if (!call_leave(GET_PORT, &call) || ret)
		return 0;
	return handle_udp_bind((struct sock *)call.arg[0], call.arg[1]);
}

SEC("kprobe/udp_destroy_sock")
int BPF_KPROBE(udp_destroy_sock_kprobe, struct sock *sk)
{
	return handle_udp_destroy(sk);
}

SEC("kprobe/udpv6_destroy_sock")
int BPF_KPROBE(udpv6_destroy_sock_kprobe, struct sock *sk)
{
	return handle_udp_destroy(sk);
}

/* --- cgroup hooks: these are in the path of the decision, and always say yes ---------------- */

/* In the context of the sender, with the addresses that the route has given. */
SEC("cgroup_skb/egress")
int udp_egress_cgroup(struct __sk_buff *skb)
{
	return handle_packet(skb, false);
}

/* When the datagram is put into the socket's queue, in whatever context it came. */
SEC("cgroup_skb/ingress")
int udp_ingress_cgroup(struct __sk_buff *skb)
{
	return handle_packet(skb, true);
}

/* The same moment, of TCP too: for the names that name servers give. */
SEC("cgroup_skb/ingress")
int dns_ingress_cgroup(struct __sk_buff *skb)
{
	return handle_dns(skb);
}

/* inet_release(): the last descriptor of an inet socket is closed, in the task that closes it. */
SEC("cgroup/sock_release")
int sock_release_cgroup(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_UDP)
		handle_udp_destroy((struct sock *)as_number(ctx));
	return ALLOW;
}

/*
 * Kernels and programs without bpf_get_socket_cookie(): make the kernel give each socket its own. Not
 * that of MPTCP, which may come to listen: see conn_id().
 */
SEC("cgroup/sock_create")
int sock_create_cgroup(struct bpf_sock *ctx)
{
	__u64 id;

	if (ctx->protocol == IPPROTO_MPTCP)
		return ALLOW;
	id = bpf_get_socket_cookie(ctx);
	if (ctx->protocol == IPPROTO_UDP)
		udp_socket_is_new(id);
	return ALLOW;
}

/* The same for a listener's child, before its change to ESTABLISHED. */
SEC("sockops")
int cookie_sockops(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_get_socket_cookie(ctx);
	return ALLOW;
}

/* --- names ---------------------------------------------------------------------------------------- */

/* In the hierarchies of v1 too. The lock of all cgroups is held: no two are made at a time. */
SEC("raw_tp/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir_raw, struct cgroup *cgrp, const char *path)
{
	return handle_cgroup(cgrp, path);
}

/* Of which files, src/libcs.c knows. */
SEC("uprobe")
int BPF_KPROBE(getaddrinfo_uprobe, const char *name, void *service, void *hints, void *result)
{
	return call_enter(GETADDRINFO, (__u64)name, (__u64)result, bpf_ktime_get_ns());
}

SEC("uretprobe")
int BPF_KRETPROBE(getaddrinfo_uretprobe, int ret)
{
	return handle_getaddrinfo(ret);
}

/* --- what was there before, for kernels without bpf_sock_from_file() (5.11) --------------------- */

SEC("iter/task_file")
int scan_files_probed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file)
		return 0;
	sk = sock_of_file(file);
	return sk ? scan_held(ctx->meta->seq, task, sk, to_first_path(sk)) : 0;
}

SEC("iter/task_file")
int list_files_probed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file || !list_wants_file(file))
		return 0;
	sk = sock_of_file(file);
	return sk ? list_held(ctx->meta->seq, task, sk, to_first_path(sk)) : 0;
}
