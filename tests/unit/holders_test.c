// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All the processes that hold a socket, the owner first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "holders.h"

static struct holders *h;
static struct event e;
static struct line l;

static int setup(void **state)
{
	(void)state;
	h = holders_new();
	memset(&e, 0, sizeof(e));
	e.kind = EVENT_EXISTING;
	e.id = 5;
	e.owner.pid = 100;
	memcpy(e.owner.comm, "owner", 6);
	l = (struct line){ .e = &e };
	return h ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	holders_free(h);
	return 0;
}

static void add(uint64_t id, uint32_t pid)
{
	struct holder_record r = { .kind = RECORD_HOLDER, .pid = pid, .id = id };

	snprintf(r.comm, sizeof(r.comm), "holder%u", pid);
	assert_int_equal(holders_add(h, &r, sizeof(r)), 0);
}

static void test_none(void **state)
{
	(void)state;
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 0);
	add(6, 1);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 0);
}

static void test_owner_first(void **state)
{
	(void)state;
	add(5, 3);
	add(6, 9);
	add(5, 2);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 3);
	assert_int_equal(l.holders[0].pid, 100);
	assert_string_equal(l.holders[0].comm, "owner");
	assert_int_equal(l.holders[1].pid, 3);
	assert_string_equal(l.holders[1].comm, "holder3");
	assert_int_equal(l.holders[2].pid, 2);
}

static void test_many(void **state)
{
	(void)state;
	for (uint32_t pid = 1; pid <= 1000; pid++)
		for (uint64_t id = 5; id < 10; id++)
			add(id, pid);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 1001);
	for (uint32_t pid = 1; pid <= 1000; pid++)
		assert_int_equal(l.holders[pid].pid, pid);
}

/* The records are input. */
static void test_short_record(void **state)
{
	struct holder_record r = { .kind = RECORD_HOLDER, .pid = 1, .id = 5 };

	(void)state;
	assert_int_equal(holders_add(h, &r, sizeof(r) - 1), -EINVAL);
	assert_int_equal(holders_add(h, &r, 0), -EINVAL);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 0);
}

static void test_other_events(void **state)
{
	(void)state;
	add(5, 3);
	e.kind = EVENT_CLOSE;
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 0);
}

static void test_forget(void **state)
{
	(void)state;
	add(5, 3);
	holders_forget(h);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 0);
	add(5, 4);
	holders_line(h, &l);
	assert_int_equal(l.holder_cnt, 2);
	assert_int_equal(l.holders[1].pid, 4);
	holders_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),	 TEST(test_owner_first),  TEST(test_many),
		TEST(test_short_record), TEST(test_other_events), TEST(test_forget),
	};

	return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
