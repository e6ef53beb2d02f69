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
	const __u64 *l = (const void *)t->laddr, *r = (const void *)t->raddr;
	bool out = direction == DIRECTION_OUT;
	__u64 local = l[0] ^ l[1], remote = r[0] ^ r[1];

	key->addrs = out ? local << 1 ^ remote : remote << 1 ^ local;
	key->client_isn = isn;
	key->client_port = out ? t->lport : t->rport;
	key->server_port = out ? t->rport : t->lport;
}

/* Note where to meet the other end; the SYN has not left if @direction is out. */
static __always_inline void peer_expect(struct tcp_sock *tp, struct conn *c, __u32 isn)
{
	if (!peer_may_be_here(tp, &c->e.tuple))
		return;
	c->flags |= CONN_F_PEER_HERE;
	c->client_isn = isn;
}

static __always_inline struct peer_end *peer_end(struct peer *p, bool client)
{
	return client ? &p->client : &p->server;
}

/* The client, or an end that the trace has found: tell the other end who this is. */
static __always_inline void peer_tell(const struct peer_key *key, __u8 direction,
				      const struct peer_end *me)
{
	bool client = direction == DIRECTION_OUT;
	struct peer *p = bpf_map_lookup_elem(&peers, key);

	if (p && me->done && peer_end(p, !client)->done) {
		bpf_map_delete_elem(&peers, key);
	} else if (p) {
		*peer_end(p, client) = *me;
	} else {
		struct peer init = {};

		*peer_end(&init, client) = *me;
		bpf_map_update_elem(&peers, key, &init, BPF_ANY);
	}
}

static __always_inline void conn_peer_key(struct peer_key *key, const struct conn *c)
{
	peer_key_set(key, &c->e.tuple, c->e.direction, c->client_isn);
}

static __always_inline void peer_tell_owner(const struct conn *c)
{
	struct peer_end me = { .pid = c->e.owner.pid };
	struct peer_key key;

	if (!(c->flags & CONN_F_PEER_HERE) || !me.pid)
		return;
	__builtin_memcpy(me.comm, c->e.owner.comm, COMM_LEN);
	conn_peer_key(&key, c);
	peer_tell(&key, c->e.direction, &me);
}

/* May the filters want the other end of a connection? Its namespace and its owner are not known. */
static __always_inline bool peer_may_be_wanted(const struct tuple *t, __u8 direction)
{
	struct tuple other = *t;

	__builtin_memcpy(other.laddr, t->raddr, ADDR_LEN);
	__builtin_memcpy(other.raddr, t->laddr, ADDR_LEN);
	other.lport = t->rport;
	other.rport = t->lport;
	other.netns = cfg.netns;
	return tuple_wanted(&other, direction == DIRECTION_OUT ? DIRECTION_IN : DIRECTION_OUT);
}

/*
 * The running process has connected or accepted, and the filters exclude it: the other end may be
 * wanted all the same.
 */
SUBPROG int peer_tell_excluded(struct tcp_sock *tp, const struct tuple *t, __u8 direction)
{
	bool out = direction == DIRECTION_OUT;
	struct peer_end me = { .done = 1 };
	struct peer_key key;

	if (!t || !peer_may_be_here(tp, t) || !peer_may_be_wanted(t, direction))
		return 0;
	closer_current(&me.pid, me.comm, 0);
	if (!me.pid)
		return 0;
	peer_key_set(&key, t, direction, out ? LOAD(tp, write_seq) : client_isn(tp, direction));
	peer_tell(&key, direction, &me);
	return 0;
}

static __always_inline void peer_keep(struct conn *c, const struct peer_end *other)
{
	c->e.peer_pid = other->pid;
	__builtin_memcpy(c->e.peer_comm, other->comm, COMM_LEN);
}

static __always_inline struct peer *peer_lookup(struct peer_key *key, const struct conn *c)
{
	if (!(c->flags & CONN_F_PEER_HERE))
		return NULL;
	conn_peer_key(key, c);
	return bpf_map_lookup_elem(&peers, key);
}

static __always_inline void peer_learn(struct conn *c, struct peer *p)
{
	struct peer_end *other = peer_end(p, c->e.direction != DIRECTION_OUT);

	if (other->pid)
		peer_keep(c, other);
}

/* Who is at the other end, if that is known by now. */
static __always_inline void peer_find(struct conn *c)
{
	struct peer_key key;
	struct peer *p = c->e.peer_pid ? NULL : peer_lookup(&key, c);

	if (p)
		peer_learn(c, p);
}

/* The server has accepted: both ends introduce themselves. */
static __always_inline void peer_meet(struct conn *c)
{
	struct peer_key key;
	struct peer *p = peer_lookup(&key, c);

	if (!p || !p->client.pid)
		return;
	peer_learn(c, p);
	p->server.pid = c->e.owner.pid;
	__builtin_memcpy(p->server.comm, c->e.owner.comm, COMM_LEN);
	p->server.done = 1;
	if (p->client.done)
		bpf_map_delete_elem(&peers, &key);
}

/*
 * The connection is over, or came to nothing. The record goes with its last reader: a table that is
 * never full makes an insertion 0.2 us cheaper than one that has to find the least recently used.
 */
static __always_inline void peer_part(struct conn *c)
{
	bool client = c->e.direction == DIRECTION_OUT;
	struct peer_key key;
	struct peer *p;

	if (!client && c->e.peer_pid)
		return; /* they have met */
	p = peer_lookup(&key, c);
	if (!p)
		return;
	peer_learn(c, p);
	if (peer_end(p, !client)->done || !(c->flags & CONN_F_OPEN))
		bpf_map_delete_elem(&peers, &key);
	else
		peer_end(p, client)->done = 1;
}

#endif
