// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who can reach an open port, by its address. */
#include "scope.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define LOOPBACK_IFINDEX 1 /* in each network namespace the first (kernel: loopback_net_init()) */

static bool is_zero(const uint8_t *addr)
{
	static const uint8_t zero[ADDR_LEN];

	return !memcmp(addr, zero, ADDR_LEN);
}

static bool is_loopback(const struct event *e)
{
	const uint8_t *a = e->laddr;

	return e->bound_ifindex == LOOPBACK_IFINDEX ||
	       (e->ipv == 4 ? a[0] == 127 : IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a));
}

const char *scope_of(const struct event *e, bool foreign)
{
	const uint8_t *a = e->laddr;

	if (!(e->flags & EVENT_F_LOCAL) || (e->ipv != 4 && e->ipv != 6))
		return NULL;
	if (foreign)
		return "container";
	if (is_loopback(e))
		return "loopback";
	if (is_zero(a) && !e->bound_ifindex)
		return "every-interface";
	if (e->ipv == 4 ? (a[0] & 0xf0) == 0xe0 : a[0] == 0xff)
		return "multicast";
	return "one-interface";
}
