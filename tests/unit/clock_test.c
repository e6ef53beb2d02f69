// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The time of day of an event, and what happens when somebody sets the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <time.h>

#include "clock.h"

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000ULL

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static void test_now(void **state)
{
	struct clock c;
	uint64_t before, utc, after;

	(void)state;
	assert_int_equal(clock_init(&c), 0);
	before = now_ns(CLOCK_REALTIME);
	utc = clock_utc(&c, now_ns(CLOCK_MONOTONIC));
	after = now_ns(CLOCK_REALTIME);
	assert_true(utc + NS_PER_MS >= before && utc <= after + NS_PER_MS);
	clock_close(&c);
	clock_close(&c);
}

/* Differences between events are exact: one offset for all. */
static void test_constant(void **state)
{
	struct clock c;
	uint64_t first;

	(void)state;
	assert_int_equal(clock_init(&c), 0);
	first = clock_utc(&c, 1000);
	assert_int_equal(clock_utc(&c, 1001) - first, 1);
	assert_int_equal(clock_utc(&c, 1000 + NS_PER_SEC) - first, NS_PER_SEC);
	clock_close(&c);
}

static void test_quiet_descriptor(void **state)
{
	struct clock c;
	struct pollfd pfd = { .events = POLLIN };

	(void)state;
	assert_int_equal(clock_init(&c), 0);
	pfd.fd = clock_fd(&c);
	assert_true(pfd.fd >= 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	clock_close(&c);
}

/* As if the clock had been an hour slow until now. Must not block on the quiet descriptor. */
static void test_step(void **state)
{
	const uint64_t hour = 3600 * NS_PER_SEC;
	struct clock c;
	uint64_t before_step, step;

	(void)state;
	assert_int_equal(clock_init(&c), 0);
	before_step = now_ns(CLOCK_MONOTONIC);
	c.offset_ns -= hour;
	clock_was_set(&c);
	step = c.set_ns;
	assert_true(step >= before_step);
	assert_true(clock_utc(&c, step - 1) + hour < clock_utc(&c, step) + NS_PER_MS);
	assert_true(clock_utc(&c, step - 1) + hour + NS_PER_MS > clock_utc(&c, step));
	assert_int_equal(clock_utc(&c, step) - clock_utc(&c, before_step) > hour / 2, 1);
	assert_int_equal(clock_utc(&c, step + 5) - clock_utc(&c, step), 5);
	clock_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_constant),
		cmocka_unit_test(test_quiet_descriptor),
		cmocka_unit_test(test_step),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
