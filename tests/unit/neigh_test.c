// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Neighbours as rtnetlink describes them, and what is kept of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "answers.h"
#include "neigh.h"
#include "rtask.h"

static struct answer a;
static uint8_t mac[MAC_LEN];

static void begin(uint16_t nud_state)
{
	const struct ndmsg m = { .ndm_family = AF_INET, .ndm_ifindex = 5, .ndm_state = nud_state };

	answer_begin(&a, RTM_NEWNEIGH, &m, sizeof(m));
	mnl_attr_put(a.h, NDA_DST, 4, "\12\0\0\1");
}

static bool parse(void)
{
	struct nlmsghdr *h = answer_cut(&a, a.h->nlmsg_len);
	bool known = neigh_parse(mac, h);

	free(h);
	return known;
}

static void test_states(void **state)
{
	static const uint16_t known[] = { NUD_REACHABLE, NUD_STALE, NUD_DELAY,
					  NUD_PROBE,	 NUD_NOARP, NUD_PERMANENT };
	static const uint16_t unknown[] = { NUD_NONE, NUD_INCOMPLETE, NUD_FAILED };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		begin(known[i]);
		mnl_attr_put(a.h, NDA_LLADDR, MAC_LEN, "\2\0\0\0\0\1");
		assert_true(parse());
		assert_memory_equal(mac, "\2\0\0\0\0\1", MAC_LEN);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		begin(unknown[i]);
		mnl_attr_put(a.h, NDA_LLADDR, MAC_LEN, "\2\0\0\0\0\1");
		assert_false(parse());
	}
}

static void test_addresses(void **state)
{
	(void)state;
	begin(NUD_REACHABLE);
	assert_false(parse()); /* none */
	mnl_attr_put(a.h, NDA_LLADDR, 4, "\2\0\0\0");
	assert_false(parse());
}

static void take(const struct nlmsghdr *h)
{
	neigh_parse(mac, h);
}

static void test_hostile(void **state)
{
	(void)state;
	begin(NUD_REACHABLE);
	mnl_attr_put(a.h, NDA_LLADDR, MAC_LEN, "\2\0\0\0\0\1");
	answer_torment(&a, take);
}

/* Nobody is the neighbour of loopback: what is not found is not kept. */
static void test_unknown_to_the_kernel(void **state)
{
	const struct neigh_key key = { .ifindex = 1, .ipv = 4, .addr = { 127, 9, 9, 9 } };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct neighs *n = neighs_new();
	static struct rtask t;

	(void)state;
	assert_non_null(nl);
	assert_non_null(n);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	assert_null(neigh_kept(n, &key, 1));
	assert_null(neigh_get(n, &t, nl, &key, 1));
	assert_null(neigh_kept(n, &key, 1));
	neighs_free(n);
	mnl_socket_close(nl);
}

static void test_kept(void **state)
{
	const struct neigh_key key = {
		.netns = 9, .ifindex = 1, .ipv = 4, .addr = { 10, 0, 0, 1 }
	};
	struct neigh_key other = key;
	struct neighs *n = neighs_new();
	const uint8_t *kept;

	(void)state;
	assert_non_null(n);
	neigh_keep(n, &key, (const uint8_t *)"\2\0\0\0\0\1", 1000);
	kept = neigh_kept(n, &key, 1000);
	assert_non_null(kept);
	assert_memory_equal(kept, "\2\0\0\0\0\1", MAC_LEN);
	assert_non_null(neigh_kept(n, &key, 1000 + 999999999));
	assert_null(neigh_kept(n, &key, 1000 + 1000000000)); /* it may have changed */
	other.netns++;
	assert_null(neigh_kept(n, &other, 1000));
	other = key;
	other.addr[0]++;
	assert_null(neigh_kept(n, &other, 1000));
	for (uint32_t i = 0; i < 100000; i++) { /* bounded, whatever is kept */
		other.ifindex = i;
		neigh_keep(n, &other, (const uint8_t *)"\2\0\0\0\0\2", 1000);
	}
	kept = neigh_kept(n, &other, 1000);
	assert_non_null(kept);
	assert_memory_equal(kept, "\2\0\0\0\0\2", MAC_LEN);
	neighs_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),	cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_unknown_to_the_kernel),
		cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
