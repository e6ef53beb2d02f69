/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many connections have come in at each local address. For ports.c. */
#ifndef CONNSNOOP_INCOMING_H
#define CONNSNOOP_INCOMING_H

#include <stdint.h>

#include "event.h"
#include "hash.h"

/* Zeroed before it is filled: it is compared and hashed whole. */
struct incoming_key {
	uint8_t addr[ADDR_LEN];
	uint32_t netns;
	uint16_t port;
	uint8_t ipv;
	uint8_t reserved;
};

struct incoming {
	struct incoming_key key;
	uint64_t cnt;
	UT_hash_handle hh;
};

struct incoming_key incoming_key(const struct event *e);

/* One more connection, of a table that begins as NULL. 0 or -ENOMEM. */
int incoming_count(struct incoming **all, const struct event *e);
void incoming_forget(struct incoming **all);

#endif
