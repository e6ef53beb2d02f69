/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer of a name server, from its bytes (RFC 1035) to a name and its addresses. Pure: keeps nothing,
 * asks nobody. The bytes may be anything.
 */
#ifndef CONNSNOOP_DNS_H
#define CONNSNOOP_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

/* Of 255 bytes, each of which c-ares writes as \DDD if it is not for print. */
#define DNS_NAME_MAX 1020
#define DNS_ADDRESSES_MAX 64 /* of one answer; the rest is passed over */

struct dns_address {
	uint8_t bytes[ADDR_LEN]; /* network byte order */
	uint32_t ttl_s;		 /* the shortest of those on the way to it, DNS_TTL_MAX at most */
	uint8_t ipv;		 /* 4 or 6; what is mapped into IPv6 is 4 */
};
#define DNS_TTL_MAX                                                                                \
	(24 * 3600) /* as resolvers do: an answer that claims to hold for years does not */

struct dns_answer {
	char name[DNS_NAME_MAX + 1]; /* that was asked for, in lower case, without a last dot */
	size_t name_len;
	struct dns_address addresses[DNS_ADDRESSES_MAX];
	size_t cnt;
};

enum dns_result {
	DNS_NAMES,     /* @out has a name and at least one address */
	DNS_NOTHING,   /* well formed, and names no address; or it is no answer */
	DNS_MALFORMED, /* it claims to be one, and cannot be read to its end */
};

/*
 * Addresses are those of the name that was asked for, or of what it is an alias of. @cut: there was more
 * of it than these bytes, so that what ends with them may still be used.
 */
enum dns_result dns_parse(const uint8_t *bytes, size_t len, bool cut, struct dns_answer *out);

/* Sets all but the TTL. @data: @len bytes, 4 or ADDR_LEN. */
void dns_address_set(struct dns_address *a, const uint8_t *data, size_t len);

#endif
