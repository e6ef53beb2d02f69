// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is new and what is gone, look by look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include "seen.h"

struct gone {
	uint64_t ids[8];
	size_t cnt;
	int err; /* what the function returns */
};

static int note(void *ctx, const struct event *e)
{
	struct gone *g = ctx;

	g->ids[g->cnt++] = e->id;
	return g->err;
}

static enum change add(struct seen *s, uint64_t id, uint8_t proto)
{
	const struct event e = { .kind = EVENT_EXISTING, .id = id, .proto = proto };
	enum change change = seen_add(s, &e);

	assert_int_equal(seen_change(s, &e), change);
	return change;
}

static void test_looks(void **state)
{
	struct seen *s = seen_new();
	struct gone g = { 0 };

	(void)state;
	assert_int_equal(add(s, 1, IPPROTO_TCP), CHANGE_NONE); /* the first look */
	assert_int_equal(add(s, 2, IPPROTO_TCP), CHANGE_NONE);
	assert_int_equal(seen_end(s, note, &g), 0);
	assert_int_equal(g.cnt, 0);
	assert_int_equal(add(s, 2, IPPROTO_TCP), CHANGE_NONE);
	assert_int_equal(add(s, 3, IPPROTO_TCP), CHANGE_NEW);
	assert_int_equal(seen_end(s, note, &g), 0);
	assert_int_equal(g.cnt, 1);
	assert_int_equal(g.ids[0], 1);
	assert_int_equal(add(s, 1, IPPROTO_TCP), CHANGE_NEW); /* back again */
	assert_int_equal(add(s, 3, IPPROTO_TCP), CHANGE_NONE);
	assert_int_equal(seen_end(s, note, &g), 0);
	assert_int_equal(g.cnt, 2);
	assert_int_equal(g.ids[1], 2);
	assert_int_equal(seen_end(s, note, &g), 0); /* a look at nothing */
	assert_int_equal(g.cnt, 4);
	assert_int_equal(seen_end(s, note, &g), 0);
	assert_int_equal(g.cnt, 4);
	seen_free(s);
}

/* The same id of another protocol is another socket. */
static void test_protocols(void **state)
{
	struct seen *s = seen_new();
	struct gone g = { 0 };

	(void)state;
	add(s, 1, IPPROTO_TCP);
	seen_end(s, note, &g);
	assert_int_equal(add(s, 1, IPPROTO_UDP), CHANGE_NEW);
	seen_end(s, note, &g);
	assert_int_equal(g.cnt, 1);
	seen_free(s);
}

/* What is gone is told as it was last. */
static int check_last(void *ctx, const struct event *e)
{
	assert_int_equal(e->new_state, 8);
	++*(int *)ctx;
	return 0;
}

static void test_last(void **state)
{
	struct event e = { .kind = EVENT_EXISTING, .id = 1, .proto = IPPROTO_TCP, .new_state = 1 };
	struct seen *s = seen_new();
	int cnt = 0;

	(void)state;
	seen_add(s, &e);
	seen_end(s, check_last, &cnt);
	e.new_state = 8;
	seen_add(s, &e);
	seen_end(s, check_last, &cnt);
	seen_end(s, check_last, &cnt);
	assert_int_equal(cnt, 1);
	seen_free(s);
}

static void test_error(void **state)
{
	struct gone g = { .err = -32 };
	struct seen *s = seen_new();

	(void)state;
	add(s, 1, IPPROTO_TCP);
	add(s, 2, IPPROTO_TCP);
	assert_int_equal(seen_end(s, note, &g), 0);
	assert_int_equal(seen_end(s, note, &g), -32);
	assert_int_equal(g.cnt, 1); /* no further one is told */
	seen_free(s);
	seen_free(NULL);
}

static void test_change_of_a_stranger(void **state)
{
	const struct event e = { .kind = EVENT_EXISTING, .id = 1 };
	struct seen *s = seen_new();

	(void)state;
	assert_int_equal(seen_change(s, &e), CHANGE_NONE);
	seen_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_change_of_a_stranger),
	};

	return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
