// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The hooks whose arguments the verifier knows by type: fentry, fexit, BTF tracepoints, sockops and
 * the iterators over maps; those over sockets are in existing.bpf.c. Each only unpacks its arguments; the handlers are in the headers.
 * Which of them are loaded is decided by the table in src/hooks.c.
 */
#include "list.bpf.h"
#include "sweep.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* --- TCP ------------------------------------------------------------------------------------ */

/* A socket of MPTCP: its first path will be told under its cookie, which must be there by then. */
static __always_inline int mptcp_ask_cookie(struct sock *sk, int new_state)
{
	if (sk->sk_protocol == IPPROTO_MPTCP &&
	    (new_state == TCP_SYN_SENT || new_state == TCP_ESTABLISHED))
		bpf_get_socket_cookie(sk);
	return 0;
}

/*
 * Every state change of every inet socket, listen() included. The same
 * moment as tcp_set_state() but stable, and it needs neither kprobes nor trampolines.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state_tp, struct sock *sk, int old_state, int new_state)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp)
		return handle_state(tp, old_state, new_state);
	return cfg.cookie_helper ? mptcp_ask_cookie(sk, new_state) : 0;
}

/* The same for what the kernel has skipped: see handle_state_again(). */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state_again_tp, struct sock *sk, int old_state, int new_state)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_state_again(tp, old_state, new_state) : 0;
}

/* Where that is not loaded: see conn_id(). */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(mptcp_cookie_tp, struct sock *sk, int old_state, int new_state)
{
	return mptcp_ask_cookie(sk, new_state);
}

/* All changes but those to LISTEN, which the kernel makes without it. */
SEC("fentry/tcp_set_state")
int BPF_PROG(tcp_set_state_fentry, struct sock *sk, int state)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_state(tp, sk->__sk_common.skc_state, state) : 0;
}

/* The port is bound and the route found; tcp_v4_connect() and TCP Fast Open both come here. */
SEC("fentry/tcp_connect")
int BPF_PROG(tcp_connect_fentry, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_connect(tp) : 0;
}

/* tcp_connect() calls it first; the only hook there without kprobes and trampolines. */
SEC("sockops")
int tcp_connect_sockops(struct bpf_sock_ops *ctx)
{
	__u32 op = ctx->op;
	struct bpf_sock *sk;
	struct tcp_sock *tp;

	/* accept() of Fast Open may come before all else, and where it is seen the cookie can only be read */
	if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && cfg.accept_by_syscall) {
		bpf_get_socket_cookie(ctx);
		return 1;
	}
	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return 1;
	sk = ctx->sk;
	if (!sk)
		return 1;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 1;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		/* the kernel may have skipped both programs that see SYN_SENT */
		if (cfg.state_twice && !is_subflow(tp) && !conn_find(tp))
			client_make(tp, bpf_get_socket_cookie(ctx));
		handle_connect(tp);
	} else {
		handle_listen(tp);
	}
	return 1;
}

/* All that fails before the SYN does so in these functions, with the address at hand. */
static __always_inline int connect_return(struct sock *sk, void *uaddr, int len, int ret)
{
	struct sockaddr_in6 addr = {};
	struct tcp_sock *tp;

	if (ret >= 0 || len < (int)sizeof(struct sockaddr_in))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	bpf_probe_read_kernel(&addr, ADDRESS_READ(len), uaddr);
	connect_fail_locally(tp, &addr, -ret);
	return 0;
}

/* A cgroup's rule may refuse; only its own version's comes here, mapped addresses included. */
SEC("fexit/tcp_v4_pre_connect")
int BPF_PROG(tcp_v4_pre_connect_fexit, struct sock *sk, struct sockaddr *uaddr, int len, int ret)
{
	return connect_return(sk, uaddr, len, ret);
}

SEC("fexit/tcp_v6_pre_connect")
int BPF_PROG(tcp_v6_pre_connect_fexit, struct sock *sk, struct sockaddr *uaddr, int len, int ret)
{
	return connect_return(sk, uaddr, len, ret);
}

SEC("fexit/tcp_v4_connect")
int BPF_PROG(tcp_v4_connect_fexit, struct sock *sk, struct sockaddr *uaddr, int len, int ret)
{
	/* for a mapped address tcp_v6_connect() has called it, and tells by itself */
	if (sk->__sk_common.skc_family != AF_INET)
		return 0;
	return connect_return(sk, uaddr, len, ret);
}

SEC("fexit/tcp_v6_connect")
int BPF_PROG(tcp_v6_connect_fexit, struct sock *sk, struct sockaddr *uaddr, int len, int ret)
{
	return connect_return(sk, uaddr, len, ret);
}

/*
 * Where accept(), accept4() and io_uring's accept take the child from its listener's queue. Alone, or
 * for the paths of MPTCP, which are not grafted.
 */
SEC("fexit/inet_csk_accept")
int inet_csk_accept_fexit(unsigned long long *ctx)
{
	struct sock *sk = accept_return(ctx);
	struct tcp_sock *tp;

	if (!sk)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || (cfg.accept_by_graft && !is_subflow(tp)))
		return 0;
	return handle_accept(tp);
}

/* The next step: an accept() that waited before the trace began is seen to enter here. */
SEC("fentry/security_sock_graft")
int BPF_PROG(security_sock_graft_fentry, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_accept(tp) : 0;
}

/* listen() of TCP: afterwards the state tells whether it came to be, and the port is known. */
SEC("fexit/inet_csk_listen_start")
int BPF_PROG(inet_csk_listen_start_fexit, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp && sk->__sk_common.skc_state == TCP_LISTEN ? handle_listen(tp) : 0;
}

/* The last that is heard of a socket: what was kept by its address must go. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock_tp, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_destroy(tp) : 0;
}

SEC("fentry/tcp_v4_destroy_sock")
int BPF_PROG(tcp_v4_destroy_sock_fentry, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp ? handle_destroy(tp) : 0;
}

/* --- UDP ------------------------------------------------------------------------------------ */

/* The return, not the call: a send that failed is no datagram. All of IPv4 comes here. */
SEC("fexit/udp_sendmsg")
int BPF_PROG(udp_sendmsg_fexit, struct sock *sk, struct msghdr *msg, size_t len, int ret)
{
	return handle_udp_send(sk, msg, len, ret, true);
}

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(udpv6_sendmsg_fexit, struct sock *sk, struct msghdr *msg, size_t len, int ret)
{
	return handle_udp_send(sk, msg, len, ret, false);
}

/* What was put together is sent, by the last sendmsg() or by setsockopt(). */
SEC("fentry/udp_push_pending_frames")
int BPF_PROG(udp_push_pending_frames_fentry, struct sock *sk)
{
	return handle_udp_push(sk);
}

SEC("fentry/udp_v6_push_pending_frames")
int BPF_PROG(udp_v6_push_pending_frames_fentry, struct sock *sk)
{
	return handle_udp_push(sk);
}

/* Both udp_recvmsg() and udpv6_recvmsg() end here with what they read, and with its headers. */
SEC("fentry/skb_consume_udp")
int BPF_PROG(skb_consume_udp_fentry, struct sock *sk, struct sk_buff *skb, int len)
{
	return handle_udp_receive(sk, skb, len);
}

/* bind() of both versions; the port is 0 when the kernel is to choose. */
SEC("fexit/udp_lib_get_port")
int BPF_PROG(udp_lib_get_port_fexit, struct sock *sk, unsigned short port, unsigned int hash,
	     int ret)
{
	return ret ? 0 : handle_udp_bind(sk, port);
}

SEC("fentry/udp_destroy_sock")
int BPF_PROG(udp_destroy_sock_fentry, struct sock *sk)
{
	return handle_udp_destroy(sk);
}

SEC("fentry/udpv6_destroy_sock")
int BPF_PROG(udpv6_destroy_sock_fentry, struct sock *sk)
{
	return handle_udp_destroy(sk);
}

/* --- processes -------------------------------------------------------------------------------- */

/* In the parent, before the child runs for the first time. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork_tp, struct task_struct *parent, struct task_struct *child)
{
	return handle_fork(parent->tgid, child->tgid);
}

/* A thread ends; its process has already counted it out. Its files are still to be closed. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit_tp, struct task_struct *task)
{
	return handle_exit(task->tgid, task->signal->live.counter);
}

/*
 * Both once more, for a task that preempts another inside the same program above, whose run the
 * kernel then skips. What has been done is not done again.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork_again_tp, struct task_struct *parent, struct task_struct *child)
{
	return handle_fork(parent->tgid, child->tgid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit_again_tp, struct task_struct *task)
{
	return handle_exit(task->tgid, task->signal->live.counter);
}

/* --- read by the loader ----------------------------------------------------------------------- */

/*
 * Whoever reads it to its end is the first of the tree: the kernel knows its pid, and not only
 * as its own namespace calls it. Gives one byte when it is in.
 */
SEC("iter/bpf_map_elem")
int tree_enter(struct bpf_iter__bpf_map_elem *ctx)
{
	__u8 one = 1;

	if (!ctx->key && !tree_add(bpf_get_current_pid_tgid() >> 32))
		bpf_seq_write(ctx->meta->seq, &one, sizeof(one));
	return 0;
}

/* From time to time: closes the flows that have ended. Writes a byte for each. */
SEC("iter/bpf_map_elem")
int flows_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	struct flow_key *found = ctx->key, key;
	struct flow *f = ctx->value;
	__u8 one = 1;

	if (!found || !f)
		return 0;
	key = *found;
	if (flow_sweep(&key, f))
		bpf_seq_write(ctx->meta->seq, &one, sizeof(one));
	return 0;
}
