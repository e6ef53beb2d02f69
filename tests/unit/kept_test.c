// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is kept of an owner is found again for the very same one, and for no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kept.h"
#include "samples.h"

static struct kept *k;

static int setup(void **state)
{
	(void)state;
	k = kept_new();
	return k ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	kept_free(k);
	return 0;
}

static void test_same(void **state)
{
	struct sample s = sample_new(EVENT_CONNECT);
	struct str found;

	(void)state;
	assert_int_equal(kept_get(k, &s.line).len, 0);
	kept_add(k, &s.line, STR("of curl"));
	found = kept_get(k, &s.line);
	assert_int_equal(found.len, 7);
	assert_memory_equal(found.ptr, "of curl", 7);
	sample_free(&s);
}

/* Each byte of the owner and of the namespace counts, and each of the strings. */
static void test_other(void **state)
{
	struct sample s = sample_new(EVENT_CONNECT);
	struct str *strings[] = { &s.line.exe, &s.line.cgroup };
	uint8_t *owner = (uint8_t *)&s.e->owner;

	(void)state;
	kept_add(k, &s.line, STR("x"));
	for (size_t i = 0; i < sizeof(s.e->owner); i++) {
		owner[i] ^= 1;
		assert_int_equal(kept_get(k, &s.line).len, 0);
		owner[i] ^= 1;
	}
	s.e->netns ^= 1;
	assert_int_equal(kept_get(k, &s.line).len, 0);
	s.e->netns ^= 1;
	for (int i = 0; i < 2; i++) {
		struct str was = *strings[i];
		char other[64];

		memcpy(other, was.ptr, was.len);
		other[was.len - 1] ^= 1;
		*strings[i] = (struct str){ other, was.len };
		assert_int_equal(kept_get(k, &s.line).len, 0);
		*strings[i] = (struct str){ was.ptr, was.len - 1 };
		assert_int_equal(kept_get(k, &s.line).len, 0);
		*strings[i] = was;
	}
	assert_int_equal(kept_get(k, &s.line).len, 1);
	sample_free(&s);
}

static void test_too_long(void **state)
{
	struct sample s = sample_new(EVENT_CONNECT);
	static char text[4096];

	(void)state;
	kept_add(k, &s.line, (struct str){ text, sizeof(text) });
	assert_int_equal(kept_get(k, &s.line).len, 0);
	s.line.exe = (struct str){ text, sizeof(text) };
	kept_add(k, &s.line, STR("x"));
	assert_int_equal(kept_get(k, &s.line).len, 0);
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
	};

	return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
