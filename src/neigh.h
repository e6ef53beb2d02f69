/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The MAC addresses of neighbours, as the kernel's table has them: asked of rtnetlink, and kept for a second. */
#ifndef CONNSNOOP_NEIGH_H
#define CONNSNOOP_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

struct mnl_socket;
struct neighs;
struct nlmsghdr;
struct rtask;

/* Who is asked for. All of it is compared: no padding. */
struct neigh_key {
	uint32_t netns; /* that of the socket which is given to neigh_get() */
	uint32_t ifindex;
	uint32_t ipv; /* of addr */
	uint8_t addr[ADDR_LEN];
};

struct neighs *neighs_new(void);    /* NULL: out of memory */
void neighs_free(struct neighs *n); /* NULL is fine */

/* What was found less than a second before @now_ns (CLOCK_MONOTONIC); NULL: nothing. */
const uint8_t *neigh_kept(const struct neighs *n, const struct neigh_key *key, uint64_t now_ns);

void neigh_keep(struct neighs *n, const struct neigh_key *key, const uint8_t mac[MAC_LEN],
		uint64_t now_ns);

/* Ask, and keep what is found. NULL: the kernel does not know it. Valid until the next call. */
const uint8_t *neigh_get(struct neighs *n, struct rtask *t, struct mnl_socket *nl,
			 const struct neigh_key *key, uint64_t now_ns);

/* An answer of the kernel. False: it does not say what the address is, or not yet, or no more. */
bool neigh_parse(uint8_t mac[MAC_LEN], const struct nlmsghdr *h);

#endif
