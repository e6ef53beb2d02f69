/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP sockets: what is sent, received, bound and closed. */
#ifndef CONNSNOOP_UDP_BPF_H
#define CONNSNOOP_UDP_BPF_H

#include "datagram.bpf.h"

/*
 * From where to where a message goes. @addr: the address in it, of family 0 if there is none: then the
 * socket is connected. False when it goes nowhere.
 */
static __always_inline bool key_set(struct flow_key *key, struct sock *sk,
				    const struct sockaddr_in6 *addr)
{
	const struct sockaddr_in *addr4 = (const void *)addr;
	__be16 port = addr->sin6_port; /* sin_port has the same place */
	__u16 family = addr->sin6_family;
	__u32 raddr[4] = {};

	if (family == AF_INET6) {
		__builtin_memcpy(raddr, &addr->sin6_addr, ADDR_LEN);
	} else if (family == AF_INET) {
		__builtin_memcpy(raddr, &addr4->sin_addr, 4);
	} else {
		family = LOAD(sk, __sk_common.skc_family);
		if (family == AF_INET6)
			LOAD_ADDR6(raddr, sk, skc_v6_daddr);
		else
			raddr[0] = LOAD(sk, __sk_common.skc_daddr);
		port = LOAD(sk, __sk_common.skc_dport);
		barrier(); /* the verifier wants these loads apart from those of @addr */
	}
	key->ipv = 4;
	if (family == AF_INET6)
		key->ipv = addr_normalise(key->raddr, raddr);
	else
		__builtin_memcpy(key->raddr, raddr, 4);
	key->rport = bpf_ntohs(port);
	key->id = sock_cookie(sk);
	return port || addr_is_set(key->raddr);
}

/* What else there is to say of a datagram that is not the next of a known flow. */
static __always_inline void datagram_complete(struct datagram *d, struct tuple *t, struct sock *sk)
{
	__builtin_memset(t, 0, sizeof(*t));
	tuple_from_sock(t, sk, IPPROTO_UDP, LOAD(sk, __sk_common.skc_num));
	t->lorigin = sock_lorigin(sk);
	if (t->ipv != d->key.ipv)
		__builtin_memset(t->laddr, 0, ADDR_LEN); /* :: sends from 0.0.0.0 */
	__builtin_memcpy(t->raddr, d->key.raddr, ADDR_LEN);
	t->rport = d->key.rport;
	t->ipv = d->key.ipv;
	t->flags = EVENT_F_LOCAL | EVENT_F_REMOTE;
	if (t->ipv == 4 && LOAD(sk, __sk_common.skc_family) == AF_INET6)
		t->flags |= EVENT_F_MAPPED;
	if (cfg.link)
		d->sk = as_number(sk);
	d->now_ns = bpf_ktime_get_ns();
}

#define SOL_UDP 17
#define UDP_SEGMENT 103
#define CMSG_CNT_MAX 4

/* The size that the message itself gives for UDP_SEGMENT, among its first few options; 0: none. */
static __always_inline __u32 message_segment_size(struct msghdr *msg)
{
	__u64 left = LOAD(msg, msg_controllen);
	void *at;

	if (!left)
		return 0;
	at = LOAD(msg, msg_control);
	for (int i = 0; i < CMSG_CNT_MAX && left > sizeof(struct cmsghdr); i++) {
		struct cmsghdr option = {};
		__u16 size = 0;
		__u64 step;

		bpf_probe_read_kernel(&option, sizeof(option), at);
		if (option.cmsg_level == SOL_UDP && option.cmsg_type == UDP_SEGMENT) {
			bpf_probe_read_kernel(&size, sizeof(size), at + sizeof(option));
			return size;
		}
		step = (option.cmsg_len + 7) & ~7ULL;
		if (step < sizeof(option) || step > left)
			break;
		at += step;
		left -= step;
	}
	return 0;
}

/* UDP_SEGMENT: the kernel cuts what one call sends into datagrams of this size. */
static __always_inline __u32 datagram_count(struct sock *sk, struct msghdr *msg, __u32 bytes)
{
	__u32 size = message_segment_size(msg) ?: PROBE_LOAD((struct udp_sock *)sk, gso_size);

	return size && bytes > size ? (bytes + size - 1) / size : 1;
}

/* What was sent waits for the rest of its datagram. */
static __always_inline bool is_corked(struct sock *sk)
{
	return PROBE_LOAD((struct udp_sock *)sk, pending);
}

/*
 * udp_sendmsg() or udpv6_sendmsg() has returned @ret. The second calls the first for IPv4, with
 * msg_name in its own, dead frame on some kernels: @inner says which one has returned, and IPv4 is
 * counted there.
 */
static __always_inline int handle_udp_send(struct sock *sk, struct msghdr *msg, __u32 len, int ret,
					   bool inner)
{
	struct datagram d = { .attr = ATTR_SEND };
	struct sockaddr_in6 addr = {};
	void *name = LOAD(msg, msg_name);
	int name_len = LOAD(msg, msg_namelen);
	struct tuple t;

	if (name && name_len >= (int)sizeof(struct sockaddr_in)) {
		if (!inner && name_len < SOCKADDR_IN6_MIN)
			return 0;
		bpf_probe_read_kernel(&addr, ADDRESS_READ(name_len), name);
	}
	if (!key_set(&d.key, sk, &addr) || inner != (d.key.ipv == 4))
		return 0;
	if (ret >= 0) {
		d.bytes = ret;
		if (!is_corked(sk))
			d.packets = datagram_count(sk, msg, ret);
		if (flow_count_next(&d, bpf_ktime_get_ns()))
			return 0;
	} else {
		d.bytes = len;
		d.error = -ret;
	}
	datagram_complete(&d, &t, sk);
	return ret < 0 ? datagram_fail(&d, &t) : handle_datagram(&d, &t);
}

/*
 * What was put together is about to be sent. If it is by setsockopt(), no sendmsg() will return and
 * count it: then nothing was added to what has been seen.
 */
static __always_inline int handle_udp_push(struct sock *sk)
{
	if (LOAD(sk, sk_protocol) != IPPROTO_UDP || !is_corked(sk))
		return 0;
	return handle_uncorked(sock_cookie(sk),
			       PROBE_LOAD((struct udp_sock *)sk, len) - sizeof(struct udphdr));
}

/* UDP_GRO: several datagrams are read as one. */
static __always_inline __u32 datagrams_in(struct sk_buff *skb)
{
	struct skb_shared_info *info = (void *)LOAD(skb, head) + LOAD(skb, end);

	return PROBE_LOAD(info, gso_segs) ?: 1;
}

/* Where a datagram comes from and went to, by its own headers. */
static __always_inline bool key_from_skb(struct flow_key *key, __u32 *laddr, struct sk_buff *skb)
{
	void *head = LOAD(skb, head), *ip = head + LOAD(skb, network_header);
	__u16 protocol = LOAD(skb, protocol);
	__u32 addrs[8] = {};
	__be16 port = 0;

	if (protocol == bpf_htons(ETH_P_IP)) {
		bpf_probe_read_kernel(addrs, 8, ip + __builtin_offsetof(struct iphdr, saddr));
		key->ipv = 4;
		__builtin_memcpy(key->raddr, addrs, 4);
		laddr[0] = addrs[1];
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		bpf_probe_read_kernel(addrs, 32, ip + __builtin_offsetof(struct ipv6hdr, saddr));
		key->ipv = 6;
		__builtin_memcpy(key->raddr, addrs, ADDR_LEN);
		__builtin_memcpy(laddr, &addrs[4], ADDR_LEN);
	} else {
		return false;
	}
	bpf_probe_read_kernel(&port, sizeof(port), head + LOAD(skb, transport_header));
	key->rport = bpf_ntohs(port);
	return true;
}

/* skb_consume_udp(): a datagram has been read, in the task that reads. @len < 0: only peeked at. */
static __always_inline int handle_udp_receive(struct sock *sk, struct sk_buff *skb, int len)
{
	struct datagram d = { .attr = ATTR_RECV, .received = 1 };
	__u32 laddr[4] = {};
	struct tuple t;

	if (len < 0 || LOAD(sk, sk_protocol) != IPPROTO_UDP || !key_from_skb(&d.key, laddr, skb))
		return 0;
	d.key.id = sock_cookie(sk);
	d.bytes = LOAD(skb, len);
	d.packets = datagrams_in(skb);
	if (flow_count_next(&d, bpf_ktime_get_ns()))
		return 0;
	datagram_complete(&d, &t, sk);
	if (!addr_is_set(t.laddr))
		__builtin_memcpy(t.laddr, laddr, ADDR_LEN);
	return handle_datagram(&d, &t);
}

/* listen, unlisten */
static __always_inline void udp_port_tell(enum event_kind kind, struct sock *sk, __u16 port,
					  __u64 id, const struct owner *owner, __u8 attr)
{
	struct tuple t = {};
	struct event *e;

	if (!wants(kind) || !owner_wanted(owner))
		return;
	tuple_from_sock(&t, sk, IPPROTO_UDP, port);
	tuple_set_listening(&t, sk);
	t.lorigin = LORIGIN_BOUND;
	if (!tuple_wanted(&t, DIRECTION_NONE))
		return;
	e = event_begin(kind, EVENT_HEAD_SIZE, bpf_ktime_get_ns());
	if (!e)
		return;
	event_set_tuple(e, &t);
	event_set_socket(e, id, owner, owner->pid ? attr : ATTR_NONE, DIRECTION_NONE);
	event_end(e);
}

/* Note whose the socket is, whoever reads or writes first. */
SUBPROG long udp_socket_own(__u64 id, const struct owner *owner, __u8 attr, bool scan_done)
{
	struct udp_socket s = {};

	if (!owner)
		return -EINVAL;
	s.owner = *owner;
	s.attr = attr;
	s.scan_done = scan_done;
	return bpf_map_update_elem(&udp_sockets, &id, &s, BPF_ANY);
}

/* The scan may come upon a socket that is younger than it. */
SUBPROG long udp_socket_is_new(__u64 id)
{
	struct udp_socket s = { .scan_done = 1 };

	return shared.scan_runs ? bpf_map_update_elem(&udp_sockets, &id, &s, BPF_NOEXIST) : 0;
}

/* A UDP socket was bound, to a port that the process named or (@port 0) that the kernel chose. */
static __always_inline int handle_udp_bind(struct sock *sk, __u16 port)
{
	struct owner owner;
	__u64 id;

	if (LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	id = sock_cookie(sk);
	if (!port) {
		udp_socket_is_new(id);
		return 0; /* all that a program at the end of a function may return */
	}
	owner_current(&owner);
	/* without a record unlisten has no owner, whom a filter may ask for */
	if (udp_socket_own(id, &owner, ATTR_LISTEN, true) && cfg.filters & FILTER_OWNER)
		lost(EVENT_UNLISTEN, LOST_MAP);
	udp_port_tell(EVENT_LISTEN, sk, port, id, &owner, ATTR_LISTEN);
	return 0;
}

/* The flows of a socket that the running task closes. */
SUBPROG int udp_flows_close(__u64 id, const struct udp_socket *s)
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
	/* several flows of one socket are found by a sweep; without it they will go idle */
	if (s->flow_cnt > 1 && !bpf_map_update_elem(&dead_udp_sockets, &id, &end, BPF_ANY))
		sweep_ask(id);
	return 0;
}

/* A UDP socket is closed for good, in the task that closes it. */
static __always_inline int handle_udp_destroy(struct sock *sk)
{
	__u16 port = LOAD(sk, __sk_common.skc_num);
	__u64 id = sock_cookie(sk);
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &id);
	struct owner owner = {};
	__u8 attr = ATTR_NONE;

	if (s) {
		udp_flows_close(id, s);
		owner = s->owner;
		attr = s->attr;
	}
	/* the lock tells, not the record: the socket may be older than the trace */
	if (port && sock_lorigin(sk) == LORIGIN_BOUND)
		udp_port_tell(EVENT_UNLISTEN, sk, port, id, &owner, attr);
	if (s)
		bpf_map_delete_elem(&udp_sockets, &id);
	return 0;
}

#endif
