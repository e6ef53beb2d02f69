/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that are opened from here: connect, established, fail. */
#ifndef CONNSNOOP_CONNECT_BPF_H
#define CONNSNOOP_CONNECT_BPF_H

#include "peer.bpf.h"

SUBPROG long client_insert(struct tcp_sock *tp, __u64 id, const struct owner *owner, __u64 now_ns)
{
	struct conn init = { .role = ROLE_CLIENT, .state = TCP_SYN_SENT, .start_ns = now_ns };

	if (!owner)
		return -EINVAL;
	init.e.owner = *owner;
	init.e.attr = owner->pid ? ATTR_CONNECT : ATTR_NONE;
	init.e.direction = DIRECTION_OUT;
	init.e.id = id;
	return conn_insert_for(EVENT_CONNECT, tp, &init);
}

/* Remember a socket whose process has called connect(), if its filters want it. */
static __always_inline void client_make(struct tcp_sock *tp, __u64 id)
{
	struct owner owner;

	if (owner_current(&owner))
		client_insert(tp, id, &owner, bpf_ktime_get_ns());
}

/* CLOSE -> SYN_SENT, in the task that connects; the local port may not be known yet. */
SUBPROG int handle_syn_sent(struct tcp_sock *tp)
{
	if (cfg.owner_at_state)
		client_make(tp, conn_id(tp));
	return 0;
}

/* The socket pair is complete. @isn: what the SYN is numbered. */
static __always_inline void connect_tell(struct tcp_sock *tp, struct conn *c, __u32 isn)
{
	c->flags |= CONN_F_TOLD;
	peer_expect(tp, c, isn);
	peer_tell_owner(c);
	LINK_TELL_CONN(tp, c, 1u << EVENT_CONNECT | 1u << EVENT_FAIL | 1u << EVENT_STATE);
	if (wants(EVENT_CONNECT))
		conn_event_send(EVENT_CONNECT, c->start_ns, c);
}

/* Put the socket pair into the record; false when the filters exclude it. */
static __always_inline bool connect_complete(struct tcp_sock *tp, struct conn *c,
					     const struct tuple *t)
{
	if (!tuple_wanted(t, DIRECTION_OUT))
		return false;
	c->e.tuple = *t;
	c->e.lorigin = sock_lorigin((struct sock *)tp);
	return true;
}

/* tcp_connect(): the SYN is about to leave. */
static __always_inline int handle_connect(struct tcp_sock *tp)
{
	struct tuple t = {};
	struct conn *c;

	if (is_further_subflow(tp))
		return 0;
	if (!cfg.owner_at_state)
		client_make(tp, conn_id(tp));
	c = conn_find(tp);
	tuple_from_tcp(&t, tp);
	if (c && connect_complete(tp, c, &t)) {
		connect_tell(tp, c, LOAD(tp, write_seq));
		return 0;
	}
	if (c)
		conn_drop(tp);
	return peer_tell_excluded(tp, &t, DIRECTION_OUT);
}

/* A connect that was not told before its outcome, or when the hooks were just being attached. */
SUBPROG int connect_tell_late(struct tcp_sock *tp, struct conn *c)
{
	struct tuple t = {};

	if (!c)
		return 0;
	tuple_from_tcp(&t, tp);
	if (!connect_complete(tp, c, &t))
		return 0;
	connect_tell(tp, c, client_isn(tp, DIRECTION_OUT));
	return 1;
}

/* SYN_SENT -> ESTABLISHED, in whatever context the SYN+ACK came. */
SUBPROG int handle_client_established(struct tcp_sock *tp, struct conn *c)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct event *e;

	if (!c)
		return 0;
	if (!(c->flags & (CONN_F_TOLD | CONN_F_SCANNED)) && !connect_tell_late(tp, c)) {
		conn_drop(tp);
		return 0;
	}
	c->established_ns = now_ns;
	if (c->start_ns) /* else it began before the trace */
		c->handshake_us = (now_ns - c->start_ns) / 1000 ?: 1;
	c->flags |= CONN_F_OPEN;
	LINK_TELL_CONN(tp, c, LINK_OPEN);
	if (!wants(EVENT_ESTABLISHED))
		return 0;
	peer_find(c);
	e = conn_event_begin(EVENT_ESTABLISHED, EVENT_HEAD_SIZE, now_ns, c);
	if (!e)
		return 0;
	e->handshake_us = c->handshake_us;
	event_end(e);
	return 0;
}

/*
 * Is the socket still within the connect() that has brought it to SYN_SENT? That marks it as
 * connecting only when it has succeeded. MPTCP's own sockets are never marked.
 */
static __always_inline bool connect_has_not_returned(struct tcp_sock *tp)
{
	return !is_subflow(tp) &&
	       LOAD(tp, inet_conn.icsk_inet.sk.sk_socket, state) == SS_UNCONNECTED;
}

/*
 * SYN_SENT -> CLOSE. What fails within connect(), for want of a free port for one, is told by
 * handle_connect_return(), which knows the errno. Else, without an error on the socket, it was the
 * process that gave up.
 */
SUBPROG int handle_connect_failed(struct tcp_sock *tp, struct conn *c)
{
	__u32 error = LOAD(tp, inet_conn.icsk_inet.sk.sk_err);
	bool within = !error && connect_has_not_returned(tp);
	struct event *e;

	if (!c)
		return 0;
	if (cfg.connect_late && !within)
		connect_tell_late(tp, c);
	if (!(c->flags & CONN_F_TOLD))
		return 0;
	peer_part(c);
	if (within || !wants(EVENT_FAIL))
		return 0;
	e = conn_event_begin(EVENT_FAIL, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c);
	if (!e)
		return 0;
	e->error = error ?: ECANCELED;
	e->phase = error ? PHASE_HANDSHAKE : PHASE_CANCELLED;
	e->retrans = LOAD(tp, total_retrans);
	event_end(e);
	return 0;
}

/* The error of a failed attempt waits on the socket: this connect(), or a next one, only fetches it. */
static __always_inline void connect_error_waits(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp, id;

	if (!cfg.accept_by_syscall || !LOAD(tp, inet_conn.icsk_inet.sk.sk_err))
		return;
	id = conn_id(tp);
	bpf_map_update_elem(&failed_connects, &addr, &id, BPF_ANY);
}

/*
 * The outcome of a connect() that has no record: it began before the trace, or found no room. What
 * a filter has excluded, it excludes again.
 */
SUBPROG int handle_old_connect(enum event_kind kind, struct tcp_sock *tp, __u32 error)
{
	struct conn none = {};
	struct event *e;

	if (!wants(kind))
		return 0;
	conn_from_sock(&none, tp);
	none.e.direction = DIRECTION_OUT;
	if (!conn_wanted(&none))
		return 0;
	e = conn_event_begin(kind, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), &none);
	if (!e)
		return 0;
	e->error = error;
	e->phase = error ? PHASE_HANDSHAKE : PHASE_NONE;
	event_end(e);
	return 0;
}

/* Put the address that connect() was given into @t; false when it is none. */
static __always_inline bool tuple_set_wanted(struct tuple *t, struct sock *sk,
					     const struct sockaddr_in6 *addr)
{
	const struct sockaddr_in *addr4 = (const void *)addr;

	__builtin_memset(t->raddr, 0, ADDR_LEN);
	if (addr->sin6_family == AF_INET6) {
		t->ipv = addr_normalise(t->raddr, addr->sin6_addr.in6_u.u6_addr32);
		t->rport = bpf_ntohs(addr->sin6_port);
	} else if (addr->sin6_family == AF_INET) {
		t->ipv = 4;
		__builtin_memcpy(t->raddr, &addr4->sin_addr, 4);
		t->rport = bpf_ntohs(addr4->sin_port);
	} else {
		return false;
	}
	if (t->ipv == 4 && LOAD(sk, __sk_common.skc_family) == AF_INET6)
		t->flags |= EVENT_F_MAPPED;
	t->flags |= EVENT_F_REMOTE;
	return true;
}

/*
 * connect() has failed before any SYN. @addr: what the process asked for, up to a sockaddr_in6 read
 * from where it was; @error: errno.
 */
static __always_inline void connect_fail_locally(struct tcp_sock *tp,
						 const struct sockaddr_in6 *addr, __u32 error)
{
	struct sock *sk = (struct sock *)tp;
	struct owner owner;
	struct tuple t = {};
	struct event *e;

	/* another family's address is no attempt */
	if (!wants(EVENT_FAIL) || error == EAFNOSUPPORT || is_further_subflow(tp))
		return;
	tuple_from_tcp(&t, tp);
	t.lport = LOAD(sk, __sk_common.skc_num);
	if (!tuple_set_wanted(&t, sk, addr) || !tuple_wanted(&t, DIRECTION_OUT))
		return;
	if (!owner_current(&owner))
		return;
	e = event_begin(EVENT_FAIL, EVENT_HEAD_SIZE, bpf_ktime_get_ns());
	if (!e)
		return;
	event_set_tuple(e, &t);
	event_set_socket(e, conn_id(tp), &owner, ATTR_CONNECT, DIRECTION_OUT);
	e->lorigin = sock_lorigin(sk);
	e->error = error;
	e->phase = PHASE_LOCAL;
	event_end(e);
}

#endif
