/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of open connections: who ended it and why, the totals, and the one `close`. */
#ifndef CONNSNOOP_CLOSING_BPF_H
#define CONNSNOOP_CLOSING_BPF_H

#include "connect.bpf.h"

#define SOCK_DONE_BIT 1 /* enum sock_flags: tcp_fin() has seen the other end's FIN */

/* A FIN or reset of this end's own making: the running task closes the connection. */
static __always_inline void closer_note(struct conn *c)
{
	closer_current(&c->e.closer_pid, c->e.closer_comm, c->e.owner.pid);
}

#define SOCK_DEAD_BIT 0 /* no process holds it any more */
#define RCV_SHUTDOWN 1

static __always_inline bool sock_is_dead(struct tcp_sock *tp)
{
	return LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_flags) >> SOCK_DEAD_BIT & 1;
}

/* A child that has a struct socket was accepted, seen by us or not (32-bit programs). */
static __always_inline bool child_was_accepted(struct tcp_sock *tp, const struct conn *c)
{
	return c->accepted || LOAD(tp, inet_conn.icsk_inet.sk.sk_socket);
}

/* ESTABLISHED -> FIN_WAIT1, CLOSE_WAIT -> LAST_ACK: close(), shutdown() or exit, in process context. */
static __always_inline void handle_fin_sent(struct tcp_sock *tp, struct conn *c)
{
	if (child_was_accepted(tp, c))
		c->accepted = 1;
	c->data_segs_in = LOAD(tp, data_segs_in);
	closer_note(c);
}

static __always_inline __u8 close_reason(__u8 conn_flags, int old_state, __u32 error)
{
	switch (error) {
	case 0:
		break;
	case ECONNRESET:
	case EPIPE:
		return REASON_RESET_RECEIVED;
	case ETIMEDOUT:
		return REASON_TIMEOUT;
	case ECONNABORTED:
		return REASON_RESET_SENT;
	default:
		return REASON_UNREACHABLE;
	}
	switch (old_state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_SYN_RECV:
		/* no FIN has ended it: data was unread, SO_LINGER 0, or no memory for orphans */
		return REASON_RESET_SENT;
	case TCP_LAST_ACK:
		return REASON_REMOTE;
	}
	return conn_flags & CONN_F_FIN_RECEIVED ? REASON_REMOTE : REASON_LOCAL;
}

static __always_inline void event_set_totals(struct event *e, struct tcp_sock *tp,
					     const struct conn *c)
{
	__u64 flags = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_flags);

	e->tx_bytes = LOAD(tp, bytes_sent) - LOAD(tp, bytes_retrans);
	/* a FIN takes a sequence number and is counted as a byte */
	e->rx_bytes = LOAD(tp, bytes_received);
	if (e->rx_bytes && flags >> SOCK_DONE_BIT & 1)
		e->rx_bytes--;
	mptcp_totals(tp, &e->tx_bytes, &e->rx_bytes);
	e->tx_packets = LOAD(tp, segs_out);
	e->rx_packets = LOAD(tp, segs_in);
	e->retrans = LOAD(tp, total_retrans);
	e->rtt_us = LOAD(tp, srtt_us) >> 3;
	e->handshake_us = c->handshake_us;
	if (c->established_ns)
		e->duration_us = (e->ts_ns - c->established_ns) / 1000 ?: 1;
}

/*
 * A child was reset while it waits for accept(), which will still return it: its `close` must
 * follow that `accept`. 0, or negative when there is no room to wait.
 */
SUBPROG long close_defer(struct tcp_sock *tp, struct conn *c, __u8 reason)
{
	__u64 addr = (__u64)tp;
	struct event e;
	long err;

	if (!c)
		return -1;
	e = c->e;
	e.kind = EVENT_CLOSE;
	e.ts_ns = bpf_ktime_get_ns();
	event_set_totals(&e, tp, c);
	/* accept() has taken it, and is about to say so */
	e.reason = child_was_accepted(tp, c) ? reason : REASON_NEVER_ACCEPTED;
	e.old_state = reason;
	err = bpf_map_update_elem(&late_closes, &addr, &e, BPF_ANY);
	if (!err)
		c->flags |= CONN_F_CLOSED;
	return err;
}

/* Send the close that waited, now that it is known whose it is. */
static __always_inline void close_send_deferred(struct tcp_sock *tp, const struct conn *c,
						bool accepted)
{
	__u64 addr = (__u64)tp;
	struct event *late = bpf_map_lookup_elem(&late_closes, &addr), *e;
	__u8 reason;

	if (!late)
		return;
	reason = accepted ? late->old_state : late->reason;
	if (wants(EVENT_CLOSE) && reason_wanted(reason) && owner_wanted(&c->e.owner)) {
		e = event_reserve(EVENT_CLOSE, sizeof(*e));
		if (e) {
			__builtin_memcpy(e, late, sizeof(*e));
			e->owner = c->e.owner;
			e->attr = c->e.attr;
			e->reason = reason;
			e->old_state = 0;
			e->peer_pid = c->e.peer_pid;
			__builtin_memcpy(e->peer_comm, c->e.peer_comm, COMM_LEN);
			event_end(e);
		}
	}
	bpf_map_delete_elem(&late_closes, &addr);
}

/* accept() has returned a connection that is already over. */
static __always_inline void close_after_accept(struct tcp_sock *tp, const struct conn *c)
{
	if (!(c->flags & CONN_F_CLOSED))
		return;
	close_send_deferred(tp, c, true);
	conn_drop(tp);
}

/* Nobody wants to see it any more. */
static __always_inline void close_forget(struct tcp_sock *tp, const struct conn *c)
{
	__u64 addr = (__u64)tp;

	if (c->flags & CONN_F_CLOSED)
		bpf_map_delete_elem(&late_closes, &addr);
}

/* Send the `close`, if it is wanted. */
SUBPROG int close_tell(struct tcp_sock *tp, struct conn *c, __u8 reason)
{
	struct event *e;

	if (!c || !wants(EVENT_CLOSE) || !reason_wanted(reason) || !owner_wanted(&c->e.owner))
		return 0;
	if (c->e.attr != ATTR_CONNECT && c->e.attr != ATTR_ACCEPT) /* else it has been told */
		LINK_TELL_CONN(tp, c, 1u << EVENT_CLOSE);
	e = conn_event_begin(EVENT_CLOSE, sizeof(*e), bpf_ktime_get_ns(), c);
	if (!e)
		return 0;
	event_set_totals(e, tp, c);
	e->reason = reason;
	event_end(e);
	return 0;
}

/*
 * A process has closed both directions, and data came all the same: the kernel resets the connection
 * and notes the error of a reset received.
 */
static __always_inline bool is_abort_on_data(struct tcp_sock *tp, const struct conn *c,
					     int old_state, __u32 error)
{
	return error == ECONNRESET && (old_state == TCP_FIN_WAIT1 || old_state == TCP_FIN_WAIT2) &&
	       LOAD_BITS((struct sock *)tp, sk_shutdown) & RCV_SHUTDOWN &&
	       LOAD(tp, data_segs_in) != c->data_segs_in;
}

/*
 * Is the `accept` of this child still to come? Until it is told, the process may be on its way out of
 * accept(), or the child in the queue with an error that accept() does not look at.
 */
static __always_inline bool accept_may_follow(struct tcp_sock *tp, const struct conn *c,
					      __u32 error)
{
	if (c->role != ROLE_CHILD || c->accepted || !cfg.destroy_seen)
		return false;
	return child_was_accepted(tp, c) ? cfg.accept_by_syscall : error;
}

/* Any open state -> CLOSE. Returns false when the record must stay: the close was deferred. */
static __always_inline bool handle_close(struct tcp_sock *tp, struct conn *c, int old_state)
{
	__u32 error = LOAD(tp, inet_conn.icsk_inet.sk.sk_err);
	__u8 reason = is_abort_on_data(tp, c, old_state, error) ?
			      REASON_RESET_SENT :
			      close_reason(c->flags, old_state, error);

	if (accept_may_follow(tp, c, error) && !close_defer(tp, c, reason))
		return false;
	if (c->role == ROLE_CHILD && !child_was_accepted(tp, c))
		reason = REASON_NEVER_ACCEPTED;
	if (reason == REASON_RESET_SENT && !sock_is_dead(tp))
		closer_note(c);
	peer_part(c);
	close_tell(tp, c, reason);
	return true;
}

/* The same of a connection without a record: it is older than the trace, or not wanted. */
SUBPROG int handle_old_close(struct tcp_sock *tp, int old_state)
{
	__u32 error = LOAD(tp, inet_conn.icsk_inet.sk.sk_err);
	bool in_queue = !LOAD(tp, inet_conn.icsk_inet.sk.sk_socket) && !sock_is_dead(tp);
	struct conn none = {};

	tuple_from_tcp(&none.e.tuple, tp);
	if (!tuple_wanted(&none.e.tuple, DIRECTION_NONE))
		return 0;
	none.e.id = conn_id(tp);
	/* with an error, accept() may still return it */
	if (in_queue && !error)
		return close_tell(tp, &none, REASON_NEVER_ACCEPTED);
	return close_tell(tp, &none, close_reason(0, old_state, error));
}

/*
 * The socket is about to be freed. Sends what is still due: the close of a child that was reset and
 * never accepted, and that of a connection whose change to CLOSE was missed because the state hook
 * interrupted itself on its CPU.
 */
static __always_inline int handle_destroy(struct tcp_sock *tp)
{
	struct conn *c = conn_find(tp);

	if (!c)
		return 0;
	if (c->flags & CONN_F_CLOSED)
		close_send_deferred(tp, c, false);
	else if (c->flags & CONN_F_OPEN)
		handle_close(tp, c, TCP_CLOSE);
	conn_drop(tp);
	return 0;
}

#endif
