/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Open ports, from sockets and events: one row for each address, port, network namespace and owner.
 * Nothing here reads the machine.
 */
#ifndef CONNSNOOP_PORTS_H
#define CONNSNOOP_PORTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"

struct ports;

/* Where it is and whose. Zeroed before it is filled: it is compared and hashed whole. */
struct port_key {
	uint8_t addr[ADDR_LEN]; /* local; of what goes out, zero */
	uint64_t exe;		/* of what goes out: a hash of the executable's path; else 0 */
	uint32_t netns;
	uint32_t pid;  /* of what goes out, 0 where exe is known */
	uint16_t port; /* local; of what goes out, remote */
	uint8_t ipv;   /* of what goes out, 0 */
	uint8_t proto;
	uint8_t outbound;
	uint8_t reserved[3];
};

/* Of TCP, and waiting for connections: what has them counted. */
static inline bool port_listens(const struct port_key *key)
{
	return key->proto == IPPROTO_TCP && !key->outbound;
}

/* What is known of an open port; the caller makes a line of it. */
struct port_row {
	struct port_key key;
	struct event event;	 /* kind EVENT_PORT */
	struct port_facts facts; /* but what only the machine knows: see cmd_ports.c */
	size_t socket_cnt;	 /* that are open there */
	uint64_t connections;	 /* open at the snapshot, of TCP */
	bool seen_opening;	 /* event.ts_ns is when */
	bool closed;		 /* with ports_keep_closed(): none of its sockets is left */
	bool allowed;		 /* by the caller's baseline */
	bool complete;		 /* the caller has filled facts.since_ns */
};

struct ports *ports_new(void);	  /* NULL: out of memory */
void ports_free(struct ports *p); /* NULL is fine */

/* Outbound connections too: a row for each executable and remote port. */
void ports_want_outbound(struct ports *p);

/* What is given up stays a row, marked as closed. */
void ports_keep_closed(struct ports *p);

/* Another snapshot begins: connections are counted anew. */
void ports_forget_connections(struct ports *p);

/*
 * A socket of the snapshot, an EVENT_EXISTING, and if it goes out the path of the executable: an open port, one of its connections, or nothing to us.
 * 0 or -ENOMEM.
 */
int ports_add_socket(struct ports *p, const struct event *e, struct str exe);

/*
 * What a traced event, which is whole, did to a port: row opened (CHANGE_NEW), given up by its last socket (CHANGE_GONE:
 * *@out is valid until the next call), or nothing to tell. -ENOMEM.
 */
int ports_add_event(struct ports *p, const struct event *e, struct str exe, enum change *change,
		    struct port_row **out);

/* Each row in the order of protocol, port, address, namespace and pid; until @fn gives non-zero. */
int ports_each(struct ports *p, int (*fn)(void *ctx, struct port_row *row), void *ctx);

#endif
