// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Values: what cannot be set is absent, and each type is put in its own way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "value.h"

/* Shows that a string went through the caller's function. */
static char *put_marked(char *p, const char *s, size_t len)
{
	p = put_char(p, '<');
	p = put_bytes(p, s, len);
	return put_char(p, '>');
}

static void expect(const struct value *v, const char *text)
{
	char out[VALUE_MAX];

	*value_put(out, v, put_marked) = '\0';
	assert_string_equal(out, text);
}

static void test_strings(void **state)
{
	char full[COMM_LEN];
	struct value v;

	(void)state;
	assert_false(value_set_word(&v, &names_attrs, ATTR_CNT));
	assert_false(value_set_word(&v, &names_directions, DIRECTION_NONE));
	assert_false(value_set_string(&v, NULL));
	assert_false(value_set_string(&v, ""));
	assert_false(value_set_comm(&v, (char[COMM_LEN]){ 0 }));
	assert_true(value_set_word(&v, &names_close_reasons, REASON_NEVER_ACCEPTED));
	expect(&v, "never-accepted");
	assert_true(value_set_string(&v, "http"));
	expect(&v, "<http>");
	assert_true(value_set_str(&v, (struct str){ "curling", 4 }));
	expect(&v, "<curl>");
	memset(full, 'x', sizeof(full)); /* nothing ends it */
	assert_true(value_set_comm(&v, full));
	assert_int_equal(v.string.len, COMM_LEN);
}

static void test_address(void **state)
{
	static const uint8_t bytes[ADDR_LEN] = { 192, 0, 2, 7 };
	struct value v;

	(void)state;
	assert_false(value_set_address(&v, bytes, 0));
	assert_true(value_set_address(&v, bytes, 4));
	expect(&v, "192.0.2.7");
	assert_true(value_set_address(&v, bytes, 6));
	expect(&v, "c000:207::");
}

static void test_numbers(void **state)
{
	struct value v = { .type = VALUE_NUMBER, .number = 4026531840 };

	(void)state;
	expect(&v, "4026531840");
	v.type = VALUE_UTC;
	v.number = 1000000001;
	expect(&v, "1970-01-01T00:00:01.000000001Z");
	v.type = VALUE_BOOLEAN;
	v.boolean = true;
	expect(&v, "true");
	v.boolean = false;
	expect(&v, "false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
