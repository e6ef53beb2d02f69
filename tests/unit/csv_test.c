// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RFC 4180, whatever a process calls itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "csv.h"
#include "samples.h"

static void check(const char *comm, const char *cell)
{
	struct table *t = table_new("lport,comm,container,owners");
	struct sample s = sample_new(EVENT_PORT);
	struct buf b = { 0 };
	char want[128];

	memset(s.e->owner.comm, 0, COMM_LEN);
	memcpy(s.e->owner.comm, comm, strnlen(comm, COMM_LEN));
	csv_header(t, &b);
	csv_line(t, &b, &s.line);
	buf_put_char(&b, '\0');
	snprintf(want, sizeof(want), "lport,comm,container,owners\r\n443,%s,,\r\n", cell);
	assert_string_equal(b.data, want);
	buf_free(&b);
	sample_free(&s);
	table_free(t);
}

static void test_names(void **state)
{
	(void)state;
	check("nginx", "nginx");
	check("a b", "a b");
	check("a,b", "\"a,b\"");
	check("a\"b", "\"a\"\"b\"");
	check("a\r\nb,c", "\"a\\x0d\\x0ab,c\"");
	check("=1+1", "\\x3d1+1"); /* no formula of a spreadsheet */
	check("@a,b", "\"\\x40a,b\"");
	check("-", "\\x2d");
	check("a=b", "a=b");
	check("\xff", "\\xff");
}

static void test_holders(void **state)
{
	static const struct holder holders[] = { { 1, "init" }, { 8, "a\"b" } };
	struct table *t = table_new("owners");
	struct sample s = sample_new(EVENT_PORT);
	struct buf b = { 0 };

	(void)state;
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	csv_line(t, &b, &s.line);
	buf_put_char(&b, '\0');
	assert_string_equal(b.data, "\"1/init,8/a\"\"b\"\r\n");
	buf_free(&b);
	sample_free(&s);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_holders),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
