// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of users, as the system has them, each asked for once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "users.h"

static int asked;

/* Instead of the system's. */
struct passwd *getpwuid(uid_t uid)
{
	static char name[] = "somebody";
	static struct passwd pw = { .pw_name = name };

	asked++;
	pw.pw_uid = uid;
	return uid == 7 ? &pw : NULL;
}

static void test_names(void **state)
{
	struct users *u = users_new();
	struct str name;

	(void)state;
	asked = 0;
	for (int i = 0; i < 3; i++) {
		name = users_name(u, 7);
		assert_int_equal(name.len, 8);
		assert_memory_equal(name.ptr, "somebody", 8);
		assert_int_equal(users_name(u, 8).len,
				 0); /* there is none, which is remembered too */
	}
	assert_int_equal(asked, 2);
	assert_int_equal(users_name(u, UINT32_MAX).len, 0);
	assert_string_equal(name.ptr, "somebody"); /* still valid */
	users_free(u);
	users_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
