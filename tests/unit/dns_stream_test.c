// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Parts of streams in every order, and more of them than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dns_stream.h"

static struct dns_streams *s;
static size_t cnt, whole[64], len[64];
static uint8_t first[64]; /* byte of each message */

static void on_message(void *ctx, const uint8_t *message, size_t n, size_t all)
{
	assert_ptr_equal(ctx, &cnt);
	assert_in_range(cnt, 0, 63);
	whole[cnt] = all;
	len[cnt] = n;
	first[cnt++] = n ? message[0] : 0;
}

static int setup(void **state)
{
	(void)state;
	cnt = 0;
	s = dns_streams_new();
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dns_streams_free(s);
	return 0;
}

static void add_at(uint64_t id, uint64_t offset, const void *bytes, size_t n, uint64_t now_ns)
{
	uint8_t *copy = malloc(n ?: 1); /* reading on is caught */

	memcpy(copy, bytes, n);
	dns_streams_add(s, id, offset, copy, n, now_ns, on_message, &cnt);
	free(copy);
}

static void add(uint64_t id, uint64_t offset, const void *bytes, size_t n)
{
	add_at(id, offset, bytes, n, 1);
}

static const char three[] = "\0\3abc\0\0\0\2de"; /* of 3, 0 and 2 bytes */
#define THREE (sizeof(three) - 1)

static void assert_three(void)
{
	static const size_t lengths[] = { 3, 0, 2 };

	assert_int_equal(cnt, 3);
	assert_memory_equal(whole, lengths, sizeof(lengths));
	assert_memory_equal(len, lengths, sizeof(lengths));
	assert_memory_equal(first, "a\0d", 3);
	assert_int_equal(dns_streams_lost(s), 0);
}

static void test_at_once(void **state)
{
	(void)state;
	add(1, 0, three, THREE);
	assert_three();
}

static void test_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < THREE; i++)
		add(1, i, three + i, 1);
	assert_three();
}

static void test_backwards(void **state)
{
	(void)state;
	for (size_t i = THREE; i--;)
		add(1, i, three + i, 1);
	assert_three();
}

/* Parts that overlap, and come again. */
static void test_duplicates(void **state)
{
	(void)state;
	add(1, 4, three + 4, THREE - 4);
	add(1, 2, three + 2, 5);
	add(1, 0, three, 3);
	add(1, 0, three, THREE);
	add(1, 3, three + 3, 2);
	assert_three();
}

static void test_two_streams(void **state)
{
	(void)state;
	add(1, 0, "\0\3ab", 4);
	add(2, 0, "\0\1x", 3);
	add(1, 4, "c", 1);
	assert_int_equal(cnt, 2);
	assert_int_equal(first[0], 'x');
	assert_int_equal(first[1], 'a');
}

/* Only the beginning is kept, and what follows is found. */
static void test_long_message(void **state)
{
	static uint8_t part[4096];
	uint64_t offset = 2;

	(void)state;
	add(1, 0, "\xff\xff", 2);
	memset(part, 'l', sizeof(part));
	for (int i = 0; i < 15; i++, offset += sizeof(part))
		add(1, offset, part, sizeof(part));
	add(1, offset, part, sizeof(part) - 1);
	offset += sizeof(part) - 1;
	add(1, offset, "\0\1n", 3);
	assert_int_equal(cnt, 2);
	assert_int_equal(whole[0], 65535);
	assert_int_equal(len[0], DNS_MESSAGE_MAX);
	assert_int_equal(first[0], 'l');
	assert_int_equal(first[1], 'n');
}

/* What was never sent is waited for as long as there is room. */
static void test_holes(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < DNS_PARTS_MAX; i++)
		add(1, 10 + i, "x", 1);
	assert_int_equal(dns_streams_lost(s), 0);
	add(1, 100, "x", 1);
	assert_int_equal(dns_streams_lost(s), 1);
	add(1, 0, "\0\1a", 3); /* as if it began anew */
	assert_int_equal(cnt, 1);
	/* the trace has begun after this stream; nothing of it is kept */
	add(2, DNS_GAP_MAX + 1, "x", 1);
	add(2, UINT64_MAX, "x", 1);
	add(2, UINT64_MAX - 5, "xxxxxxxxxxxx", 12);
	assert_int_equal(dns_streams_lost(s), 1);
	assert_int_equal(cnt, 1);
}

static void test_many_streams(void **state)
{
	(void)state;
	add(1, 0, "\0\1", 2);
	for (uint64_t id = 2; id < DNS_STREAMS_MAX + 1; id++)
		add(id, 0, "\0\1", 2);
	add(1, 2, "a", 1); /* used, so the second goes first */
	assert_int_equal(cnt, 1);
	add(1, 3, "\0", 1);
	add(1000, 0, "\0\1", 2);
	assert_int_equal(dns_streams_lost(s), 1);
	add(1, 4, "\1b", 2);
	assert_int_equal(cnt, 2);
}

static void test_silence(void **state)
{
	(void)state;
	add_at(1, 0, "\0\2a", 3, 1);
	add_at(2, 0, "\0\1x", 3, 1);
	add_at(3, 0, "\0\1y", 3, DNS_SILENCE_NS + 2);
	assert_int_equal(dns_streams_lost(s), 1); /* the other was between two messages */
	add_at(1, 3, "b", 1, DNS_SILENCE_NS + 3);
	assert_int_equal(cnt, 2);
	dns_streams_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_once),    TEST(test_bytes),	TEST(test_backwards),
		TEST(test_duplicates), TEST(test_two_streams),	TEST(test_long_message),
		TEST(test_holes),      TEST(test_many_streams), TEST(test_silence),
	};

	return cmocka_run_group_tests_name("dns_stream", tests, NULL, NULL);
}
