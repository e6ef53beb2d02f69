// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What was told before: the last few, or all. */
#include "told.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_recent(void **state)
{
	struct told t = { 0 };

	(void)state;
	for (uint64_t id = 1; id <= 3 * TOLD_RECENT; id++) {
		assert_int_equal(told_add(&t, id), 0);
		assert_int_equal(told_add(&t, id), 1);
		assert_true(id == 1 || told_add(&t, id - 1) == 1);
	}
	assert_int_equal(told_add(&t, 1), 0); /* so long ago that it is forgotten */
	assert_int_equal(t.cnt, 0);
}

static void test_all(void **state)
{
	struct told t = { .all = true };

	(void)state;
	for (uint64_t id = 1; id <= 1000; id++)
		assert_int_equal(told_add(&t, id), 0);
	for (uint64_t id = 1; id <= 1000; id++)
		assert_int_equal(told_add(&t, id), 1);
	assert_int_equal(t.cnt, 1000);
	told_forget(&t);
	assert_int_equal(t.cnt, 0);
	assert_false(t.all);
	assert_int_equal(told_add(&t, 1), 0);
	told_forget(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
