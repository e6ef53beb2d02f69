// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets of a list that wait for their owner. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "late.h"

#define MAX 8

struct told {
	struct event events[MAX];
	unsigned int cnt;
	int err;
};

static int tell(void *ctx, const struct event *e)
{
	struct told *t = ctx;

	assert_true(t->cnt < MAX);
	t->events[t->cnt++] = *e;
	return t->err;
}

static void add(struct late *l, uint64_t id)
{
	struct event e = { .kind = EVENT_EXISTING,
			   .id = id,
			   .flags = EVENT_F_REMOTE | EVENT_F_LATE };

	assert_int_equal(late_add(l, &e), 0);
}

static void test_told_in_order_without_the_mark(void **state)
{
	struct late l = { 0 };
	struct told t = { 0 };

	(void)state;
	add(&l, 3);
	add(&l, 1);
	add(&l, UINT64_MAX);
	assert_int_equal(late_tell(&l, tell, &t), 0);
	late_free(&l);
	assert_int_equal(t.cnt, 3);
	assert_int_equal(t.events[0].id, 3);
	assert_int_equal(t.events[1].id, 1);
	assert_true(t.events[2].id == UINT64_MAX);
	assert_int_equal(t.events[0].flags, EVENT_F_REMOTE);
}

static void test_not_told_once_its_owner_is_found(void **state)
{
	struct late l = { 0 };
	struct told t = { 0 };

	(void)state;
	late_drop(&l, 1);
	add(&l, 1);
	add(&l, 2);
	late_drop(&l, 1);
	late_drop(&l, 7);
	assert_int_equal(late_tell(&l, tell, &t), 0);
	assert_int_equal(t.cnt, 1);
	assert_int_equal(t.events[0].id, 2);
	late_drop(&l, 2);
	assert_int_equal(late_tell(&l, tell, &t), 0);
	assert_int_equal(t.cnt, 1);
	late_free(&l);
}

static void test_ended_by_the_function(void **state)
{
	struct told t = { .err = -EPIPE };
	struct late l = { 0 };

	(void)state;
	add(&l, 1);
	add(&l, 2);
	assert_int_equal(late_tell(&l, tell, &t), -EPIPE);
	assert_int_equal(t.cnt, 1);
	late_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_in_order_without_the_mark),
		cmocka_unit_test(test_not_told_once_its_owner_is_found),
		cmocka_unit_test(test_ended_by_the_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
