// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Written rules: what stays from run to run, and each allows the port that it was made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "baseline.h"
#include "samples.h"

static struct buf b;

/* The rule of @l, which is one line. */
static const char *written(const struct line *l)
{
	buf_reset(&b);
	baseline_put(&b, l);
	assert_int_equal(b.err, 0);
	buf_put_char(&b, '\0');
	assert_int_equal(strlen(b.data), b.len - 1);
	assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 2);
	return b.data;
}

/* Read again, it allows @l. */
static void expect_allowed(const char *rule, const struct line *l)
{
	char fault[BASELINE_FAULT_MAX];
	struct baseline *back;
	size_t line;

	if (baseline_parse(&back, rule, strlen(rule), &line, fault))
		fail_msg("%s: %s", fault, rule);
	if (!baseline_allows(back, l))
		fail_msg("it does not allow its own: %s", rule);
	baseline_free(back);
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

static void test_written(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.line.container = STR("web");
	memcpy(s.e->owner.comm, "a\"\xff\xe2\x80\xa8\n|", 8);
	assert_string_equal(
		written(&s.line),
		"{\"proto\":\"tcp\",\"uid\":1001,\"comm\":\"a\\\"\\ufffd\\u2028\\u000a|\","
		"\"exe\":\"/usr/bin/curl\",\"cgroup\":\"/system.slice/app.service\","
		"\"laddr\":\"0.0.0.0\",\"lport\":443,\"scope\":\"every-interface\"}\n");
	expect_allowed(b.data, &s.line);
	sample_free(&s);
}

/* A cgroup that is another next time would make the same server a stranger. */
static void test_numbered_cgroup(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.line.cgroup = STR("/user.slice/session-3.scope");
	assert_null(strstr(written(&s.line), "cgroup"));
	assert_non_null(strstr(b.data, "\"lport\":443"));
	expect_allowed(b.data, &s.line);
	s.line.cgroup = STR("/user.slice/session-4.scope");
	expect_allowed(b.data, &s.line);
	sample_free(&s);
}

static void test_without_an_owner(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.e->owner.pid = 0;
	assert_string_equal(written(&s.line),
			    "{\"proto\":\"tcp\",\"laddr\":\"0.0.0.0\",\"lport\":443,"
			    "\"scope\":\"every-interface\"}\n");
	expect_allowed(b.data, &s.line);
	sample_free(&s);
}

/* Of what goes out: to which port, not from which nor to whom. */
static void test_outbound(void **state)
{
	struct sample s = sample_new(EVENT_PORT);
	struct port_facts facts = { .since_ns = 1 };

	(void)state;
	s.line.port = &facts;
	s.e->direction = DIRECTION_OUT;
	s.e->rport = 53;
	s.e->proto = IPPROTO_UDP;
	sample_endpoints(s.e, "fd00::1", "fd00::2");
	s.e->flags &= ~EVENT_F_LOCAL;
	assert_string_equal(written(&s.line),
			    "{\"proto\":\"udp\",\"uid\":1001,\"comm\":\"curl\","
			    "\"exe\":\"/usr/bin/curl\",\"cgroup\":\"/system.slice/app.service\","
			    "\"rport\":53,\"direction\":\"out\"}\n");
	expect_allowed(b.data, &s.line);
	sample_endpoints(s.e, "10.0.0.1", "10.0.0.2");
	s.e->flags &= ~EVENT_F_LOCAL;
	expect_allowed(b.data, &s.line);
	sample_free(&s);
}

/* Every byte takes six in JSON. */
static void test_long(void **state)
{
	static char path[EXE_PATH_MAX + 1];
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	memset(path, '\x7f', EXE_PATH_MAX);
	memset(s.e->owner.comm, '\x01', COMM_LEN);
	s.line.exe = s.line.cgroup = (struct str){ path, EXE_PATH_MAX };
	assert_true(strlen(written(&s.line)) > 6 * 2 * EXE_PATH_MAX);
	expect_allowed(b.data, &s.line);
	sample_free(&s);
}

static void test_any_name(void **state)
{
	struct sample s = sample_new(EVENT_PORT);
	char path[33];

	(void)state;
	srand(1);
	for (int i = 0; i < 3000; i++) {
		size_t len = 1 + rand() % (sizeof(path) - 1);

		memset(s.e->owner.comm, 0, COMM_LEN);
		for (size_t j = 0; j < len; j++)
			path[j] = 1 + rand() % 255; /* no NUL, as in the kernel */
		path[len] = '\0';
		memcpy(s.e->owner.comm, path, len < COMM_LEN ? len : COMM_LEN - 1);
		s.line.exe = s.line.cgroup = (struct str){ path, len };
		expect_allowed(written(&s.line), &s.line);
	}
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),	 cmocka_unit_test(test_numbered_cgroup),
		cmocka_unit_test(test_outbound), cmocka_unit_test(test_without_an_owner),
		cmocka_unit_test(test_long),	 cmocka_unit_test(test_any_name),
	};

	return cmocka_run_group_tests_name("rule_put", tests, NULL, teardown);
}
