// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sizes and lists as the user types them; numbers and times are in the filters' test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "capture.h"
#include "parse.h"

static struct capture err;

static void test_size(void **state)
{
	static const struct {
		const char *s;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "4096", 4096 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "16M", 1 << 24 },
		{ "16m", 1 << 24 },
		{ "4G", 1ull << 32 },
		{ "003g", 3ull << 30 },
		{ "4294967296", 1ull << 32 },
		{ "4194304K", 1ull << 32 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		uint64_t v = ~0ull;

		if (parse_size(good[i].s, 1ull << 32, &v) || v != good[i].bytes)
			fail_msg("'%s' gave %llu", good[i].s, (unsigned long long)v);
	}
}

static void test_bad_size(void **state)
{
	static const char *const bad[] = {
		"",
		"K",
		"-1",
		"+1",
		"1T",
		"1KB",
		"1 K",
		" 1",
		"1 ",
		"1.5M",
		"0x10",
		"5G",
		"4294967297",
		"4194305K",
		"1KK",
		"K1",
		"1\n",
		"99999999999999999999999999G",
		"1\x0b",
		"1[",
		"1,0",
		"1e3",
		"17179869184G",
	};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse_size(bad[i], 1ull << 32, &v) != -EINVAL || v != 42)
			fail_msg("'%s' gave %llu", bad[i], (unsigned long long)v);
}

/* The unit's shift must not wrap at the largest number there is. */
static void test_size_limit(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(parse_size("17179869183G", UINT64_MAX, &v), 0);
	assert_true(v == 17179869183ull << 30);
	assert_int_equal(parse_size("17179869184G", UINT64_MAX, &v), -EINVAL);
	assert_int_equal(parse_size("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_size("18446744073709551616", UINT64_MAX, &v), -EINVAL);
}

/* Joins the parts it gets, each in brackets; refuses "bad". */
static int join(void *ctx, const char *item)
{
	if (!strcmp(item, "bad"))
		return -ERANGE;
	strcat(strcat(strcat(ctx, "["), item), "]");
	return 0;
}

static int list(const char *s, char *parts)
{
	int ret;

	*parts = '\0';
	capture_begin(&err, STDERR_FILENO);
	ret = parse_list("--ports", s, join, parts);
	capture_end(&err);
	return ret;
}

static void test_list(void **state)
{
	char parts[64];

	(void)state;
	assert_int_equal(list("a", parts), 0);
	assert_string_equal(parts, "[a]");
	assert_int_equal(list("a,b c,!d", parts), 0);
	assert_string_equal(parts, "[a][b c][!d]");
	assert_string_equal(err.text, "");
}

/* It is the callback's to say why: one sentence, not two. */
static void test_list_stops(void **state)
{
	char parts[64];

	(void)state;
	assert_int_equal(list("a,bad,b", parts), -ERANGE);
	assert_string_equal(parts, "[a]");
	assert_string_equal(err.text, "");
}

static void test_list_empty_part(void **state)
{
	static const char *const bad[] = { "", ",", "a,", ",a", "a,,b" };
	char parts[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(list(bad[i], parts), -EINVAL);
		assert_true(capture_is_one_sentence(&err));
		assert_non_null(strstr(err.text, "--ports"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),	   cmocka_unit_test(test_bad_size),
		cmocka_unit_test(test_size_limit), cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_stops), cmocka_unit_test(test_list_empty_part),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
