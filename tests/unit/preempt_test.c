// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* preempt.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "preempt.h"

static void test_cmdline(void **state)
{
	(void)state;
	assert_int_equal(preempt_by_cmdline("quiet preempt=none ro\n"), 0);
	assert_int_equal(preempt_by_cmdline("preempt=voluntary\n"), 0);
	assert_int_equal(preempt_by_cmdline("quiet preempt=full"), 1);
	assert_int_equal(preempt_by_cmdline("quiet preempt=lazy"), 1);
	assert_int_equal(preempt_by_cmdline("quiet"), -1);
	assert_int_equal(preempt_by_cmdline(""), -1);
	assert_int_equal(preempt_by_cmdline("rcu.preempt=none nopreempt=full"), -1);
	/* the last counts, as for the kernel */
	assert_int_equal(preempt_by_cmdline("preempt=none preempt=full"), 1);
}

static void test_config(void **state)
{
	(void)state;
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT_NONE=y\n"), 0);
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT_VOLUNTARY=y\n"), 0);
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT=y\n"), 1);
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT_LAZY=y\n"), 1);
	assert_int_equal(preempt_by_config("# CONFIG_PREEMPT_NONE is not set\n"), -1);
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT_NONE_BUILD=y\n"), -1);
	assert_int_equal(preempt_by_config("CONFIG_PREEMPT_DYNAMIC=y\n"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
