// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers as they are and as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "dns.h"
#include "dns_packets.h"

static struct packet p;
static struct dns_answer a;

/* From memory of that length: reading on is caught. */
static enum dns_result parse_some(size_t len, bool cut)
{
	uint8_t *bytes = malloc(len ?: 1);
	enum dns_result result;

	memcpy(bytes, p.bytes, len);
	memset(&a, 0xff, sizeof(a));
	result = dns_parse(bytes, len, cut, &a);
	free(bytes);
	return result;
}

static enum dns_result parse(void)
{
	return parse_some(p.len, false);
}

static void assert_address(size_t i, const char *text, uint32_t ttl_s)
{
	char found[INET6_ADDRSTRLEN];

	assert_in_range(i, 0, a.cnt - 1);
	inet_ntop(a.addresses[i].ipv == 4 ? AF_INET : AF_INET6, a.addresses[i].bytes, found,
		  sizeof(found));
	assert_string_equal(found, text);
	assert_int_equal(a.addresses[i].ttl_s, ttl_s);
}

static void test_addresses(void **state)
{
	(void)state;
	packet_begin(&p, PACKET_FLAGS, 4, "Shop.EXAMPLE");
	packet_address(&p, "shop.example", 60, "192.0.2.1");
	packet_address(&p, "SHOP.example", 30, "192.0.2.2");
	packet_address(&p, "shop.example", 0xffffffff, "2001:db8::1");
	packet_address(&p, "shop.example", 1 << 30, "::ffff:192.0.2.3");
	assert_int_equal(parse(), DNS_NAMES);
	assert_string_equal(a.name, "shop.example");
	assert_int_equal(a.name_len, strlen(a.name));
	assert_int_equal(a.cnt, 4);
	assert_address(0, "192.0.2.1", 60);
	assert_address(1, "192.0.2.2", 30);
	assert_address(2, "2001:db8::1", 0);
	assert_address(3, "192.0.2.3", DNS_TTL_MAX);
}

/* In any order; only what they lead to. */
static void test_aliases(void **state)
{
	(void)state;
	packet_begin(&p, PACKET_FLAGS, 6, "www.example");
	packet_address(&p, "edge.example", 300, "192.0.2.1");
	packet_alias(&p, "cdn.example", 7, "edge.example");
	packet_address(&p, "stray.example", 60, "192.0.2.9");
	packet_alias(&p, "stray.example", 60, "edge.example");
	packet_alias(&p, "www.example", 60, "cdn.example");
	packet_address(&p, "edge.example", 5, "192.0.2.2");
	assert_int_equal(parse(), DNS_NAMES);
	assert_string_equal(a.name, "www.example");
	assert_int_equal(a.cnt, 2);
	assert_address(0, "192.0.2.1", 7);
	assert_address(1, "192.0.2.2", 5);
	packet_begin(&p, PACKET_FLAGS, 3, "a.example"); /* for ever */
	packet_alias(&p, "a.example", 60, "b.example");
	packet_alias(&p, "b.example", 60, "a.example");
	packet_address(&p, "c.example", 60, "192.0.2.1");
	assert_int_equal(parse(), DNS_NOTHING);
}

static void test_no_answers(void **state)
{
	static const uint16_t flags[] = { 0x0100, 0x8183, 0x8182, 0xa980 };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		packet_begin(&p, flags[i], 1, "a.example");
		packet_address(&p, "a.example", 60, "192.0.2.1");
		assert_int_equal(parse(), DNS_NOTHING);
	}
	packet_begin(&p, PACKET_FLAGS, 0, "a.example");
	assert_int_equal(parse(), DNS_NOTHING);
	packet_begin(&p, PACKET_FLAGS, 1, ""); /* the root has no name to be shown */
	packet_address(&p, "", 60, "192.0.2.1");
	assert_int_equal(parse(), DNS_NOTHING);
	packet_begin(&p, PACKET_FLAGS, 1, "a.example");
	packet_address(&p, "a.example", 60, "192.0.2.1");
	p.bytes[5] = 2; /* questions */
	assert_int_equal(parse(), DNS_MALFORMED);
	p.bytes[5] = 1;
	p.bytes[12 + strlen("a.example") + 2 + 3] = 3; /* CHAOS */
	assert_int_equal(parse(), DNS_NOTHING);
}

/* It ends anywhere: malformed, or as much of it as is there. */
static void test_short(void **state)
{
	size_t first;

	(void)state;
	packet_begin(&p, PACKET_FLAGS, 2, "a.example");
	packet_address(&p, "a.example", 60, "192.0.2.1");
	first = p.len;
	packet_address(&p, "a.example", 60, "2001:db8::1");
	for (size_t len = 0; len < p.len; len++) {
		assert_int_equal(parse_some(len, false), DNS_MALFORMED);
		if (len >= 12)
			assert_int_equal(parse_some(len, true),
					 len < first ? DNS_NOTHING : DNS_NAMES);
	}
	assert_int_equal(parse(), DNS_NAMES);
	p.bytes[2] |= 2; /* it says itself that it is truncated */
	assert_int_equal(parse_some(first, false), DNS_NAMES);
	assert_int_equal(a.cnt, 1);
}

static void test_bad_records(void **state)
{
	static const uint8_t loop[] = { 0xc0, 12 };

	(void)state;
	packet_begin(&p, PACKET_FLAGS, 1, "a.example");
	packet_record(&p, "a.example", 1, 60);
	packet_put16(&p, 3);
	packet_put(&p, "abc", 3);
	assert_int_equal(parse(), DNS_MALFORMED);
	packet_begin(&p, PACKET_FLAGS, 1, "a.example");
	packet_record(&p, "a.example", 5, 60);
	packet_put16(&p, 4); /* longer than the name in it */
	packet_put(&p, "\1b\0\0", 4);
	assert_int_equal(parse(), DNS_MALFORMED);
	packet_begin(&p, PACKET_FLAGS, 1, "a.example");
	p.len = 12; /* a name that points at itself */
	packet_put(&p, loop, 2);
	packet_put(&p, "\0\1\0\1", 4);
	assert_int_equal(parse(), DNS_MALFORMED);
	packet_begin(&p, PACKET_FLAGS, 1, "a.example"); /* others are passed over */
	packet_record(&p, "a.example", 16, 60);
	packet_put16(&p, 2);
	packet_put(&p, "\1x", 2);
	assert_int_equal(parse(), DNS_NOTHING);
}

/* What c-ares makes of bytes that are not for print, and of a name that is too long. */
static void test_names(void **state)
{
	char label[64];

	(void)state;
	packet_begin(&p, PACKET_FLAGS, 1, "\033[m\n.a b");
	packet_address(&p, "\033[m\n.a b", 60, "192.0.2.1");
	assert_int_equal(parse(), DNS_NAMES);
	for (size_t i = 0; i < a.name_len; i++)
		assert_in_range(a.name[i], 32, 126);
	memset(label, 'x', 63);
	label[63] = '\0';
	packet_begin(&p, PACKET_FLAGS, 0, "");
	p.len = 12;
	for (int i = 0; i < 40; i++) {
		packet_name(&p, label);
		p.len--;
	}
	packet_put(&p, "\0\0\1\0\1", 5);
	assert_int_equal(parse(), DNS_MALFORMED);
}

static void test_many(void **state)
{
	(void)state;
	packet_begin(&p, PACKET_FLAGS, 200, "a.b");
	for (int i = 0; i < 200; i++)
		packet_address(&p, "a.b", 60, "192.0.2.1");
	assert_int_equal(parse(), DNS_NAMES);
	assert_int_equal(a.cnt, DNS_ADDRESSES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),   cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_no_answers),  cmocka_unit_test(test_short),
		cmocka_unit_test(test_bad_records), cmocka_unit_test(test_names),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
