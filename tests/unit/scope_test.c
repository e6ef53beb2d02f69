// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What addresses mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "samples.h"
#include "scope.h"

static void check_bound(const char *addr, uint32_t ifindex, const char *scope)
{
	struct event e = { .kind = EVENT_PORT, .lport = 80 };

	sample_endpoints(&e, addr, NULL);
	e.bound_ifindex = ifindex;
	assert_string_equal(scope_of(&e, false), scope);
	assert_string_equal(scope_of(&e, true), "container");
}

static void check_scope(const char *addr, bool foreign, const char *scope)
{
	struct event e = { .kind = EVENT_PORT, .lport = 80 };

	sample_endpoints(&e, addr, NULL);
	assert_string_equal(scope_of(&e, foreign), scope);
}

static void test_bound_to_a_device(void **state)
{
	(void)state;
	check_bound("0.0.0.0", 1, "loopback");
	check_bound("::", 1, "loopback");
	check_bound("0.0.0.0", 2, "one-interface");
	check_bound("::", 7, "one-interface");
	check_bound("127.0.0.1", 2, "loopback");
	check_bound("224.0.0.251", 2, "multicast");
}

static void test_scope(void **state)
{
	struct event none = { .kind = EVENT_PORT };

	(void)state;
	check_scope("0.0.0.0", false, "every-interface");
	check_scope("::", false, "every-interface");
	check_scope("127.0.0.53", false, "loopback");
	check_scope("::1", false, "loopback");
	check_scope("10.0.0.1", false, "one-interface");
	check_scope("fe80::1", false, "one-interface");
	check_scope("224.0.0.251", false, "multicast");
	check_scope("ff02::fb", false, "multicast");
	check_scope("0.0.0.0", true, "container");
	assert_null(scope_of(&none, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_bound_to_a_device),
	};

	return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
