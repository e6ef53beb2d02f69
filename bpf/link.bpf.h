/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --link: by which way a socket sends, read from the route that it has cached and from its options. */
#ifndef CONNSNOOP_LINK_BPF_H
#define CONNSNOOP_LINK_BPF_H

#include "emit.bpf.h"

/* What vmlinux.h does not have. */
#define DST_METRICS_FLAGS 3ULL /* in the low bits of the address of the metrics */
#define RTF_GATEWAY 2
#define MTU4_MAX 65535 /* lo has more, which a packet of IPv4 cannot */

/* Does anybody look at what a socket does, of these kinds? A constant. */
static __always_inline bool link_wanted(__u32 kinds)
{
	return cfg.link && cfg.events & kinds;
}

static __always_inline __u32 route_metric(struct dst_entry *dst, __u32 metric)
{
	__u64 metrics = PROBE_LOAD(dst, _metrics) & ~DST_METRICS_FLAGS;
	__u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value),
			      (void *)(metrics + (metric - 1) * sizeof(value)));
	return value;
}

/* Its type is another one on some kernels. */
static __always_inline __u8 netns_ttl(struct sock *sk)
{
	struct net *net = PROBE_LOAD(sk, __sk_common.skc_net.net);
	__u32 ttl = 0;

	bpf_probe_read_kernel(&ttl, bpf_core_field_size(net->ipv4.sysctl_ip_default_ttl),
			      &net->ipv4.sysctl_ip_default_ttl);
	return ttl;
}

static __always_inline __u8 netns_hop_limit(struct sock *sk)
{
	struct net *net = PROBE_LOAD(sk, __sk_common.skc_net.net);

	return PROBE_LOAD(net, ipv6.devconf_all, hop_limit);
}

/* @dst: NULL if there is no route. */
static __always_inline void link_set_options4(struct link_record *r, struct sock *sk,
					      struct dst_entry *dst)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	__s16 ttl = PROBE_LOAD(inet, uc_ttl);

	if (ttl < 0 && dst)
		ttl = route_metric(dst, RTAX_HOPLIMIT) ?: -1;
	if (ttl < 0) {
		r->flags |= LINK_F_TTL_DEFAULT;
		ttl = netns_ttl(sk);
	}
	r->ttl = ttl;
	r->mc_ttl = PROBE_LOAD(inet, mc_ttl);
	r->dscp = PROBE_LOAD(inet, tos) >> 2;
}

static __always_inline void link_set_options6(struct link_record *r, struct sock *sk,
					      struct dst_entry *dst)
{
	struct ipv6_pinfo *np = PROBE_LOAD((struct inet_sock *)sk, pinet6);
	__s64 limit = (__s16)PROBE_LOAD_BITS(np, hop_limit);
	__s64 multicast = (__s16)PROBE_LOAD_BITS(np, mcast_hops);

	if (limit < 0 && dst)
		limit = route_metric(dst, RTAX_HOPLIMIT)		     ?:
				PROBE_LOAD(dst, dev, ip6_ptr, cnf.hop_limit) ?:
									       -1;
	if (limit < 0) {
		r->flags |= LINK_F_TTL_DEFAULT;
		limit = netns_hop_limit(sk);
	}
	r->ttl = limit;
	r->mc_ttl = multicast < 0 ? r->ttl : multicast;
	r->dscp = PROBE_LOAD(np, tclass) >> 2;
}

static __always_inline void link_set_device(struct link_record *r, struct net_device *dev)
{
	const unsigned char *mac = PROBE_LOAD(dev, dev_addr);

	bpf_probe_read_kernel(r->ifname, IFNAME_LEN, &dev->name);
	r->dev_flags = PROBE_LOAD(dev, flags);
	if (PROBE_LOAD(dev, addr_len) == MAC_LEN && !bpf_probe_read_kernel(r->mac, MAC_LEN, mac))
		r->flags |= LINK_F_MAC;
}

static __always_inline void link_set_route4(struct link_record *r, struct dst_entry *dst)
{
	struct rtable *rt = (struct rtable *)dst;
	__u8 family = PROBE_LOAD(rt, rt_gw_family);
	__u32 mtu = PROBE_LOAD_BITS(rt, rt_pmtu)	?:
			    route_metric(dst, RTAX_MTU) ?:
							  PROBE_LOAD(dst, dev, mtu);

	if (family == AF_INET) {
		r->next_hop_ipv = 4;
		bpf_probe_read_kernel(r->next_hop, 4, &rt->rt_gw4);
	} else if (family == AF_INET6) {
		r->next_hop_ipv = 6;
		bpf_probe_read_kernel(r->next_hop, ADDR_LEN, &rt->rt_gw6);
	}
	r->mtu = mtu < MTU4_MAX ? mtu : MTU4_MAX;
}

static __always_inline void link_set_route6(struct link_record *r, struct dst_entry *dst)
{
	struct rt6_info *rt = (struct rt6_info *)dst;

	if (PROBE_LOAD(rt, rt6i_flags) & RTF_GATEWAY) {
		r->next_hop_ipv = 6;
		bpf_probe_read_kernel(r->next_hop, ADDR_LEN, &rt->rt6i_gateway);
	}
	r->mtu = route_metric(dst, RTAX_MTU)			 ?:
			 PROBE_LOAD(dst, dev, ip6_ptr, cnf.mtu6) ?:
								   PROBE_LOAD(dst, dev, mtu);
}

/* A route that has ended leads nowhere, and one whose device has gone to a device without a number. */
static __always_inline struct dst_entry *link_route(struct link_record *r, struct sock *sk)
{
	struct dst_entry *dst = PROBE_LOAD(sk, sk_dst_cache);

	if (!dst || (__s16)PROBE_LOAD(dst, obsolete) > 0)
		return NULL;
	r->ifindex = PROBE_LOAD(dst, dev, ifindex);
	return r->ifindex ? dst : NULL;
}

static __always_inline void link_set_socket(struct link_record *r, struct sock *sk, bool tcp)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 pmtu;

	if (PROBE_LOAD(sk, __sk_common.skc_family) == AF_INET6) {
		bpf_probe_read_kernel(r->raddr, ADDR_LEN, &sk->__sk_common.skc_v6_daddr);
		r->raddr_ipv = 6;
	} else {
		bpf_probe_read_kernel(r->raddr, 4, &sk->__sk_common.skc_daddr);
		r->raddr_ipv = 4;
	}
	r->bound_ifindex = PROBE_LOAD(sk, __sk_common.skc_bound_dev_if);
	r->mark = PROBE_LOAD(sk, sk_mark);
	if (!tcp)
		return;
	pmtu = PROBE_LOAD(tp, inet_conn.icsk_pmtu_cookie);
	if (!pmtu)
		return; /* before the SYN both are what every socket begins with */
	r->mtu = pmtu;
	r->mss = PROBE_LOAD(tp, mss_cache);
}

/* @ipv: of the event's addresses, which are IPv4 of an IPv6 socket too. Straight into the record: the
 * stack of 5.10 has no room for another. */
static __always_inline void link_fill(struct link_record *r, struct sock *sk, __u64 id, __u32 ipv,
				      bool tcp)
{
	struct dst_entry *dst;

	__builtin_memset(r, 0, sizeof(*r));
	r->kind = RECORD_LINK;
	r->id = id;
	r->flags = LINK_F_TTL | LINK_F_DSCP;
	dst = link_route(r, sk);
	if (dst) {
		link_set_device(r, PROBE_LOAD(dst, dev));
		if (PROBE_LOAD(dst, ops, family) == AF_INET)
			link_set_route4(r, dst);
		else
			link_set_route6(r, dst);
	}
	if (ipv == 4)
		link_set_options4(r, sk, dst);
	else
		link_set_options6(r, sk, dst);
	link_set_socket(r, sk, tcp);
}

/* Send it before an event of the socket. Nobody waits for it: that event wakes the reader. */
SUBPROG int link_tell(struct sock *sk, __u64 id, __u32 ipv, bool tcp)
{
	struct link_record *r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);

	if (!r) {
		__sync_fetch_and_add(&shared.link_lost, 1);
		return 0;
	}
	link_fill(r, sk, id, ipv, tcp);
	bpf_ringbuf_submit(r, cfg.wakeup_bytes ? BPF_RB_NO_WAKEUP : 0);
	return 0;
}

/* Of what is remembered of a TCP socket, if one of these kinds is wanted. */
#define LINK_TELL_CONN(tp, c, kinds)                                                               \
	do {                                                                                       \
		if (link_wanted(kinds))                                                            \
			link_tell((struct sock *)(tp), (c)->e.id, (c)->e.ipv, true);               \
	} while (0)
#define LINK_OPEN                                                                                  \
	(1u << EVENT_ESTABLISHED | 1u << EVENT_ACCEPT | 1u << EVENT_CLOSE | 1u << EVENT_STATE)

#endif
