// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One rule: what it asks for, what is none, and what it says of a port that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "samples.h"

static struct rule parse(const char *text)
{
	struct rule r = { .line = 3 };
	char fault[BASELINE_FAULT_MAX];

	if (rule_parse(&r, text, strlen(text), fault))
		fail_msg("%s: %s", text, fault);
	return r;
}

static bool matches(const char *text, const struct line *l, enum rule_part part)
{
	struct rule r = parse(text);
	bool result = rule_matches(&r, l, part);

	rule_free(&r);
	return result;
}

/* 443 of "curl", see samples.h. */
static bool allows(const char *text)
{
	struct sample s = sample_new(EVENT_PORT);
	bool result = matches(text, &s.line, RULE_WHOLE);

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

/* However they are written. */
static void test_equal_values(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	sample_endpoints(s.e, "fd00::a:1", NULL);
	assert_true(matches("{\"laddr\":\"FD00:0:0::000a:0001\"}", &s.line, RULE_WHOLE));
	assert_false(matches("{\"laddr\":\"fd00::a:2\"}", &s.line, RULE_WHOLE));
	s.e->owner.uid = UINT32_MAX;
	s.e->lport = UINT16_MAX;
	assert_true(matches("{\"uid\":4294967295,\"l\\u0070ort\":65535}", &s.line, RULE_WHOLE));
	memcpy(s.e->owner.comm, "\xff\"\n\xc3\xa9", 6);
	assert_true(matches("{\"comm\":\"\\ufffd\\\"\\n\xc3\xa9\"}", &s.line, RULE_WHOLE));
	assert_true(matches("{\"comm\":\"\xef\xbf\xbd\\u0022\\n\\u00e9\"}", &s.line, RULE_WHOLE));
	assert_false(matches("{\"comm\":\"\\ufffd\"}", &s.line, RULE_WHOLE));
	memset(s.e->owner.comm, 'a', COMM_LEN); /* without a NUL */
	assert_true(matches("{\"comm\":\"aaaaaaaaaaaaaaaa\"}", &s.line, RULE_WHOLE));
	assert_false(matches("{\"comm\":\"aaaaaaaaaaaaaaaaa\"}", &s.line, RULE_WHOLE));
	sample_free(&s);
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
	static const char rule[] = "{\"direction\":\"out\",\"raddr\":\"10.9.9.9\",\"ipv\":6,"
				   "\"rport\":443}";
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	assert_false(matches(rule, &s.line, RULE_WHOLE));
	s.e->direction = DIRECTION_OUT;
	s.e->rport = 443;
	sample_endpoints(s.e, "10.0.2.15", "10.0.0.1");
	s.e->flags &= ~EVENT_F_LOCAL;
	assert_true(matches(rule, &s.line, RULE_WHOLE));
	s.e->rport = 444;
	assert_false(matches(rule, &s.line, RULE_WHOLE));
	sample_free(&s);
}

/* Whoever has it: only of a rule that says which port, and whose. */
static void test_port_part(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	assert_true(matches("{\"lport\":443,\"exe\":\"/x\"}", &s.line, RULE_PORT));
	assert_true(matches("{\"lport\":443,\"uid\":0}", &s.line, RULE_PORT));
	assert_true(matches("{\"lport\":443,\"laddr\":\"0.0.0.0\",\"user\":\"x\"}", &s.line,
			    RULE_PORT));
	assert_false(matches("{\"lport\":443}", &s.line, RULE_PORT));
	assert_false(matches("{\"exe\":\"/x\"}", &s.line, RULE_PORT));
	assert_false(matches("{\"lport\":444,\"exe\":\"/x\"}", &s.line, RULE_PORT));
	assert_false(
		matches("{\"lport\":443,\"proto\":\"udp\",\"exe\":\"/x\"}", &s.line, RULE_PORT));
	assert_false(matches("{\"lport\":443,\"cgroup\":\"/a/session-3.scope\"}", &s.line,
			     RULE_PORT)); /* an owner that it does not ask for */
	sample_free(&s);
}

static void test_numbered(void **state)
{
	(void)state;
	assert_true(rule_is_numbered("cgroup", "/user.slice/user-0.slice/session-7.scope"));
	assert_true(rule_is_numbered("cgroup", "/system.slice/docker-0123456789ab.scope"));
	assert_true(rule_is_numbered("cgroup", "/docker/0123456789ab"));
	assert_true(rule_is_numbered("cgroup", "/kubepods.slice/a"));
	assert_false(rule_is_numbered("cgroup", "/system.slice/nginx.service"));
	assert_false(rule_is_numbered("cgroup", ""));
	assert_true(rule_is_numbered("container", "0123456789ab"));
	assert_false(rule_is_numbered("container", "0123456789a"));
	assert_false(rule_is_numbered("container", "0123456789abx"));
	assert_false(rule_is_numbered("container", ""));
	assert_true(rule_is_numbered("pod", "1234abcd-12ab-34cd-56ef-1234567890ab"));
	assert_true(rule_is_numbered("unit", "session-7.scope"));
	assert_false(rule_is_numbered("unit", "nginx.service"));
	assert_false(rule_is_numbered("runtime", "docker"));
	assert_false(rule_is_numbered("comm", "0123456789ab"));
	assert_false(rule_is_numbered("exe", "/docker/session-1.scope"));
}

static void refuse(const char *text, size_t len)
{
	char fault[BASELINE_FAULT_MAX] = "";
	struct rule r = { .line = 3 };

	if (rule_parse(&r, text, len, fault) != -EINVAL)
		fail_msg("taken: %.60s", text);
	assert_true(*fault && strlen(fault) < BASELINE_FAULT_MAX);
	rule_free(&r);
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
		"{\"pid\":\"x\",\"since\":[]}",
		/* nothing that is asked for: every port would do */
		"{\"cgroup\":\"/user.slice/session-7.scope\"}",
		"{\"container\":\"0123456789abcdef\",\"cgroup\":\"/docker/01\"}",
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
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refuse(lines[i], strlen(lines[i]));
	refuse("{\"lport\":1\0}", 13);
	refuse("", 0);
}

/* What it quotes is cut. */
static void test_long_faults(void **state)
{
	static const char *const formats[] = { "{\"%s\":1}", "{\"laddr\":\"%s\"}",
					       "{\"proto\":\"%s\"}", "{%s}" };
	char name[1000], text[1100];

	(void)state;
	memset(name, '\xc3', sizeof(name));
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = '\xa9';
	name[sizeof(name) - 2] = '\0';
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		snprintf(text, sizeof(text), formats[i], name);
		refuse(text, strlen(text));
	}
}

static void test_deep_and_long(void **state)
{
	size_t len = 200000;
	char *text = malloc(len + 1);

	(void)state;
	memset(text, '[', len);
	text[len] = '\0';
	refuse(text, len);
	for (size_t i = 0; i + 6 <= len; i += 6)
		memcpy(text + i, "{\"a\":", 5);
	refuse(text, len);
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
		refuse(copy, len);
		free(copy);
	}
}

static void test_any_bytes(void **state)
{
	char text[64], fault[BASELINE_FAULT_MAX];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = rand() % sizeof(text);
		struct rule r = { .line = 1 };

		for (size_t j = 0; j < len; j++)
			text[j] = rand() % 4 ? "{}[]\":,\\lport013 \n#"[rand() % 20] : rand();
		rule_parse(&r, text, len, fault);
		rule_free(&r);
		rule_free(&r);
	}
}

/* --- as a line ------------------------------------------------------------------------------------- */

struct named {
	struct rule rule;
	struct event event;
	struct port_facts facts;
	struct line line;
};

static void name(struct named *n, const char *text)
{
	n->rule = parse(text);
	rule_as_line(&n->rule, &n->event, &n->facts, &n->line);
	assert_ptr_equal(n->line.e, &n->event);
	assert_ptr_equal(n->line.port, &n->facts);
	assert_int_equal(n->line.change, CHANGE_GONE);
	assert_int_equal(n->event.kind, EVENT_PORT);
	assert_true(n->event.flags & EVENT_F_RULE);
	assert_int_equal(n->facts.rule_line, 3);
	assert_int_equal(rule_line(&n->rule), 3);
}

static void test_as_line(void **state)
{
	struct named n;

	(void)state;
	name(&n,
	     "{\"proto\":\"tcp\",\"laddr\":\"10.0.0.1\",\"lport\":22,\"comm\":\"sshd\","
	     "\"exe\":\"/usr/sbin/sshd\",\"cgroup\":\"/a\",\"container\":\"web\",\"user\":\"root\","
	     "\"runtime\":\"lxc\",\"unit\":\"sshd.service\","
	     "\"scope\":\"one-interface\",\"lorigin\":\"bound\",\"lservice\":\"ssh\"}");
	assert_int_equal(n.event.proto, IPPROTO_TCP);
	assert_int_equal(n.event.lport, 22);
	assert_int_equal(n.event.ipv, 4);
	assert_memory_equal(n.event.laddr, "\x0a\0\0\1", 4);
	assert_int_equal(n.event.flags, EVENT_F_RULE | EVENT_F_LOCAL);
	assert_int_equal(n.event.lorigin, LORIGIN_BOUND);
	assert_string_equal(n.event.owner.comm, "sshd");
	assert_string_equal(n.line.exe.ptr, "/usr/sbin/sshd");
	assert_string_equal(n.line.cgroup.ptr, "/a");
	assert_string_equal(n.line.container.ptr, "web");
	assert_string_equal(n.line.runtime.ptr, "lxc");
	assert_string_equal(n.line.unit.ptr, "sshd.service");
	assert_string_equal(n.line.user.ptr, "root");
	assert_string_equal(n.line.lservice.ptr, "ssh");
	assert_string_equal(n.facts.scope, "one-interface");
	rule_free(&n.rule);
}

/* What it does not say is absent, and a name may be longer than any of the kernel's. */
static void test_as_line_of_little(void **state)
{
	struct named n;

	(void)state;
	name(&n, "{\"comm\":\"a name of 25 characters..\"}");
	assert_memory_equal(n.event.owner.comm, "a name of 25 cha", COMM_LEN);
	assert_int_equal(n.event.flags, EVENT_F_RULE);
	assert_int_equal(n.event.ipv, 0);
	assert_int_equal(n.event.proto, 0);
	assert_null(n.facts.scope);
	assert_int_equal(n.line.exe.len, 0);
	rule_free(&n.rule);
	name(&n, "{\"direction\":\"out\",\"rport\":443,\"raddr\":\"fd00::1\",\"proto\":\"udp\"}");
	assert_int_equal(n.event.flags, EVENT_F_RULE | EVENT_F_REMOTE);
	assert_int_equal(n.event.direction, DIRECTION_OUT);
	assert_int_equal(n.event.proto, IPPROTO_UDP);
	assert_int_equal(n.event.rport, 443);
	assert_int_equal(n.event.ipv, 6);
	rule_free(&n.rule);
}

/* By the executable, which names it best. */
static void test_owner(void **state)
{
	static const char *const rules[][2] = {
		{ "{\"comm\":\"a\",\"exe\":\"/b\",\"user\":\"c\"}", "/b" },
		{ "{\"user\":\"c\",\"comm\":\"a\"}", "a" },
		{ "{\"lport\":1,\"cgroup\":\"/d\",\"user\":\"c\"}", "c" },
		{ "{\"container\":\"web\"}", "web" },
		{ "{\"lport\":1,\"uid\":0}", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct rule r = parse(rules[i][0]);

		assert_string_equal(rule_owner(&r).ptr, rules[i][1]);
		rule_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_equal_values),
		cmocka_unit_test(test_passing_keys),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_port_part),
		cmocka_unit_test(test_numbered),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_long_faults),
		cmocka_unit_test(test_deep_and_long),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_as_line),
		cmocka_unit_test(test_as_line_of_little),
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
