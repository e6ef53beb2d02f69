// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which of some words is taken for one that was mistyped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nearest.h"

/* Of @names, NULL at their end, @wanted is nearest to @found; NULL: to none. */
static void expect(const char *wanted, const char *const *names, const char *found)
{
	struct nearest n = { .wanted = wanted };

	for (; *names; names++)
		nearest_try(&n, *names);
	if (!found)
		assert_null(n.name);
	else if (!n.name || strcmp(n.name, found) != 0)
		fail_msg("%s: %s, not %s", wanted, n.name ?: "none", found);
}

static void test_one_slip(void **state)
{
	static const char *const names[] = { "syslog", "https", "domain", NULL };

	(void)state;
	expect("https", names, "https");
	expect("htps", names, "https");
	expect("htttps", names, "https");
	expect("httpd", names, "https");
	expect("htpts", names, "https");
	expect("doamin", names, "domain");
	expect("Domain", names, "domain");
	expect("SYSLOG", names, "syslog");
}

static void test_too_far(void **state)
{
	static const char *const names[] = { "ftp", "https", "a", "", NULL };

	(void)state;
	expect("no-such", names, NULL);
	expect("", names, ""); /* the word itself */
	expect("sh", names, NULL);
	expect("fpt", names, "ftp");
	expect("ptf", names, NULL);
	expect("hps", names, NULL);
}

static void test_first_of_equals_and_nearest(void **state)
{
	static const char *const names[] = { "postgresql", "postgrest", "postgrist", "postgres",
					     NULL };

	(void)state;
	expect("postgresx", names, "postgrest");
	expect("postgress", names, "postgrest");
	expect("postgre", names, "postgres");
	expect("postgreqsl", names, "postgresql");
}

static void test_long_words(void **state)
{
	static const char a32[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			  b33[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const char *names[] = { a32, b33, NULL };

	(void)state;
	expect(a32, names, a32);
	expect(a32 + 1, names, a32);
	expect(b33, names, NULL);
	names[0] = b33;
	expect(a32, names, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_slip),
		cmocka_unit_test(test_too_far),
		cmocka_unit_test(test_first_of_equals_and_nearest),
		cmocka_unit_test(test_long_words),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
