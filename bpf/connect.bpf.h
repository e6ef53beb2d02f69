/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that are opened from here: connect, established, fail. */
#ifndef CONNSNOOP_CONNECT_BPF_H
#define CONNSNOOP_CONNECT_BPF_H

#include "peer.bpf.h"

/* The record of a socket whose process has called connect(); NULL if nobody wants to see it. */
static __always_inline struct conn *client_make(struct tcp_sock *tp, __u64 now_ns)
{
	struct conn init = {
		.role = ROLE_CLIENT,
		.state = TCP_SYN_SENT,
		.attr = ATTR_CONNECT,
		.direction = DIRECTION_OUT,
		.start_ns = now_ns,
	};

	if (!owner_current(&init.owner))
		return NULL;
	if (!init.owner.pid)
		init.attr = ATTR_NONE;
	init.id = conn_id(tp);
	init.lorigin = sock_lorigin((struct sock *)tp);
	return conn_make_for(EVENT_CONNECT, tp, &init);
}

/* CLOSE -> SYN_SENT, in the task that connects; the local port may not be known yet. */
SUBPROG int handle_syn_sent(struct tcp_sock *tp)
{
	if (cfg.accept_by_syscall) {
		__u64 pid_tgid = bpf_get_current_pid_tgid(), addr = (__u64)tp;

		bpf_map_update_elem(&connecting, &pid_tgid, &addr, BPF_ANY);
	}
	if (cfg.owner_at_state)
		client_make(tp, bpf_ktime_get_ns());
	return 0;
}

/* @isn: what the SYN is numbered. */
static __always_inline void connect_tell(struct tcp_sock *tp, struct conn *c, const struct tuple *t,
					 __u32 isn)
{
	struct event *e;

	c->flags |= CONN_F_TOLD;
	peer_expect(tp, c, t, isn);
	peer_tell_owner(t, c);
	if (!wants(EVENT_CONNECT))
		return;
	e = conn_event_begin(EVENT_CONNECT, EVENT_HEAD_SIZE, c->start_ns, c, t);
	if (e)
		event_end(e);
}

/* tcp_connect(): the SYN is about to leave, the socket pair is complete. */
static __always_inline int handle_connect(struct tcp_sock *tp)
{
	struct tuple t = {};
	struct conn *c;

	if (is_further_subflow(tp))
		return 0;
	c = cfg.owner_at_state ? conn_find(tp) : client_make(tp, bpf_ktime_get_ns());
	tuple_from_tcp(&t, tp);
	if (c && tuple_wanted(&t, DIRECTION_OUT)) {
		connect_tell(tp, c, &t, LOAD(tp, write_seq));
		return 0;
	}
	if (c)
		conn_exclude(tp);
	return peer_tell_excluded(tp, &t, DIRECTION_OUT);
}

/* SYN_SENT -> ESTABLISHED, in whatever context the SYN+ACK came. */
SUBPROG int handle_client_established(struct tcp_sock *tp, struct conn *c)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct tuple t = {};
	struct event *e;

	if (!c)
		return 0;
	tuple_from_tcp(&t, tp);
	/* not told before its outcome, or when the hooks were just being attached */
	if (!(c->flags & (CONN_F_TOLD | CONN_F_SCANNED))) {
		if (!tuple_wanted(&t, DIRECTION_OUT)) {
			conn_exclude(tp);
			return 0;
		}
		connect_tell(tp, c, &t, client_isn(tp, DIRECTION_OUT));
	}
	c->established_ns = now_ns;
	if (c->start_ns) /* else it began before the trace */
		c->handshake_us = (now_ns - c->start_ns) / 1000 ?: 1;
	c->flags |= CONN_F_OPEN;
	if (!wants(EVENT_ESTABLISHED))
		return 0;
	peer_find(&t, c);
	e = conn_event_begin(EVENT_ESTABLISHED, EVENT_HEAD_SIZE, now_ns, c, &t);
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
	struct tuple t = {};
	struct event *e;

	if (!c)
		return 0;
	tuple_from_tcp(&t, tp);
	if (cfg.connect_late && !within && tuple_wanted(&t, DIRECTION_OUT))
		connect_tell(tp, c, &t, client_isn(tp, DIRECTION_OUT));
	if (cfg.accept_by_syscall && within) {
		__u64 pid_tgid = bpf_get_current_pid_tgid();

		bpf_map_delete_elem(&connecting, &pid_tgid);
	}
	if (within || !(c->flags & CONN_F_TOLD) || !wants(EVENT_FAIL))
		return 0;
	e = conn_event_begin(EVENT_FAIL, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c, &t);
	if (!e)
		return 0;
	e->error = error ?: ECANCELED;
	e->phase = error ? PHASE_HANDSHAKE : PHASE_CANCELLED;
	e->retrans = LOAD(tp, total_retrans);
	event_end(e);
	return 0;
}

/* The error of a failed attempt waits on the socket: a next connect() only fetches it. */
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
	struct conn none = { .direction = DIRECTION_OUT };
	struct tuple t = {};
	struct event *e;

	if (!wants(kind))
		return 0;
	tuple_from_tcp(&t, tp);
	if (!conn_wanted(&none, &t))
		return 0;
	none.id = conn_id(tp);
	e = conn_event_begin(kind, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), &none, &t);
	if (!e)
		return 0;
	e->error = error;
	e->phase = error ? PHASE_HANDSHAKE : PHASE_NONE;
	event_end(e);
	return 0;
}

/* Up to the address of a sockaddr_in6, which is as short as that in RFC 2133: SIN6_LEN_RFC2133. */
#define SOCKADDR_IN6_MIN 24
#define ADDRESS_READ(len) ((len) < SOCKADDR_IN6_MIN ? sizeof(struct sockaddr_in) : SOCKADDR_IN6_MIN)

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
