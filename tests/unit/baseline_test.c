// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules: what they allow, what is new, gone and changed, and what is no rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

/* 443 of "curl", see samples.h. */
static bool allows(const char *rule)
{
	struct sample s = sample_new(EVENT_PORT);
	struct baseline *b = parse(rule);
	bool result = baseline_allows(b, &s.line);

	assert_int_equal(!baseline_gone(b, NULL), result);
	baseline_free(b);
	sample_free(&s);
	return result;
}

static void test_rules(void **state)
{
	(void)state;
	assert_true(allows("{\"proto\":\"tcp\",\"lport\":443,\"exe\":\"/usr/bin/curl\"}"));
	assert_true(allows("{\"lport\":443}\n"));
	assert_true(allows(" { \"uid\" : 1001 } \r\n"));
	assert_true(allows("{\"laddr\":\"0.0.0.0\",\"ipv\":4}"));
	assert_true(allows("{\"scope\":\"every-interface\",\"user\":\"www-data\"}"));
	assert_true(
		allows("{\"lservice\":\"https\",\"service\":\"https\",\"lclass\":\"well-known\"}"));
	assert_false(allows("{\"proto\":\"udp\",\"lport\":443}"));
	assert_false(allows("{\"lport\":444}"));
	assert_false(allows("{\"lport\":443,\"exe\":\"/usr/bin/curl2\"}"));
	assert_false(allows("{\"lport\":443,\"exe\":\"/usr/bin/cur\"}"));
	assert_false(allows("{\"laddr\":\"0.0.0.1\"}"));
	assert_false(allows("{\"laddr\":\"::\"}"));
	assert_false(allows("{\"rport\":443}"));
	assert_false(allows("{\"mptcp\":true}"));
}

/* They are another time's, and ports -j prints them all the same. */
static void test_passing_keys(void **state)
{
	(void)state;
	assert_true(allows(
		"{\"lport\":443,\"pid\":1,\"tid\":1,\"id\":1,\"netns\":1,\"ts\":\"x\","
		"\"event\":\"port\",\"owners\":[{\"pid\":1}],\"connections\":9,\"since\":\"y\"}"));
	assert_true(allows("{\"lport\":443,\"cgroup\":\"/user.slice/session-7.scope\"}"));
	assert_true(allows("{\"lport\":443,\"container\":\"0123456789abcdef\"}"));
	assert_false(allows("{\"lport\":443,\"container\":\"web\"}"));
}

/* A port of a connection that goes out, whatever address was the first. */
static void test_outbound(void **state)
{
	struct baseline *b = parse("{\"direction\":\"out\",\"raddr\":\"10.9.9.9\",\"rport\":443}");
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	assert_false(baseline_allows(b, &s.line));
	s.e->direction = DIRECTION_OUT;
	s.e->rport = 443;
	sample_endpoints(s.e, "10.0.2.15", "10.0.0.1");
	s.e->flags &= ~EVENT_F_LOCAL;
	assert_true(baseline_allows(b, &s.line));
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
	struct port_facts facts;
	struct event e;
	struct line l;

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
	rule_as_line(r, &e, &facts, &l);
	assert_int_equal(l.change, CHANGE_GONE);
	assert_int_equal(e.lport, 22);
	assert_int_equal(e.proto, IPPROTO_TCP);
	assert_string_equal(e.owner.comm, "sshd");
	assert_int_equal(facts.rule_line, 5);
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

static void refuse(const char *text, size_t len, size_t line)
{
	char fault[BASELINE_FAULT_MAX] = "";
	struct baseline *b = NULL;
	size_t found;
	int err = baseline_parse(&b, text, len, &found, fault);

	if (!err || b)
		fail_msg("taken: %.60s", text);
	assert_int_equal(found, line);
	assert_true(*fault && strlen(fault) < BASELINE_FAULT_MAX);
}

static void test_faults(void **state)
{
	static const char *const lines[] = {
		"{\"lport\":443",
		"{\"lport\":443}x",
		"{\"lport\":443,}",
		"[]",
		"443",
		"null",
		"{}",
		"{\"pid\":7}",
		"{\"port\":443}",
		"{\"tx_bytes\":443}",
		"{\"lport\":\"443\"}",
		"{\"lport\":443.0}",
		"{\"lport\":0}",
		"{\"lport\":65536}",
		"{\"lport\":-1}",
		"{\"lport\":99999999999999999999999999}",
		"{\"lport\":1e400}",
		"{\"uid\":4294967296}",
		"{\"ipv\":5}",
		"{\"proto\":\"sctp\"}",
		"{\"proto\":6}",
		"{\"laddr\":\"localhost\"}",
		"{\"laddr\":\"1.2.3\"}",
		"{\"mapped\":false}",
		"{\"lport\":443,\"lport\":443}",
		"{\"comm\":\"\xff\"}",
		"{\"comm\":\"a\\u0000b\"}",
		"{\"comm\":null}",
		"{\"exe\":{\"a\":1}}",
		"{\"\xc3\xa9\xc3\xa9\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "# one\n{\"lport\":1}\n%s\n{\"lport\":2}\n", lines[i]);
		refuse(text, strlen(text), 3);
	}
	refuse("{\"lport\":1\0}", 13, 1);
}

static void test_deep_and_long(void **state)
{
	size_t len = 200000;
	char *text = malloc(len + 1);

	(void)state;
	memset(text, '[', len);
	text[len] = '\0';
	refuse(text, len, 1);
	for (size_t i = 0; i + 6 <= len; i += 6)
		memcpy(text + i, "{\"a\":", 5);
	refuse(text, len, 1);
	free(text);
}

/* No prefix of a rule is taken for one, and none makes us read on. */
static void test_truncated(void **state)
{
	static const char rule[] = "{\"proto\":\"tcp\",\"lport\":443,\"exe\":\"/usr/\\u00e9\"}";

	(void)state;
	for (size_t len = 1; len < sizeof(rule) - 1; len++) {
		char *copy = malloc(len); /* without a NUL: the sanitizer sees who reads on */

		memcpy(copy, rule, len);
		refuse(copy, len, 1);
		free(copy);
	}
}

static void test_any_bytes(void **state)
{
	char text[64], fault[BASELINE_FAULT_MAX];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = rand() % sizeof(text), line;
		struct baseline *b = NULL;

		for (size_t j = 0; j < len; j++)
			text[j] = rand() % 4 ? "{}[]\":,\\lport013 \n#"[rand() % 20] : rand();
		baseline_parse(&b, text, len, &line, fault);
		baseline_free(b);
	}
}

static void test_written(void **state)
{
	struct sample s = sample_new(EVENT_PORT);
	struct buf b = { 0 };
	struct baseline *back;

	(void)state;
	s.line.container = STR("web");
	memcpy(s.e->owner.comm, "a\"\xff\xe2\x80\xa8\n|", 8);
	baseline_put(&b, &s.line);
	buf_put_char(&b, '\0');
	assert_string_equal(
		b.data, "{\"proto\":\"tcp\",\"uid\":1001,\"comm\":\"a\\\"\\ufffd\\u2028\\u000a|\","
			"\"exe\":\"/usr/bin/curl\",\"cgroup\":\"/system.slice/app.service\","
			"\"laddr\":\"0.0.0.0\",\"lport\":443,\"scope\":\"every-interface\"}\n");
	back = parse(b.data);
	assert_true(baseline_allows(back, &s.line));
	baseline_free(back);
	buf_reset(&b);
	s.line.cgroup = STR("/user.slice/session-3.scope");
	baseline_put(&b, &s.line);
	buf_put_char(&b, '\0');
	assert_null(strstr(b.data, "cgroup"));
	assert_non_null(strstr(b.data, "\"lport\":443"));
	buf_free(&b);
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_passing_keys),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_changed_and_gone),
		cmocka_unit_test(test_no_owner_never_changes),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_deep_and_long),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
