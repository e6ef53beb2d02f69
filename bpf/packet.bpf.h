/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP packets of a cgroup's sockets, as the cgroup_skb hooks see them. */
#ifndef CONNSNOOP_PACKET_BPF_H
#define CONNSNOOP_PACKET_BPF_H

#include "udp.bpf.h"

/* When a flow was last used need be known to a tick only, if the table is too large to turn over in one:
 * saves 10 ns a datagram. */
#define FLOWS_BY_TICK 65536

static __always_inline __u64 flow_clock(void)
{
	if (cfg.flows_mark >= FLOWS_BY_TICK &&
	    bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_coarse_ns))
		return bpf_ktime_get_coarse_ns();
	return bpf_ktime_get_ns();
}

#define ALLOW 1 /* what every cgroup hook of ours returns: they are in the path of the decision */

/*
 * The other side and the payload of a UDP packet that begins with its IP header, and this side's port;
 * false if it is no such packet. Both headers are there: the kernel itself has written or read them.
 */
static __always_inline bool packet_parse(struct __sk_buff *skb, struct datagram *d, __u16 *lport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;
	struct udphdr *udp;
	__u32 header;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
			return false;
		__builtin_memcpy(d->key.raddr, d->received ? &ip->saddr : &ip->daddr, 4);
		header = (*(__u8 *)data & 0xf) * 4;
		d->key.ipv = 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_UDP)
			return false;
		__builtin_memcpy(d->key.raddr, d->received ? &ip6->saddr : &ip6->daddr, ADDR_LEN);
		header = sizeof(*ip6);
		d->key.ipv = 6;
	} else {
		return false;
	}
	udp = data + header;
	if ((void *)(udp + 1) > end)
		return false;
	d->key.rport = bpf_ntohs(d->received ? udp->source : udp->dest);
	*lport = bpf_ntohs(d->received ? udp->dest : udp->source);
	d->bytes = skb->len - header - sizeof(*udp);
	return true;
}

/* This side's address. */
static __always_inline void packet_local(struct __sk_buff *skb, bool received, struct tuple *t)
{
	if (t->ipv == 4)
		bpf_skb_load_bytes(skb,
				   received ? __builtin_offsetof(struct iphdr, daddr) :
					      __builtin_offsetof(struct iphdr, saddr),
				   t->laddr, 4);
	else
		bpf_skb_load_bytes(skb,
				   received ? __builtin_offsetof(struct ipv6hdr, daddr) :
					      __builtin_offsetof(struct ipv6hdr, saddr),
				   t->laddr, ADDR_LEN);
}

/* The UDP socket that sends or receives the packet. */
static __always_inline struct bpf_sock *packet_sock(struct __sk_buff *skb)
{
	struct bpf_sock *common = skb->sk, *full = common ? bpf_sk_fullsock(common) : NULL;

	return full && full->protocol == IPPROTO_UDP ? full : NULL;
}

static __always_inline __u32 packet_netns(struct bpf_sock *full)
{
	struct sock *sk = (struct sock *)as_number(full);

	return LOAD(sk, __sk_common.skc_net.net, ns.inum);
}

/* What the packet itself tells a filter is asked first: one that is excluded costs 10 ns, not 55. */
static __always_inline bool packet_wanted(struct __sk_buff *skb, const struct datagram *d,
					  __u16 lport)
{
	struct tuple t = { .proto = IPPROTO_UDP, .flags = EVENT_F_REMOTE };
	struct bpf_sock *full;

	if (cfg.filters & FILTER_NETNS) {
		full = packet_sock(skb);
		t.netns = full ? packet_netns(full) : 0;
	}
	t.ipv = d->key.ipv;
	t.lport = lport;
	t.rport = d->key.rport;
	__builtin_memcpy(t.raddr, d->key.raddr, ADDR_LEN);
	return flow_possible(&t);
}

/* Not the next datagram of a known flow. */
SUBPROG int packet_handle(struct __sk_buff *skb, struct datagram *d, __u16 lport)
{
	struct bpf_sock *full = packet_sock(skb);
	struct tuple t = {};

	if (!full || !d)
		return 0;
	t.netns = packet_netns(full);
	t.lorigin = sock_lorigin((struct sock *)as_number(full));
	t.proto = IPPROTO_UDP;
	t.ipv = d->key.ipv;
	t.lport = lport;
	t.rport = d->key.rport;
	__builtin_memcpy(t.raddr, d->key.raddr, ADDR_LEN);
	packet_local(skb, d->received, &t);
	t.flags = EVENT_F_LOCAL | EVENT_F_REMOTE;
	if (t.ipv == 4 && full->family == AF_INET6)
		t.flags |= EVENT_F_MAPPED;
	if (cfg.link)
		d->sk = as_number(full);
	d->now_ns = bpf_ktime_get_ns();
	return handle_datagram(d, &t);
}

static __always_inline int handle_packet(struct __sk_buff *skb, bool received)
{
	struct datagram d = { .received = received, .attr = received ? ATTR_NONE : ATTR_SEND };
	__u16 lport;

	if (!packet_parse(skb, &d, &lport) || !packet_wanted(skb, &d, lport))
		return ALLOW;
	d.key.id = bpf_get_socket_cookie(skb);
	d.packets = skb->gso_segs ?: 1;
	if (!flow_count_next(&d, flow_clock()))
		packet_handle(skb, &d, lport);
	return ALLOW;
}

#endif
