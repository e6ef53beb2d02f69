// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The iterators over sockets that exist: of the scan for `trace`, and of `list`. Their arguments are
 * typed, so the handlers are those of typed.bpf.c.
 */
#define MAPS_ELSEWHERE
#include "list.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* --- what was there before: read once by the loader, when all else is attached ----------------- */

/* The inet socket behind a file, or NULL. */
static __always_inline struct sock *inet_sock_of(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk;

	if (!socket)
		return NULL;
	sk = socket->sk;
	return sk && is_inet(sk->__sk_common.skc_family) ? sk : NULL;
}

/* Every file of every process, in whatever network namespace its socket is. */
SEC("iter/task_file")
int scan_files_typed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file)
		return 0;
	sk = inet_sock_of(file);
	return sk ? scan_held(ctx->meta->seq, task, sk, bpf_skc_to_tcp_sock(sk)) : 0;
}

static __always_inline __u64 common_cookie(struct sock_common *skc)
{
	return cfg.cookie_helper ? bpf_get_socket_cookie(skc) : sock_cookie((struct sock *)skc);
}

/* All of TCP in the loader's network namespace, what no process holds included. */
SEC("iter/tcp")
int scan_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	struct owner nobody = {};
	struct tcp_timewait_sock *tw;
	struct tcp_request_sock *request;
	struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp)
		return scan_tcp_sock(seq, tp, &nobody);
	tw = bpf_skc_to_tcp_timewait_sock(skc);
	if (tw)
		return scan_mini_sock(seq, (struct sock *)tw, common_cookie(skc),
				      tw->tw_sk.tw_substate);
	request = bpf_skc_to_tcp_request_sock(skc);
	if (request)
		return scan_mini_sock(seq, (struct sock *)request, common_cookie(skc),
				      TCP_SYN_RECV);
	return 0;
}

/* All of UDP there. */
SEC("iter/udp")
int scan_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *up = ctx->udp_sk;
	struct owner nobody = {};

	if (!up || ((struct sock *)up)->sk_protocol != IPPROTO_UDP)
		return 0;
	return scan_udp_sock(ctx->meta->seq, (struct sock *)up, &nobody);
}

/* --- what exists, for list: read by the loader, with nothing attached ---------------------------- */

SEC("iter/task_file")
int list_files_typed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file || !list_wants_file(file))
		return 0;
	sk = inet_sock_of(file);
	return sk ? list_held(ctx->meta->seq, task, sk, bpf_skc_to_tcp_sock(sk)) : 0;
}

SEC("iter/tcp")
int list_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	struct tcp_timewait_sock *tw;
	struct tcp_request_sock *request;
	struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp)
		return list_tcp_sock(seq, tp);
	tw = bpf_skc_to_tcp_timewait_sock(skc);
	if (tw)
		return list_mini_sock(seq, (struct sock *)tw, common_cookie(skc),
				      tw->tw_sk.tw_substate);
	request = bpf_skc_to_tcp_request_sock(skc);
	if (request)
		return list_mini_sock(seq, (struct sock *)request, common_cookie(skc),
				      TCP_SYN_RECV);
	return 0;
}

SEC("iter/udp")
int list_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *up = ctx->udp_sk;

	if (!up || ((struct sock *)up)->sk_protocol != IPPROTO_UDP)
		return 0;
	return list_udp_sock(ctx->meta->seq, (struct sock *)up);
}
