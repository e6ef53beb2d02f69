/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports that are opened for others, and the connections that come in: listen, unlisten, accept. */
#ifndef CONNSNOOP_ACCEPT_BPF_H
#define CONNSNOOP_ACCEPT_BPF_H

#include "closing.bpf.h"

/* STORE_HASH: note who listens on the port, for the children. */
static __always_inline void listener_add(const struct conn *c, const struct tuple *t)
{
	struct listening_port key = { .netns = t->netns, .lport = t->lport };
	struct port_owner *known = bpf_map_lookup_elem(&listeners, &key);
	struct port_owner l = { .owner = c->owner, .socket_cnt = 1, .lorigin = c->lorigin };

	if (known) {
		__sync_fetch_and_add(&known->socket_cnt, 1);
		if (known->owner.pid != c->owner.pid)
			known->owner.pid = 0; /* whose a child is, is not known any more */
	} else /* without room its children belong to nobody until they are accepted */
		bpf_map_update_elem(&listeners, &key, &l, BPF_NOEXIST);
}

static __always_inline void listener_remove(const struct tuple *t)
{
	struct listening_port key = { .netns = t->netns, .lport = t->lport };
	struct port_owner *known = bpf_map_lookup_elem(&listeners, &key);

	if (!known)
		return;
	if (known->socket_cnt > 1)
		__sync_fetch_and_add(&known->socket_cnt, -1);
	else
		bpf_map_delete_elem(&listeners, &key);
}

/* The record of a socket whose process has called listen(), for itself and for its children. */
static __always_inline struct conn *listener_make(struct tcp_sock *tp)
{
	struct conn init = { .role = ROLE_LISTENER, .attr = ATTR_LISTEN, .state = TCP_LISTEN };

	owner_current(&init.owner);
	if (!init.owner.pid)
		init.attr = ATTR_NONE;
	init.id = conn_id(tp);
	init.lorigin = sock_lorigin((struct sock *)tp);
	return conn_make_for(EVENT_LISTEN, tp, &init);
}

/* The socket listens, and its port is known. The record stays even if nobody wants to see it. */
static __always_inline void listen_tell(struct tcp_sock *tp, struct conn *c)
{
	struct tuple t = {};
	struct event *e;

	if (c->flags & CONN_F_TOLD)
		return;
	c->flags |= CONN_F_TOLD;
	tuple_from_tcp(&t, tp);
	tuple_set_listening(&t);
	if (cfg.store == STORE_HASH)
		listener_add(c, &t);
	if (!wants(EVENT_LISTEN) || !conn_wanted(c, &t))
		return;
	e = conn_event_begin(EVENT_LISTEN, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c, &t);
	if (!e)
		return;
	e->backlog = LOAD(tp, inet_conn.icsk_inet.sk.sk_max_ack_backlog);
	event_end(e);
}

/* listen() has succeeded; in the task that called it, unless the owner was read before. */
static __always_inline int handle_listen(struct tcp_sock *tp)
{
	struct conn *c = conn_find(tp);

	if (!cfg.owner_at_state && (!c || c->role != ROLE_LISTENER))
		c = listener_make(tp);
	if (c && c->role == ROLE_LISTENER)
		listen_tell(tp, c);
	return 0;
}

/*
 * CLOSE -> LISTEN, in the task that called listen(). It may still fail, without its port: then the
 * record says that nothing was told.
 */
SUBPROG int handle_listen_state(struct tcp_sock *tp)
{
	struct conn *c = listener_make(tp);

	if (c && cfg.listen_at_state)
		listen_tell(tp, c);
	return 0;
}

/* LISTEN -> CLOSE. Without a record: it has listened since before the trace. */
SUBPROG int handle_unlisten(struct tcp_sock *tp, struct conn *c)
{
	struct conn none = {};
	struct tuple t = {};
	struct event *e;

	tuple_from_tcp(&t, tp);
	tuple_set_listening(&t);
	if (c) {
		if (!(c->flags & CONN_F_TOLD))
			return 0; /* listen() has failed */
		if (cfg.store == STORE_HASH)
			listener_remove(&t);
	} else {
		none.id = conn_id(tp);
		c = &none;
	}
	if (!wants(EVENT_UNLISTEN) || !conn_wanted(c, &t))
		return 0;
	e = conn_event_begin(EVENT_UNLISTEN, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c, &t);
	if (e)
		event_end(e);
	return 0;
}

/* Whom the child of a listener belongs to until somebody accepts it: the listener's owner. */
static __always_inline void child_inherit(struct conn *init, const struct conn *clone,
					  const struct tuple *t)
{
	if (clone && clone->role == ROLE_LISTENER) {
		init->owner = clone->owner;
		init->lorigin = clone->lorigin;
	} else if (cfg.store == STORE_HASH) {
		struct listening_port key = { .netns = t->netns, .lport = t->lport };
		struct port_owner *l = bpf_map_lookup_elem(&listeners, &key);

		if (!l)
			return;
		init->lorigin = l->lorigin;
		if (l->owner.pid)
			init->owner = l->owner;
	}
	if (init->owner.pid)
		init->attr = ATTR_LISTENER;
}

/* SYN_RECV -> ESTABLISHED of a listener's child, in whatever context its last ACK came. */
SUBPROG int handle_child_established(struct tcp_sock *tp, struct conn *clone)
{
	struct conn init = {
		.role = ROLE_CHILD,
		.direction = DIRECTION_IN,
		.flags = CONN_F_OPEN,
		.state = TCP_ESTABLISHED,
	};
	struct tuple t = {};

	if (clone && clone->role == ROLE_CHILD) { /* TCP Fast Open: it was accepted before */
		clone->established_ns = bpf_ktime_get_ns();
		return 0;
	}
	tuple_from_tcp(&t, tp);
	if (!tuple_wanted(&t, DIRECTION_IN)) {
		conn_exclude(tp);
		return 0;
	}
	child_inherit(&init, clone, &t);
	init.id = conn_id(tp);
	init.established_ns = bpf_ktime_get_ns();
	peer_expect(tp, &init, &t, client_isn(tp, DIRECTION_IN));
	conn_make(tp, &init);
	return 0;
}

/* The record of an accepted socket that came before the trace, or whose record was lost. */
static __always_inline struct conn *accepted_make(struct tcp_sock *tp, const struct tuple *t)
{
	struct conn init = {
		.role = ROLE_CHILD,
		.direction = DIRECTION_IN,
		.flags = CONN_F_OPEN,
		.state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state),
	};

	if (!tuple_wanted(t, DIRECTION_IN))
		return NULL;
	init.id = conn_id(tp);
	peer_expect(tp, &init, t, client_isn(tp, DIRECTION_IN));
	return conn_make_for(EVENT_ACCEPT, tp, &init);
}

/* accept() returns the socket, in the task that called it. */
static __always_inline int handle_accept(struct tcp_sock *tp)
{
	struct conn *c = conn_find(tp);
	struct tuple t = {};
	struct event *e;

	tuple_from_tcp(&t, tp);
	t.lorigin = LORIGIN_NONE;	    /* a child's lock bits say nothing */
	if (!c || c->role == ROLE_LISTENER) /* that of its listener: TCP Fast Open */
		c = accepted_make(tp, &t);
	if (!c)
		return peer_tell_excluded(tp, &t, DIRECTION_IN);
	if (c->role != ROLE_CHILD || c->flags & CONN_F_ACCEPTED)
		return 0;
	if (!owner_current(&c->owner)) {
		close_forget(tp, c);
		conn_exclude(tp);
		return peer_tell_excluded(tp, &t, DIRECTION_IN);
	}
	c->attr = c->owner.pid ? ATTR_ACCEPT : ATTR_NONE;
	c->flags |= CONN_F_ACCEPTED;
	peer_find(&t, c);
	if (c->peer_pid)
		peer_tell_owner(&t, c);
	if (wants(EVENT_ACCEPT)) {
		e = conn_event_begin(EVENT_ACCEPT, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c, &t);
		if (e)
			event_end(e);
	}
	close_after_accept(tp, c);
	return 0;
}

#endif
