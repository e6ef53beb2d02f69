// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The time in /proc/PID/stat, behind any name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "started.h"

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(
		started_ticks("7 (cat) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 987654 9 9"),
		987654);
	assert_int_equal(
		started_ticks("7 (a) S 9 (b) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 42 9"), 42);
	assert_int_equal(started_ticks("7 () S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 42 9"), 42);
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(started_ticks(""), 0);
	assert_int_equal(started_ticks("7 cat S 1 2"), 0);
	assert_int_equal(started_ticks("7 (cat)"), 0);
	assert_int_equal(started_ticks("7 (cat) S 1 7 7 0 -1 4 1 0 0 0 0 0"), 0);
	assert_int_equal(started_utc(0), 0);
}

/* Of ourselves: not in the future; 0 in a pid namespace of its own. */
static void test_own(void **state)
{
	uint64_t ns = started_utc(getpid());

	(void)state;
	assert_true(ns / 1000000000 <= (uint64_t)time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests_name("started", tests, NULL, NULL);
}
