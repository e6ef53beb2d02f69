// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is written at a cursor: numbers, times, addresses, and the escaping of hostile strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "escape.h"
#include "put.h"

#define BYTES(s) (s), sizeof(s) - 1

static char out[1024];

static void expect(char *end, const char *text)
{
	*end = '\0';
	assert_string_equal(out, text);
}

static void check_number(uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	expect(put_u64(out, n), text);
	assert_int_equal(u64_digits(n), strlen(text));
}

static void test_numbers(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 20000; n++)
		check_number(n);
	for (uint64_t power = 10; power; power = power > UINT64_MAX / 10 ? 0 : power * 10) {
		check_number(power - 1);
		check_number(power);
		check_number(power + 1);
	}
	check_number(UINT32_MAX);
	check_number(1ULL << 53);
	check_number(UINT64_MAX);
}

static void test_few_digits(void **state)
{
	(void)state;
	expect(put_2_digits(out, 7), "07");
	expect(put_3_digits(out, 7), "007");
	expect(put_3_digits(out, 999), "999");
	expect(put_4_digits(out, 1203), "1203");
}

static void test_utc(void **state)
{

	(void)state;
	expect(put_utc(out, 0), "1970-01-01T00:00:00.000000000Z");
	expect(put_utc(out, 1795391017123456789ULL), "2026-11-22T23:43:37.123456789Z");
	expect(put_utc(out, 1795391017000000001ULL), "2026-11-22T23:43:37.000000001Z");
	expect(put_utc(out, 1795391018999999999ULL), "2026-11-22T23:43:38.999999999Z");
	expect(put_utc(out, 951782400000000000ULL), "2000-02-29T00:00:00.000000000Z");
}

static void check_ipv6(const uint8_t *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	expect(put_addr(out, addr, 6), text);
	out[0] = '?'; /* and when it is known */
	expect(put_addr(out, addr, 6), text);
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

	(void)state;
	for (int i = 0; i < 256; i++) {
		addr[0] = i;
		addr[3] = 255 - i;
		inet_ntop(AF_INET, addr, text, sizeof(text));
		expect(put_addr(out, addr, 4), text);
	}
}

static void test_text(void **state)
{

	(void)state;
	expect(put_text(out, BYTES("plain-name_1.2")), "plain-name_1.2");
	expect(put_text(out, BYTES("a b\tc\nd\033[31m\x7f")), "a\\x20b\\x09c\\x0ad\\x1b[31m\\x7f");
	expect(put_text(out, BYTES("back\\slash \"q\"")), "back\\\\slash\\x20\"q\"");
	expect(put_text(out, BYTES("\0x")), "\\x00x");
	/* C1 CSI, then as a lone byte; overlong '/'; surrogate; cut; beyond U+10FFFF */
	expect(put_text(out,
			BYTES("\xc2\x9b|\x9b|\xc0\xaf|\xed\xa0\x80|\xe2\x82|\xf4\x90\x80\x80")),
	       "\\xc2\\x9b|\\x9b|\\xc0\\xaf|\\xed\\xa0\\x80|\\xe2\\x82|\\xf4\\x90\\x80\\x80");
	expect(put_text(out, BYTES("\xff\xfe")), "\\xff\\xfe");
	expect(put_text(out, BYTES("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7")),
	       "gr\xc3\xbc\xc3\x9f\\x20\xe2\x82\xac\\x20\xf0\x9f\x90\xa7");
	/* right-to-left override, line separator, byte order mark */
	expect(put_text(out, BYTES("\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbf")),
	       "\\xe2\\x80\\xae\\xe2\\x80\\xa8\\xef\\xbb\\xbf");
}

/* Of any length, and a harmful character anywhere in it. */
static void test_lengths(void **state)
{
	char text[64], expected[80];

	(void)state;
	for (size_t len = 0; len < 40; len++) {
		for (size_t i = 0; i < len; i++)
			text[i] = 'a' + i % 26;
		text[len] = '\0';
		expect(put_text(out, text, len), text);
		expect(put_json(out, text, len), text);
		for (size_t i = 0; i < len; i++) {
			char was = text[i];

			text[i] = '\\';
			snprintf(expected, sizeof(expected), "%.*s\\%s", (int)i, text, text + i);
			expect(put_text(out, text, len), expected);
			expect(put_json(out, text, len), expected);
			text[i] = was;
		}
	}
}

static void test_text_spaces_stay(void **state)
{
	size_t len = escape_text(out, BYTES("a b\n"), false);

	(void)state;
	assert_int_equal(len, 7);
	assert_memory_equal(out, "a b\\x0a", 7);
}

static void test_json(void **state)
{

	(void)state;
	expect(put_json(out, BYTES("plain name")), "plain name");
	expect(put_json(out, BYTES("\"\\/\b\n\t\033\x7f")),
	       "\\\"\\\\/\\u0008\\u000a\\u0009\\u001b\\u007f");
	expect(put_json(out, BYTES("\0x")), "\\u0000x");
	expect(put_json(out, BYTES("\xc2\x9b|\x9b|\xe2\x80\xa8|\xe2\x82")),
	       "\\u009b|\\ufffd|\\u2028|\\ufffd\\ufffd");
	expect(put_json(out, BYTES("gr\xc3\xbc\xf0\x9f\x90\xa7")), "gr\xc3\xbc\xf0\x9f\x90\xa7");
}

static void check_printable(const char *end)
{
	for (const char *p = out; p < end; p++)
		assert_true((uint8_t)*p >= 0x20 && *p != 0x7f);
}

/* One byte that may not stand as it is, wherever it is, is found; none, none. */
static void test_every_place(void **state)
{
	static const char bad[] = "\n\\\x7f\x80\xff";

	(void)state;
	for (size_t len = 0; len < 70; len++) {
		char s[70];

		memset(s, '~', len);
		assert_ptr_equal(put_text(out, s, len), out + len);
		assert_ptr_equal(put_json(out, s, len), out + len);
		assert_memory_equal(out, s, len);
		for (size_t i = 0; i < len * (sizeof(bad) - 1); i++) {
			s[i % len] = bad[i / len];
			assert_true(put_text(out, s, len) > out + len);
			assert_true(put_json(out, s, len) > out + len);
			s[i % len] = '~';
		}
	}
}

/* Every byte string of three bytes around the borders comes out printable. */
static void test_all_borders(void **state)
{
	static const uint8_t bytes[] = {
		0x00, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0,
		0xc1, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
	};
	const int cnt = sizeof(bytes);

	(void)state;
	for (int i = 0; i < cnt * cnt * cnt; i++) {
		char s[3] = { bytes[i % cnt], bytes[i / cnt % cnt], bytes[i / cnt / cnt] };

		check_printable(put_text(out, s, 3));
		check_printable(put_json(out, s, 3));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	    cmocka_unit_test(test_few_digits),
		cmocka_unit_test(test_utc),	    cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_ipv4),	    cmocka_unit_test(test_text),
		cmocka_unit_test(test_lengths),	    cmocka_unit_test(test_text_spaces_stay),
		cmocka_unit_test(test_json),	    cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_all_borders),
	};

	return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
