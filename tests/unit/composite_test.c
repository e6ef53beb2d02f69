// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Columns that join fields: what each makes of a line, and what it makes nothing of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "composite.h"
#include "info.h"
#include "put.h"
#include "samples.h"

static const struct composite *find(const char *name)
{
	for (size_t i = 0; i < composite_cnt; i++) {
		if (!strcmp(composites[i].name, name))
			return &composites[i];
	}
	fail_msg("no column %s", name);
	return NULL;
}

/* In the room that it may ask for, and no more: the sanitizer sees who writes on. */
static void expect(const char *name, const struct line *l, const char *want)
{
	const struct composite *c = find(name);
	size_t room = INFO_MAX + (c->has == COMPOSITE_WORD ? 0 : PUT_TEXT_MAX * line_strings(l));
	char *text = malloc(room), *end;
	struct wall_clock clock = { 0 };

	assert_non_null(text);
	end = c->put(&clock, text, l);
	if ((size_t)(end - text) != strlen(want) || memcmp(text, want, end - text) != 0)
		fail_msg("%s is '%.*s', not '%s'", name, (int)(end - text), text, want);
	free(text);
}

static void test_ends(void **state)
{
	struct sample s = sample_new(EVENT_ACCEPT);

	(void)state;
	expect("local", &s.line, "10.0.2.15:443");
	expect("remote", &s.line, "93.184.216.34:54321");
	expect("dir", &s.line, "<-");
	s.line.rname = STR("a.example");
	expect("remote", &s.line, "a.example:54321");
	s.line.rname = STR("a b\n\033[m");
	expect("remote", &s.line, "a\\x20b\\x0a\\x1b[m:54321");
	s.line.rname = STR("localhost"); /* says less than the address, unless somebody was asked */
	s.line.rname_source = RNAME_HOSTS;
	expect("remote", &s.line, "localhost:54321");
	sample_endpoints(s.e, "127.0.0.1", "127.0.0.1");
	expect("remote", &s.line, "127.0.0.1:54321");
	s.line.rname_source = RNAME_LOOKUP;
	expect("remote", &s.line, "localhost:54321");
	s.line.rname = STR("");
	sample_endpoints(s.e, "fd00::1", "fd00::2");
	expect("local", &s.line, "[fd00::1]:443");
	expect("remote", &s.line, "[fd00::2]:54321");
	s.e->ipv = 0; /* of a rule without an address */
	expect("local", &s.line, "*:443");
	s.e->lport = 0;
	s.e->flags = 0;
	expect("local", &s.line, "");
	expect("remote", &s.line, "");
	sample_free(&s);
}

static void test_translated(void **state)
{
	static const struct nat_end end = { .addr = { 10, 2, 0, 2 }, .port = 8080 };
	static const struct nat_end end6 = { .addr = { 0xfd, 2, [15] = 2 }, .port = 8080 };
	struct sample s = sample_new(EVENT_ACCEPT);

	(void)state;
	expect("nat", &s.line, "");
	s.line.nat = &end;
	expect("nat", &s.line, "10.2.0.2:8080");
	s.e->peer_pid = 0;
	expect("info", &s.line, "nat 10.2.0.2:8080");
	s.e->kind = EVENT_ESTABLISHED;
	s.e->handshake_us = 12;
	expect("info", &s.line, "in 12us, nat 10.2.0.2:8080");
	sample_endpoints(s.e, "fd00::1", "fd00::2");
	s.line.nat = &end6;
	expect("nat", &s.line, "[fd02::2]:8080");
	sample_free(&s);
}

static void test_lost(void **state)
{
	static const char *const empty[] = { "local", "remote", "dir",	   "service",
					     "recvq", "sendq",	"process", "owner",
					     "user",  "opened", "conns" };
	struct sample s = sample_new(EVENT_LOST);

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		expect(empty[i], &s.line, "");
	sample_free(&s);
}

/* Of a listener, connections; of all else bytes; of a port and an event nothing. */
static void test_queues(void **state)
{
	struct sample s = sample_new(EVENT_EXISTING), port = sample_new(EVENT_PORT);

	(void)state;
	expect("recvq", &s.line, "7");
	expect("sendq", &s.line, "42");
	s.e->new_state = TCP_LISTEN;
	s.e->accept_queue = 3;
	s.e->backlog = 128;
	expect("recvq", &s.line, "3");
	expect("sendq", &s.line, "128");
	s.e->proto = IPPROTO_UDP; /* has no such state */
	expect("recvq", &s.line, "7");
	expect("recvq", &port.line, "");
	expect("sendq", &port.line, "");
	sample_free(&s);
	sample_free(&port);
}

static void test_owners(void **state)
{
	static const struct holder holders[] = { { 1234, "curl" }, { 8, "a b" }, { 9, "x" } };
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	expect("owner", &s.line, "1234/curl");
	expect("process", &s.line, "1234/curl");
	s.line.holders = holders;
	s.line.holder_cnt = 1;
	expect("owner", &s.line, "1234/curl");
	s.line.holder_cnt = 3;
	expect("owner", &s.line, "1234/curl+2");
	expect("process", &s.line, "1234/curl,8/a\\x20b,9/x");
	memset(s.e->owner.comm, '\n', COMM_LEN);
	s.line.holder_cnt = 0;
	expect("owner", &s.line,
	       "1234/\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a");
	s.e->owner.pid = 0;
	expect("owner", &s.line, "");
	expect("process", &s.line, "");
	sample_free(&s);
}

/* A rule names its owner, and knows no numbers. */
static void test_owner_of_a_rule(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.e->owner.pid = 0;
	s.e->flags |= EVENT_F_RULE;
	expect("owner", &s.line, "curl");
	expect("user", &s.line, "www-data");
	s.line.user = STR("");
	expect("user", &s.line, ""); /* not that of uid 0 */
	memset(s.e->owner.comm, 0, COMM_LEN);
	expect("owner", &s.line, "");
	sample_free(&s);
}

static void test_user(void **state)
{
	struct sample s = sample_new(EVENT_EXISTING);

	(void)state;
	expect("user", &s.line, "1001"); /* -n, or no name */
	s.line.user = STR("a b");
	expect("user", &s.line, "a\\x20b");
	s.line.user = STR("");
	s.e->owner.pid = 0;
	expect("user", &s.line, "");
	sample_free(&s);
}

static void test_service(void **state)
{
	struct sample s = sample_new(EVENT_PORT), out = sample_new(EVENT_CONNECT);

	(void)state;
	expect("service", &s.line, "https");
	s.line.lservice = STR("");
	expect("service", &s.line, "well-known");
	s.e->lport = 0;
	expect("service", &s.line, "");
	expect("service", &out.line, "https");
	out.e->direction = DIRECTION_NONE;
	expect("service", &out.line, "");
	sample_free(&s);
	sample_free(&out);
}

static void test_port(void **state)
{
	static const char marks[] = " +-~=";
	struct sample s = sample_new(EVENT_PORT);
	struct port_facts facts = *s.line.port;
	char today[16];
	time_t now = time(NULL);
	struct tm tm;

	(void)state;
	expect("conns", &s.line, "2");
	s.line.port = &facts;
	facts.since_ns = 86400000000000;
	expect("opened", &s.line, "1970-01-02");
	facts.has_connections = false;
	expect("conns", &s.line, "");
	facts.since_ns = 0;
	expect("opened", &s.line, "");
	localtime_r(&now, &tm);
	strftime(today, sizeof(today), "%H:%M:%S", &tm);
	facts.since_ns = now * 1000000000ULL;
	if (time(NULL) / 86400 == now / 86400) /* else midnight was meanwhile */
		expect("opened", &s.line, today);
	facts.since_ns = 0xffffffffffffffff; /* 2554 */
	expect("opened", &s.line, "2554-07-21");
	for (unsigned int change = 0; change < CHANGE_CNT; change++) {
		char mark[2] = { marks[change] };

		s.line.change = change;
		expect("mark", &s.line, mark);
	}
	sample_free(&s);
}

static void test_time(void **state)
{
	struct sample s = sample_new(EVENT_CONNECT);
	struct wall_clock clock = { 0 };
	char text[INFO_MAX];

	(void)state;
	expect("time", &s.line, "23:43:37.123");
	s.line.utc_ns = 0;
	expect("time", &s.line, "00:00:00.000");
	/* a second is remembered, forwards and backwards */
	for (int i = 0; i < 4; i++) {
		s.line.utc_ns = (i % 2 ? 59 : 58) * 1000000000ULL + 999999999;
		assert_ptr_equal(find("time")->put(&clock, text, &s.line), text + 12);
		assert_memory_equal(text, i % 2 ? "00:00:59.999" : "00:00:58.999", 12);
	}
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),	cmocka_unit_test(test_lost),
		cmocka_unit_test(test_queues),	cmocka_unit_test(test_owners),
		cmocka_unit_test(test_user),	cmocka_unit_test(test_owner_of_a_rule),
		cmocka_unit_test(test_service), cmocka_unit_test(test_port),
		cmocka_unit_test(test_time),	cmocka_unit_test(test_translated),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("composite", tests, NULL, NULL);
}
