/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP: datagrams are counted per flow, a socket and a peer; a flow is told when it begins and ends. */
#ifndef CONNSNOOP_UDP_BPF_H
#define CONNSNOOP_UDP_BPF_H

#include "sock.bpf.h"

/* What a hook has seen: one datagram, or a part of one. */
struct datagram {
	struct tuple tuple;
	__u64 id;
	__u64 now_ns;
	__u32 bytes;
	__u32 packets;	/* 0: corked, more of the same datagram will follow */
	__u32 error;	/* errno: it was not sent */
	__u8 received;
	__u8 attr;	/* of the running task, ATTR_NONE when that is not the owner */
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

/* Whose a new flow is: the running task's, or that of who bound the socket. */
static __always_inline __u8 flow_owner(struct owner *owner, const struct datagram *d)
{
	struct udp_socket *s;

	if (d->attr) {
		owner_current(owner);
		return owner->pid ? d->attr : ATTR_NONE;
	}
	__builtin_memset(owner, 0, sizeof(*owner));
	s = bpf_map_lookup_elem(&udp_sockets, &d->id);
	if (!s || !s->owner.pid)
		return ATTR_NONE;
	*owner = s->owner;
	return ATTR_LISTEN;
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

/* What the filters say of a flow, as far as its owner is known. */
static __always_inline enum shown flow_shown(const struct tuple *t, __u8 direction,
					     const struct owner *owner)
{
	if (!direction_wanted(t, direction))
		return HIDDEN;
	if (owner_wanted(owner))
		return SHOWN;
	return owner->pid ? HIDDEN : UNDECIDED;
}

/* -EEXIST: another CPU was faster. */
static __noinline long flow_insert(const struct flow_key *key, const struct datagram *d,
				   const struct owner *owner, __u8 attr)
{
	struct flow init = { .attr = attr };
	long err;

	if (!key || !d || !owner)
		return -EINVAL;
	init.owner = *owner;
	init.tuple = d->tuple;
	init.start_ns = d->now_ns;
	init.direction = d->received ? DIRECTION_IN : DIRECTION_OUT;
	init.shown = flow_shown(&d->tuple, init.direction, owner);
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
	__u8 attr;

	if (!pair_wanted(&d->tuple))
		return NULL;
	attr = flow_owner(&owner, d);
	if (!flow_insert(key, d, &owner, attr))
		udp_socket_add_flow(key);
	return bpf_map_lookup_elem(&flows, key);
}

/* Its owner was not known when the other side began; now it sends or reads. */
static __noinline int flow_adopt(struct flow *f, const struct datagram *d)
{
	if (!f || !d)
		return 0;
	owner_current(&f->owner);
	if (!f->owner.pid)
		return 0;
	f->attr = d->attr;
	if (f->shown != UNDECIDED)
		return 0;
	f->shown = owner_wanted(&f->owner) ? SHOWN : HIDDEN;
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
	attr = flow_owner(&owner, d);
	if (owner_wanted(&owner))
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
	if (!f->owner.pid && d->attr)
		flow_adopt(f, d);
	flow_count(f, d);
	if (wants(EVENT_SEND) && !d->received && f->shown == SHOWN)
		datagram_tell(d, &f->owner, f->attr);
	return 0;
}

/* The other end of an unconnected send: what msg_name points to, in kernel memory by now. */
static __always_inline bool tuple_set_peer(struct tuple *t, const struct sockaddr_in6 *addr)
{
	const struct sockaddr_in *addr4 = (const void *)addr;

	__builtin_memset(t->raddr, 0, ADDR_LEN);
	if (addr->sin6_family == AF_INET6) {
		__u8 ipv = addr_normalise(t->raddr, addr->sin6_addr.in6_u.u6_addr32);

		if (ipv == 4 && t->ipv == 6)
			__builtin_memset(t->laddr, 0, ADDR_LEN); /* :: sends from 0.0.0.0 */
		t->ipv = ipv;
		t->rport = bpf_ntohs(addr->sin6_port);
	} else {
		if (t->ipv == 6)
			__builtin_memset(t->laddr, 0, ADDR_LEN);
		t->ipv = 4;
		__builtin_memcpy(t->raddr, &addr4->sin_addr, 4);
		t->rport = bpf_ntohs(addr4->sin_port);
	}
	t->flags |= EVENT_F_REMOTE;
	return t->rport;
}

/*
 * udp_sendmsg() or udpv6_sendmsg() has returned @ret. The second calls the first for IPv4, with
 * msg_name in its own, dead frame on some kernels: @inner says which one has returned, and IPv4 is
 * counted there.
 */
static __always_inline int handle_udp_send(struct sock *sk, struct msghdr *msg, int ret, bool inner)
{
	struct datagram d = { .attr = ATTR_SEND };
	struct sockaddr_in6 addr = {};
	void *name = LOAD(msg, msg_name);
	int name_len = LOAD(msg, msg_namelen);

	tuple_from_sock(&d.tuple, sk, IPPROTO_UDP, LOAD(sk, __sk_common.skc_num));
	d.tuple.lorigin = sock_lorigin(sk);
	if (name && name_len >= (int)sizeof(struct sockaddr_in)) {
		if (!inner && name_len < 24 /* SIN6_LEN_RFC2133 */)
			return 0;
		bpf_probe_read_kernel(&addr, name_len >= (int)sizeof(addr) ?
					      sizeof(addr) : sizeof(struct sockaddr_in), name);
		if (addr.sin6_family == AF_INET || addr.sin6_family == AF_INET6)
			tuple_set_peer(&d.tuple, &addr);
	}
	if (inner != (d.tuple.ipv == 4) || !(d.tuple.flags & EVENT_F_REMOTE))
		return 0;
	if (d.tuple.ipv == 4 && LOAD(sk, __sk_common.skc_family) == AF_INET6)
		d.tuple.flags |= EVENT_F_MAPPED;
	d.id = sock_cookie(sk);
	d.now_ns = bpf_ktime_get_ns();
	if (ret < 0) {
		d.error = -ret;
		return datagram_fail(&d);
	}
	d.bytes = ret;
	d.packets = !(LOAD(msg, msg_flags) & MSG_MORE);
	return handle_datagram(&d);
}

/* Source and destination of a received datagram, from its own headers. */
static __always_inline bool tuple_from_skb(struct tuple *t, struct sk_buff *skb)
{
	void *head = LOAD(skb, head), *ip = head + LOAD(skb, network_header);
	__be16 ports[2] = {};
	__u32 addrs[8] = {};
	bool any = !addr_is_set(t->laddr);

	bpf_probe_read_kernel(ports, sizeof(ports), head + LOAD(skb, transport_header));
	__builtin_memset(t->raddr, 0, ADDR_LEN);
	if (LOAD(skb, protocol) == bpf_htons(ETH_P_IP)) {
		bpf_probe_read_kernel(addrs, 8, ip + __builtin_offsetof(struct iphdr, saddr));
		if (t->ipv == 6)
			t->flags |= EVENT_F_MAPPED;
		t->ipv = 4;
		__builtin_memcpy(t->raddr, addrs, 4);
		if (any)
			__builtin_memcpy(t->laddr, &addrs[1], 4);
	} else if (LOAD(skb, protocol) == bpf_htons(ETH_P_IPV6)) {
		bpf_probe_read_kernel(addrs, 32, ip + __builtin_offsetof(struct ipv6hdr, saddr));
		t->ipv = 6;
		__builtin_memcpy(t->raddr, addrs, ADDR_LEN);
		if (any)
			__builtin_memcpy(t->laddr, &addrs[4], ADDR_LEN);
	} else {
		return false;
	}
	t->rport = bpf_ntohs(ports[0]);
	t->flags |= EVENT_F_REMOTE;
	return true;
}

/* skb_consume_udp(): a datagram has been read, in the task that reads. @len < 0: only peeked at. */
static __always_inline int handle_udp_receive(struct sock *sk, struct sk_buff *skb, int len)
{
	struct datagram d = { .attr = ATTR_RECV, .received = 1, .packets = 1 };

	if (len < 0 || LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	tuple_from_sock(&d.tuple, sk, IPPROTO_UDP, LOAD(sk, __sk_common.skc_num));
	d.tuple.lorigin = sock_lorigin(sk);
	if (!tuple_from_skb(&d.tuple, skb))
		return 0;
	d.id = sock_cookie(sk);
	d.now_ns = bpf_ktime_get_ns();
	d.bytes = LOAD(skb, len);
	return handle_datagram(&d);
}

/* listen, unlisten */
static __always_inline void udp_port_tell(enum event_kind kind, struct sock *sk, __u16 port,
					  __u64 id, const struct owner *owner)
{
	struct tuple t = {};
	struct event *e;

	if (!wants(kind) || !owner_wanted(owner))
		return;
	tuple_from_sock(&t, sk, IPPROTO_UDP, port);
	tuple_set_listening(&t);
	t.lorigin = LORIGIN_BOUND;
	if (!tuple_wanted(&t, DIRECTION_NONE))
		return;
	e = event_begin(kind, EVENT_HEAD_SIZE, bpf_ktime_get_ns());
	if (!e)
		return;
	event_set_tuple(e, &t);
	event_set_socket(e, id, owner, owner->pid ? ATTR_LISTEN : ATTR_NONE, DIRECTION_NONE);
	event_end(e);
}

/* A UDP socket was bound to a port that the process named. */
static __always_inline int handle_udp_bind(struct sock *sk, __u16 port)
{
	struct udp_socket s = {};
	__u64 id;

	if (!port || LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	id = sock_cookie(sk);
	owner_current(&s.owner);
	if (bpf_map_update_elem(&udp_sockets, &id, &s, BPF_ANY))
		lost(EVENT_UNLISTEN, LOST_MAP);
	udp_port_tell(EVENT_LISTEN, sk, port, id, &s.owner);
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

/* Several flows of one socket are found by a sweep over all: ask the loader for it. */
static __always_inline void sweep_ask(__u64 id, const struct udp_end *end)
{
	struct event *e;

	if (bpf_map_update_elem(&dead_udp_sockets, &id, end, BPF_ANY))
		return; /* they will go idle */
	e = bpf_ringbuf_reserve(&events, EVENT_HEAD_SIZE, 0);
	if (!e)
		return; /* the loader sweeps for idle flows in any case */
	__builtin_memset(e, 0, EVENT_HEAD_SIZE);
	e->kind = RECORD_SWEEP;
	e->id = id;
	event_end(e);
}

/* The flows of a socket that the running task closes. */
static __noinline int udp_flows_close(__u64 id, const struct udp_socket *s)
{
	struct udp_end end = { .ts_ns = bpf_ktime_get_ns() };
	struct flow_key first;
	struct flow *f;

	if (!s || !s->flow_cnt)
		return 0;
	first = s->first;
	closer_current(&end.closer_pid, end.closer_comm, 0);
	f = bpf_map_lookup_elem(&flows, &first);
	if (f)
		flow_close(&first, f, &end, REASON_CLOSED);
	if (s->flow_cnt > 1)
		sweep_ask(id, &end);
	return 0;
}

/* A UDP socket is closed for good, in the task that closes it. */
static __always_inline int handle_udp_destroy(struct sock *sk)
{
	__u16 port = LOAD(sk, __sk_common.skc_num);
	__u64 id = sock_cookie(sk);
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &id);
	struct owner owner = {};

	if (s) {
		udp_flows_close(id, s);
		owner = s->owner;
	}
	/* the lock tells, not the record: the socket may be older than the trace */
	if (port && sock_lorigin(sk) == LORIGIN_BOUND)
		udp_port_tell(EVENT_UNLISTEN, sk, port, id, &owner);
	if (s)
		bpf_map_delete_elem(&udp_sockets, &id);
	return 0;
}

/* One flow of the sweep: has its socket gone, or has it been idle for too long? */
static __always_inline void flow_sweep(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = bpf_ktime_get_ns(), .closer_pid = f->owner.pid };
	struct udp_end *end = bpf_map_lookup_elem(&dead_udp_sockets, &key->id);

	if (end)
		flow_close(key, f, end, REASON_CLOSED);
	else if (f->last_ns && now.ts_ns > f->last_ns &&
		 now.ts_ns - f->last_ns >= cfg.udp_idle_ns)
		flow_close(key, f, &now, REASON_IDLE);
}

#endif
