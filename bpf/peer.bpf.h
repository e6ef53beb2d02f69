/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The process at the other end of a connection, when both ends are on this machine: over loopback, or
 * in namespaces that virtual devices join. The two ends meet in one record, found by what both know
 * of their connection: the socket pair, and the number that the client's SYN began with, which no
 * other connection of that pair shares.
 */
#ifndef CONNSNOOP_PEER_BPF_H
#define CONNSNOOP_PEER_BPF_H

#include "conn.bpf.h"

/* The same address at both ends, or one of 127.0.0.0/8. */
static __always_inline bool tuple_is_loopback(const struct tuple *t)
{
	const __u64 *l = (const void *)t->laddr, *r = (const void *)t->raddr;

	if (l[0] == r[0] && l[1] == r[1])
		return true;
	return t->ipv == 4 && t->raddr[0] == 127;
}

/* May the other end be on this machine? What leaves by a device with hardware behind it is not. */
static __always_inline bool peer_may_be_here(struct tcp_sock *tp, const struct tuple *t)
{
	struct dst_entry *dst;

	if (tuple_is_loopback(t))
		return true;
	dst = LOAD(tp, inet_conn.icsk_inet.sk.sk_dst_cache);
	return dst && !LOAD(dst, dev, dev.parent);
}

/* The sequence number of the client's SYN, once it is open. RFC 9293, 3.4: the ISN. */
static __always_inline __u32 client_isn(struct tcp_sock *tp, __u8 direction)
{
	/* snd_una has moved on from it by what bytes_acked counts; rcv_nxt by that and the SYN itself */
	if (direction == DIRECTION_OUT)
		return LOAD(tp, snd_una) - LOAD(tp, bytes_acked);
	return LOAD(tp, rcv_nxt) - LOAD(tp, bytes_received) - 1;
}

static __always_inline void peer_key_set(struct peer_key *key, const struct tuple *t,
					 __u8 direction, __u32 isn)
{
	bool out = direction == DIRECTION_OUT;

	__builtin_memcpy(key->client_addr, out ? t->laddr : t->raddr, ADDR_LEN);
	__builtin_memcpy(key->server_addr, out ? t->raddr : t->laddr, ADDR_LEN);
	key->client_port = out ? t->lport : t->rport;
	key->server_port = out ? t->rport : t->lport;
	key->client_isn = isn;
}

static __always_inline void peer_keep(struct conn *c, const struct peer_end *other)
{
	c->peer_pid = other->pid;
	__builtin_memcpy(c->peer_comm, other->comm, COMM_LEN);
}

/* Note where to meet the other end; the SYN has not left if @direction is out. */
static __always_inline void peer_expect(struct tcp_sock *tp, struct conn *c, const struct tuple *t,
					__u32 isn)
{
	if (!peer_may_be_here(tp, t))
		return;
	c->flags |= CONN_F_PEER_HERE;
	c->client_isn = isn;
}

/* The client, or an end that the trace has found: tell the other end who this is. */
static __always_inline void peer_tell(const struct tuple *t, __u8 direction, __u32 isn,
				      const struct peer_end *me)
{
	bool out = direction == DIRECTION_OUT;
	struct peer_key key = {};
	struct peer *p;

	peer_key_set(&key, t, direction, isn);
	p = bpf_map_lookup_elem(&peers, &key);
	if (p) {
		*(out ? &p->client : &p->server) = *me;
	} else {
		struct peer init = {};

		*(out ? &init.client : &init.server) = *me;
		bpf_map_update_elem(&peers, &key, &init, BPF_ANY);
	}
}

static __always_inline void peer_tell_owner(const struct tuple *t, const struct conn *c)
{
	struct peer_end me = { .pid = c->owner.pid };

	if (!(c->flags & CONN_F_PEER_HERE) || !me.pid)
		return;
	__builtin_memcpy(me.comm, c->owner.comm, COMM_LEN);
	peer_tell(t, c->direction, c->client_isn, &me);
}

/*
 * The running process has connected or accepted, and the filters exclude it: the other end may be
 * wanted all the same.
 */
SUBPROG int peer_tell_excluded(struct tcp_sock *tp, const struct tuple *t, __u8 direction)
{
	struct peer_end me = {};

	if (!t || !peer_may_be_here(tp, t))
		return 0;
	closer_current(&me.pid, me.comm, 0);
	if (me.pid)
		peer_tell(t, direction,
			  direction == DIRECTION_OUT ? LOAD(tp, write_seq) :
						       client_isn(tp, direction),
			  &me);
	return 0;
}

/* Who is at the other end, if that has come to be known since. */
static __always_inline void peer_find(const struct tuple *t, struct conn *c)
{
	struct peer_key key = {};
	struct peer_end *other;
	struct peer *p;

	if (c->peer_pid || !(c->flags & CONN_F_PEER_HERE))
		return;
	peer_key_set(&key, t, c->direction, c->client_isn);
	p = bpf_map_lookup_elem(&peers, &key);
	if (!p)
		return;
	other = c->direction == DIRECTION_OUT ? &p->server : &p->client;
	if (other->pid)
		peer_keep(c, other);
}

#endif
