// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last column of the text format. Short, so that a line fits 120 characters. */
#include "info.h"

#include <netinet/in.h>

#include "names.h"
#include "put.h"

#define US_PER_MS 1000ULL
#define WAS_MAX 40 /* of a path that is named; a byte may become four */
#define US_PER_SEC 1000000ULL

char *info_put_bytes(char *p, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t tenths;

	if (bytes < 1024) {
		p = put_u64(p, bytes);
		p = put_char(p, 'B');
		return p;
	}
	/* What would be four digits of a unit is written in the next one. */
	while (bytes >> 10 >= 1000) {
		bytes >>= 10;
		unit++;
	}
	tenths = bytes * 10 >> 10;
	unit++;
	p = put_u64(p, tenths / 10);
	if (tenths < 100) {
		p = put_char(p, '.');
		p = put_char(p, '0' + tenths % 10);
	}
	return put_char(p, units[unit]);
}

/* @n thousandths of @unit: 1.2 below ten, else whole ones. */
static char *put_thousandths(char *p, uint64_t n, const char *unit)
{
	p = put_u64(p, n / 1000);
	if (n < 10000) {
		p = put_char(p, '.');
		p = put_char(p, '0' + n % 1000 / 100);
	}
	return put_str(p, unit);
}

/* @n of @unit, and @rest of @small with two digits. */
static char *put_two(char *p, uint64_t n, char unit, uint64_t rest, char small)
{
	p = put_u64(p, n);
	p = put_char(p, unit);
	if (n >= 10)
		return p;
	p = put_2_digits(p, rest);
	return put_char(p, small);
}

char *info_put_duration(char *p, uint64_t us)
{
	uint64_t sec = us / US_PER_SEC;

	if (us < US_PER_MS) {
		p = put_u64(p, us);
		p = put_str(p, "us");
	} else if (!sec) {
		p = put_thousandths(p, us, "ms");
	} else if (sec < 60) {
		p = put_thousandths(p, us / US_PER_MS, "s");
	} else if (sec < 60 * 60) {
		p = put_two(p, sec / 60, 'm', sec % 60, 's');
	} else if (sec < 24 * 60 * 60) {
		p = put_two(p, sec / (60 * 60), 'h', sec / 60 % 60, 'm');
	} else {
		p = put_two(p, sec / (24 * 60 * 60), 'd', sec / (60 * 60) % 24, 'h');
	}
	return p;
}

/* PID/NAME */
static char *put_process(char *p, uint32_t pid, const char comm[COMM_LEN])
{
	p = put_u64(p, pid);
	if (!comm[0])
		return p;
	p = put_char(p, '/');
	return put_text(p, comm, strnlen(comm, COMM_LEN));
}

static char *put_peer(char *p, const struct event *e)
{
	p = put_str(p, "peer ");
	return put_process(p, e->peer_pid, e->peer_comm);
}

static char *put_errno(char *p, int err)
{
	const char *name = names_errno(err);

	if (name)
		p = put_str(p, name);
	else
		p = put_u64(p, err);
	return p;
}

static char *put_fail(char *p, const struct event *e)
{
	const char *phase = names_phase(e->phase);

	p = put_errno(p, e->error);
	if (!phase)
		return p;
	p = put_str(p, " (");
	p = put_str(p, phase);
	return put_char(p, ')');
}

static char *put_close(char *p, const struct event *e)
{
	const struct word *reason = word_of(&names_close_reasons, e->reason);

	p = info_put_bytes(p, e->tx_bytes);
	p = put_char(p, '/');
	p = info_put_bytes(p, e->rx_bytes);
	if (e->duration_us) { /* else it is older than the trace */
		p = put_char(p, ' ');
		p = info_put_duration(p, e->duration_us);
	}
	if (reason) {
		p = put_char(p, ' ');
		p = put_word(p, reason);
	}
	if (e->closer_pid) {
		p = put_str(p, " by ");
		p = put_process(p, e->closer_pid, e->closer_comm);
	}
	return p;
}

static char *put_existing(char *p, const struct event *e)
{
	const char *state = names_socket_state(e->proto, e->new_state);

	p = put_str(p, state ? state : "?");
	if (!e->tx_packets && !e->rx_packets)
		return p;
	p = put_char(p, ' ');
	p = info_put_bytes(p, e->tx_bytes);
	p = put_char(p, '/');
	return info_put_bytes(p, e->rx_bytes);
}

static char *put_established(char *p, const struct event *e)
{
	if (e->handshake_us) {
		p = put_str(p, "in ");
		p = info_put_duration(p, e->handshake_us);
	}
	if (e->handshake_us && e->peer_pid)
		p = put_str(p, ", ");
	if (e->peer_pid)
		p = put_peer(p, e);
	return p;
}

static char *put_send(char *p, const struct event *e)
{
	if (e->error) {
		p = put_errno(p, e->error);
		p = put_char(p, ' ');
	}
	p = put_u64(p, e->bytes);
	return put_char(p, 'B');
}

static char *put_state(char *p, const struct event *e)
{
	const char *old = names_tcp_state(e->old_state), *new = names_tcp_state(e->new_state);

	p = put_str(p, old ? old : "?");
	p = put_str(p, " -> ");
	return put_str(p, new ? new : "?");
}

static char *put_lost(char *p, const struct line *l)
{
	const char *kind = names_kind(l->lost_kind), *why = names_lost_text(l->lost_reason);

	p = put_u64(p, l->lost_count);
	p = put_char(p, ' ');
	p = put_str(p, kind ? kind : "?");
	p = put_str(p, ": ");
	return put_str(p, why ? why : "?");
}

static char *put_more(char *p, const char *begin)
{
	return p > begin ? put_str(p, ", ") : p;
}

static char *put_port(char *p, const struct line *l)
{
	const struct port_facts *port = l->port;
	char *begin = p;

	if (port->unexpected)
		p = put_str(p, port->unexpected);
	if (port->was.len) {
		p = put_str(put_more(p, begin), "was ");
		p = put_text(p, port->was.ptr, port->was.len > WAS_MAX ? WAS_MAX : port->was.len);
	}
	if (port->rule_line) {
		p = put_str(put_more(p, begin), "line ");
		p = put_u64(p, port->rule_line);
	}
	if (!port->has_accepted || l->e->flags & EVENT_F_REMOTE)
		return p;
	p = put_str(put_more(p, begin), "accepted ");
	return put_u64(p, port->accepted);
}

static char *put_backlog(char *p, const struct event *e)
{
	p = put_str(p, "backlog ");
	return put_u64(p, e->backlog);
}

char *info_put_route(char *p, const struct line *l)
{
	const struct link_facts *f = l->link;

	if (!f || !f->ifname[0])
		return p;
	p = put_str(p, "dev ");
	p = put_text(p, f->ifname, strnlen(f->ifname, IFNAME_LEN));
	if (f->way == WAY_GATEWAY) {
		p = put_str(p, " via ");
		p = put_addr(p, f->next_hop, f->next_hop_ipv);
	}
	if (f->next_hop_mac[0]) {
		p = put_str(p, " lladdr ");
		p = put_bytes(p, f->next_hop_mac, MAC_TEXT_LEN - 1);
	}
	return p;
}

static char *put_kind(char *p, const struct line *l)
{
	const struct event *e = l->e;

	switch (e->kind) {
	case EVENT_ESTABLISHED:
		return put_established(p, e);
	case EVENT_ACCEPT:
		return e->peer_pid ? put_peer(p, e) : p;
	case EVENT_FAIL:
		return put_fail(p, e);
	case EVENT_CLOSE:
		return put_close(p, e);
	case EVENT_LISTEN:
		return e->proto == IPPROTO_TCP ? put_backlog(p, e) : p;
	case EVENT_SEND:
		return put_send(p, e);
	case EVENT_STATE:
		return put_state(p, e);
	case EVENT_EXISTING:
		return put_existing(p, e);
	case EVENT_PORT:
		return put_port(p, l);
	case EVENT_LOST:
		return put_lost(p, l);
	default:
		return p;
	}
}

char *info_put(char *p, const struct line *l)
{
	char *begin = p, *end;

	p = put_kind(p, l);
	if (l->nat) {
		p = put_str(put_more(p, begin), "nat ");
		p = put_endpoint(p, l->nat->addr, l->e->ipv, l->nat->port);
	}
	if (!l->link)
		return p;
	end = p;
	p = info_put_route(end > begin ? put_char(end, ' ') : end, l);
	return p > end + 1 ? p : end;
}
