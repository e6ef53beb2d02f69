/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MPTCP: what the process holds is an MPTCP socket, and what opens, carries and closes the connection
 * are TCP sockets of the kernel's own, its subflows. The first of them is told, under the identity of
 * the process's socket; the others belong to the same connection.
 */
#ifndef CONNSNOOP_MPTCP_BPF_H
#define CONNSNOOP_MPTCP_BPF_H

#include "sock.bpf.h"

static __always_inline struct mptcp_subflow_context *subflow_context(struct tcp_sock *tp)
{
	return (void *)LOAD(tp, inet_conn.icsk_ulp_data);
}

/* The socket of the process. */
static __always_inline struct mptcp_sock *subflow_parent(struct tcp_sock *tp)
{
	return (struct mptcp_sock *)PROBE_LOAD(subflow_context(tp), conn);
}

/* A further path of a connection that has been told already. */
static __always_inline bool is_further_subflow(struct tcp_sock *tp)
{
	struct mptcp_subflow_context *context;

	if (!is_subflow(tp))
		return false;
	context = subflow_context(tp);
	return PROBE_LOAD_BITS(context, request_join) || PROBE_LOAD_BITS(context, mp_join);
}

/*
 * The id of the connection: the cookie of the socket that the process holds. A listener of MPTCP
 * has the id of its TCP socket as long as nobody has asked for its own: the kernel copies that to
 * each socket it accepts, and must not be led to.
 */
static __always_inline __u64 conn_id(struct tcp_sock *tp)
{
	__u64 cookie = 0;

	if (is_subflow(tp))
		cookie = PROBE_LOAD((struct sock *)subflow_parent(tp),
				    __sk_common.skc_cookie.counter);
	return cookie ?: sock_cookie((struct sock *)tp);
}

/* Payload over all paths, where the kernel counts it (6.5). Else @tx and @rx stay: of the first path. */
static __always_inline void mptcp_totals(struct tcp_sock *tp, __u64 *tx_bytes, __u64 *rx_bytes)
{
	struct mptcp_sock *msk;

	if (!is_subflow(tp) || !bpf_core_field_exists(struct mptcp_sock, bytes_sent))
		return;
	msk = subflow_parent(tp);
	*tx_bytes = PROBE_LOAD(msk, bytes_sent);
	*rx_bytes = PROBE_LOAD(msk, bytes_received);
}

#endif
