/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP flows, of one socket and one peer each: a flow is told when it begins and ends. */
#ifndef CONNSNOOP_FLOW_BPF_H
#define CONNSNOOP_FLOW_BPF_H

#include "sock.bpf.h"

/* What a hook has seen: one datagram, or a part of one. Its tuple is only made where that is needed. */
struct datagram {
	struct flow_key key;
	__u64 now_ns;
	__u32 bytes;
	__u32 packets; /* 0: a part, more of the same datagram will follow */
	__u32 error;   /* errno: it was not sent */
	__u64 sk;      /* --link: the struct sock, 0: not at hand */
	__u8 received;
	__u8 attr; /* of the running task, ATTR_NONE when that is not the owner */
};

static __always_inline struct event *flow_event_begin(enum event_kind kind, __u64 size,
						      __u64 now_ns, const struct flow *f, __u64 id)
{
	struct event *e = event_begin(kind, size, now_ns);

	if (!e)
		return NULL;
	event_set_tuple(e, &f->tuple);
	event_set_socket(e, id, &f->owner, f->attr, f->direction);
	return e;
}

/* Remember that the socket has a flow, for its end: the first is found by itself. */
SUBPROG int udp_socket_add_flow(const struct flow_key *key)
{
	struct udp_socket *s;

	if (!key)
		return 0;
	s = bpf_map_lookup_elem(&udp_sockets, &key->id);
	if (!s) {
		struct udp_socket init = {};

		bpf_map_update_elem(&udp_sockets, &key->id, &init, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&udp_sockets, &key->id);
		if (!s)
			return 0; /* its flows will be closed when they are idle */
	}
	if (!s->flow_cnt)
		s->first = *key;
	__sync_fetch_and_add(&s->flow_cnt, 1);
	return 0;
}

/*
 * Whose a new flow is: the running task's, or that of who bound the socket. False when the filters
 * exclude it; nobody when it is not known yet.
 */
static __always_inline bool flow_owner(struct owner *owner, __u8 *attr, const struct datagram *d)
{
	struct udp_socket *s;

	/* so does owner_current(), but 5.10 does not see it */
	__builtin_memset(owner, 0, sizeof(*owner));
	*attr = d->attr;
	if (d->attr) {
		if (!owner_current(owner))
			return false;
		if (!owner->pid)
			*attr = ATTR_NONE;
		return true;
	}
	s = bpf_map_lookup_elem(&udp_sockets, &d->key.id);
	if (s && s->owner.pid) {
		*owner = s->owner;
		*attr = s->attr;
	}
	return true;
}

/* Before the flow is told: deeper there is no room on the stack of 5.10. */
static __always_inline void flow_link(const struct datagram *d)
{
	if (link_wanted(1u << EVENT_FLOW | 1u << EVENT_CLOSE | 1u << EVENT_SEND) && d->sk)
		link_tell((struct sock *)d->sk, d->key.id, d->key.ipv, false);
}

static __always_inline void flow_tell(const struct flow *f, __u64 id)
{
	struct event *e;

	if (!wants(EVENT_FLOW))
		return;
	e = flow_event_begin(EVENT_FLOW, EVENT_HEAD_SIZE, f->start_ns, f, id);
	if (e)
		event_end(e);
}

/* Ask the loader to sweep over all flows. */
SUBPROG int sweep_ask(__u64 id)
{
	struct event *e = bpf_ringbuf_reserve(&events, EVENT_HEAD_SIZE, 0);

	if (!e)
		return -1; /* it will wake for what fills the buffer, and look whether there are flows */
	__builtin_memset(e, 0, EVENT_HEAD_SIZE);
	e->kind = RECORD_SWEEP;
	e->id = id;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* One flow more: the first is to be swept from now on; of many, the least recently used must go. */
static __always_inline void flows_grow(__u64 id)
{
	__sync_fetch_and_add(&shared.flow_cnt, 1);
	if ((shared.sweep_planned && shared.flow_cnt < cfg.flows_mark) || shared.sweep_asked)
		return;
	shared.sweep_asked = 1;
	if (sweep_ask(id))
		shared.sweep_asked = 0;
}

/* -EEXIST: another CPU was faster. */
SUBPROG long flow_insert(const struct datagram *d, const struct tuple *t, const struct owner *owner,
			 __u8 attr, bool wanted)
{
	struct flow init = { .attr = attr };
	long err;

	if (!d || !t || !owner)
		return -EINVAL;
	init.owner = *owner;
	init.tuple = *t;
	init.local_known = addr_is_set(t->laddr);
	init.start_ns = d->now_ns;
	init.direction = d->received ? DIRECTION_IN : DIRECTION_OUT;
	if (!wanted || !direction_wanted(t, init.direction))
		init.shown = HIDDEN;
	else if (!owner_wanted(&init.owner))
		init.shown = UNDECIDED;
	err = bpf_map_update_elem(&flows, &d->key, &init, BPF_NOEXIST);
	if (!err)
		flows_grow(d->key.id);
	if (!err && init.shown == SHOWN)
		flow_tell(&init, d->key.id);
	else if (err && err != -EEXIST && init.shown == SHOWN)
		lost(EVENT_FLOW, LOST_MAP);
	return err;
}

/* Could the filters want a flow of this pair, whoever owns it and whichever side began? */
static __always_inline bool flow_possible(const struct tuple *t)
{
	return pair_wanted(t) &&
	       (direction_wanted(t, DIRECTION_OUT) || direction_wanted(t, DIRECTION_IN));
}

/* The first datagram between this socket and this peer. NULL when it is not wanted or has no room. */
static __always_inline struct flow *flow_open(const struct datagram *d, const struct tuple *t)
{
	struct owner owner;
	bool wanted;
	__u8 attr;

	if (!flow_possible(t))
		return NULL;
	wanted = flow_owner(&owner, &attr, d);
	if (wanted)
		flow_link(d);
	if (!flow_insert(d, t, &owner, attr, wanted))
		udp_socket_add_flow(&d->key);
	return bpf_map_lookup_elem(&flows, &d->key);
}

/* Its owner was not known when the other side began; now it sends or reads. */
SUBPROG int flow_adopt(struct flow *f, const struct datagram *d)
{
	bool wanted;

	if (!f || !d)
		return 0;
	wanted = owner_current(&f->owner);
	if (wanted && !f->owner.pid)
		return 0; /* the kernel itself */
	f->attr = d->attr;
	if (f->shown != UNDECIDED)
		return 0;
	f->shown = wanted ? SHOWN : HIDDEN;
	if (f->shown == SHOWN)
		flow_tell(f, d->key.id);
	return 0;
}

/*
 * Tell the end of a flow and forget it: 1, or 0 if another CPU has. Its record may be used again at
 * once: it is copied.
 */
SUBPROG int flow_close(const struct flow_key *key, const struct flow *live,
		       const struct udp_end *end, __u8 reason)
{
	struct flow copy, *f = &copy;
	struct event *e;

	if (!key || !live || !end)
		return 0;
	copy = *live;
	barrier_var(f); /* else the compiler keeps it in pieces: 232 bytes of stack, not 176 */
	if (bpf_map_delete_elem(&flows, key))
		return 0;
	__sync_fetch_and_add(&shared.flow_cnt, -1);
	if (f->shown != SHOWN || !wants(EVENT_CLOSE) || !reason_wanted(reason))
		return 1;
	e = flow_event_begin(EVENT_CLOSE, sizeof(*e), end->ts_ns, f, key->id);
	if (!e)
		return 1;
	e->reason = reason;
	e->duration_us = (end->ts_ns - f->start_ns) / 1000 ?: 1;
	e->tx_bytes = f->tx_bytes;
	e->rx_bytes = f->rx_bytes;
	e->tx_packets = f->tx_packets;
	e->rx_packets = f->rx_packets;
	if (end->closer_pid != f->owner.pid) {
		e->closer_pid = end->closer_pid;
		__builtin_memcpy(e->closer_comm, end->closer_comm, COMM_LEN);
	}
	event_end(e);
	return 1;
}

#endif
