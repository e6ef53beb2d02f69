// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as the answer of a name server, whole and cut, and into the table of names. */
#include <stdlib.h>

#include "dns.h"
#include "dns_names.h"

#define S 1000000000ULL

static void check(const struct dns_answer *a)
{
	if (!a->cnt || a->cnt > DNS_ADDRESSES_MAX || !a->name_len || a->name_len > DNS_NAME_MAX ||
	    a->name[a->name_len])
		abort();
	for (size_t i = 0; i < a->cnt; i++) {
		if ((a->addresses[i].ipv != 4 && a->addresses[i].ipv != 6) ||
		    a->addresses[i].ttl_s > DNS_TTL_MAX)
			abort();
	}
}

/* What was learned is found. */
static void learn(struct dns_names *t, const struct dns_answer *a)
{
	static uint64_t now_ns = S;
	const struct dns_client client = { .netns = 1, .pid = 1 };
	struct dns_found found;

	now_ns++;
	if (!dns_names_add(t, &client, now_ns, a) ||
	    dns_names_find(t, a->addresses[0].bytes, a->addresses[0].ipv, &client,
			   (struct dns_time){ .begin_ns = now_ns }, &found) != DNS_PROCESS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct dns_names *t;
	struct dns_answer a;

	if (!t)
		t = dns_names_new(DNS_ANYONE);
	for (int cut = 0; cut < 2; cut++) {
		if (dns_parse(bytes, len, cut, &a) != DNS_NAMES)
			continue;
		check(&a);
		learn(t, &a);
	}
	return 0;
}
