// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of what a command has done: every byte of it, and what it does when there is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "samples.h"
#include "services.h"
#include "tally.h"

static struct tally *tally;
static struct services *services;
static struct buf text;

static int setup_all(void **state)
{
	(void)state;
	return services_load(&services);
}

static int teardown_all(void **state)
{
	(void)state;
	services_free(services);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	tally = tally_new();
	return !tally;
}

static int teardown(void **state)
{
	(void)state;
	tally_free(tally);
	buf_free(&text);
	text = (struct buf){ 0 };
	return 0;
}

static const char *put(uint64_t lost_cnt)
{
	buf_reset(&text);
	tally_put(tally, services, lost_cnt, &text);
	buf_put_char(&text, '\0');
	return text.data;
}

/* An event of a connection to @remote, or, without, of one that has come to port 8080. */
static void add(enum event_kind kind, const char *remote, uint16_t port, uint64_t tx, uint64_t rx)
{
	struct sample s = sample_new(kind);

	s.e->proto = kind == EVENT_FLOW ? IPPROTO_UDP : IPPROTO_TCP;
	s.e->direction = remote ? DIRECTION_OUT : DIRECTION_IN;
	sample_endpoints(s.e, remote && strchr(remote, ':') ? "::1" : "10.0.0.1",
			 remote ? remote : "10.9.9.9");
	s.e->lport = remote ? 40000 : 8080;
	s.e->rport = port;
	if (kind == EVENT_CLOSE) {
		s.e->tx_bytes = tx;
		s.e->rx_bytes = rx;
	}
	tally_add(tally, s.e);
	sample_free(&s);
}

static void add_connection(const char *remote, uint16_t port, uint64_t tx, uint64_t rx)
{
	add(EVENT_CONNECT, remote, port, 0, 0);
	add(EVENT_ESTABLISHED, remote, port, 0, 0);
	add(EVENT_CLOSE, remote, port, tx, rx);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_string_equal(put(0), "connsnoop: no connections\n");
	assert_string_equal(put(3),
			    "connsnoop: no connections\n"
			    "connsnoop: lost, so that these numbers are too low: 3 events\n");
}

static void test_table(void **state)
{
	(void)state;
	add_connection("192.0.2.1", 443, 100, 2000);
	add_connection("192.0.2.1", 443, 17, 30000);
	add(EVENT_CONNECT, "192.0.2.1", 443, 0, 0);
	add(EVENT_FAIL, "192.0.2.1", 443, 0, 0);
	add(EVENT_FAIL, "198.51.100.100", 49999, 0, 0);
	add(EVENT_FLOW, "192.0.2.53", 53, 0, 0);
	for (uint16_t port = 1; port < 4; port++) { /* three clients are one row */
		add(EVENT_ACCEPT, NULL, port, 0, 0);
		add(EVENT_CLOSE, NULL, port, 1, 2);
	}
	assert_string_equal(
		put(0),
		"REMOTE          PORT      SERVICE  MADE ACCEPTED FAILED FLOWS  SENT RECEIVED\n"
		"192.0.2.1       443/tcp   https       2        0      1     0  117B      31K\n"
		"*               8080/tcp  http-alt    0        3      0     0    3B       6B\n"
		"192.0.2.53      53/udp    domain      0        0      0     1    0B       0B\n"
		"198.51.100.100  49999/tcp -           0        0      1     0    0B       0B\n"
		"total           -         -           2        3      2     1  120B      31K\n"
		"connsnoop: still open, their bytes not counted: 1\n");
}

static void test_ipv6_grows(void **state)
{
	(void)state;
	add_connection("2001:db8:1111:2222:3333:4444:5555:6666", 80, 1, 1);
	add_connection("192.0.2.1", 80, 1, 0);
	assert_non_null(strstr(put(0), "\n2001:db8:1111:2222:3333:4444:5555:6666 80/tcp    http "
				       "      1        0      0     0    1B       1B\n"
				       "192.0.2.1                              80/tcp    http "
				       "      1        0      0     0    1B       0B\n"));
}

/* Only what has begun and not ended, whatever was lost. */
static void test_open_cnt(void **state)
{
	struct sample s;

	(void)state;
	add(EVENT_CLOSE, "192.0.2.1", 80, 1, 1); /* its beginning was lost */
	assert_int_equal(tally_open_cnt(tally), 0);
	add(EVENT_CONNECT, "192.0.2.1", 80, 0, 0);
	add(EVENT_ESTABLISHED, "192.0.2.1", 80, 0, 0);
	add(EVENT_ACCEPT, NULL, 9, 0, 0);
	add(EVENT_FLOW, NULL, 9, 0, 0);
	assert_int_equal(tally_open_cnt(tally), 3);
	add(EVENT_LISTEN, NULL, 9, 0, 0);
	assert_int_equal(tally_open_cnt(tally), 3);

	s = sample_new(EVENT_FAIL); /* there was no connect before */
	s.e->phase = PHASE_LOCAL;
	tally_add(tally, s.e);
	sample_free(&s);
	assert_int_equal(tally_open_cnt(tally), 3);

	s = sample_new(EVENT_CLOSE);
	s.e->reason = REASON_NEVER_ACCEPTED;
	tally_add(tally, s.e);
	sample_free(&s);
	assert_int_equal(tally_open_cnt(tally), 3);
	assert_non_null(strstr(put(0), "still open, their bytes not counted: 3\n"));
}

static int lines(const char *s)
{
	int cnt = 0;

	for (; (s = strchr(s, '\n')); s++)
		cnt++;
	return cnt;
}

/* More places than are shown, and more than are kept: the sums have them all. */
static void test_many(void **state)
{
	char remote[INET_ADDRSTRLEN];

	(void)state;
	for (int i = 0; i < 25; i++) {
		snprintf(remote, sizeof(remote), "192.0.2.%d", i);
		add_connection(remote, 80, i, 0);
	}
	assert_int_equal(lines(put(0)), 22 + 1);
	assert_non_null(strstr(text.data, ": 5 lines\n"));
	assert_non_null(strstr(text.data, "RECEIVED\n192.0.2.24 ")); /* the most first */
	assert_null(strstr(text.data, "192.0.2.4 "));
	for (int i = 0; i < 9000; i++) {
		snprintf(remote, sizeof(remote), "10.0.%d.%d", i / 250, i % 250);
		add_connection(remote, 80, 1, 0);
	}
	assert_int_equal(lines(put(0)), 22 + 1 + 1);
	assert_non_null(strstr(text.data, " 9025        0      0     0"));
	assert_non_null(strstr(text.data, ": 8172 lines\n"));
	assert_non_null(strstr(text.data, "more than 8192 lines"));
}

/* The longest of the numbers and names that there can be, for IPv4. */
static void test_fits_80_columns(void **state)
{
	(void)state;
	add_connection("255.255.255.255", 65535, 1023 << 10, 1023 << 10);
	for (const char *s = strchr(put(0), '\n') + 1, *end; (end = strchr(s, '\n')); s = end + 1)
		assert_in_range(end - s, 1, 80);
}

static void test_numeric(void **state)
{
	(void)state;
	add_connection("192.0.2.1", 443, 1, 1);
	tally_put(tally, NULL, 0, &text);
	buf_put_char(&text, '\0');
	assert_null(strstr(text.data, "https"));
	assert_non_null(strstr(text.data, "443/tcp"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),  TEST(test_table), TEST(test_ipv6_grows),
		TEST(test_open_cnt), TEST(test_many),  TEST(test_fits_80_columns),
		TEST(test_numeric),
	};

	return cmocka_run_group_tests_name("tally", tests, setup_all, teardown_all);
}
