/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP state changes: which of them are events, and who handles them. */
#ifndef CONNSNOOP_STATE_BPF_H
#define CONNSNOOP_STATE_BPF_H

#include "accept.bpf.h"

/* --states. Without a record: a child that is not open yet, or a socket that is older than the trace. */
SUBPROG int state_tell(struct tcp_sock *tp, const struct conn *c, int old_state, int new_state)
{
	__u8 lorigin = c ? c->e.lorigin : LORIGIN_NONE;
	struct conn now = {};
	struct event *e;

	conn_from_sock(&now, tp);
	if (c) {
		now.e.owner = c->e.owner;
		now.e.attr = c->e.attr;
		now.e.direction = c->e.direction;
		now.e.peer_pid = c->e.peer_pid;
		__builtin_memcpy(now.e.peer_comm, c->e.peer_comm, COMM_LEN);
	} else if (old_state == TCP_SYN_RECV) {
		child_inherit(&now, tp);
		lorigin = now.e.lorigin;
	}
	now.e.lorigin = lorigin;
	if (!conn_wanted(&now))
		return 0;
	e = conn_event_begin(EVENT_STATE, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), &now);
	if (!e)
		return 0;
	e->old_state = old_state;
	e->new_state = new_state;
	event_end(e);
	return 0;
}

/* The socket is closed: tell what that means, and forget it. */
static __always_inline void handle_closed(struct tcp_sock *tp, struct conn *c, int old_state)
{
	bool done = true;

	if (shared.scan_runs) {
		__u64 id = conn_id(tp);
		__u8 one = 1;

		bpf_map_update_elem(&scan_closed, &id, &one, BPF_ANY);
	}
	switch (old_state) {
	case TCP_LISTEN:
		if (c)
			handle_unlisten(c);
		else
			handle_old_unlisten(tp);
		break;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV: /* simultaneous open; a child that dies here was never there */
		connect_error_waits(tp);
		if (c && c->role == ROLE_CLIENT)
			handle_connect_failed(tp, c);
		else if (c && c->role == ROLE_CHILD) /* TCP Fast Open: it was accepted before */
			done = handle_close(tp, c, old_state);
		else if (old_state == TCP_SYN_SENT && LOAD(tp, inet_conn.icsk_inet.sk.sk_err))
			handle_old_connect(EVENT_FAIL, tp, LOAD(tp, inet_conn.icsk_inet.sk.sk_err));
		break;
	default:
		/* its change to ESTABLISHED may have been skipped, which would have told it */
		if (cfg.connect_late && c && c->role == ROLE_CLIENT &&
		    !(c->flags & (CONN_F_TOLD | CONN_F_SCANNED)) && !connect_tell_late(tp, c))
			break;
		if (c)
			done = handle_close(tp, c, old_state);
		else if (!(cfg.filters & FILTER_OWNER))
			handle_old_close(tp, old_state);
	}
	if (c && done)
		conn_drop(tp);
}

/* SYN_RECV -> ESTABLISHED: a child, or a client whose SYN has crossed another; not what was there before. */
static __always_inline bool is_stale(struct tcp_sock *tp, const struct conn *c, int old_state)
{
	return old_state == TCP_SYN_RECV && c->role != ROLE_CHILD && c->e.id != conn_id(tp);
}

static __always_inline void handle_established(struct tcp_sock *tp, struct conn *c, int old_state)
{
	if (c && is_stale(tp, c, old_state))
		c = NULL;
	if (c && c->role == ROLE_CLIENT)
		handle_client_established(tp, c);
	else if (c && c->role == ROLE_CHILD) /* TCP Fast Open: it was accepted before */
		c->established_ns = bpf_ktime_get_ns();
	else if (old_state == TCP_SYN_RECV)
		handle_child_established(tp);
	else if (old_state == TCP_SYN_SENT)
		handle_old_connect(EVENT_ESTABLISHED, tp, 0);
}

/* A change that nobody asks for, and that a later look need not know of. */
static __always_inline bool state_is_idle(int new_state)
{
	return (new_state == TCP_FIN_WAIT2 || new_state == TCP_CLOSING) && !cfg.state_twice &&
	       !wants(EVENT_STATE);
}

static __always_inline int handle_state(struct tcp_sock *tp, int old_state, int new_state)
{
	struct conn *c;

	if (old_state == new_state || state_is_idle(new_state))
		return 0;
	/* A listener's child has been copied from it, and has no cookie of its own and perhaps no peer
	 * yet: it is born in SYN_RECV rather than changed to it. */
	if (old_state == TCP_LISTEN && new_state == TCP_SYN_RECV)
		return 0;
	if (is_further_subflow(tp))
		return 0;
	if (new_state == TCP_SYN_SENT)
		handle_syn_sent(tp);
	c = conn_find(tp);
	if (c)
		c->state = new_state;
	if (wants(EVENT_STATE))
		state_tell(tp, c, old_state, new_state);
	switch (new_state) {
	case TCP_ESTABLISHED:
		handle_established(tp, c, old_state);
		break;
	case TCP_LISTEN:
		handle_listen_state(tp);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		if (c)
			handle_fin_sent(tp, c);
		break;
	case TCP_CLOSE_WAIT:
		if (c)
			c->flags |= CONN_F_FIN_RECEIVED;
		break;
	case TCP_CLOSE:
		handle_closed(tp, c, old_state);
		break;
	}
	return 0;
}

/*
 * Has the first program seen this change? Without a record it may have found that nobody wants the
 * socket: then the filters say so again.
 */
static __always_inline bool state_was_seen(const struct conn *c, int old_state, int new_state)
{
	if (c)
		return c->state == new_state;
	if (new_state == TCP_SYN_SENT)
		return !cfg.owner_at_state;
	return new_state != TCP_LISTEN &&
	       !(new_state == TCP_ESTABLISHED && old_state == TCP_SYN_RECV);
}

/*
 * The same change once more, in a program of its own: the kernel skips the run of a program that would
 * interrupt itself on its CPU, in a softirq or, since 6.13, by preemption.
 */
static __always_inline int handle_state_again(struct tcp_sock *tp, int old_state, int new_state)
{
	if (state_was_seen(conn_find(tp), old_state, new_state))
		return 0;
	return handle_state(tp, old_state, new_state);
}

#endif
