/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of a TCP socket: found, made and dropped here, wherever it is kept. */
#ifndef CONNSNOOP_CONN_BPF_H
#define CONNSNOOP_CONN_BPF_H

#include "mptcp.bpf.h"

#ifndef PROBED
/* What socket storage says: enough, or that there may be a record by address. */
static __always_inline bool storage_suffices(struct tcp_sock *tp, const struct conn *c)
{
	if (!cfg.accept_by_syscall)
		return true;
	if (!c || !c->role || c->role == ROLE_ELSEWHERE)
		return false;
	/* a child that was accepted before it was established still has its listener's */
	return c->role != ROLE_LISTENER ||
	       LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state) == TCP_LISTEN;
}
#endif

/*
 * The record of a socket, or NULL. Where accept() is seen by the socket's address, the records of
 * accepted sockets are kept by address: what is in their storage then only says so.
 */
static __always_inline struct conn *conn_find(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp;

#ifndef PROBED
	if (cfg.store == STORE_SOCKET) {
		struct conn *c = bpf_sk_storage_get(&conns, tp, NULL, 0), *by_addr;

		if (storage_suffices(tp, c))
			return c && c->role ? c : NULL;
		by_addr = bpf_map_lookup_elem(&conns_by_addr, &addr);
		if (by_addr)
			return by_addr;
		return c && c->role == ROLE_LISTENER ? c : NULL;
	}
#endif
	return bpf_map_lookup_elem(&conns_by_addr, &addr);
}

static __always_inline struct conn *conn_make_by_addr(__u64 addr, const struct conn *init)
{
	if (bpf_map_update_elem(&conns_by_addr, &addr, init, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&conns_by_addr, &addr);
}

/* Make the record of a socket from @init, in place of any that it had; NULL when there is no room. */
static __always_inline struct conn *conn_make(struct tcp_sock *tp, const struct conn *init)
{
#ifndef PROBED
	if (cfg.store == STORE_SOCKET) {
		struct conn *c = bpf_sk_storage_get(&conns, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);

		if (!c)
			return NULL;
		if (cfg.accept_by_syscall && init->role == ROLE_CHILD) {
			c->role = ROLE_ELSEWHERE;
			return conn_make_by_addr((__u64)tp, init);
		}
		*c = *init;
		return c;
	}
#endif
	return conn_make_by_addr((__u64)tp, init);
}

/* The same, when the event that begins the record cannot be told without it. */
static __always_inline struct conn *conn_make_for(enum event_kind kind, struct tcp_sock *tp,
						  const struct conn *init)
{
	struct conn *c = conn_make(tp, init);

	if (!c)
		lost(kind, cfg.store == STORE_SOCKET ? LOST_STORAGE : LOST_MAP);
	return c;
}

/* Forget a socket. Its storage stays until the socket goes: deleting it costs more. */
static __always_inline void conn_drop(struct tcp_sock *tp)
{
	__u64 addr = (__u64)tp;

#ifndef PROBED
	if (cfg.store == STORE_SOCKET) {
		struct conn *c = bpf_sk_storage_get(&conns, tp, NULL, 0);
		bool enough = storage_suffices(tp, c);

		if (c)
			c->role = 0;
		if (enough)
			return;
	}
#endif
	bpf_map_delete_elem(&conns_by_addr, &addr);
}

/* Forget a socket that a filter excludes: however long it lives, nothing is kept with it. */
static __always_inline void conn_exclude(struct tcp_sock *tp)
{
	conn_drop(tp);
#ifndef PROBED
	if (cfg.store == STORE_SOCKET)
		bpf_sk_storage_delete(&conns, tp);
#endif
}

/* Begin an event about a connection: all but what its kind adds. */
static __always_inline struct event *conn_event_begin(enum event_kind kind, __u64 size,
						      __u64 now_ns, const struct conn *c,
						      const struct tuple *t)
{
	struct event *e = event_begin(kind, size, now_ns);

	if (!e)
		return NULL;
	event_set_tuple(e, t);
	event_set_socket(e, c->id, &c->owner, c->attr, c->direction);
	if (c->lorigin)
		e->lorigin = c->lorigin;
	e->peer_pid = c->peer_pid;
	__builtin_memcpy(e->peer_comm, c->peer_comm, COMM_LEN);
	return e;
}

/* Is what happens to this socket to be told? Its record says who owns it. */
static __always_inline bool conn_wanted(const struct conn *c, const struct tuple *t)
{
	return owner_wanted(&c->owner) && tuple_wanted(t, c->direction);
}

#endif
