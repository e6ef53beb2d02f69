// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How many sockets there are, for people and in JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "census.h"
#include "samples.h"

static void add(struct census *c, const char *comm, uint8_t state, uint16_t rport)
{
	struct sample s = sample_new(EVENT_EXISTING);

	memset(s.e->owner.comm, 0, COMM_LEN);
	if (comm)
		memcpy(s.e->owner.comm, comm, strnlen(comm, COMM_LEN));
	else
		s.e->owner.pid = 0;
	s.e->new_state = state;
	s.e->rport = rport;
	assert_int_equal(census_add(c, &s.line), 0);
	sample_free(&s);
}

static void expect(struct census *c, bool json, const char *wanted)
{
	struct buf b = { 0 };

	census_put(c, json, &b);
	buf_put_char(&b, '\0');
	assert_int_equal(b.err, 0);
	assert_string_equal(b.data, wanted);
	buf_free(&b);
}

static void test_empty(void **state)
{
	struct census *c = census_new();

	(void)state;
	expect(c, true, "{\"sockets\":0,\"proto\":{},\"state\":{},\"class\":{},\"process\":{}}\n");
	expect(c, false,
	       "sockets         0\n\nPROTO           SOCKETS\n\nSTATE           SOCKETS\n\n"
	       "CLASS           SOCKETS\n\nPROCESS         SOCKETS\n");
	census_free(c);
	census_free(NULL);
}

/* The largest first, then by name; a socket without an owner is counted, but for no process. */
static void test_counts(void **state)
{
	struct census *c = census_new();
	struct sample udp = sample_new(EVENT_EXISTING);

	(void)state;
	add(c, "curl", TCP_ESTABLISHED, 443);
	add(c, "b", TCP_ESTABLISHED, 8443);
	add(c, "b", TCP_CLOSE_WAIT, 443);
	add(c, "a", TCP_ESTABLISHED, 50000);
	add(c, NULL, TCP_TIME_WAIT, 80);
	udp.e->proto = IPPROTO_UDP;
	udp.e->new_state = TCP_CLOSE;
	udp.e->direction = DIRECTION_NONE;
	udp.e->flags = EVENT_F_REMOTE; /* of neither side the port is the server's */
	assert_int_equal(census_add(c, &udp.line), 0);
	expect(c, true,
	       "{\"sockets\":6,\"proto\":{\"tcp\":5,\"udp\":1},"
	       "\"state\":{\"ESTAB\":3,\"CLOSE-WAIT\":1,\"TIME-WAIT\":1,\"UNCONN\":1},"
	       "\"class\":{\"well-known\":3,\"private\":1,\"registered\":1},"
	       "\"process\":{\"b\":2,\"curl\":2,\"a\":1}}\n");
	sample_free(&udp);
	census_free(c);
}

static void test_text(void **state)
{
	struct census *c = census_new();

	(void)state;
	add(c, "curl", TCP_ESTABLISHED, 443);
	add(c, "0123456789abcdef", TCP_ESTABLISHED, 443);
	expect(c, false,
	       "sockets         2\n"
	       "\nPROTO           SOCKETS\ntcp             2\n"
	       "\nSTATE           SOCKETS\nESTAB           2\n"
	       "\nCLASS           SOCKETS\nwell-known      2\n"
	       "\nPROCESS         SOCKETS\n0123456789abcdef 1\ncurl            1\n");
	census_free(c);
}

static void test_hostile_names(void **state)
{
	struct census *c = census_new();

	(void)state;
	add(c, "\"\n\033 \xff", TCP_ESTABLISHED, 443);
	expect(c, true,
	       "{\"sockets\":1,\"proto\":{\"tcp\":1},\"state\":{\"ESTAB\":1},\"class\":{\"well-known\":1},"
	       "\"process\":{\"\\\"\\u000a\\u001b \\ufffd\":1}}\n");
	expect(c, false,
	       "sockets         1\n\nPROTO           SOCKETS\ntcp             1\n"
	       "\nSTATE           SOCKETS\nESTAB           1\n\nCLASS           SOCKETS\nwell-known      1\n"
	       "\nPROCESS         SOCKETS\n\"\\x0a\\x1b\\x20\\xff 1\n");
	census_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
