// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of fields and what it takes to read each of them from a line. */
#include "fields.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "names.h"

/* The events that have a field. */
#define FAIL (1u << EVENT_FAIL)
#define CLOSE (1u << EVENT_CLOSE)
#define LISTEN (1u << EVENT_LISTEN)
#define SEND (1u << EVENT_SEND)
#define STATE (1u << EVENT_STATE)
#define LOST (1u << EVENT_LOST)
#define TIMED (1u << EVENT_ESTABLISHED | CLOSE)
#define EXISTING (1u << EVENT_EXISTING)
#define PORT (1u << EVENT_PORT)
#define OPEN (1u << EVENT_ESTABLISHED | 1u << EVENT_ACCEPT | CLOSE)
#define LINES ((1u << EVENT_SUMMARY) - 1)
#define ALL (LINES & ~LOST) /* of a socket */
#define KEPT FIELD_KEPT
_Static_assert(EVENT_SUMMARY + 1 == EVENT_KIND_CNT, "summary is no line, and the last kind");

static bool has_local(const struct event *e)
{
	return (e->flags & EVENT_F_LOCAL) && e->lport;
}

bool field_server_port(const struct line *l, uint16_t *port, struct str *service)
{
	const struct event *e = l->e;
	bool listener = e->kind == EVENT_LISTEN || e->kind == EVENT_UNLISTEN ||
			((EXISTING | PORT) & 1u << e->kind && !(e->flags & EVENT_F_REMOTE));

	if (listener || e->direction == DIRECTION_IN) {
		*port = e->lport;
		*service = l->lservice;
		return has_local(e);
	}
	*port = e->rport;
	*service = l->rservice;
	return e->direction == DIRECTION_OUT && (e->flags & EVENT_F_REMOTE);
}

struct str field_service(const struct line *l)
{
	struct str service;
	uint16_t port;

	return field_server_port(l, &port, &service) ? service : STR("");
}

static bool get_reason(const struct line *l, struct value *v)
{
	if (l->e->kind == EVENT_LOST)
		return value_set_word(v, &names_lost_reasons, l->lost_reason);
	return value_set_word(v, &names_close_reasons, l->e->reason);
}

static bool get_error(const struct line *l, struct value *v)
{
	const char *name = names_errno(l->e->error);

	if (!l->e->error)
		return false;
	if (name)
		return value_set_string(v, name);
	/* One of the kernel's own, which libc does not know. */
	snprintf(v->scratch, sizeof(v->scratch), "%u", l->e->error);
	return value_set_string(v, v->scratch);
}

static bool get_state(const struct line *l, struct value *v)
{
	return value_set_string(v, names_socket_state(l->e->proto, l->e->new_state));
}

static bool get_rname_source(const struct line *l, struct value *v)
{
	return value_set_word(v, &names_rname_sources, l->rname_source);
}

static bool get_ifname(const struct line *l, struct value *v)
{
	return value_set_str(v,
			     (struct str){ l->link->ifname, strnlen(l->link->ifname, IFNAME_LEN) });
}

static bool get_ifindex(const struct line *l, struct value *v)
{
	return value_set_number(v, l->link->ifindex) && v->number;
}

static bool get_mac(const struct line *l, struct value *v)
{
	return value_set_string(v, l->link->mac);
}

static bool get_link(const struct line *l, struct value *v)
{
	return value_set_word(v, &names_ways, l->link->way);
}

static bool get_next_hop(const struct line *l, struct value *v)
{
	return value_set_address(v, l->link->next_hop, l->link->next_hop_ipv);
}

static bool get_next_hop_mac(const struct line *l, struct value *v)
{
	return value_set_string(v, l->link->next_hop_mac);
}

static bool get_ttl(const struct line *l, struct value *v)
{
	return value_set_number(v, l->link->ttl) && l->link->has_ttl;
}

static bool get_mtu(const struct line *l, struct value *v)
{
	return value_set_number(v, l->link->mtu) && v->number;
}

static bool get_mss(const struct line *l, struct value *v)
{
	return value_set_number(v, l->link->mss) && v->number;
}

static bool get_dscp(const struct line *l, struct value *v)
{
	return value_set_number(v, l->link->dscp) && l->link->has_dscp;
}

static bool get_nat_raddr(const struct line *l, struct value *v)
{
	return value_set_address(v, l->nat->addr, l->e->ipv);
}

static bool get_nat_rport(const struct line *l, struct value *v)
{
	return value_set_number(v, l->nat->port);
}

static bool get_owners(const struct line *l, struct value *v)
{
	v->type = VALUE_HOLDERS;
	v->holders.first = l->holders;
	v->holders.cnt = l->holder_cnt;
	return l->holder_cnt > 0;
}

static bool get_change(const struct line *l, struct value *v)
{
	return value_set_word(v, &names_changes, l->change);
}

static bool get_since(const struct line *l, struct value *v)
{
	return value_set_utc(v, l->port->since_ns) && v->number;
}

static bool get_scope(const struct line *l, struct value *v)
{
	return value_set_string(v, l->port->scope);
}

static bool get_connections(const struct line *l, struct value *v)
{
	return value_set_number(v, l->port->connections) && l->port->has_connections;
}

static bool get_accepted(const struct line *l, struct value *v)
{
	return value_set_number(v, l->port->accepted) && l->port->has_accepted;
}

static bool get_unexpected(const struct line *l, struct value *v)
{
	return value_set_string(v, l->port->unexpected);
}

static bool get_was(const struct line *l, struct value *v)
{
	return value_set_str(v, l->port->was);
}

static bool get_rule(const struct line *l, struct value *v)
{
	return value_set_number(v, l->port->rule_line) && v->number;
}

static bool get_kind(const struct line *l, struct value *v)
{
	return value_set_word(v, &names_kinds, l->lost_kind);
}

static bool get_count(const struct line *l, struct value *v)
{
	return value_set_number(v, l->lost_count);
}

/* clang-format off */
#define FIELD(n, t, w, k, need, text)                                                              \
	.name = #n, .key = ",\"" #n "\":", .key_len = sizeof(",\"" #n "\":") - 1, .type = t,       \
	.width = w, .kinds = k, .needs = need, .help = text
#define AT(member) .offset = offsetof(struct event, member)
#define STRING(n, w, k, need, getter, text)                                                        \
	{ FIELD(n, FIELD_STRING, w, k, need, text), .from = FROM_GET, .get = getter }
#define NUMBER(n, w, k, need, getter, text)                                                        \
	{ FIELD(n, FIELD_NUMBER, w, k, need, text), .from = FROM_GET, .get = getter }
#define TIME(n, w, k, need, text)                                                                  \
	{ FIELD(n, FIELD_STRING, w, k, need, text), .from = FROM_TIME }
#define SERVICE(n, w, k, need, text)                                                               \
	{ FIELD(n, FIELD_STRING, w, k, need, text), .from = FROM_SERVICE }
#define BOOLEAN(n, w, k, need, text)                                                               \
	{ FIELD(n, FIELD_BOOLEAN, w, k, need, text), .from = FROM_NEED }
#define MEMBER(n, w, k, need, member, text)                                                        \
	{ FIELD(n, FIELD_NUMBER, w, k, need, text), AT(member),                                    \
	  .from = FROM_NUMBER, .mask = UINT64_MAX >> (64 - 8 * sizeof(((struct event *)NULL)->member)) }
#define COMM(n, w, k, need, member, text)                                                          \
	{ FIELD(n, FIELD_STRING, w, k, need, text), AT(member), .from = FROM_COMM }
#define ADDRESS(n, w, k, need, member, text)                                                       \
	{ FIELD(n, FIELD_STRING, w, k, need, text), AT(member), .from = FROM_ADDRESS }
#define NAME(n, w, k, need, text)                                                                  \
	{ FIELD(n, FIELD_STRING, w, k, need, text), .from = FROM_LINE,                             \
	  .offset = offsetof(struct line, n) }
#define WORD(n, w, k, need, member, table, text)                                                   \
	{ FIELD(n, FIELD_STRING, w, k, need, text), AT(member), .from = FROM_WORD, .words = &table }
#define CLASS(n, w, k, need, member, text)                                                         \
	{ FIELD(n, FIELD_STRING, w, k, need, text), AT(member), .from = FROM_PORT_CLASS,           \
	  .words = &names_classes }
/* clang-format on */

/* clang-format off: one row a field, in the order of the manual */
const struct field fields[] = {
	TIME(ts, 30, LINES, 0, "when it happened in the kernel: RFC 3339, UTC"),
	WORD(event, 11, LINES, 0, kind, names_kinds, "what happened"),
	WORD(proto, 3, ALL, 0, proto, names_protos, "tcp or udp"),
	MEMBER(ipv, 3, ALL, NEED_IP, ipv, "4 or 6, of the addresses as they travel"),
	MEMBER(id, 6, ALL, NEED_NONZERO, id, "socket cookie (ss -e prints it in hexadecimal)"),
	MEMBER(pid, 6, ALL, NEED_PID | KEPT, owner.pid, "process that owns the connection"),
	MEMBER(tid, 6, ALL, NEED_PID | KEPT | NEED_NONZERO, owner.tid, "its thread"),
	MEMBER(ppid, 6, ALL, NEED_PID | KEPT, owner.ppid, "its parent"),
	MEMBER(uid, 5, ALL, NEED_PID | KEPT, owner.uid, "its user"),
	COMM(comm, 8, ALL, NEED_OWNER | KEPT, owner.comm, "its name"),
	NAME(exe, 20, ALL, NEED_OWNER | KEPT, "path of its executable"),
	NAME(cgroup, 24, ALL, NEED_OWNER | KEPT, "its cgroup v2 path"),
	NAME(container, 12, ALL, NEED_OWNER | KEPT, "the container named by that path"),
	NAME(runtime, 10, ALL, NEED_OWNER | KEPT, "what runs that container: docker, podman..."),
	NAME(pod, 12, ALL, NEED_OWNER | KEPT, "UID of the Kubernetes pod named by that path"),
	NAME(unit, 20, ALL, NEED_OWNER | KEPT, "the systemd unit named by that path"),
	MEMBER(netns, 10, ALL, NEED_NONZERO | KEPT, netns, "inode of the network namespace"),
	WORD(attr, 8, ALL, 0, attr, names_attrs, "how the owner is known"),
	ADDRESS(laddr, 15, ALL, NEED_IP | NEED_LOCAL, laddr, "local address"),
	MEMBER(lport, 5, ALL, NEED_LOCAL, lport, "local port"),
	ADDRESS(raddr, 15, ALL, NEED_IP | NEED_REMOTE, raddr, "remote address"),
	MEMBER(rport, 5, ALL, NEED_REMOTE, rport, "remote port"),
	CLASS(lclass, 10, ALL, NEED_LOCAL, lport, "local: well-known, registered, private"),
	CLASS(rclass, 10, ALL, NEED_REMOTE, rport, "remote: well-known, registered, private"),
	NAME(lservice, 8, ALL, NEED_LOCAL, "service name of the local port"),
	NAME(rservice, 8, ALL, NEED_REMOTE, "service name of the remote port"),
	NAME(rname, 15, ALL, NEED_RNAME, "name of the remote address"),
	STRING(rname_source, 12, ALL, NEED_RNAME, get_rname_source,
	       "how that name is known: dns, hosts, lookup"),
	STRING(nat_raddr, 15, ALL, NEED_NAT, get_nat_raddr,
	       "address of the real other end, where this host translates it"),
	NUMBER(nat_rport, 9, ALL, NEED_NAT, get_nat_rport, "port of the real other end"),
	WORD(lorigin, 7, ALL, NEED_LOCAL, lorigin, names_lorigins,
	     "who chose the port: dynamic or bound"),
	STRING(ifname, 8, ALL, NEED_LINK, get_ifname, "the interface it goes by (--link)"),
	NUMBER(ifindex, 7, ALL, NEED_LINK, get_ifindex, "number of that interface (--link)"),
	STRING(mac, 17, ALL, NEED_LINK, get_mac, "that interface's MAC address (--link)"),
	STRING(link, 8, ALL, NEED_LINK, get_link,
	       "to where it goes by that: loopback, point-to-point, on-link, gateway (--link)"),
	STRING(next_hop, 15, ALL, NEED_LINK, get_next_hop,
	       "address of who gets the packets first (--link)"),
	STRING(next_hop_mac, 17, ALL, NEED_LINK, get_next_hop_mac, "its MAC address (--link)"),
	NUMBER(ttl, 3, ALL, NEED_LINK, get_ttl, "TTL or hop limit it sends with (--link)"),
	NUMBER(mtu, 5, ALL, NEED_LINK, get_mtu, "MTU of the path (--link)"),
	NUMBER(mss, 5, ALL, NEED_LINK | NEED_TCP, get_mss, "maximum segment size (--link)"),
	NUMBER(dscp, 4, ALL, NEED_LINK, get_dscp, "class of service it sends with (--link)"),
	BOOLEAN(mapped, 6, ALL, NEED_MAPPED, "true: an IPv4 peer of an IPv6 socket"),
	BOOLEAN(mptcp, 6, ALL, NEED_MPTCP, "true: MPTCP; the addresses are its first path's"),
	WORD(direction, 9, ALL, 0, direction, names_directions, "out or in"),
	SERVICE(service, 8, ALL, 0, "service name of the server side's port"),
	MEMBER(handshake_us, 12, TIMED, NEED_TCP | NEED_NONZERO, handshake_us,
	       "SYN to ESTABLISHED"),
	MEMBER(duration_us, 11, CLOSE, NEED_NONZERO, duration_us,
	       "established, or first datagram, to closed"),
	MEMBER(tx_bytes, 8, CLOSE | EXISTING, NEED_TOTALS, tx_bytes, "payload bytes sent"),
	MEMBER(rx_bytes, 8, CLOSE | EXISTING, NEED_TOTALS, rx_bytes, "payload bytes received"),
	MEMBER(tx_packets, 10, CLOSE | EXISTING, NEED_TOTALS, tx_packets,
	       "segments or datagrams sent"),
	MEMBER(rx_packets, 10, CLOSE | EXISTING, NEED_TOTALS, rx_packets,
	       "segments or datagrams received"),
	MEMBER(retrans, 7, CLOSE | FAIL | EXISTING, NEED_TCP | NEED_TOTALS, retrans,
	       "segments retransmitted"),
	MEMBER(rtt_us, 6, CLOSE | EXISTING, NEED_TCP | NEED_NONZERO, rtt_us,
	       "smoothed round-trip time"),
	STRING(reason, 14, CLOSE | LOST, 0, get_reason, "why it was closed; why events were lost"),
	MEMBER(closer_pid, 10, CLOSE, NEED_CLOSER, closer_pid, "who closed it, if not the owner"),
	COMM(closer_comm, 11, CLOSE, NEED_CLOSER, closer_comm, "the name of that process"),
	STRING(error, 12, FAIL | SEND, 0, get_error, "name of the errno"),
	WORD(phase, 9, FAIL, 0, phase, names_phases,
	     "how far it came: local, handshake, cancelled"),
	MEMBER(peer_pid, 8, OPEN, NEED_PEER, peer_pid, "process at the other end, if here"),
	COMM(peer_comm, 10, OPEN, NEED_PEER, peer_comm, "the name of that process"),
	STRING(state, 10, EXISTING, 0, get_state, "as ss spells it"),
	MEMBER(rx_queue_bytes, 14, EXISTING, NEED_QUEUES, rx_queue_bytes,
	       "received and not read yet"),
	MEMBER(tx_queue_bytes, 14, EXISTING, NEED_QUEUES, tx_queue_bytes,
	       "written and not acknowledged yet; of UDP, not sent"),
	MEMBER(accept_queue, 12, EXISTING, NEED_LISTENS, accept_queue,
	       "connections that wait for accept()"),
	STRING(owners, 20, EXISTING | PORT, 0, get_owners,
	       "the processes that hold it, if several"),
	STRING(change, 7, EXISTING | PORT, 0, get_change,
	       "new, gone or changed; open: still so when the watch ends"),
	STRING(scope, 15, PORT, 0, get_scope, "what the local address means"),
	STRING(since, 30, PORT, 0, get_since, "when it was opened, or its process started"),
	NAME(user, 8, PORT, NEED_OWNER, "name of its user"),
	NUMBER(connections, 11, PORT, 0, get_connections, "connections to it that are open"),
	NUMBER(accepted, 8, PORT, 0, get_accepted, "connections accepted since the watch began"),
	STRING(unexpected, 15, PORT, 0, get_unexpected, "how its process does not fit the port"),
	STRING(was, 20, PORT, 0, get_was, "the owner that the baseline names"),
	NUMBER(rule, 5, PORT, 0, get_rule, "the line of the baseline that it breaks"),
	WORD(old_state, 10, STATE, 0, old_state, names_tcp_states, "TCP state before"),
	WORD(new_state, 10, STATE, 0, new_state, names_tcp_states, "TCP state after"),
	MEMBER(backlog, 7, LISTEN | EXISTING | PORT, NEED_LISTENS, backlog,
	       "connections that may wait for accept()"),
	MEMBER(bytes, 6, SEND, 0, bytes, "payload of the datagram"),
	STRING(kind, 11, LOST, 0, get_kind, "the kind of event that was lost"),
	NUMBER(count, 8, LOST, 0, get_count, "how many, since the last such line"),
};
/* clang-format on */
const size_t field_cnt = sizeof(fields) / sizeof(fields[0]);
_Static_assert(sizeof(fields) / sizeof(fields[0]) <= FIELD_CNT_MAX,
	       "formats have room for so many");

/*
 * UDP keeps none of its own; a listener and what is left of a connection have none. A connection has at
 * least its first segment.
 */
static bool has_totals(const struct event *e)
{
	return e->flags & EVENT_F_REMOTE && (e->tx_packets || e->rx_packets);
}

/* TCP's: of UDP nobody is accepted. */
static bool listens(const struct event *e)
{
	return e->proto == IPPROTO_TCP &&
	       (!((EXISTING | PORT) & 1u << e->kind) || e->new_state == TCP_LISTEN);
}

/* What is left of a connection, or is none yet, has none. */
static bool has_queues(const struct event *e)
{
	return e->new_state != TCP_LISTEN && e->new_state != TCP_TIME_WAIT &&
	       e->new_state != TCP_SYN_RECV;
}

static uint32_t need_if(bool is, uint32_t need)
{
	return is ? need : 0;
}

/* What else an event of this kind has. */
static uint32_t kind_needs(const struct event *e)
{
	switch (e->kind) {
	case EVENT_CLOSE:
		return NEED_TOTALS | need_if(e->closer_pid, NEED_CLOSER);
	case EVENT_EXISTING:
		return need_if(has_totals(e), NEED_TOTALS) | need_if(has_queues(e), NEED_QUEUES);
	case EVENT_PORT:
		return need_if(e->flags & EVENT_F_RULE, NEED_OWNER);
	default:
		return NEED_TOTALS;
	}
}

uint32_t field_needs_held(const struct line *l)
{
	const struct event *e = l->e;

	return FIELD_KEPT | NEED_NONZERO | (e->flags & (NEED_MAPPED | NEED_REMOTE | NEED_MPTCP)) |
	       need_if(has_local(e), NEED_LOCAL) | need_if(e->owner.pid, NEED_OWNER | NEED_PID) |
	       need_if(e->ipv == 4 || e->ipv == 6, NEED_IP) |
	       need_if(e->proto == IPPROTO_TCP, NEED_TCP) | need_if(listens(e), NEED_LISTENS) |
	       need_if(e->peer_pid, NEED_PEER) | need_if(l->link, NEED_LINK) |
	       need_if(l->nat, NEED_NAT) | need_if(l->rname.len, NEED_RNAME) | kind_needs(e);
}
