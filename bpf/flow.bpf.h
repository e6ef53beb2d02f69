/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP flows: datagrams are counted per socket and peer; a flow is told when it begins and ends. */
#ifndef CONNSNOOP_FLOW_BPF_H
#define CONNSNOOP_FLOW_BPF_H

#include "sock.bpf.h"

/* What a hook has seen: one datagram, or a part of one. */
struct datagram {
	struct tuple tuple;
	__u64 id;
	__u64 now_ns;
	__u32 bytes;
	__u32 packets; /* 0: corked, more of the same datagram will follow */
	__u32 error;   /* errno: it was not sent */
	__u8 received;
	__u8 attr; /* of the running task, ATTR_NONE when that is not the owner */
};

static __always_inline void flow_key_set(struct flow_key *key, const struct datagram *d)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->id = d->id;
	__builtin_memcpy(key->raddr, d->tuple.raddr, ADDR_LEN);
	key->rport = d->tuple.rport;
	key->ipv = d->tuple.ipv;
}

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
static __noinline int udp_socket_add_flow(const struct flow_key *key)
{
	struct udp_socket *s;

	if (!key)
		return 0;
	s = bpf_map_lookup_elem(&udp_sockets, &key->id);
	if (!s) {
		struct udp_socket init = {};

		bpf_map_update_elem(&udp_sockets, &key->id, &init, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&udp_sockets, &key->id);
		if (!s) {
			lost(EVENT_CLOSE, LOST_MAP);
			return 0;
		}
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

	*attr = d->attr;
	if (d->attr) {
		if (!owner_current(owner))
			return false;
		if (!owner->pid)
			*attr = ATTR_NONE;
		return true;
	}
	__builtin_memset(owner, 0, sizeof(*owner));
	s = bpf_map_lookup_elem(&udp_sockets, &d->id);
	if (s && s->owner.pid) {
		*owner = s->owner;
		*attr = ATTR_LISTEN;
	}
	return true;
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

/* -EEXIST: another CPU was faster. */
static __noinline long flow_insert(const struct flow_key *key, const struct datagram *d,
				   const struct owner *owner, __u8 attr, bool wanted)
{
	struct flow init = { .attr = attr };
	long err;

	if (!key || !d || !owner)
		return -EINVAL;
	init.owner = *owner;
	init.tuple = d->tuple;
	init.start_ns = d->now_ns;
	init.direction = d->received ? DIRECTION_IN : DIRECTION_OUT;
	if (!wanted || !direction_wanted(&d->tuple, init.direction))
		init.shown = HIDDEN;
	else if (!owner_wanted(&init.owner))
		init.shown = UNDECIDED;
	err = bpf_map_update_elem(&flows, key, &init, BPF_NOEXIST);
	if (!err && init.shown == SHOWN)
		flow_tell(&init, key->id);
	else if (err && err != -EEXIST && init.shown == SHOWN)
		lost(EVENT_FLOW, LOST_MAP);
	return err;
}

/* The first datagram between this socket and this peer. NULL when it is not wanted or has no room. */
static __always_inline struct flow *flow_open(const struct flow_key *key, const struct datagram *d)
{
	struct owner owner;
	bool wanted;
	__u8 attr;

	if (!pair_wanted(&d->tuple))
		return NULL;
	wanted = flow_owner(&owner, &attr, d);
	if (!flow_insert(key, d, &owner, attr, wanted))
		udp_socket_add_flow(key);
	return bpf_map_lookup_elem(&flows, key);
}

/* Its owner was not known when the other side began; now it sends or reads. */
static __noinline int flow_adopt(struct flow *f, const struct datagram *d)
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
		flow_tell(f, d->id);
	return 0;
}

static __always_inline void flow_count(struct flow *f, const struct datagram *d)
{
	f->last_ns = d->now_ns;
	if (d->received) {
		if (!addr_is_set(f->tuple.laddr)) /* the first send did not know its own */
			__builtin_memcpy(f->tuple.laddr, d->tuple.laddr, ADDR_LEN);
		__sync_fetch_and_add(&f->rx_bytes, d->bytes);
		__sync_fetch_and_add(&f->rx_packets, d->packets);
	} else {
		__sync_fetch_and_add(&f->tx_bytes, d->bytes);
		__sync_fetch_and_add(&f->tx_packets, d->packets);
	}
}

/* --datagrams */
static __always_inline void datagram_tell(const struct datagram *d, const struct owner *owner,
					  __u8 attr)
{
	struct event *e = event_begin(EVENT_SEND, EVENT_HEAD_SIZE, d->now_ns);

	if (!e)
		return;
	event_set_tuple(e, &d->tuple);
	event_set_socket(e, d->id, owner, attr, DIRECTION_OUT);
	e->bytes = d->bytes;
	e->error = d->error;
	event_end(e);
}

/* A datagram that was not sent is told, but begins no flow. */
static __noinline int datagram_fail(const struct datagram *d)
{
	struct owner owner;
	__u8 attr;

	if (!d || !wants(EVENT_SEND) || !tuple_wanted(&d->tuple, DIRECTION_OUT))
		return 0;
	if (flow_owner(&owner, &attr, d))
		datagram_tell(d, &owner, attr);
	return 0;
}

static __noinline int handle_datagram(const struct datagram *d)
{
	struct flow_key key;
	struct flow *f;

	if (!d)
		return 0;
	flow_key_set(&key, d);
	f = bpf_map_lookup_elem(&flows, &key);
	if (!f)
		f = flow_open(&key, d);
	if (!f)
		return 0;
	if (!f->attr && d->attr)
		flow_adopt(f, d);
	flow_count(f, d);
	if (wants(EVENT_SEND) && !d->received && f->shown == SHOWN)
		datagram_tell(d, &f->owner, f->attr);
	return 0;
}

/* Tell the end of a flow and forget it. Its record may be used again at once: it is copied. */
static __noinline int flow_close(const struct flow_key *key, const struct flow *live,
				 const struct udp_end *end, __u8 reason)
{
	struct event *e;
	struct flow f;

	if (!key || !live || !end)
		return 0;
	f = *live;
	if (bpf_map_delete_elem(&flows, key))
		return 0;
	if (f.shown != SHOWN || !wants(EVENT_CLOSE) || !reason_wanted(reason))
		return 0;
	e = flow_event_begin(EVENT_CLOSE, sizeof(*e), end->ts_ns, &f, key->id);
	if (!e)
		return 0;
	e->reason = reason;
	e->duration_us = (end->ts_ns - f.start_ns) / 1000 ?: 1;
	e->tx_bytes = f.tx_bytes;
	e->rx_bytes = f.rx_bytes;
	e->tx_packets = f.tx_packets;
	e->rx_packets = f.rx_packets;
	if (end->closer_pid != f.owner.pid) {
		e->closer_pid = end->closer_pid;
		__builtin_memcpy(e->closer_comm, end->closer_comm, COMM_LEN);
	}
	event_end(e);
	return 0;
}

/* One flow of the sweep: has its socket gone, or has it been idle for too long? */
static __always_inline void flow_sweep(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = bpf_ktime_get_ns(), .closer_pid = f->owner.pid };
	struct udp_end *end = bpf_map_lookup_elem(&dead_udp_sockets, &key->id);

	if (end)
		flow_close(key, f, end, REASON_CLOSED);
	else if (f->last_ns && now.ts_ns > f->last_ns && now.ts_ns - f->last_ns >= cfg.udp_idle_ns)
		flow_close(key, f, &now, REASON_IDLE);
}

#endif
