/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One ordinary event of every kind, as the ring buffer would bring it. */
#ifndef CONNSNOOP_TEST_SAMPLES_H
#define CONNSNOOP_TEST_SAMPLES_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

/* 2026-11-22T23:43:37.123456789Z */
#define SAMPLE_UTC_NS 1795391017123456789ULL

struct sample {
	struct event
		*e; /* EVENT_HEAD_SIZE long unless its kind is sent whole: reading on is caught */
	struct line line;
};

static inline void sample_endpoints(struct event *e, const char *local, const char *remote)
{
	int family = strchr(local, ':') ? AF_INET6 : AF_INET;

	e->ipv = family == AF_INET ? 4 : 6;
	e->flags |= EVENT_F_LOCAL;
	inet_pton(family, local, e->laddr);
	if (!remote)
		return;
	e->flags |= EVENT_F_REMOTE;
	inet_pton(family, remote, e->raddr);
}

static inline void sample_close(struct event *e)
{
	e->handshake_us = 21345;
	e->duration_us = 1234567;
	e->tx_bytes = 517;
	e->rx_bytes = 3456789;
	e->tx_packets = 12;
	e->rx_packets = 2400;
	e->retrans = 1;
	e->rtt_us = 20100;
	e->reason = REASON_REMOTE;
	e->closer_pid = 77;
	memcpy(e->closer_comm, "sh", 3);
}

static inline void sample_existing(struct event *e)
{
	e->attr = ATTR_SCAN;
	e->new_state = TCP_ESTABLISHED;
	e->tx_bytes = 517;
	e->rx_bytes = 3456789;
	e->tx_packets = 12;
	e->rx_packets = 2400;
	e->rtt_us = 20100;
	e->rx_queue_bytes = 7;
	e->tx_queue_bytes = 42;
}

static inline void sample_listener(struct event *e)
{
	e->direction = DIRECTION_NONE;
	e->attr = ATTR_LISTEN;
	e->lorigin = LORIGIN_BOUND;
	e->flags = 0;
	e->lport = 443;
	e->rport = 0;
	memset(e->raddr, 0, sizeof(e->raddr));
	sample_endpoints(e, "0.0.0.0", NULL);
}

static inline void sample_port(struct line *l, struct event *e)
{
	static const struct port_facts facts = {
		.since_ns = SAMPLE_UTC_NS,
		.connections = 2,
		.accepted = 7,
		.has_connections = true,
		.has_accepted = true,
		.rule_line = 3,
		.scope = "every-interface",
		.unexpected = "not-ssh",
		.was = { "/usr/sbin/nginx", sizeof("/usr/sbin/nginx") - 1 },
	};

	e->new_state = TCP_LISTEN;
	e->backlog = 511;
	l->port = &facts;
	l->user = STR("www-data");
	l->change = CHANGE_CHANGED;
}

static inline void sample_udp(struct event *e)
{
	e->proto = IPPROTO_UDP;
	e->attr = ATTR_SEND;
	e->rport = 53;
}

static inline void sample_details(struct event *e)
{
	switch (e->kind) {
	case EVENT_ESTABLISHED:
		e->handshake_us = 21345;
		break;
	case EVENT_ACCEPT:
		e->direction = DIRECTION_IN;
		e->attr = ATTR_ACCEPT;
		e->lport = 443;
		e->rport = 54321;
		e->peer_pid = 4242;
		memcpy(e->peer_comm, "wget", 5);
		break;
	case EVENT_FAIL:
		e->error = ECONNREFUSED;
		e->phase = PHASE_HANDSHAKE;
		break;
	case EVENT_CLOSE:
		sample_close(e);
		break;
	case EVENT_EXISTING:
		sample_existing(e);
		break;
	case EVENT_LISTEN:
		e->backlog = 511;
		/* fall through */
	case EVENT_UNLISTEN:
	case EVENT_PORT:
		sample_listener(e);
		break;
	case EVENT_SEND:
		e->bytes = 48;
		e->error = EPERM;
		/* fall through */
	case EVENT_FLOW:
		sample_udp(e);
		break;
	case EVENT_STATE:
		e->old_state = TCP_SYN_SENT;
		e->new_state = TCP_ESTABLISHED;
		break;
	}
}

static inline struct sample sample_new(enum event_kind kind)
{
	/* volatile: the compiler need not know that it is deliberately too short. */
	volatile size_t size = kind == EVENT_CLOSE || kind == EVENT_EXISTING || kind == EVENT_PORT ?
				       sizeof(struct event) :
				       EVENT_HEAD_SIZE;
	struct event *e = calloc(1, size);
	struct sample s = { .e = e, .line = { .e = e, .utc_ns = SAMPLE_UTC_NS } };

	e->kind = kind;
	if (kind == EVENT_LOST) {
		s.line.lost_kind = EVENT_CLOSE;
		s.line.lost_reason = LOST_BUFFER;
		s.line.lost_count = 1234;
		return s;
	}
	e->netns = 4026531840;
	e->id = 8193;
	e->owner = (struct owner){ .pid = 1234, .tid = 1235, .ppid = 1000, .uid = 1001 };
	memcpy(e->owner.comm, "curl", 5);
	e->proto = IPPROTO_TCP;
	e->attr = ATTR_CONNECT;
	e->direction = DIRECTION_OUT;
	e->lorigin = LORIGIN_DYNAMIC;
	e->lport = 54321;
	e->rport = 443;
	sample_endpoints(e, "10.0.2.15", "93.184.216.34");
	sample_details(e);
	if (kind == EVENT_PORT)
		sample_port(&s.line, e);
	s.line.exe = STR("/usr/bin/curl");
	s.line.cgroup = STR("/system.slice/app.service");
	if (e->lport == 443)
		s.line.lservice = STR("https");
	if (e->rport == 443)
		s.line.rservice = STR("https");
	if (e->rport == 53)
		s.line.rservice = STR("domain");
	return s;
}

static inline void sample_free(struct sample *s)
{
	free(s->e);
}

#endif
