/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP packets of a cgroup's sockets, as the cgroup_skb hooks see them. */
#ifndef CONNSNOOP_PACKET_BPF_H
#define CONNSNOOP_PACKET_BPF_H

#include "udp.bpf.h"

#define ALLOW 1 /* what every cgroup hook of ours returns: they are in the path of the decision */

/* Addresses, ports and payload of a UDP packet that begins with its IP header. */
static __always_inline bool datagram_parse(struct __sk_buff *skb, struct datagram *d)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct ipv6hdr *ip6 = data;
	__u8 *src = d->received ? d->tuple.raddr : d->tuple.laddr;
	__u8 *dst = d->received ? d->tuple.laddr : d->tuple.raddr;
	__be16 ports[2];
	__u32 header;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
			return false;
		__builtin_memcpy(src, &ip->saddr, 4);
		__builtin_memcpy(dst, &ip->daddr, 4);
		header = ip->ihl * 4;
		d->tuple.ipv = 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_UDP)
			return false;
		__builtin_memcpy(src, &ip6->saddr, ADDR_LEN);
		__builtin_memcpy(dst, &ip6->daddr, ADDR_LEN);
		header = sizeof(*ip6);
		d->tuple.ipv = 6;
	} else {
		return false;
	}
	if (bpf_skb_load_bytes(skb, header, ports, sizeof(ports)))
		return false;
	d->tuple.lport = bpf_ntohs(ports[d->received]);
	d->tuple.rport = bpf_ntohs(ports[!d->received]);
	d->bytes = skb->len - header - sizeof(struct udphdr);
	return true;
}

static __always_inline int handle_packet(struct __sk_buff *skb, bool received)
{
	struct datagram d = { .received = received, .attr = received ? ATTR_NONE : ATTR_SEND };
	struct bpf_sock *common, *full;
	struct sock *sk;

	if (!datagram_parse(skb, &d))
		return ALLOW;
	common = skb->sk;
	if (!common)
		return ALLOW;
	full = bpf_sk_fullsock(common);
	if (!full)
		return ALLOW;
	sk = (struct sock *)as_number(full);
	if (LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return ALLOW;
	d.id = bpf_get_socket_cookie(skb);
	d.now_ns = bpf_ktime_get_ns();
	d.packets = skb->gso_segs ?: 1;
	d.tuple.proto = IPPROTO_UDP;
	d.tuple.netns = LOAD(sk, __sk_common.skc_net.net, ns.inum);
	d.tuple.lorigin = sock_lorigin(sk);
	d.tuple.flags = EVENT_F_LOCAL | EVENT_F_REMOTE;
	if (d.tuple.ipv == 4 && LOAD(sk, __sk_common.skc_family) == AF_INET6)
		d.tuple.flags |= EVENT_F_MAPPED;
	handle_datagram(&d);
	return ALLOW;
}

#endif
