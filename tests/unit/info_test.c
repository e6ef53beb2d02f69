// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers for people keep to their width; the rest of the column is in the text test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "info.h"
#include "put.h"

struct pair {
	uint64_t number;
	const char *text;
};

/* clang-format off */
static const struct pair bytes[] = {
	{ 0, "0B" },	       { 999, "999B" },	      { 1000, "1000B" },	    { 1024, "1.0K" },
	{ 10239, "9.9K" },     { 10240, "10K" },      { 1023999, "999K" },  { 1024000, "0.9M" },
	{ 1048576, "1.0M" },   { 3456789, "3.2M" },   { 1ULL << 30, "1.0G" },
	{ 1ULL << 40, "1.0T" }, { UINT64_MAX, "15E" },
};
/* clang-format on */

/* clang-format off */
static const struct pair durations[] = {
	{ 0, "0us" },		   { 999, "999us" },	      { 1000, "1.0ms" },
	{ 9999, "9.9ms" },	   { 10000, "10ms" },	      { 999999, "999ms" },
	{ 1000000, "1.0s" },	   { 59999999, "59s" },	      { 60000000, "1m00s" },
	{ 599000000, "9m59s" },	   { 600000000, "10m" },      { 3599000000, "59m" },
	{ 3600000000, "1h00m" },   { 35940000000, "9h59m" },  { 86399000000, "23h" },
	{ 86400000000, "1d00h" },  { 8640000000000, "100d" },
};
/* clang-format on */

static void check(char *begin, char *end, const char *text)
{
	assert_true(end - begin <= 5);
	*end = '\0';
	assert_string_equal(begin, text);
}

static void test_bytes(void **state)
{
	char out[INFO_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		check(out, info_put_bytes(out, bytes[i].number), bytes[i].text);
}

static void test_durations(void **state)
{
	char out[INFO_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		check(out, info_put_duration(out, durations[i].number), durations[i].text);
}

/* The name of a device may be anything, and is as long as there is room. */
static void test_route(void **state)
{
	struct link_facts link = { .ifname = "eth\n0", .way = WAY_GATEWAY, .next_hop_ipv = 4 };
	struct event e = { .kind = EVENT_CONNECT };
	struct line l = { .e = &e };
	char out[2 * INFO_MAX];

	(void)state;
	assert_ptr_equal(info_put(out, &l), out);
	l.link = &link;
	link.next_hop[0] = 10;
	link.next_hop[3] = 1;
	*info_put(out, &l) = '\0';
	assert_string_equal(out, "dev eth\\x0a0 via 10.0.0.1");
	memcpy(link.next_hop_mac, "02:00:00:00:00:01", MAC_TEXT_LEN);
	e.kind = EVENT_ESTABLISHED;
	e.handshake_us = 5;
	*info_put(out, &l) = '\0';
	assert_string_equal(out, "in 5us dev eth\\x0a0 via 10.0.0.1 lladdr 02:00:00:00:00:01");
	link.ifname[0] = '\0';
	*info_put(out, &l) = '\0';
	assert_string_equal(out, "in 5us");
	memset(link.ifname, '\x01', IFNAME_LEN);
	link.next_hop_ipv = 6;
	memset(link.next_hop, 0xee, ADDR_LEN);
	assert_true(info_put(out, &l) - out < INFO_MAX - PUT_SLACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_route),
	};

	return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
