/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of a TCP socket: found, made and dropped here. */
#ifndef CONNSNOOP_CONN_BPF_H
#define CONNSNOOP_CONN_BPF_H

#include "mptcp.bpf.h"

/* The record of a socket, or NULL. */
static __always_inline struct conn *conn_find(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp;

	return bpf_map_lookup_elem(&conns, &addr);
}

/*
 * There is a record already. Of the same child, whose accept() was faster, or was slower: it stays.
 * Else of what was at this address before, whose end was not seen, nor its `close` told.
 */
SUBPROG long conn_replace(__u64 addr, const struct conn *init)
{
	struct conn *c = bpf_map_lookup_elem(&conns, &addr);

	if (!init)
		return -EINVAL;
	if (c && c->role == ROLE_CHILD && init->role == ROLE_CHILD && c->e.id == init->e.id)
		return 0;
	if (c && c->flags & CONN_F_OPEN && !(c->flags & CONN_F_CLOSED) && wants(EVENT_CLOSE))
		lost(EVENT_CLOSE, LOST_NESTED);
	return bpf_map_update_elem(&conns, &addr, init, BPF_ANY);
}

/* Make the record of a socket; negative when there is no room. */
static __always_inline long conn_insert(struct tcp_sock *tp, const struct conn *init)
{
	__u64 addr = (__u64)tp;
	long err = bpf_map_update_elem(&conns, &addr, init, BPF_NOEXIST);

	return err == -EEXIST ? conn_replace(addr, init) : err;
}

/* The same, when the event that begins the record cannot be told without it. */
static __always_inline long conn_insert_for(enum event_kind kind, struct tcp_sock *tp,
					    const struct conn *init)
{
	long err = conn_insert(tp, init);

	if (err)
		lost(kind, LOST_MAP);
	return err;
}

/* Forget a socket. */
static __always_inline void conn_drop(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp;

	bpf_map_delete_elem(&conns, &addr);
}

/* Begin an event about a connection: all but what its kind adds. */
static __always_inline struct event *conn_event_begin(enum event_kind kind, __u64 size,
						      __u64 now_ns, const struct conn *c)
{
	struct event *e = event_reserve(kind, size);

	if (!e)
		return NULL;
	__builtin_memcpy(e, &c->e, size);
	e->kind = kind;
	e->ts_ns = now_ns;
	return e;
}

/* The same for events that have nothing of their own. */
static __always_inline void conn_event_send(enum event_kind kind, __u64 now_ns,
					    const struct conn *c)
{
	struct event *e = conn_event_begin(kind, EVENT_HEAD_SIZE, now_ns, c);

	if (e)
		event_end(e);
}

/* What the socket says of itself, in a record that knows nothing else of it. */
static __always_inline void conn_from_sock(struct conn *c, struct tcp_sock *tp)
{
	c->e.id = conn_id(tp);
	tuple_from_tcp(&c->e.tuple, tp);
}

/* Is what happens to this socket to be told? Its record says who owns it. */
static __always_inline bool conn_wanted(const struct conn *c)
{
	return owner_wanted(&c->e.owner) && tuple_wanted(&c->e.tuple, c->e.direction);
}

#endif
