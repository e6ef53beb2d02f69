// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON format: golden lines, and every line against a strict reader, hostile ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdbool.h>

#include "json.h"
#include "samples.h"

#define SOCKET_OF(rest)                                                                            \
	"\"ipv\":4,\"id\":8193,\"pid\":1234,\"tid\":1235,\"ppid\":1000,\"uid\":1001,"              \
	"\"comm\":\"curl\",\"exe\":\"/usr/bin/curl\",\"cgroup\":\"/system.slice/app.service\","    \
	"\"netns\":4026531840," rest
#define START(kind) "{\"ts\":\"2026-11-22T23:43:37.123456789Z\",\"event\":\"" kind "\","
#define TCP(kind, rest) START(kind) "\"proto\":\"tcp\"," SOCKET_OF(rest) "}\n"
#define UDP(kind, rest) START(kind) "\"proto\":\"udp\"," SOCKET_OF(rest) "}\n"
#define OUT "\"attr\":\"connect\"," OUT_PAIR
#define OUT_PAIR                                                                                   \
	"\"laddr\":\"10.0.2.15\",\"lport\":54321,"                                                 \
	"\"raddr\":\"93.184.216.34\",\"rport\":443,\"lclass\":\"private\","                        \
	"\"rclass\":\"well-known\",\"rservice\":\"https\",\"lorigin\":\"dynamic\","                \
	"\"direction\":\"out\",\"service\":\"https\""
#define IN                                                                                         \
	"\"attr\":\"accept\",\"laddr\":\"10.0.2.15\",\"lport\":443,"                               \
	"\"raddr\":\"93.184.216.34\",\"rport\":54321,\"lclass\":\"well-known\","                   \
	"\"rclass\":\"private\",\"lservice\":\"https\",\"lorigin\":\"dynamic\","                   \
	"\"direction\":\"in\",\"service\":\"https\""
#define LISTENER                                                                                   \
	"\"attr\":\"listen\",\"laddr\":\"0.0.0.0\",\"lport\":443,\"lclass\":\"well-known\","       \
	"\"lservice\":\"https\",\"lorigin\":\"bound\",\"service\":\"https\""
#define DATAGRAM                                                                                   \
	"\"attr\":\"send\",\"laddr\":\"10.0.2.15\",\"lport\":54321,"                               \
	"\"raddr\":\"93.184.216.34\",\"rport\":53,\"lclass\":\"private\","                         \
	"\"rclass\":\"well-known\",\"rservice\":\"domain\",\"lorigin\":\"dynamic\","               \
	"\"direction\":\"out\",\"service\":\"domain\""

static const char *const golden[EVENT_SUMMARY] = {
	[EVENT_CONNECT] = TCP("connect", OUT),
	[EVENT_ESTABLISHED] = TCP("established", OUT ",\"handshake_us\":21345"),
	[EVENT_ACCEPT] = TCP("accept", IN ",\"peer_pid\":4242,\"peer_comm\":\"wget\""),
	[EVENT_FAIL] = TCP("fail", OUT ",\"retrans\":0,\"error\":\"ECONNREFUSED\","
				       "\"phase\":\"handshake\""),
	[EVENT_CLOSE] = TCP("close", OUT ",\"handshake_us\":21345,\"duration_us\":1234567,"
					 "\"tx_bytes\":517,\"rx_bytes\":3456789,\"tx_packets\":12,"
					 "\"rx_packets\":2400,\"retrans\":1,\"rtt_us\":20100,"
					 "\"reason\":\"remote\",\"closer_pid\":77,"
					 "\"closer_comm\":\"sh\""),
	[EVENT_LISTEN] = TCP("listen", LISTENER ",\"backlog\":511"),
	[EVENT_UNLISTEN] = TCP("unlisten", LISTENER),
	[EVENT_FLOW] = UDP("flow", DATAGRAM),
	[EVENT_SEND] = UDP("send", DATAGRAM ",\"error\":\"EPERM\",\"bytes\":48"),
	[EVENT_STATE] = TCP("state", OUT ",\"old_state\":\"SYN-SENT\",\"new_state\":\"ESTAB\""),
	[EVENT_EXISTING] = TCP("existing", "\"attr\":\"scan\"," OUT_PAIR
					   ",\"tx_bytes\":517,\"rx_bytes\":3456789,"
					   "\"tx_packets\":12,\"rx_packets\":2400,"
					   "\"retrans\":0,\"rtt_us\":20100,\"state\":\"ESTAB\","
					   "\"rx_queue_bytes\":7,\"tx_queue_bytes\":42"),
	[EVENT_PORT] = TCP("port", LISTENER
			   ",\"change\":\"changed\",\"scope\":\"every-interface\","
			   "\"since\":\"2026-11-22T23:43:37.123456789Z\",\"user\":\"www-data\","
			   "\"connections\":2,\"accepted\":7,\"unexpected\":\"not-ssh\","
			   "\"was\":\"/usr/sbin/nginx\",\"rule\":3,\"backlog\":511"),
	[EVENT_LOST] = START("lost") "\"reason\":\"buffer\",\"kind\":\"close\",\"count\":1234}\n",
};

/* A strict reader of what we write: objects, strings, non-negative integers below 2^53, true. */
static const char *read_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			return NULL;
		if (*p != '\\') {
			p++;
		} else if (p[1] == 'u') {
			for (int i = 2; i < 6; i++) {
				if (!isxdigit((unsigned char)p[i]))
					return NULL;
			}
			p += 6;
		} else if (p[1] == '"' || p[1] == '\\') {
			p += 2;
		} else {
			return NULL;
		}
	}
	return p + 1;
}

static const char *read_number(const char *p)
{
	char *end;

	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return NULL;
	return strtoull(p, &end, 10) < 1ULL << 53 ? end : NULL;
}

static const char *read_object(const char *p);

static const char *read_value(const char *p)
{
	if (*p == '{')
		return read_object(p);
	if (*p == '"')
		return p[1] == '"' ? NULL : read_string(p); /* never empty */
	if (!strncmp(p, "true", 4))
		return p + 4;
	return read_number(p);
}

static const char *read_object(const char *p)
{
	if (*p++ != '{')
		return NULL;
	if (*p == '}')
		return p + 1;
	for (;;) {
		p = read_string(p);
		if (!p || *p++ != ':')
			return NULL;
		p = read_value(p);
		if (!p)
			return NULL;
		if (*p == '}')
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static void check_strict(struct buf *b)
{
	const char *end;

	assert_int_equal(b->err, 0);
	buf_put_char(b, '\0');
	end = read_object(b->data);
	if (!end)
		fail_msg("no JSON: %s", b->data);
	assert_string_equal(end, "\n");
}

static struct json *j;

static int open_json(void **state)
{
	(void)state;
	j = json_new();
	return j ? 0 : -1;
}

static int close_json(void **state)
{
	(void)state;
	json_free(j);
	return 0;
}

static void test_golden(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int kind = 0; kind < EVENT_SUMMARY; kind++) {
		struct sample s = sample_new(kind);

		json_line(j, &b, &s.line);
		check_strict(&b);
		assert_string_equal(b.data, golden[kind]);
		buf_reset(&b);
		sample_free(&s);
	}
	buf_free(&b);
}

static void expect_part(struct buf *b, const char *part);

/* The processes that hold a socket, as objects: names as hostile as they like. */
static void test_owners(void **state)
{
	struct holder holders[2] = { { .pid = 1234, .comm = "curl" }, { .pid = 7 } };
	struct sample s = sample_new(EVENT_EXISTING);
	struct buf b = { 0 };

	(void)state;
	memset(holders[1].comm, '"', COMM_LEN);
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	s.line.change = CHANGE_NEW;
	s.line.user = STR("daemon");
	json_line(j, &b, &s.line);
	buf_put_char(&b, '\0');
	expect_part(&b, ",\"owners\":[{\"pid\":1234,\"comm\":\"curl\"},{\"pid\":7,\"comm\":\""
			"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"}]");
	expect_part(&b, ",\"change\":\"new\"}\n");
	sample_free(&s);
	buf_free(&b);
}

static void test_queues(void **state)
{
	struct sample s = sample_new(EVENT_EXISTING);
	struct buf b = { 0 };

	(void)state;
	s.e->new_state = TCP_LISTEN;
	s.e->accept_queue = 3;
	s.e->backlog = 128;
	json_line(j, &b, &s.line);
	buf_put_char(&b, '\0');
	expect_part(&b, ",\"accept_queue\":3,\"backlog\":128}\n");
	assert_null(strstr(b.data, "queue_bytes"));
	sample_free(&s);
	buf_free(&b);
}

static void expect_part(struct buf *b, const char *part)
{
	if (!strstr(b->data, part))
		fail_msg("'%s' is not in %s", part, b->data);
}

static void test_hostile_names(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	struct buf b = { 0 };

	(void)state;
	memcpy(s.e->owner.comm, "\"},{\n\033\xff\x9b\\\xc3\xbc\x7f\x01xyz", COMM_LEN);
	s.line.exe = STR("/tmp/\xe2\x80\xa8 \"");
	s.line.rservice = STR("a\\b\"");
	json_line(j, &b, &s.line);
	check_strict(&b);
	expect_part(&b, "\"comm\":\"\\\"},{\\u000a\\u001b"
			"\\ufffd\\ufffd\\\\\xc3\xbc\\u007f\\u0001xy");
	expect_part(&b, "\"exe\":\"/tmp/\\u2028 \\\"\"");
	expect_part(&b, "\"service\":\"a\\\\b\\\"\"");
	sample_free(&s);
	buf_free(&b);
}

static void test_addresses(void **state)
{
	struct sample s = sample_new(EVENT_CONNECT);
	struct buf b = { 0 };

	(void)state;
	sample_endpoints(s.e, "2001:db8::1", "::1");
	json_line(j, &b, &s.line);
	check_strict(&b);
	expect_part(&b, "\"ipv\":6,");
	expect_part(&b, "\"laddr\":\"2001:db8::1\",");
	expect_part(&b, "\"raddr\":\"::1\",");
	assert_null(strstr(b.data, "mapped"));
	buf_reset(&b);
	sample_endpoints(s.e, "10.0.0.1", "10.0.0.2");
	s.e->flags |= EVENT_F_MAPPED;
	json_line(j, &b, &s.line);
	check_strict(&b);
	expect_part(&b, "\"ipv\":4,");
	expect_part(&b, "\"raddr\":\"10.0.0.2\",");
	expect_part(&b, "\"mapped\":true,");
	sample_free(&s);
	buf_free(&b);
}

static void test_any_bytes(void **state)
{
	struct buf b = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		static const struct port_facts port;
		struct event e;
		struct line l = { .e = &e,
				  .port = &port,
				  .utc_ns = SAMPLE_UTC_NS,
				  .lost_kind = rand() % 20,
				  .lost_reason = rand() % 8 };

		for (size_t j = 0; j < sizeof(e); j++)
			((uint8_t *)&e)[j] = rand();
		e.kind = rand() % EVENT_SUMMARY;
		e.id >>= 11;
		e.duration_us >>= 11;
		e.tx_bytes >>= 11;
		e.rx_bytes >>= 11;
		e.tx_packets >>= 11;
		e.rx_packets >>= 11;
		json_line(j, &b, &l);
		check_strict(&b);
		buf_reset(&b);
	}
	buf_free(&b);
}

/* An owner of a few that differ little, so that what is kept of one is asked for by another. */
static void any_owner(struct sample *s)
{
	static const char *const paths[] = { "", "/usr/bin/a", "/usr/bin/b", "/usr/bin/\xff\"" };
	static char long_path[2048];
	struct owner *o = &s->e->owner;
	struct str *strings[] = { &s->line.exe, &s->line.cgroup };

	memset(long_path, 'x', sizeof(long_path) - 1);
	o->pid = rand() % 3;
	o->tid = o->pid + rand() % 2;
	o->ppid = rand() % 2;
	o->uid = rand() % 2;
	o->exe_key = rand() % 2;
	o->comm[0] = 'a' + rand() % 2;
	s->e->netns = rand() % 3;
	for (int i = 0; i < 2; i++) {
		const char *path = rand() % 20 ? paths[rand() % 4] : long_path;

		*strings[i] = (struct str){ path, strlen(path) };
	}
	/* what is in the path of the cgroup is the same where that is */
	s->line.container = s->line.runtime = s->line.unit = s->line.cgroup;
}

static void test_kept_is_as_new(void **state)
{
	struct buf kept = { 0 }, new = { 0 };

	(void)state;
	srand(2);
	for (int i = 0; i < 3000; i++) {
		struct sample s = sample_new(rand() % EVENT_SUMMARY);
		struct json *fresh = json_new();

		assert_non_null(fresh);
		any_owner(&s);
		json_line(j, &kept, &s.line);
		json_line(fresh, &new, &s.line);
		assert_int_equal(kept.len, new.len);
		assert_memory_equal(kept.data, new.data, new.len);
		check_strict(&kept);
		buf_reset(&kept);
		buf_reset(&new);
		json_free(fresh);
		sample_free(&s);
	}
	buf_free(&kept);
	buf_free(&new);
}

static void test_summary(void **state)
{
	struct summary sum = { .events = { [EVENT_CONNECT] = 3, [EVENT_CLOSE] = 2 },
			       .lost = { [EVENT_FLOW] = 7 } };
	struct buf b = { 0 };

	(void)state;
	json_summary(&b, SAMPLE_UTC_NS, &sum);
	check_strict(&b);
	assert_string_equal(b.data, START("summary") "\"events\":{\"connect\":3,\"close\":2},"
						     "\"lost\":{\"flow\":7}}\n");
	buf_reset(&b);
	memset(&sum, 0, sizeof(sum));
	json_summary(&b, SAMPLE_UTC_NS, &sum);
	check_strict(&b);
	assert_string_equal(b.data, START("summary") "\"events\":{},\"lost\":{}}\n");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	  cmocka_unit_test(test_owners),
		cmocka_unit_test(test_queues),	  cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_summary),	  cmocka_unit_test(test_kept_is_as_new),
	};

	return cmocka_run_group_tests_name("json", tests, open_json, close_json);
}
