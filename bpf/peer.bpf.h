/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The process at the other end of a connection, when both ends are on this machine. */
#ifndef CONNSNOOP_PEER_BPF_H
#define CONNSNOOP_PEER_BPF_H

#include "conn.bpf.h"

/* Both ends here: a loopback address, or the same address twice. */
static __always_inline bool tuple_is_local(const struct tuple *t)
{
	const __u64 *l = (const void *)t->laddr, *r = (const void *)t->raddr;

	if (l[0] == r[0] && l[1] == r[1])
		return true;
	return t->ipv == 4 && t->raddr[0] == 127;
}

/* Let the other end know who this one is. @other_id: its socket, 0 if not known yet. */
static __always_inline void peer_tell(const struct tuple *t, const struct conn *c, __u64 other_id)
{
	struct peer_key key = { .netns = t->netns, .lport = t->lport, .rport = t->rport };
	struct peer peer = { .id = c->id, .other_id = other_id, .pid = c->owner.pid };

	__builtin_memcpy(key.laddr, t->laddr, ADDR_LEN);
	__builtin_memcpy(key.raddr, t->raddr, ADDR_LEN);
	__builtin_memcpy(peer.comm, c->owner.comm, COMM_LEN);
	bpf_map_update_elem(&peers, &key, &peer, BPF_ANY);
}

static __always_inline struct peer *peer_lookup(const struct tuple *t)
{
	struct peer_key key = { .netns = t->netns, .lport = t->rport, .rport = t->lport };

	__builtin_memcpy(key.laddr, t->raddr, ADDR_LEN);
	__builtin_memcpy(key.raddr, t->laddr, ADDR_LEN);
	return bpf_map_lookup_elem(&peers, &key);
}

static __always_inline void peer_keep(struct conn *c, const struct peer *p)
{
	c->peer_pid = p->pid;
	__builtin_memcpy(c->peer_comm, p->comm, COMM_LEN);
}

/* accept(): the client has told; tell it in turn. */
static __always_inline void peer_of_accepted(const struct tuple *t, struct conn *c)
{
	struct peer *p;

	if (!tuple_is_local(t))
		return;
	p = peer_lookup(t);
	if (!p || !p->pid)
		return;
	peer_keep(c, p);
	peer_tell(t, c, p->id);
}

/* The client's end: who accepted, if somebody has. The same ports may have served before. */
static __always_inline void peer_of_client(const struct tuple *t, struct conn *c)
{
	struct peer *p;

	if (c->peer_pid || !tuple_is_local(t))
		return;
	p = peer_lookup(t);
	if (p && p->other_id == c->id)
		peer_keep(c, p);
}

#endif
