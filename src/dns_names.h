/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What name servers have answered: names by address. Pure: times are the caller's. The size is bounded, in
 * answers and in bytes; beyond, the addresses that nobody has looked for go first.
 */
#ifndef CONNSNOOP_DNS_NAMES_H
#define CONNSNOOP_DNS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns.h"
#include "str.h"

#define DNS_NAMES_MAX 100000	      /* answers: an address that was named so, to a process */
#define DNS_NAMES_BYTES_MAX (8 << 20) /* of the names themselves */
#define DNS_NAMES_PER_ADDRESS 16
#define DNS_ITS_OWN_DIVISOR 4 /* of DNS_ITS_OWN so much less */
#define DNS_GRACE_NS                                                                               \
	(10 * 1000000000ULL) /* beyond the TTL: clients keep what they were told, too */

struct dns_names;

/* To whom it was answered; or for whom one looks. */
struct dns_client {
	uint32_t netns;
	uint32_t pid;	  /* 0: not known */
	uint64_t exe_key; /* DNS_ITS_OWN: struct owner.exe_key, for pids are used again */
};

/* When the connection began whose name is looked for. */
struct dns_time {
	uint64_t begin_ns;
	bool or_before; /* it may have begun at any time before: what has expired may be its name */
};

struct dns_found {
	struct str name;
	uint64_t told_ns; /* the last time before the connection began */
};

/* To whom the name was told. */
enum dns_rank { DNS_UNKNOWN, DNS_OTHER_NETNS, DNS_NETNS, DNS_PROCESS };

/* Whom an answer is for. */
enum dns_scope {
	DNS_ANYONE, /* if it was told to another, too: see enum dns_rank */
	DNS_ITS_OWN, /* the process that it was told, which may have made it up; no rank but DNS_PROCESS */
};

struct dns_names *dns_names_new(enum dns_scope scope); /* NULL: out of memory */
void dns_names_free(struct dns_names *t);	       /* NULL is fine */

/* False: out of memory. */
bool dns_names_add(struct dns_names *t, const struct dns_client *client, uint64_t now_ns,
		   const struct dns_answer *answer);

/*
 * The name that was told last before the connection began, and held then: to its process, or else in its
 * network namespace, or else in another. Valid until the next dns_names_add(). Hostile until escaped.
 */
enum dns_rank dns_names_find(struct dns_names *t, const uint8_t *addr, unsigned int ipv,
			     const struct dns_client *client, struct dns_time when,
			     struct dns_found *found);

size_t dns_names_count(const struct dns_names *t); /* answers */

#endif
