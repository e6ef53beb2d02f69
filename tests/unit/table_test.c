// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cells of plain tables: one line each whatever is in them, and it is known which others chose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "capture.h"
#include "fields.h"
#include "samples.h"
#include "table.h"

static struct table *new_table(const char *columns)
{
	struct table *t = table_new(columns);

	assert_non_null(t);
	return t;
}

/* The only cell of a table is @want, chosen by others or not. */
static void expect(const char *column, const struct line *l, const char *want, bool by_others)
{
	struct table *t = new_table(column);
	bool foreign = false;
	struct str s = table_cell(t, 0, l, &foreign);

	if (s.len != strlen(want) || (s.len && memcmp(s.ptr, want, s.len) != 0))
		fail_msg("%s is '%.*s', not '%s'", column, (int)s.len, s.ptr, want);
	if (foreign != by_others)
		fail_msg("%s: %s", column, foreign ? "by others" : "ours");
	table_free(t);
}

static void test_cells(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	expect("lport", &s.line, "443", false);
	expect("laddr", &s.line, "0.0.0.0", false);
	expect("proto", &s.line, "tcp", false);
	expect("local", &s.line, "0.0.0.0:443", false);
	expect("since", &s.line, "2026-11-22T23:43:37.123456789Z", false);
	expect("mark", &s.line, "~", false);
	expect("comm", &s.line, "curl", true);
	expect("exe", &s.line, "/usr/bin/curl", true);
	expect("service", &s.line, "https", true);
	expect("user", &s.line, "www-data", true);
	expect("was", &s.line, "/usr/sbin/nginx", true);
	expect("owner", &s.line, "1234/curl", true);
	expect("process", &s.line, "1234/curl", true);
	sample_free(&s);
}

/* Nothing at all: no "-" that could be taken for a value. */
static void test_absent(void **state)
{
	struct sample s = sample_new(EVENT_PORT), lost = sample_new(EVENT_LOST);

	(void)state;
	s.e->owner.pid = 0;
	expect("raddr", &s.line, "", false);
	expect("remote", &s.line, "", true);
	expect("pid", &s.line, "", false);
	expect("comm", &s.line, "", false);
	expect("owners", &s.line, "", false);
	expect("handshake_us", &s.line, "", false);
	expect("lport", &lost.line, "", false);
	expect("since", &lost.line, "", false);
	expect("scope", &lost.line, "", false);
	expect("owner", &lost.line, "", true);
	expect("conns", &lost.line, "", false);
	sample_free(&s);
	sample_free(&lost);
}

static void test_hostile(void **state)
{
	static const struct holder holders[] = { { 1, "a,b" }, { 8, "|\n" } };
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	memcpy(s.e->owner.comm, "a b\n\033[31m\xff\xc2\x9b\\\r\t", COMM_LEN);
	expect("comm", &s.line, "a b\\x0a\\x1b[31m\\xff\\xc2\\x9b\\\\\\x0d\\x09", true);
	expect("owner", &s.line, "1234/a\\x20b\\x0a\\x1b[31m\\xff\\xc2\\x9b\\\\\\x0d\\x09", true);
	s.line.exe = STR("/tmp/=cmd|'\n'");
	expect("exe", &s.line, "/tmp/=cmd|'\\x0a'", true);
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	expect("owners", &s.line, "1/a,b,8/|\\x0a", true);
	expect("process", &s.line, "1/a,b,8/|\\x0a", true);
	sample_free(&s);
}

/* As long as they come, with every byte escaped. */
static void test_long(void **state)
{
	static char path[EXE_PATH_MAX];
	static struct holder holders[1000];
	struct table *t = new_table("exe,owners,cgroup,process,exe");
	struct sample s = sample_new(EVENT_PORT);
	bool foreign;

	(void)state;
	memset(path, '\x7f', sizeof(path));
	for (size_t i = 0; i < 1000; i++) {
		holders[i].pid = UINT32_MAX;
		memset(holders[i].comm, '\x7f', COMM_LEN);
	}
	s.line.exe = s.line.cgroup = (struct str){ path, sizeof(path) };
	s.line.holders = holders;
	s.line.holder_cnt = 1000;
	for (size_t i = 0; i < t->cnt; i++) {
		size_t want = i % 2 ? 1000 * (10 + 1 + 4 * COMM_LEN + 1) - 1 : 4 * sizeof(path);

		assert_int_equal(table_cell(t, i, &s.line, &foreign).len, want);
	}
	table_free(t);
	sample_free(&s);
}

/* Whatever the kind of event, every column can be asked for. */
static void test_every_column_of_every_kind(void **state)
{
	char list[2048] = "";
	struct table *t;

	(void)state;
	for (size_t i = 0; i < composite_cnt; i++)
		strcat(strcat(list, composites[i].name), ",");
	for (size_t i = 0; i < field_cnt; i++)
		strcat(strcat(list, i ? "," : ""), fields[i].name);
	t = new_table(list);
	assert_int_equal(t->cnt, composite_cnt + field_cnt);
	for (uint32_t kind = 0; kind < EVENT_SUMMARY; kind++) {
		struct sample s = sample_new(kind);

		for (size_t i = 0; i < t->cnt; i++) {
			bool foreign = false;
			struct str cell = table_cell(t, i, &s.line, &foreign);

			assert_null(memchr(cell.ptr, '\n', cell.len));
		}
		sample_free(&s);
	}
	table_free(t);
}

static void test_columns(void **state)
{
	struct table *t = new_table(NULL);

	(void)state;
	assert_int_equal(t->cnt, 11);
	assert_memory_equal(t->columns[0].name, "ts,", 3);
	assert_false(table_wants_paths(t));
	table_free(t);
	t = new_table("pid,comm,user,owner");
	assert_false(table_wants_paths(t));
	table_free(t);
	for (const char *const *column =
		     (const char *const[]){ "pid,exe", "cgroup", "container", NULL };
	     *column; column++) {
		t = new_table(*column);
		assert_true(table_wants_paths(t));
		table_free(t);
	}
	table_free(NULL);
}

static void test_no_such_column(void **state)
{
	static struct capture err;

	(void)state;
	capture_begin(&err, STDERR_FILENO);
	errno = 0;
	assert_null(table_new("pid,nothing"));
	assert_int_equal(errno, EINVAL);
	capture_end(&err);
	assert_true(capture_is_one_sentence(&err));
	assert_non_null(strstr(err.text, "'nothing'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_every_column_of_every_kind),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_no_such_column),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
