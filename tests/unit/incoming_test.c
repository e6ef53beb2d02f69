// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections by where they came in: address, port, IP version and namespace, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"
#include "incoming.h"
#include "samples.h"

static struct event accepted(const char *local, uint16_t port, uint32_t netns)
{
	struct event e = { .kind = EVENT_ACCEPT,
			   .proto = IPPROTO_TCP,
			   .lport = port,
			   .rport = 4000,
			   .netns = netns };

	sample_endpoints(&e, local, strchr(local, ':') ? "::2" : "10.0.0.9");
	return e;
}

static void count(struct incoming **all, struct event e)
{
	assert_int_equal(incoming_count(all, &e), 0);
}

/* Looked up, as another source would. 0: none. */
static uint64_t cnt_at(struct incoming *all, struct event e)
{
	struct incoming_key key = incoming_key(&e);
	struct incoming *in;

	HASH_FIND(hh, all, &key, sizeof(key), in);
	return in ? in->cnt : 0;
}

static void test_counts(void **state)
{
	struct incoming *all = NULL;
	struct event e = accepted("10.0.0.1", 80, 1);

	(void)state;
	assert_int_equal(cnt_at(all, e), 0);
	count(&all, e);
	count(&all, e); /* twice the same is two connections */
	e.id = 7;
	e.rport = 4001;
	e.owner.pid = 9;
	count(&all, e); /* from wherever, to whomever */
	count(&all, accepted("10.0.0.1", 81, 1));
	count(&all, accepted("10.0.0.2", 80, 1));
	count(&all, accepted("10.0.0.1", 80, 2));
	count(&all, accepted("a00:1::", 80, 1)); /* the same first bytes */
	assert_int_equal(HASH_COUNT(all), 5);
	assert_int_equal(cnt_at(all, e), 3);
	assert_int_equal(cnt_at(all, accepted("10.0.0.1", 81, 1)), 1);
	assert_int_equal(cnt_at(all, accepted("a00:1::", 80, 1)), 1);
	assert_int_equal(cnt_at(all, accepted("10.0.0.3", 80, 1)), 0);
	incoming_forget(&all);
}

/* Again and again, at each look. */
static void test_forgotten(void **state)
{
	struct incoming *all = NULL;
	struct event e = accepted("::1", 80, 1);

	(void)state;
	incoming_forget(&all);
	for (int look = 0; look < 3; look++) {
		for (uint32_t port = 1; port <= 1000; port++)
			count(&all, accepted("::1", port, 1));
		assert_int_equal(HASH_COUNT(all), 1000);
		assert_int_equal(cnt_at(all, e), 1);
		incoming_forget(&all);
		assert_null(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_forgotten),
	};

	return cmocka_run_group_tests_name("incoming", tests, NULL, NULL);
}
