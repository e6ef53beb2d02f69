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
	__u32 packets; /* 0: a part, more of the same datagram will follow */
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
		*attr = s->attr;
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
SUBPROG long flow_insert(const struct flow_key *key, const struct datagram *d,
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
	if (!err)
		flows_grow(key->id);
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
		flow_tell(f, d->id);
	return 0;
}

static __always_inline void flow_count(struct flow *f, const struct datagram *d, __u32 bytes)
{
	if (d->received) {
		if (!addr_is_set(f->tuple.laddr)) /* the first send did not know its own */
			__builtin_memcpy(f->tuple.laddr, d->tuple.laddr, ADDR_LEN);
		__sync_fetch_and_add(&f->rx_bytes, bytes);
		__sync_fetch_and_add(&f->rx_packets, d->packets);
	} else {
		__sync_fetch_and_add(&f->tx_bytes, bytes);
		__sync_fetch_and_add(&f->tx_packets, d->packets);
	}
}

/* --datagrams */
static __always_inline void datagram_tell(const struct datagram *d, const struct owner *owner,
					  __u8 attr, __u32 bytes)
{
	struct event *e = event_begin(EVENT_SEND, EVENT_HEAD_SIZE, d->now_ns);

	if (!e)
		return;
	event_set_tuple(e, &d->tuple);
	event_set_socket(e, d->id, owner, attr, DIRECTION_OUT);
	e->bytes = bytes;
	e->error = d->error;
	event_end(e);
}

/* A datagram that was not sent is told, but begins no flow. */
SUBPROG int datagram_fail(const struct datagram *d)
{
	struct owner owner;
	__u8 attr;

	if (!d || !wants(EVENT_SEND) || !tuple_wanted(&d->tuple, DIRECTION_OUT))
		return 0;
	if (flow_owner(&owner, &attr, d))
		datagram_tell(d, &owner, attr, d->bytes);
	return 0;
}

/* A part of a datagram was sent, with MSG_MORE or while the socket is corked: the rest will follow. */
SUBPROG int flow_cork(const struct flow_key *key, struct flow *f, __u32 bytes)
{
	struct udp_socket *s;

	if (!key || !f)
		return 0;
	f->corked_bytes = (f->corked == CORKED ? f->corked_bytes : 0) + bytes;
	f->corked = CORKED;
	s = bpf_map_lookup_elem(&udp_sockets, &key->id);
	if (s)
		s->corked = *key;
	return 0;
}

/*
 * The parts of a datagram that are put together by now, when the last has come; 0 else. *@done: it was
 * counted before.
 */
static __always_inline __u32 flow_uncork(struct flow *f, const struct datagram *d, bool *done)
{
	__u32 bytes = f->corked == CORKED ? f->corked_bytes : 0;

	*done = f->corked == UNCORKED && !d->bytes; /* an empty last part, which has pushed it */
	f->corked = NOT_CORKED;
	f->corked_bytes = 0;
	return bytes;
}

SUBPROG int handle_datagram(const struct datagram *d)
{
	struct flow_key key;
	bool done = false;
	struct flow *f;
	__u32 bytes;

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
	f->last_ns = d->now_ns;
	if (!d->packets)
		return flow_cork(&key, f, d->bytes);
	bytes = d->bytes;
	if (f->corked && !d->received)
		bytes += flow_uncork(f, d, &done);
	if (done)
		return 0;
	flow_count(f, d, bytes);
	if (wants(EVENT_SEND) && !d->received && f->shown == SHOWN)
		datagram_tell(d, &f->owner, f->attr, bytes);
	return 0;
}

/* setsockopt() sends what was put together, unless that is more than what was seen: @bytes. */
SUBPROG int handle_uncorked(__u64 id, __u32 bytes)
{
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &id);
	struct datagram d = { .id = id, .now_ns = bpf_ktime_get_ns(), .packets = 1 };
	struct flow_key key;
	struct flow *f;

	if (!s)
		return 0;
	key = s->corked;
	f = bpf_map_lookup_elem(&flows, &key);
	if (!f || f->corked != CORKED || f->corked_bytes != bytes)
		return 0;
	d.tuple = f->tuple;
	handle_datagram(&d);
	f->corked = UNCORKED;
	return 0;
}

/* Tell the end of a flow and forget it. Its record may be used again at once: it is copied. */
SUBPROG int flow_close(const struct flow_key *key, const struct flow *live,
		       const struct udp_end *end, __u8 reason)
{
	struct event *e;
	struct flow f;

	if (!key || !live || !end)
		return 0;
	f = *live;
	if (bpf_map_delete_elem(&flows, key))
		return 0;
	__sync_fetch_and_add(&shared.flow_cnt, -1);
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

/* 8 * log2 of the age, with three bits behind the point: see AGE_CNT. */
static __always_inline __u32 age_of(__u64 ns)
{
	__u64 us = ns >> 10, rest = us;
	__u32 log = 0;

	for (int bits = 32; bits; bits /= 2) {
		if (rest >> bits) {
			rest >>= bits;
			log += bits;
		}
	}
	if (log < AGE_STEP_BITS)
		return log << AGE_STEP_BITS;
	return log << AGE_STEP_BITS | (us >> (log - AGE_STEP_BITS) & ((1 << AGE_STEP_BITS) - 1));
}

/* Is this one of the least recently used, which must go? */
static __always_inline bool flow_is_evicted(__u32 age)
{
	if (age != shared.evict_age)
		return age > shared.evict_age;
	if (!shared.evict_cnt)
		return false;
	shared.evict_cnt--;
	return true;
}

/* Has its socket gone, or has it been idle for too long? */
static __always_inline void flow_sweep_ended(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = bpf_ktime_get_ns(), .closer_pid = f->owner.pid };
	struct udp_end *end = bpf_map_lookup_elem(&dead_udp_sockets, &key->id);

	if (end)
		flow_close(key, f, end, REASON_CLOSED);
	else if (f->last_ns && now.ts_ns > f->last_ns && now.ts_ns - f->last_ns >= cfg.udp_idle_ns)
		flow_close(key, f, &now, REASON_IDLE);
}

/* One flow of the sweep, which one task at a time makes. */
static __always_inline void flow_sweep(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = shared.sweep_ns, .closer_pid = f->owner.pid };
	__u32 age;

	if (shared.sweep_mode == SWEEP_ENDED) {
		flow_sweep_ended(key, f);
		return;
	}
	if (shared.sweep_mode == SWEEP_NEWEST) {
		if (f->last_ns > shared.sweep_ns)
			shared.sweep_ns = f->last_ns;
		return;
	}
	if (!f->last_ns || f->last_ns >= now.ts_ns)
		return; /* just made, or used since the sweep began */
	age = age_of(now.ts_ns - f->last_ns) & (AGE_CNT - 1);
	if (shared.sweep_mode == SWEEP_COUNT)
		shared.flow_ages[age]++;
	else if (flow_is_evicted(age))
		flow_close(key, f, &now, REASON_IDLE);
}

#endif
