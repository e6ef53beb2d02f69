// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The append buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "buf.h"

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

static void test_appending(void **state)
{
	static const uint8_t addr[16] = { 192, 0, 2, 7 };
	struct buf b = { 0 };

	(void)state;
	buf_put_addr(&b, addr, 4);
	buf_put_char(&b, ':');
	buf_put_u64(&b, UINT64_MAX);
	expect(&b, "192.0.2.7:18446744073709551615");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_appending),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
