// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A record of the memory of a process as the answer of a name server would be. */
#include "libc_answer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* libc does not say for how long. Servers that ask once, when they start, connect by it all day. */
#define TTL_S DNS_TTL_MAX
#define ESCAPED_LEN 4 /* of a byte that is not for print, as c-ares writes it: \DDD */

_Static_assert(ESCAPED_LEN *(LIBC_NAME_SIZE - 1) <= DNS_NAME_MAX, "a name would be cut");
_Static_assert(LIBC_ADDRESSES_MAX <= DNS_ADDRESSES_MAX, "addresses would be cut");

/* As getaddrinfo() would take it for one: also with a scope, and as one number. */
static bool is_address(const char *name)
{
	struct in_addr in;

	return strchr(name, ':') || inet_aton(name, &in);
}

/* The host's, of what was asked for; else from the answers of name servers it would look like another. */
static size_t put_name(const char *name, size_t len, char *out)
{
	char *p = out;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = name[i];

		if (c > ' ' && c < 0x7f && c != '\\')
			*p++ = tolower(c);
		else
			p += sprintf(p, "\\%03u", c);
	}
	*p = '\0';
	return p - out;
}

static void put_addresses(const struct libc_record *r, struct dns_answer *out)
{
	for (size_t i = 0; i < r->cnt && i < LIBC_ADDRESSES_MAX; i++) {
		struct dns_address *a = &out->addresses[out->cnt];

		if (r->families[i] != AF_INET && r->families[i] != AF_INET6)
			continue;
		dns_address_set(a, r->addresses[i], r->families[i] == AF_INET ? 4 : ADDR_LEN);
		a->ttl_s = TTL_S;
		out->cnt++;
	}
}

bool libc_answer(const struct libc_record *r, size_t size, struct dns_answer *out)
{
	size_t len;

	out->cnt = 0;
	out->name_len = 0;
	if (size < sizeof(*r) || !memchr(r->name, '\0', sizeof(r->name)))
		return false;
	len = strlen(r->name);
	if (len && r->name[len - 1] == '.')
		len--;
	if (!len || is_address(r->name))
		return false;
	out->name_len = put_name(r->name, len, out->name);
	put_addresses(r, out);
	return out->cnt;
}
