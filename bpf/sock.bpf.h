/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* struct sock -> addresses, ports, namespace, cookie. */
#ifndef CONNSNOOP_SOCK_BPF_H
#define CONNSNOOP_SOCK_BPF_H

#include "link.bpf.h"
#include "owner.bpf.h"

static __always_inline bool is_inet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* ::ffff:0:0/96 */
#define MAPPED_PREFIX_WORD2 bpf_htonl(0xffff)

static __always_inline bool addr6_is_mapped(const __u32 *a)
{
	return !a[0] && !a[1] && a[2] == MAPPED_PREFIX_WORD2;
}

/* Copy an IPv6 address, or the IPv4 address that is mapped into it; returns the version. */
static __always_inline __u8 addr_normalise(__u8 *dst, const __u32 *a)
{
	if (addr6_is_mapped(a)) {
		__builtin_memcpy(dst, &a[3], 4);
		return 4;
	}
	__builtin_memcpy(dst, a, ADDR_LEN);
	return 6;
}

/* Up to the address of a sockaddr_in6, which is as short as that in RFC 2133: SIN6_LEN_RFC2133. */
#define SOCKADDR_IN6_MIN 24
#define ADDRESS_READ(len) ((len) < SOCKADDR_IN6_MIN ? sizeof(struct sockaddr_in) : SOCKADDR_IN6_MIN)

static __always_inline bool addr_is_set(const __u8 *addr)
{
	const __u64 *w = (const void *)addr;

	return w[0] || w[1];
}

#ifdef PROBED
#define LOAD_ADDR6(dst, sk, member) bpf_probe_read_kernel(dst, ADDR_LEN, &(sk)->__sk_common.member)
#else
#define LOAD_ADDR6(dst, sk, member)                                                                \
	do {                                                                                       \
		(dst)[0] = (sk)->__sk_common.member.in6_u.u6_addr32[0];                            \
		(dst)[1] = (sk)->__sk_common.member.in6_u.u6_addr32[1];                            \
		(dst)[2] = (sk)->__sk_common.member.in6_u.u6_addr32[2];                            \
		(dst)[3] = (sk)->__sk_common.member.in6_u.u6_addr32[3];                            \
	} while (0)
#endif

static __always_inline __u64 sock_cookie(struct sock *sk)
{
	__u64 cookie;

#ifndef PROBED
	if (cfg.cookie_helper)
		return bpf_get_socket_cookie(sk);
#endif
	cookie = LOAD(sk, __sk_common.skc_cookie.counter);
	/* Nobody has asked for its cookie: a number of our own, above all that the kernel gives out.
	 * Kernel addresses of sockets differ in the low 47 bits. */
	return cookie ?: (1ULL << 52 | (as_number(sk) >> 4 & ((1ULL << 44) - 1)));
}

static __always_inline __u8 sock_lorigin(struct sock *sk)
{
	return LOAD_BITS(sk, sk_userlocks) & SOCK_BINDPORT_LOCK ? LORIGIN_BOUND : LORIGIN_DYNAMIC;
}

/* Turn an IPv4 address that is mapped into IPv6, or ::, into the IPv4 address. */
static __always_inline void addr_unmap(__u32 *a)
{
	a[0] = a[3];
	a[1] = a[2] = a[3] = 0;
}

static __always_inline void tuple_set_addrs6(struct tuple *t, struct sock *sk)
{
	__u32 *local = (__u32 *)t->laddr, *remote = (__u32 *)t->raddr;

	LOAD_ADDR6(local, sk, skc_v6_rcv_saddr);
	LOAD_ADDR6(remote, sk, skc_v6_daddr);
	t->ipv = 6;
	/* a dual-stack socket that is bound to nothing has no version but its own */
	if (addr_is_set(t->raddr) ? addr6_is_mapped(remote) : addr6_is_mapped(local)) {
		t->ipv = 4;
		t->flags |= EVENT_F_MAPPED;
		addr_unmap(local);
		addr_unmap(remote);
	}
}

/* Fill @t, which must be zeroed, from the socket. @lport: host byte order, 0 when not known. */
static __always_inline void tuple_from_sock(struct tuple *t, struct sock *sk, __u8 proto,
					    __u16 lport)
{
	if (LOAD(sk, __sk_common.skc_family) == AF_INET6) {
		tuple_set_addrs6(t, sk);
	} else {
		__u32 addr = LOAD(sk, __sk_common.skc_rcv_saddr);

		t->ipv = 4;
		__builtin_memcpy(t->laddr, &addr, 4);
		addr = LOAD(sk, __sk_common.skc_daddr);
		__builtin_memcpy(t->raddr, &addr, 4);
	}
	t->proto = proto;
	t->netns = LOAD(sk, __sk_common.skc_net.net, ns.inum);
	t->lport = lport;
	t->rport = bpf_ntohs(LOAD(sk, __sk_common.skc_dport));
	t->flags |= EVENT_F_LOCAL;
	if (t->rport || addr_is_set(t->raddr))
		t->flags |= EVENT_F_REMOTE;
}

/* A TCP socket of the kernel's own, which serves one of MPTCP: see mptcp.bpf.h. */
static __always_inline bool is_subflow(struct tcp_sock *tp)
{
	return bpf_core_field_exists(tp->is_mptcp) && LOAD(tp, is_mptcp);
}

/* inet_sport, not skc_num: that one is gone when the socket is about to be closed. */
static __always_inline void tuple_from_tcp(struct tuple *t, struct tcp_sock *tp)
{
	tuple_from_sock(t, (struct sock *)tp, IPPROTO_TCP,
			bpf_ntohs(LOAD(tp, inet_conn.icsk_inet.inet_sport)));
	if (is_subflow(tp))
		t->flags |= EVENT_F_MPTCP;
}

/* @t is of @sk, which waits for whoever comes. */
static __always_inline void tuple_set_listening(struct tuple *t, struct sock *sk)
{
	t->bound_ifindex = LOAD(sk, __sk_common.skc_bound_dev_if);
	__builtin_memset(t->raddr, 0, ADDR_LEN);
	t->rport = 0;
	t->flags &= ~EVENT_F_REMOTE;
}

#endif
