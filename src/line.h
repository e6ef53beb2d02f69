/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A line of the log: an event and the names that the loader found for it. All a format reads. */
#ifndef CONNSNOOP_LINE_H
#define CONNSNOOP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "str.h"

/* A process that holds a socket. */
struct holder {
	uint32_t pid;
	char comm[COMM_LEN];
};

/* What has become of a socket or a port since the last look. */
enum change { CHANGE_NONE, CHANGE_NEW, CHANGE_GONE, CHANGE_CHANGED, CHANGE_OPEN, CHANGE_CNT };

/* What is told of a port besides its socket. */
struct port_facts {
	uint64_t since_ns;	/* CLOCK_REALTIME; 0: not known */
	uint64_t connections;	/* that are open; with has_connections */
	uint64_t accepted;	/* since the watch began; with has_accepted */
	uint64_t rule_line;	/* of the baseline, of the rule that it breaks; 0: none */
	const char *scope;	/* NULL: no local address */
	const char *unexpected; /* NULL: its process fits */
	struct str was;		/* changed: the owner that the rule names */
	bool has_connections, has_accepted;
};

/* How the name of the remote address is known. */
enum rname_source {
	RNAME_NONE,
	RNAME_DNS,    /* the answer of a name server, seen as it came */
	RNAME_LIBC,   /* what getaddrinfo() told the process */
	RNAME_HOSTS,  /* /etc/hosts, or an address of this machine */
	RNAME_LOOKUP, /* asked for by its address */
	RNAME_CNT,
};

/* Where a packet goes first. */
enum link_way {
	WAY_NONE, /* not known */
	WAY_LOOPBACK,
	WAY_POINT_TO_POINT, /* the device has but one other end */
	WAY_ON_LINK,	    /* to the remote itself */
	WAY_GATEWAY,
	WAY_CNT,
};

#define MAC_TEXT_LEN 18

/* --link: by which way a connection goes. What is not known is empty or 0. */
struct link_facts {
	uint32_t ifindex;
	char ifname[IFNAME_LEN]; /* hostile, not ended by a NUL if it is that long */
	char mac[MAC_TEXT_LEN];
	char next_hop_mac[MAC_TEXT_LEN];
	enum link_way way;
	uint8_t next_hop[ADDR_LEN];
	uint8_t next_hop_ipv; /* 0: there is none */
	uint8_t ttl;
	uint8_t dscp;
	bool has_ttl, has_dscp;
	uint32_t mtu;
	uint32_t mss;
};

/* Where the packets of a socket really go, if something between the two translates addresses. */
struct nat_end {
	uint8_t addr[ADDR_LEN]; /* of the version that the event's have */
	uint16_t port;
};

struct line {
	const struct event *e; /* never NULL; kind already checked against EVENT_KIND_CNT */
	uint64_t utc_ns;       /* CLOCK_REALTIME of e->ts_ns */
	/* Strings live as long as the call; empty: not known or not wanted. Hostile until escaped. */
	/* The paths, none when the format does not want them. */
	struct str exe;	      /* of the owner's executable */
	struct str cgroup;    /* in the v2 hierarchy, beginning with '/' */
	struct str container; /* what is in that path: see container.h */
	struct str runtime;
	struct str pod;
	struct str unit;
	struct str lservice; /* service names of the two ports, none with -n */
	struct str rservice;
	struct str rname; /* of the remote address */
	enum rname_source rname_source;
	const struct nat_end *nat; /* NULL: nothing is translated, or it is not known */
	/* existing: the processes that hold it, when they are several; the owner is the first */
	const struct holder *holders;
	size_t holder_cnt; /* 0: no more than the owner */
	struct str user;   /* list: name of the owner's user, none with -n */
	enum change change;
	const struct link_facts *link; /* NULL: not wanted, or there is no remote side */
	const struct port_facts *port; /* port: never NULL */
	/* lost: what, why, how many since the last such line */
	enum event_kind lost_kind;
	enum lost_reason lost_reason;
	uint64_t lost_count;
};

#define LINK_STRINGS (3 * (IFNAME_LEN + 2 * MAC_TEXT_LEN)) /* as fields, and in two columns */
#define HOLDER_STRING 48 /* what a holder takes, the comm as a string of others */

/* Bytes of all strings, each taken as often as a field has it. */
static inline size_t line_strings(const struct line *l)
{
	return l->exe.len + (l->port ? l->port->was.len : 0) + l->cgroup.len + l->container.len +
	       l->runtime.len + l->pod.len + l->unit.len + 2 * l->lservice.len +
	       2 * l->rservice.len + 2 * l->user.len + 2 * l->rname.len +
	       (l->link ? LINK_STRINGS : 0) + l->holder_cnt * HOLDER_STRING;
}

/* summary: counts since the start, by kind. */
struct summary {
	uint64_t events[EVENT_KIND_CNT];
	uint64_t lost[EVENT_KIND_CNT];
};

#endif
