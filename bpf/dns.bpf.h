/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers of name servers: what comes to a socket from port 53 is copied into the ring buffer, for the
 * loader to read. Every packet that a socket gets passes here, so the first thing is to leave.
 */
#ifndef CONNSNOOP_DNS_BPF_H
#define CONNSNOOP_DNS_BPF_H

#include "packet.bpf.h"

#define DNS_PORT 53
#define DNS_PIECES_MAX 16 /* of a segment of TCP: 64 KiB, as loopback carries it */
#define DNS_BUFFER_DIVISOR                                                                         \
	4 /* names give way to events: no more when so much of the buffer waits */
#define TCP_HEADER_MIN 20

/* The length of the IP header before what comes from port 53; 0: it is something else. */
static __always_inline __u32 dns_header(struct __sk_buff *skb, __u8 *proto)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;
	__be16 *source;
	__u32 header;

	if ((void *)(ip + 1) > end)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		*proto = ip->protocol;
		header = (*(__u8 *)data & 0xf) * 4;
	} else {
		if (skb->protocol != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) > end)
			return 0;
		*proto = ip6->nexthdr;
		header = sizeof(*ip6);
	}
	source = data + header; /* of TCP and UDP alike */
	if ((void *)(source + 1) > end || *source != bpf_htons(DNS_PORT))
		return 0;
	return *proto == IPPROTO_UDP || *proto == IPPROTO_TCP ? header : 0;
}

/* As wakeup_flags(), but nobody waits for names: they are read with the event that they come before. */
static __always_inline __u64 dns_wakeup_flags(__u64 waiting)
{
	if (!cfg.wakeup_bytes)
		return 0;
	if (shared.hurry || waiting < cfg.wakeup_bytes)
		return BPF_RB_NO_WAKEUP;
	shared.hurry = 1;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * In a record of a constant size, as the kernel wants it: @room is a power of two, @len from 1 to @room, which
 * the mask tells the verifier. 0, or -1: no room.
 */
static __always_inline int dns_put(struct __sk_buff *skb, const struct dns_head *head, __u32 from,
				   __u64 len, const __u32 room, __u64 flags)
{
	struct dns_record *r = bpf_ringbuf_reserve(&events, sizeof(r->head) + room, 0);

	if (!r)
		return -1;
	r->head = *head;
	len--;
	barrier_var(len);
	len = (len & (room - 1)) + 1;
	r->head.len = bpf_skb_load_bytes(skb, from, r->payload, len) ? 0 : len;
	bpf_ringbuf_submit(r, flags);
	return 0;
}

/* One piece, of DNS_PAYLOAD_MAX bytes at most, in the smallest record that it fits into. */
SUBPROG int dns_put_piece(struct __sk_buff *skb, const struct dns_head *head, __u32 from, __u32 len)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 flags = dns_wakeup_flags(waiting);
	int err;

	if (!head)
		return -1;
	if (waiting > bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / DNS_BUFFER_DIVISOR)
		err = -1;
	else if (len <= 256)
		err = dns_put(skb, head, from, len, 256, flags);
	else if (len <= 1024)
		err = dns_put(skb, head, from, len, 1024, flags);
	else
		err = dns_put(skb, head, from, len, DNS_PAYLOAD_MAX, flags);
	if (err)
		__sync_fetch_and_add(&shared.dns_lost, 1);
	return err;
}

/* The flow that the datagram belongs to, if such are followed; else NULL. */
static __always_inline struct flow *dns_flow(struct __sk_buff *skb, __u64 id)
{
	struct flow_key key = { .id = id, .rport = DNS_PORT };

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		key.ipv = 4;
		bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, saddr), key.raddr, 4);
	} else {
		key.ipv = 6;
		bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, saddr), key.raddr,
				   ADDR_LEN);
	}
	return bpf_map_lookup_elem(&flows, &key);
}

/*
 * A port that the kernel chose, which nobody knows to be open: so whom the socket has asked sent this, whether
 * or not that was noted yet. But if others are noted, it would be too. Filters of what a flow is leave out some.
 */
static __always_inline bool dns_may_have_asked(struct sock *sk, __u64 id)
{
	struct udp_socket *s;

	if (sock_lorigin(sk) != LORIGIN_DYNAMIC)
		return false;
	if (cfg.filters & ~FILTER_OWNER)
		return true;
	s = bpf_map_lookup_elem(&udp_sockets, &id);
	return !s || !s->flow_cnt;
}

/*
 * Has this socket asked? Anybody can send a datagram from port 53 to an open port of UDP, or connect from
 * it, and what such a one says is no answer. Sets whose the socket is, where that is known.
 */
static __always_inline bool dns_has_asked(struct __sk_buff *skb, struct sock *sk,
					  struct dns_head *head)
{
	__u64 addr = (__u64)sk;
	struct flow *flow;
	struct conn *conn;

	if (head->proto == IPPROTO_TCP) {
		conn = bpf_map_lookup_elem(&conns, &addr);
		head->pid = conn ? conn->e.owner.pid : 0;
		return !LOAD(sk, sk_max_ack_backlog); /* a child has that of its listener */
	}
	flow = dns_flow(skb, head->id);
	head->pid = flow ? flow->owner.pid : 0;
	if (LOAD(sk, __sk_common.skc_dport) == bpf_htons(DNS_PORT))
		return true; /* connected, so to who has sent this */
	return flow ? flow->direction == DIRECTION_OUT : dns_may_have_asked(sk, head->id);
}

/* Where in its stream a segment's payload begins, whatever the socket has received by now. */
static __always_inline __u64 dns_stream_offset(struct bpf_sock *full, __u32 seq)
{
	struct bpf_tcp_sock *tp = bpf_tcp_sock(full);

	return tp ? tp->bytes_received + (__s64)(__s32)(seq - tp->rcv_nxt) : ~0ULL;
}

/* What stands before the payload of the transport; 0: it is not all there. */
static __always_inline __u32 dns_transport_header(struct __sk_buff *skb, struct bpf_sock *full,
						  struct dns_head *head, __u32 header)
{
	__u8 tcp[TCP_HEADER_MIN];
	__u32 seq;

	if (head->proto == IPPROTO_UDP)
		return sizeof(struct udphdr);
	if (bpf_skb_load_bytes(skb, header, tcp, sizeof(tcp)))
		return 0;
	__builtin_memcpy(&seq, tcp + __builtin_offsetof(struct tcphdr, seq), sizeof(seq));
	head->offset = dns_stream_offset(full, bpf_ntohl(seq));
	return (tcp[12] >> 4) * 4;
}

/* A datagram is cut, a segment comes in pieces. */
static __always_inline void dns_put_all(struct __sk_buff *skb, struct dns_head *head, __u32 from,
					__u32 len)
{
	head->whole = len;
	for (int i = 0; i < DNS_PIECES_MAX; i++) {
		__u32 piece = len < DNS_PAYLOAD_MAX ? len : DNS_PAYLOAD_MAX;

		dns_put_piece(skb, head, from, piece);
		if (head->proto == IPPROTO_UDP || len <= DNS_PAYLOAD_MAX)
			return;
		from += DNS_PAYLOAD_MAX;
		len -= DNS_PAYLOAD_MAX;
		head->offset += DNS_PAYLOAD_MAX;
	}
}

SUBPROG int dns_take(struct __sk_buff *skb, __u32 header, __u32 proto)
{
	struct bpf_sock *common = skb->sk, *full = common ? bpf_sk_fullsock(common) : NULL;
	struct dns_head head = { .kind = RECORD_DNS, .proto = proto };
	__u32 transport;
	struct sock *sk;

	if (!full || full->protocol != proto)
		return 0;
	sk = (struct sock *)as_number(full);
	head.id = bpf_get_socket_cookie(skb);
	if (!dns_has_asked(skb, sk, &head))
		return 0;
	transport = dns_transport_header(skb, full, &head, header);
	if (!transport || skb->len <= header + transport)
		return 0;
	head.ts_ns = bpf_ktime_get_ns();
	head.netns = packet_netns(full);
	dns_put_all(skb, &head, header + transport, skb->len - header - transport);
	return 0;
}

static __always_inline int handle_dns(struct __sk_buff *skb)
{
	__u8 proto;
	__u32 header = dns_header(skb, &proto);

	if (header)
		dns_take(skb, header, proto);
	return ALLOW;
}

#endif
