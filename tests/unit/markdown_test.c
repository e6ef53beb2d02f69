// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* No name of a process breaks the table or forges another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "markdown.h"
#include "samples.h"

static void check(const char *comm, const char *cell)
{
	struct table *t = table_new("lport,comm,container");
	struct sample s = sample_new(EVENT_PORT);
	struct buf b = { 0 };
	char want[160];

	memset(s.e->owner.comm, 0, COMM_LEN);
	memcpy(s.e->owner.comm, comm, strnlen(comm, COMM_LEN));
	markdown_header(t, &b);
	markdown_line(t, &b, &s.line);
	buf_put_char(&b, '\0');
	snprintf(want, sizeof(want),
		 "| lport | comm | container |\n| --- | --- | --- |\n| 443 | %s |  |\n", cell);
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
	check("a|b", "a\\|b");
	check("a\\|b", "a\\\\\\\\\\|b");
	check("x\n| 22 | sshd |", "x\\\\x0a\\| 22 \\| sshd \\|");
	check("<b>&amp;", "\\<b\\>\\&amp;");
	check("[a](b)`c`", "\\[a\\](b)\\`c\\`");
	check("http://a.b", "http\\://a.b");
}

/* A column that joins a number of ours and a name of theirs. */
static void test_owner(void **state)
{
	struct table *t = table_new("owner");
	struct sample s = sample_new(EVENT_PORT);
	struct buf b = { 0 };

	(void)state;
	memcpy(s.e->owner.comm, "x | 22 | sshd", 14);
	markdown_line(t, &b, &s.line);
	buf_put_char(&b, '\0');
	assert_string_equal(b.data, "| 1234/x\\\\x20\\|\\\\x2022\\\\x20\\|\\\\x20sshd |\n");
	buf_free(&b);
	sample_free(&s);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests_name("markdown", tests, NULL, NULL);
}
