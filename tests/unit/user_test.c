// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Users by name and by number. That a process becomes one needs root: see tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "user.h"

static void assert_is(struct user *u, const char *name)
{
	const struct passwd *pw = getpwnam(name);
	int own = 0;

	assert_non_null(pw);
	assert_int_equal(u->uid, pw->pw_uid);
	assert_int_equal(u->gid, pw->pw_gid);
	assert_string_equal(u->name, pw->pw_name);
	assert_string_equal(u->home, pw->pw_dir);
	for (int i = 0; i < u->group_cnt; i++)
		own += u->groups[i] == pw->pw_gid;
	assert_int_equal(own, 1);
	user_free(u);
}

static void test_name(void **state)
{
	struct user *u;

	(void)state;
	assert_int_equal(user_find("root", &u), 0);
	assert_is(u, "root");
	assert_int_equal(user_find("nobody", &u), 0);
	assert_is(u, "nobody");
}

static void test_number(void **state)
{
	struct user *u;

	(void)state;
	assert_int_equal(user_find("0", &u), 0);
	assert_is(u, "root");
}

static void test_none(void **state)
{
	static const char *const names[] = { "",    "no-such-user-here", "4294967295", "-1",
					     "0x0", "4123456789",	 "root " };
	struct user *u = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(user_find(names[i], &u), -ENOENT);
	assert_null(u);
	user_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
