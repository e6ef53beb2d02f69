// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* struct inet_diag_msg and its attributes -> struct event. */
#include "diagmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h> /* BPF_TCP_*: the states, which <linux/tcp.h> lacks */
#include <linux/inet_diag.h>
#include <linux/tcp.h> /* all of struct tcp_info, which <netinet/tcp.h> lacks */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Up to these members, and not beyond, do we need it: the rest is newer. */
#define TCP_INFO_TOTALS_END (offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t))

/* --- addresses ------------------------------------------------------------------------------- */

static bool addr_is_set(const uint8_t *addr)
{
	static const uint8_t none[ADDR_LEN];

	return memcmp(addr, none, ADDR_LEN) != 0;
}

/* ::ffff:0:0/96 */
static bool addr_is_mapped(const uint8_t *addr)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, prefix, sizeof(prefix));
}

static void addr_unmap(uint8_t *addr)
{
	memmove(addr, addr + 12, 4);
	memset(addr + 4, 0, ADDR_LEN - 4);
}

static void set_addrs6(struct tuple *t, const struct inet_diag_sockid *id)
{
	memcpy(t->laddr, id->idiag_src, ADDR_LEN);
	memcpy(t->raddr, id->idiag_dst, ADDR_LEN);
	t->ipv = 6;
	/* a dual-stack socket that is bound to nothing has no version but its own */
	if (addr_is_mapped(addr_is_set(t->raddr) ? t->raddr : t->laddr)) {
		t->ipv = 4;
		t->flags |= EVENT_F_MAPPED;
		addr_unmap(t->laddr);
		addr_unmap(t->raddr);
	}
}

static void set_tuple(struct tuple *t, const struct inet_diag_msg *m)
{
	if (m->idiag_family == AF_INET6) {
		set_addrs6(t, &m->id);
	} else {
		memcpy(t->laddr, m->id.idiag_src, 4);
		memcpy(t->raddr, m->id.idiag_dst, 4);
		t->ipv = 4;
	}
	t->lport = ntohs(m->id.idiag_sport);
	t->rport = ntohs(m->id.idiag_dport);
	t->flags |= EVENT_F_LOCAL;
	if (m->idiag_state == BPF_TCP_LISTEN) {
		memset(t->raddr, 0, ADDR_LEN);
		t->rport = 0;
	} else if (t->rport || addr_is_set(t->raddr)) {
		t->flags |= EVENT_F_REMOTE;
	}
	if (!(t->flags & EVENT_F_REMOTE))
		t->bound_ifindex = m->id.idiag_if;
}

/* --- what TCP says of itself ----------------------------------------------------------------- */

/*
 * Who sent the SYN. That takes a sequence number, which the other end has acknowledged or shall, and
 * so does a FIN, which is the last that is sent. What is neither has changed while it was read.
 */
static enum direction direction_by_numbers(uint8_t state, uint32_t unacked_numbers,
					   const struct tcp_info *info)
{
	bool closed = state != BPF_TCP_ESTABLISHED && state != BPF_TCP_CLOSE_WAIT;
	uint64_t payload = info->tcpi_bytes_sent - info->tcpi_bytes_retrans;
	uint64_t numbers = info->tcpi_bytes_acked + unacked_numbers - info->tcpi_notsent_bytes;
	uint64_t more = numbers - payload - (closed && !info->tcpi_notsent_bytes);

	return more == 1 ? DIRECTION_OUT : more == 0 ? DIRECTION_IN : DIRECTION_NONE;
}

static void set_totals(struct event *e, const struct tcp_info *info)
{
	uint8_t state = e->new_state;

	e->tx_bytes = info->tcpi_bytes_sent - info->tcpi_bytes_retrans;
	e->rx_bytes = info->tcpi_bytes_received;
	/* a FIN takes a sequence number and is counted as a byte */
	if (e->rx_bytes &&
	    (state == BPF_TCP_CLOSE_WAIT || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSING))
		e->rx_bytes--;
	e->tx_packets = info->tcpi_segs_out;
	e->rx_packets = info->tcpi_segs_in;
	e->retrans = info->tcpi_total_retrans;
	e->rtt_us = info->tcpi_rtt;
	if (state != BPF_TCP_SYN_SENT)
		e->direction = direction_by_numbers(state, e->tx_queue_bytes, info);
}

/* Kernels before 4.19 do not count what was sent: then there are no totals. */
static void use_tcp_info(struct diag_socket *s, const struct nlattr *a)
{
	struct tcp_info info;

	if (mnl_attr_get_payload_len(a) < TCP_INFO_TOTALS_END)
		return;
	/* an attribute is aligned to 4 bytes, its members to 8 */
	memcpy(&info, mnl_attr_get_payload(a), TCP_INFO_TOTALS_END);
	set_totals(&s->event, &info);
	s->mtu = info.tcpi_pmtu;
	s->mss = s->mtu ? info.tcpi_snd_mss : 0; /* before the SYN what every socket begins with */
}

/* --- the message ----------------------------------------------------------------------------- */

static void set_state(struct event *e, const struct inet_diag_msg *m)
{
	e->new_state = m->idiag_state;
	if (m->idiag_state == BPF_TCP_LISTEN) {
		e->accept_queue = m->idiag_rqueue;
		e->backlog = m->idiag_wqueue;
		return;
	}
	e->rx_queue_bytes = m->idiag_rqueue;
	e->tx_queue_bytes = m->idiag_wqueue;
	if (e->proto == IPPROTO_UDP)
		e->direction = e->flags & EVENT_F_REMOTE ? DIRECTION_OUT : DIRECTION_NONE;
	else if (m->idiag_state == BPF_TCP_SYN_SENT)
		e->direction = DIRECTION_OUT;
	else if (m->idiag_state == BPF_TCP_SYN_RECV)
		e->direction = DIRECTION_IN;
}

/* Of IPv4, what an IPv6 socket would send by IPv6 says nothing, and the other way round. */
static void use_class(struct diag_socket *s, const struct nlattr *a, uint8_t ipv)
{
	if (s->event.ipv != ipv || mnl_attr_get_payload_len(a) != 1)
		return;
	s->dscp = mnl_attr_get_u8(a) >> 2;
	s->has_dscp = true;
}

static int use_attributes(struct diag_socket *s, const struct nlmsghdr *h)
{
	const struct event *e = &s->event;
	size_t left = mnl_nlmsg_get_payload_len(h) - sizeof(struct inet_diag_msg);
	const struct nlattr *a =
		mnl_nlmsg_get_payload_offset(h, MNL_ALIGN(sizeof(struct inet_diag_msg)));
	bool has_totals = e->proto == IPPROTO_TCP && e->new_state != BPF_TCP_LISTEN &&
			  e->new_state != BPF_TCP_SYN_RECV;

	for (; left >= sizeof(*a) && mnl_attr_ok(a, left); a = mnl_attr_next(a)) {
		size_t size = MNL_ALIGN(a->nla_len);

		if (has_totals && mnl_attr_get_type(a) == INET_DIAG_INFO)
			use_tcp_info(s, a);
		else if (mnl_attr_get_type(a) == INET_DIAG_TOS)
			use_class(s, a, 4);
		else if (mnl_attr_get_type(a) == INET_DIAG_TCLASS)
			use_class(s, a, 6);
		left -= size < left ? size : left;
	}
	return left ? -EBADMSG : 0;
}

int diagmsg_parse(struct diag_socket *s, const struct nlmsghdr *h, uint8_t proto, uint32_t netns)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct event *e = &s->event;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*m) ||
	    (m->idiag_family != AF_INET && m->idiag_family != AF_INET6) || !m->idiag_state ||
	    m->idiag_state >= BPF_TCP_NEW_SYN_RECV)
		return -EBADMSG;
	memset(s, 0, sizeof(*s));
	s->inode = m->idiag_inode;
	s->bound_ifindex = m->id.idiag_if;
	e->kind = EVENT_EXISTING;
	e->id = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	e->proto = proto;
	e->netns = netns;
	set_tuple(&e->tuple, m);
	set_state(e, m);
	return use_attributes(s, h);
}
