// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lists of columns: in their order, as often as they are named, and none that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "capture.h"
#include "columns.h"
#include "composite.h"
#include "fields.h"

static struct capture err;

/* The names of @list in one string, a composite's with a dot. */
static void expect(const char *list, const char *want)
{
	struct column_name *columns;
	char names[256] = "";
	size_t cnt;

	assert_int_equal(columns_find(list, &columns, &cnt), 0);
	for (size_t i = 0; i < cnt; i++) {
		const struct column_name *c = &columns[i];
		const char *name = c->composite ? c->composite->name : c->field->name;

		assert_true(!c->composite != !c->field);
		assert_int_equal(c->len, strlen(name));
		assert_memory_equal(c->name, name, c->len);
		strcat(strcat(strcat(names, i ? " " : ""), name), c->composite ? "." : "");
	}
	assert_string_equal(names, want);
	free(columns);
}

static void test_lists(void **state)
{
	(void)state;
	expect("pid", "pid");
	expect("rport,lport,pid", "rport lport pid");
	expect("pid,pid,pid", "pid pid pid");
	expect("local,laddr,info", "local. laddr info.");
	expect("user,service", "user. service."); /* not the fields of these names */
}

static void refuse(const char *list, const char *name)
{
	struct column_name *columns = NULL;
	size_t cnt;

	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(columns_find(list, &columns, &cnt), -EINVAL);
	capture_end(&err);
	assert_null(columns);
	assert_true(capture_is_one_sentence(&err));
	if (!strstr(err.text, name))
		fail_msg("%s: %s", list, err.text);
}

static void test_refused(void **state)
{
	char list[4096];

	(void)state;
	refuse("", "''");
	refuse(",", "''");
	refuse("pid,", "''");
	refuse(",pid", "''");
	refuse("pid,,tid", "''");
	refuse("pi", "'pi'");
	refuse("pidx", "'pidx'");
	refuse("PID", "'PID'");
	refuse("pid, tid", "' tid'");
	refuse("pid,a\033[31m\nb", "'a\\x1b[31m\\x0ab'");
	memset(list, 'x', sizeof(list));
	list[sizeof(list) - 1] = '\0';
	refuse(list, "xxx'"); /* cut */
}

/* More than there are. */
static void test_many(void **state)
{
	struct column_name *columns;
	char list[4 * 1000];
	size_t cnt;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		memcpy(list + 4 * i, "pid,", 4);
	list[sizeof(list) - 1] = '\0';
	assert_int_equal(columns_find(list, &columns, &cnt), 0);
	assert_int_equal(cnt, 1000);
	assert_string_equal(columns[999].field->name, "pid");
	free(columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
