// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules together: what they allow, what is new, gone and changed, and in which line one is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "baseline.h"
#include "samples.h"

static struct baseline *parse(const char *text)
{
	char fault[BASELINE_FAULT_MAX];
	struct baseline *b = NULL;
	size_t line;

	if (baseline_parse(&b, text, strlen(text), &line, fault))
		fail_msg("line %zu of %s: %s", line, text, fault);
	return b;
}

/* The lines of the rules that nothing has met. */
static void expect_gone(const struct baseline *b, const char *want)
{
	const struct rule *r = NULL;
	char lines[128] = "";

	while ((r = baseline_gone(b, r)))
		snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%zu ",
			 rule_line(r));
	assert_string_equal(lines, want);
}

/* No rules allow nothing. */
static void test_nothing(void **state)
{
	static const char *const texts[] = { "", "\n", "\n\n\r\n", "# {\"lport\":443}\n  \t\n#" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sample s = sample_new(EVENT_PORT);
		struct baseline *b = parse(texts[i]);

		assert_false(baseline_allows(b, &s.line));
		assert_null(baseline_changed(b, &s.line));
		expect_gone(b, "");
		baseline_free(b);
		sample_free(&s);
	}
	baseline_free(NULL);
}

/* All the rules that allow it have been met, the same one twice too. */
static void test_allowed_by_several(void **state)
{
	struct baseline *b = parse("{\"lport\":443}\n{\"lport\":80}\r\n{\"lport\":443}\n"
				   "{\"exe\":\"/usr/bin/curl\"}");
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	expect_gone(b, "1 2 3 4 ");
	assert_true(baseline_allows(b, &s.line));
	assert_true(baseline_allows(b, &s.line));
	expect_gone(b, "2 ");
	assert_null(baseline_changed(b, &s.line));
	baseline_free(b);
	sample_free(&s);
}

static void test_changed_and_gone(void **state)
{
	struct baseline *b = parse("# servers\n\n{\"lport\":80}\n"
				   "{\"lport\":443,\"exe\":\"/usr/sbin/nginx\"}\n"
				   "{\"proto\":\"tcp\",\"lport\":22,\"comm\":\"sshd\"}");
	struct sample s = sample_new(EVENT_PORT);
	const struct rule *r;

	(void)state;
	assert_false(baseline_allows(b, &s.line));
	r = baseline_changed(b, &s.line);
	assert_int_equal(rule_line(r), 4);
	assert_string_equal(rule_owner(r).ptr, "/usr/sbin/nginx");
	assert_null(baseline_changed(b, &s.line)); /* the next one there is new */
	r = baseline_gone(b, NULL);
	assert_int_equal(rule_line(r), 3);
	r = baseline_gone(b, r);
	assert_int_equal(rule_line(r), 5);
	assert_null(baseline_gone(b, r));
	baseline_free(b);
	sample_free(&s);
}

/* A rule without an owner allows all of them: what is elsewhere is another port. */
static void test_no_owner_never_changes(void **state)
{
	struct baseline *b = parse("{\"lport\":443,\"proto\":\"udp\"}\n{\"comm\":\"sshd\"}");
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	assert_null(baseline_changed(b, &s.line));
	baseline_free(b);
	sample_free(&s);
}

/* Each port that has changed takes a rule of its own. */
static void test_changed_each_once(void **state)
{
	struct baseline *b = parse("{\"lport\":443,\"comm\":\"a\"}\n{\"lport\":443,\"uid\":7}");
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	assert_int_equal(rule_line(baseline_changed(b, &s.line)), 1);
	assert_int_equal(rule_line(baseline_changed(b, &s.line)), 2);
	assert_null(baseline_changed(b, &s.line));
	expect_gone(b, "");
	baseline_free(b);
	sample_free(&s);
}

static void test_many(void **state)
{
	char *text = malloc(65535 * 32);
	struct sample s = sample_new(EVENT_PORT);
	const struct rule *r = NULL;
	struct baseline *b;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int port = 1; port <= 65535; port++)
		len += sprintf(text + len, "{\"lport\":%d}\n", port);
	b = parse(text);
	assert_true(baseline_allows(b, &s.line));
	for (size_t line = 1; line <= 65535; line++) {
		if (line == 443)
			continue;
		r = baseline_gone(b, r);
		assert_int_equal(rule_line(r), line);
	}
	assert_null(baseline_gone(b, r));
	baseline_free(b);
	sample_free(&s);
	free(text);
}

/* The line is the file's, whatever stands in the others. */
static void refuse(const char *text, size_t line)
{
	char *copy = malloc(strlen(text)); /* without a NUL: the sanitizer sees who reads on */
	char fault[BASELINE_FAULT_MAX] = "";
	struct baseline *b = NULL;
	size_t found;

	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	assert_int_equal(baseline_parse(&b, copy, strlen(text), &found, fault), -EINVAL);
	assert_null(b);
	assert_int_equal(found, line);
	assert_true(*fault && strlen(fault) < BASELINE_FAULT_MAX);
	free(copy);
}

static void test_line_of_the_fault(void **state)
{
	(void)state;
	refuse("x", 1);
	refuse("{\"lport\":1}\nx", 2);
	refuse("{\"lport\":1}\nx\n{\"lport\":2}\n", 2);
	refuse("# one\r\n\r\n  # three\n{\"lport\":1}\n{}\n{}\n", 5); /* the first */
	refuse("{\"lport\":1} {\"lport\":2}\n", 1);
	refuse("{\"lport\":1,\n\"exe\":\"/a\"}\n", 1); /* one a line */
	refuse("\xef\xbb\xbf{\"lport\":1}\n", 1);
	refuse("{\"lport\":1}\n\x01\n", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_allowed_by_several),
		cmocka_unit_test(test_changed_and_gone),
		cmocka_unit_test(test_no_owner_never_changes),
		cmocka_unit_test(test_changed_each_once),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_line_of_the_fault),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
