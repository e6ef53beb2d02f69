/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports that are opened for others, and the connections that come in: listen, unlisten, accept. */
#ifndef CONNSNOOP_ACCEPT_BPF_H
#define CONNSNOOP_ACCEPT_BPF_H

#include "closing.bpf.h"

/* The port has other listeners: leave the children of this one its owner. False if that cannot be. */
static __always_inline bool listener_bequeath(struct tcp_sock *tp, const struct conn *c)
{
#ifndef PROBED
	struct inherited *own = NULL;

	if (cfg.inherit)
		own = bpf_sk_storage_get(&inherited, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (own) {
		own->owner = c->e.owner;
		own->lorigin = c->e.lorigin;
		return true;
	}
#endif
	return false;
}

/* Note who listens on the port, for the children. */
static __always_inline void listener_add(struct tcp_sock *tp, const struct conn *c)
{
	struct listening_port key = { .netns = c->e.netns, .lport = c->e.lport };
	struct port_owner *known = bpf_map_lookup_elem(&listeners, &key);
	struct port_owner l = { .owner = c->e.owner, .socket_cnt = 1, .lorigin = c->e.lorigin };

	if (known) {
		__sync_fetch_and_add(&known->socket_cnt, 1);
		if (known->owner.pid != c->e.owner.pid && !listener_bequeath(tp, c))
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

SUBPROG long listener_insert(struct tcp_sock *tp, const struct owner *owner)
{
	struct conn init = { .role = ROLE_LISTENER, .state = TCP_LISTEN };

	if (!owner)
		return -EINVAL;
	init.e.owner = *owner;
	init.e.attr = owner->pid ? ATTR_LISTEN : ATTR_NONE;
	init.e.id = conn_id(tp);
	return conn_insert_for(EVENT_LISTEN, tp, &init);
}

/* Remember a socket whose process has called listen(), for itself and for its children. */
static __always_inline void listener_make(struct tcp_sock *tp)
{
	struct owner owner;

	owner_current(&owner);
	listener_insert(tp, &owner);
}

/* The socket listens, and its port is known. The record stays even if nobody wants to see it. */
SUBPROG int listen_tell(struct tcp_sock *tp, struct conn *c)
{
	struct tuple t = {};
	struct event *e;

	if (!c || c->flags & CONN_F_TOLD)
		return 0;
	c->flags |= CONN_F_TOLD;
	tuple_from_tcp(&t, tp);
	tuple_set_listening(&t, (struct sock *)tp);
	t.lorigin = sock_lorigin((struct sock *)tp);
	c->e.tuple = t;
	listener_add(tp, c);
	if (!wants(EVENT_LISTEN) || !conn_wanted(c))
		return 0;
	e = conn_event_begin(EVENT_LISTEN, EVENT_HEAD_SIZE, bpf_ktime_get_ns(), c);
	if (!e)
		return 0;
	e->backlog = LOAD(tp, inet_conn.icsk_inet.sk.sk_max_ack_backlog);
	event_end(e);
	return 0;
}

/* listen() has succeeded; in the task that called it, unless the owner was read before. */
static __always_inline int handle_listen(struct tcp_sock *tp)
{
	struct conn *c = conn_find(tp);

	if (!cfg.owner_at_state && (!c || c->role != ROLE_LISTENER)) {
		listener_make(tp);
		c = conn_find(tp);
	}
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
	listener_make(tp);
	if (cfg.listen_at_state)
		listen_tell(tp, conn_find(tp));
	return 0;
}

/* LISTEN -> CLOSE of a listener that has listened since before the trace. */
SUBPROG int handle_old_unlisten(struct tcp_sock *tp)
{
	struct conn none = {};

	conn_from_sock(&none, tp);
	tuple_set_listening(&none.e.tuple, (struct sock *)tp);
	if (wants(EVENT_UNLISTEN) && conn_wanted(&none))
		conn_event_send(EVENT_UNLISTEN, bpf_ktime_get_ns(), &none);
	return 0;
}

/* LISTEN -> CLOSE. Without CONN_F_TOLD listen() has failed. */
SUBPROG int handle_unlisten(struct conn *c)
{
	if (!c || !(c->flags & CONN_F_TOLD))
		return 0;
	listener_remove(&c->e.tuple);
	if (wants(EVENT_UNLISTEN) && conn_wanted(c))
		conn_event_send(EVENT_UNLISTEN, bpf_ktime_get_ns(), c);
	return 0;
}

/* Whom the child of a listener belongs to until somebody accepts it: the listener's owner. */
static __always_inline void child_inherit(struct conn *c, struct tcp_sock *tp)
{
	struct listening_port key = { .netns = c->e.netns, .lport = c->e.lport };
	struct port_owner *l;

#ifndef PROBED
	if (cfg.inherit) {
		struct inherited *own = bpf_sk_storage_get(&inherited, tp, NULL, 0);

		if (own) {
			c->e.owner = own->owner;
			c->e.lorigin = own->lorigin;
			c->e.attr = own->owner.pid ? ATTR_LISTENER : ATTR_NONE;
			return;
		}
	}
#endif
	l = bpf_map_lookup_elem(&listeners, &key);
	if (!l)
		return;
	c->e.lorigin = l->lorigin;
	if (!l->owner.pid)
		return;
	c->e.owner = l->owner;
	c->e.attr = ATTR_LISTENER;
}

/* SYN_RECV -> ESTABLISHED of a listener's child, in whatever context its last ACK came. */
SUBPROG int handle_child_established(struct tcp_sock *tp)
{
	struct conn init = { .role = ROLE_CHILD, .flags = CONN_F_OPEN, .state = TCP_ESTABLISHED };

	conn_from_sock(&init, tp);
	init.e.direction = DIRECTION_IN;
	if (!tuple_wanted(&init.e.tuple, DIRECTION_IN))
		return 0;
	child_inherit(&init, tp);
	init.established_ns = bpf_ktime_get_ns();
	peer_expect(tp, &init, client_isn(tp, DIRECTION_IN));
	return conn_insert(tp, &init);
}

/*
 * The record of an accepted socket that came before the trace, or whose record was lost; none if the
 * filters exclude it.
 */
SUBPROG int accepted_make(struct tcp_sock *tp)
{
	struct conn init = { .role = ROLE_CHILD, .flags = CONN_F_OPEN };

	tuple_from_tcp(&init.e.tuple, tp);
	init.e.direction = DIRECTION_IN;
	if (!tuple_wanted(&init.e.tuple, DIRECTION_IN))
		return peer_tell_excluded(tp, &init.e.tuple, DIRECTION_IN);
	init.e.id = conn_id(tp);
	init.state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	peer_expect(tp, &init, client_isn(tp, DIRECTION_IN));
	return conn_insert_for(EVENT_ACCEPT, tp, &init);
}

/* Whose process has accepted it, that the filters exclude. */
SUBPROG int accept_exclude(struct tcp_sock *tp, const struct conn *c)
{
	struct tuple t;

	if (!c)
		return 0;
	t = c->e.tuple;
	close_forget(tp, c);
	conn_drop(tp);
	return peer_tell_excluded(tp, &t, DIRECTION_IN);
}

/* accept() returns the socket, in the task that called it. */
static __always_inline int handle_accept(struct tcp_sock *tp)
{
	struct conn *c = conn_find(tp);

	if (!c) {
		accepted_make(tp);
		c = conn_find(tp);
	}
	if (!c || c->role != ROLE_CHILD || c->accepted)
		return 0;
	if (!owner_current(&c->e.owner))
		return accept_exclude(tp, c);
	c->e.attr = c->e.owner.pid ? ATTR_ACCEPT : ATTR_NONE;
	peer_meet(c);
	LINK_TELL_CONN(tp, c, LINK_OPEN);
	if (wants(EVENT_ACCEPT))
		conn_event_send(EVENT_ACCEPT, bpf_ktime_get_ns(), c);
	c->accepted = 1; /* not before: a close on another CPU would overtake it */
	close_after_accept(tp, c);
	return 0;
}

#endif
