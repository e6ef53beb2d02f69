// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The append buffer: numbers, times, addresses, and the escaping of hostile strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

#define BYTES(s) (s), sizeof(s) - 1

static void expect(struct buf *b, const char *text)
{
	buf_put_char(b, '\0');
	assert_int_equal(b->err, 0);
	assert_string_equal(b->data, text);
	buf_reset(b);
}

static void test_grow(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_put(&b, "0123456789", 10);
	assert_int_equal(b.len, 1000000);
	assert_memory_equal(b.data + 999990, "0123456789", 10);
	buf_put(&b, NULL, 0);
	buf_put_repeat(&b, ' ', 0);
	assert_int_equal(b.len, 1000000);
	buf_free(&b);
	assert_null(b.data);
}

static void test_no_memory(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_str(&b, "abc");
	buf_put_repeat(&b, 'x', SIZE_MAX / 2 + 2);
	assert_int_equal(b.len, 3);
	assert_true(b.err < 0);
	buf_reset(&b);
	assert_int_equal(b.err, 0);
	buf_free(&b);
}

static void test_numbers(void **state)
{
	static const uint64_t numbers[] = { 0,	   1,	       9,	   10,	      99,
					    100,   101,	       999,	   1000,      65535,
					    65536, 4294967295, 1ULL << 53, UINT64_MAX };
	struct buf b = { 0 };
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "%" PRIu64, numbers[i]);
		buf_put_u64(&b, numbers[i]);
		expect(&b, text);
		snprintf(text, sizeof(text), "%09" PRIu64, numbers[i]);
		buf_put_padded(&b, numbers[i], 9);
		expect(&b, text);
	}
	buf_free(&b);
}

static void test_utc(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_utc(&b, 0);
	expect(&b, "1970-01-01T00:00:00.000000000Z");
	buf_put_utc(&b, 1795391017123456789ULL);
	expect(&b, "2026-11-22T23:43:37.123456789Z");
	buf_put_utc(&b, 1795391017000000001ULL);
	expect(&b, "2026-11-22T23:43:37.000000001Z");
	buf_put_utc(&b, 1795391018999999999ULL);
	expect(&b, "2026-11-22T23:43:38.999999999Z");
	buf_put_utc(&b, 951782400000000000ULL);
	expect(&b, "2000-02-29T00:00:00.000000000Z");
	buf_free(&b);
}

static void check_ipv6(const uint8_t *addr)
{
	char text[INET6_ADDRSTRLEN];
	struct buf b = { 0 };

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	buf_put_addr(&b, addr, 6);
	expect(&b, text);
	buf_free(&b);
}

/* Against libc, whose only difference is the dotted form of the long obsolete ::a.b.c.d. */
static void test_ipv6(void **state)
{
	static const char *const texts[] = {
		"::",
		"::1",
		"1::",
		"fe80::1",
		"2001:db8::1:0:0:1",
		"1:0:2:0:3:0:4:0",
		"0:1::",
		"::ffff:192.0.2.1",
		"1:2:3:4:5:6:7:8",
		"0:0:1::2:0:0",
		"2001:db8::8000:0:0",
		"1:2:3:4:5:6::",
		"1:2:3:4:5:6:7:0",
		"ff02::1:ff00:1234",
	};
	uint8_t addr[16];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(inet_pton(AF_INET6, texts[i], addr), 1);
		check_ipv6(addr);
	}
	srand(1);
	for (int i = 0; i < 20000; i++) {
		for (int j = 0; j < 16; j++)
			addr[j] = rand() % 3 ? 0 : rand();
		addr[1] |= 1; /* not ::a.b.c.d */
		check_ipv6(addr);
	}
}

static void test_ipv4(void **state)
{
	uint8_t addr[16] = { 0 };
	char text[INET_ADDRSTRLEN];
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 256; i++) {
		addr[0] = i;
		addr[3] = 255 - i;
		inet_ntop(AF_INET, addr, text, sizeof(text));
		buf_put_addr(&b, addr, 4);
		expect(&b, text);
	}
	buf_free(&b);
}

static void test_text(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_text(&b, BYTES("plain-name_1.2"));
	expect(&b, "plain-name_1.2");
	buf_put_text(&b, BYTES("a b\tc\nd\033[31m\x7f"));
	expect(&b, "a\\x20b\\x09c\\x0ad\\x1b[31m\\x7f");
	buf_put_text(&b, BYTES("back\\slash \"q\""));
	expect(&b, "back\\\\slash\\x20\"q\"");
	buf_put_text(&b, BYTES("\0x"));
	expect(&b, "\\x00x");
	/* C1 CSI, then as a lone byte; overlong '/'; surrogate; cut; beyond U+10FFFF */
	buf_put_text(&b, BYTES("\xc2\x9b|\x9b|\xc0\xaf|\xed\xa0\x80|\xe2\x82|\xf4\x90\x80\x80"));
	expect(&b, "\\xc2\\x9b|\\x9b|\\xc0\\xaf|\\xed\\xa0\\x80|\\xe2\\x82|\\xf4\\x90\\x80\\x80");
	buf_put_text(&b, BYTES("\xff\xfe"));
	expect(&b, "\\xff\\xfe");
	buf_put_text(&b, BYTES("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7"));
	expect(&b, "gr\xc3\xbc\xc3\x9f\\x20\xe2\x82\xac\\x20\xf0\x9f\x90\xa7");
	/* right-to-left override, line separator, byte order mark */
	buf_put_text(&b, BYTES("\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbf"));
	expect(&b, "\\xe2\\x80\\xae\\xe2\\x80\\xa8\\xef\\xbb\\xbf");
	buf_free(&b);
}

static void test_text_spaces_stay(void **state)
{
	char out[64];
	size_t len = escape_text(out, BYTES("a b\n"), false);

	(void)state;
	assert_int_equal(len, 7);
	assert_memory_equal(out, "a b\\x0a", 7);
}

static void test_json(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_json(&b, BYTES("plain name"));
	expect(&b, "plain name");
	buf_put_json(&b, BYTES("\"\\/\b\n\t\033\x7f"));
	expect(&b, "\\\"\\\\/\\u0008\\u000a\\u0009\\u001b\\u007f");
	buf_put_json(&b, BYTES("\0x"));
	expect(&b, "\\u0000x");
	buf_put_json(&b, BYTES("\xc2\x9b|\x9b|\xe2\x80\xa8|\xe2\x82"));
	expect(&b, "\\u009b|\\ufffd|\\u2028|\\ufffd\\ufffd");
	buf_put_json(&b, BYTES("gr\xc3\xbc\xf0\x9f\x90\xa7"));
	expect(&b, "gr\xc3\xbc\xf0\x9f\x90\xa7");
	buf_free(&b);
}

/* Every byte string of three bytes around the borders comes out printable. */
static void test_all_borders(void **state)
{
	static const uint8_t bytes[] = {
		0x00, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0,
		0xc1, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
	};
	const int cnt = sizeof(bytes);
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < cnt * cnt * cnt; i++) {
		char s[3] = { bytes[i % cnt], bytes[i / cnt % cnt], bytes[i / cnt / cnt] };

		buf_put_text(&b, s, 3);
		buf_put_json(&b, s, 3);
	}
	for (size_t i = 0; i < b.len; i++)
		assert_true((uint8_t)b.data[i] >= 0x20 && b.data[i] != 0x7f);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),	cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_utc),
		cmocka_unit_test(test_ipv6),	cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_text),	cmocka_unit_test(test_text_spaces_stay),
		cmocka_unit_test(test_json),	cmocka_unit_test(test_all_borders),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
