// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From records of the ring buffer, which are input, to the names of lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "clock.h"
#include "dns_packets.h"
#include "rnames.h"
#include "samples.h"

static struct rnames *r;
static struct sample s;
static struct dns_record record;
static uint32_t netns; /* our own */

static int setup(void **state)
{
	struct stat st;

	(void)state;
	stat("/proc/self/ns/net", &st);
	netns = st.st_ino;
	r = rnames_new(false);
	s = sample_new(EVENT_CONNECT);
	s.e->ts_ns = clock_monotonic_ns();
	return r ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	rnames_free(r);
	sample_free(&s);
	return 0;
}

/* An answer to the process of the sample, in its namespace, just before. */
static void learn(const char *name, const char *address, uint32_t in_netns, uint32_t pid)
{
	struct packet p;

	packet_begin(&p, PACKET_FLAGS, 1, name);
	packet_address(&p, name, 60, address);
	record = (struct dns_record){ .head = { .kind = RECORD_DNS,
						.len = p.len,
						.whole = p.len,
						.ts_ns = s.e->ts_ns - 1000,
						.proto = IPPROTO_UDP,
						.netns = in_netns,
						.pid = pid } };
	memcpy(record.payload, p.bytes, p.len);
	rnames_add(r, &record, sizeof(record));
}

/* From libc, to a process and what it runs, which asked so long before the event. */
static void tell(const char *name, const char *address, uint32_t pid, uint64_t exe_key,
		 uint64_t ago_ns)
{
	static struct libc_record told;

	told = (struct libc_record){ .kind = RECORD_LIBC,
				     .pid = pid,
				     .exe_key = exe_key,
				     .ts_ns = s.e->ts_ns - ago_ns,
				     .netns = s.e->netns,
				     .cnt = 1,
				     .families = { strchr(address, ':') ? AF_INET6 : AF_INET } };
	inet_pton(told.families[0], address, told.addresses[0]);
	strcpy(told.name, name);
	rnames_add_libc(r, &told, sizeof(told));
	rnames_add_libc(r, &told, sizeof(told) - 1); /* nothing */
}

static const char *name(const char *remote, enum rname_source source)
{
	s.line.rname = (struct str){ 0 };
	s.line.rname_source = RNAME_NONE;
	memset(s.e->raddr, 0, sizeof(s.e->raddr));
	sample_endpoints(s.e, strchr(remote, ':') ? "::1" : "127.0.0.1", remote);
	rnames_line(r, &s.line);
	assert_int_equal(s.line.rname_source, source);
	return s.line.rname.len ? s.line.rname.ptr : "";
}

static void test_dns(void **state)
{
	(void)state;
	learn("own.example", "10.1.2.3", s.e->netns, s.e->owner.pid);
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "own.example");
	learn("six.example", "2001:db8::1", s.e->netns, 0);
	assert_string_equal(name("2001:db8::1", RNAME_DNS), "six.example");
	assert_string_equal(name("10.1.2.4", RNAME_NONE), "");
	s.e->flags &= ~EVENT_F_REMOTE;
	s.line.rname = (struct str){ 0 };
	rnames_line(r, &s.line);
	assert_int_equal(s.line.rname.len, 0);
}

static void test_libc(void **state)
{
	const struct owner *o = &s.e->owner;

	(void)state;
	tell("six.example", "2001:db8::1", o->pid, o->exe_key, 2000);
	assert_string_equal(name("2001:db8::1", RNAME_LIBC), "six.example");
	tell("short", "10.1.2.3", o->pid, o->exe_key, 2000);
	assert_string_equal(name("10.1.2.3", RNAME_LIBC), "short");
	learn("whole.example", "10.1.2.3", s.e->netns, 4321);
	assert_string_equal(name("10.1.2.3", RNAME_LIBC), "short");
	learn("whole.example", "10.1.2.3", s.e->netns, o->pid); /* while libc looked for it */
	s.e->id++; /* an open connection keeps its name */
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "whole.example");
	tell("other", "10.1.2.3", o->pid, o->exe_key, 500);
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "whole.example");
	s.e->id++;
	assert_string_equal(name("10.1.2.3", RNAME_LIBC), "other");
}

/* What others have made up is nobody's name, and hides none. */
static void test_libc_of_others(void **state)
{
	const struct owner *o = &s.e->owner;

	(void)state;
	tell("evil.example", "93.184.216.34", o->pid + 1, o->exe_key, 2000);
	tell("evil.example", "93.184.216.34", o->pid + 1, 4321, 2000);
	tell("evil.example", "93.184.216.34", o->pid, 4321, 2000); /* it had this pid before */
	assert_string_equal(name("93.184.216.34", RNAME_NONE), "");
	learn("good.example", "93.184.216.34", s.e->netns, 0);
	for (int i = 0; i < 100; i++)
		tell("evil.example", "93.184.216.34", o->pid + 1, 4321, 500 - i);
	assert_string_equal(name("93.184.216.34", RNAME_DNS), "good.example");
	s.e->owner.pid = 0;
	assert_string_equal(name("93.184.216.34", RNAME_DNS), "good.example");
}

/* Told to another namespace: a name for an address that is the same host there. */
static void test_elsewhere(void **state)
{
	static const char *const private[] = { "10.0.0.1",   "172.31.0.1",  "192.168.0.1",
					       "100.64.0.1", "169.254.1.1", "127.5.5.5",
					       "fd00::1",    "fe80::1" };

	(void)state;
	learn("global.example", "93.184.216.35", 7, 7);
	assert_string_equal(name("93.184.216.35", RNAME_DNS), "global.example");
	learn("global6.example", "2a00::1", 7, 7);
	assert_string_equal(name("2a00::1", RNAME_DNS), "global6.example");
	for (size_t i = 0; i < sizeof(private) / sizeof(*private); i++) {
		learn("private.example", private[i], 7, 7);
		assert_string_equal(name(private[i], RNAME_NONE), "");
		s.e->netns = 7;
		assert_string_equal(name(private[i], RNAME_DNS), "private.example");
		s.e->netns = 8;
	}
}

/* The machine's own word on an address, unless the process was told otherwise itself. */
static void test_hosts(void **state)
{
	char line[256], word[256] = "", address[64];
	FILE *f = fopen("/etc/hosts", "re");

	(void)state;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %255s", address, word) == 2 && !strcmp(address, "127.0.0.1"))
			break;
		word[0] = '\0';
	}
	if (f)
		fclose(f);
	if (!word[0])
		skip();
	assert_string_equal(name("127.0.0.1", RNAME_HOSTS), word); /* in every namespace */
	learn("ads.example", "127.0.0.1", s.e->netns, 4321);
	assert_string_equal(name("127.0.0.1", RNAME_HOSTS), word);
	learn("ads.example", "127.0.0.1", s.e->netns, s.e->owner.pid);
	assert_string_equal(name("127.0.0.1", RNAME_DNS), "ads.example");
}

/* Whatever the event, what counts is when the connection began. */
static void test_begin(void **state)
{
	struct sample close = sample_new(EVENT_CLOSE), old = s;

	(void)state;
	learn("late.example", "10.1.2.3", s.e->netns, s.e->owner.pid);
	close.e->ts_ns = s.e->ts_ns + 1000000000;
	close.e->duration_us = 500000;
	close.e->handshake_us = 499000;
	s = close;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "late.example");
	s.e->duration_us = 501002;
	assert_string_equal(name("10.1.2.3", RNAME_NONE), "");
	s.e->ts_ns += 3600 * 1000000000ULL;
	s.e->duration_us = 3600999000 - 499000;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "late.example");
	s.e->duration_us = 500000;
	assert_string_equal(name("10.1.2.3", RNAME_NONE), ""); /* it has expired since */
	s.e->kind = EVENT_STATE;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "late.example");
	s.e->kind = EVENT_FAIL;
	s.e->phase = PHASE_HANDSHAKE;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "late.example");
	s.e->phase = PHASE_LOCAL;
	assert_string_equal(name("10.1.2.3", RNAME_NONE), "");
	s.e->kind = EVENT_CLOSE;
	s = old;
	sample_free(&close);
}

/* A connection keeps its name, whatever comes and goes; who comes later is told another. */
static void test_held(void **state)
{
	struct sample close = sample_new(EVENT_CLOSE), old = s;

	(void)state;
	learn("first.example", "10.1.2.3", s.e->netns, s.e->owner.pid);
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "first.example");
	s.e->ts_ns += 2000;
	learn("second.example", "10.1.2.3", s.e->netns, s.e->owner.pid);
	s.e->kind = EVENT_STATE;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "first.example");
	for (int i = 0; i < 200000 / 250; i++) {
		for (int j = 0; j < 250; j++) {
			char address[16];

			snprintf(address, sizeof(address), "10.2.%d.%d", i & 255, j);
			learn(i < 256 ? "a.example" : "b.example", address, 1 + i, 0);
		}
	}
	s.e->kind = EVENT_ESTABLISHED;
	s.e->id++;
	assert_string_equal(name("10.1.2.3", RNAME_NONE), "");
	s.e->id--;
	memcpy(close.e, s.e, EVENT_HEAD_SIZE);
	close.e->kind = EVENT_CLOSE;
	s = close;
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "first.example");
	assert_string_equal(name("10.1.2.3", RNAME_NONE), ""); /* it was the last event */
	s = old;
	sample_free(&close);
}

static void test_tcp(void **state)
{
	uint8_t whole[512];
	struct packet p;

	(void)state;
	packet_begin(&p, PACKET_FLAGS, 1, "tcp.example");
	packet_address(&p, "tcp.example", 60, "10.1.2.3");
	whole[0] = p.len >> 8;
	whole[1] = p.len;
	memcpy(whole + 2, p.bytes, p.len);
	for (size_t i = 0; i < p.len + 2; i++) {
		assert_string_equal(name("10.1.2.3", RNAME_NONE), "");
		record = (struct dns_record){ .head = { .len = 1,
							.offset = i,
							.ts_ns = s.e->ts_ns,
							.proto = IPPROTO_TCP,
							.netns = s.e->netns } };
		record.payload[0] = whole[i];
		rnames_add(r, &record, sizeof(record.head) + 1);
	}
	assert_string_equal(name("10.1.2.3", RNAME_DNS), "tcp.example");
}

static void test_short_records(void **state)
{
	char text[512];
	FILE *f;

	(void)state;
	learn("own.example", "10.1.2.3", netns, 0);
	for (size_t size = 0; size < sizeof(record.head) + record.head.len; size++)
		rnames_add(r, &record, size);
	record.head.len = UINT32_MAX;
	rnames_add(r, &record, sizeof(record));
	record.head.len = 5;
	rnames_add(r, &record, sizeof(record)); /* no header even */
	tell("libc.example", "10.1.2.3", 7, 7, 0);
	f = fmemopen(text, sizeof(text), "w");
	rnames_print(r, 3, f);
	fclose(f);
	assert_string_equal(text, "answers of name servers                     2\n"
				  "malformed answers                           1\n"
				  "answers of libc                             1\n"
				  "lost answers, or parts of them              3\n"
				  "names known at the end                      2\n");
}

/* Nobody is there to answer: no line waits, and nothing more is asked. */
static void test_lookups(void **state)
{
	(void)state;
	assert_false(rnames_poll(r));
	assert_false(rnames_owns(r, 1));
	if (unshare(CLONE_NEWNET))
		skip();
	rnames_free(r);
	r = rnames_new(true);
	assert_non_null(r);
	assert_string_equal(name("93.184.216.35", RNAME_NONE), "");
	while (rnames_poll(r))
		;
	assert_string_equal(name("93.184.216.35", RNAME_NONE), "");
	assert_string_equal(name("10.0.0.1", RNAME_NONE), ""); /* of another namespace */
	assert_false(rnames_poll(r));
	rnames_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dns),	      TEST(test_libc),		TEST(test_libc_of_others),
		TEST(test_elsewhere), TEST(test_hosts),		TEST(test_begin),
		TEST(test_tcp),	      TEST(test_short_records), TEST(test_lookups),
		TEST(test_held),
	};

	return cmocka_run_group_tests_name("rnames", tests, NULL, NULL);
}
