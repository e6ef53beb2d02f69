// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths of executables from the kernel's records, which are input: whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "exes.h"

static struct exes *x;

static int setup(void **state)
{
	(void)state;
	x = exes_new();
	return x ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	exes_free(x);
	return 0;
}

/* A record in memory of its very size, so that the sanitizer sees who reads behind it. */
static int add_sized(uint64_t key, const char *components, size_t len, uint32_t claimed)
{
	size_t size = EXE_HEAD_SIZE + len;
	struct exe_record *r = malloc(size);
	int err;

	assert_non_null(r);
	r->kind = RECORD_EXE;
	r->len = claimed;
	r->key = key;
	memcpy(r->path, components, len);
	err = exes_add(x, r, size);
	free(r);
	return err;
}

static int add(uint64_t key, const char *components, size_t len)
{
	return add_sized(key, components, len, len);
}

/* A literal's own NUL ends its last component. */
#define ADD(key, literal) assert_int_equal(add(key, literal, sizeof(literal)), 0)

/* NULL: not known. */
static const char *path_of(const struct exes *from, uint64_t key)
{
	struct str path = exes_get(from, key);

	if (!path.len)
		return NULL;
	assert_int_equal(path.len, strlen(path.ptr));
	return path.ptr;
}

static void test_paths(void **state)
{
	(void)state;
	ADD(1, "nginx\0sbin\0usr");
	ADD(2, "init");
	ADD(3, "a b\"\n\x1b[m\xff\0.");
	assert_string_equal(path_of(x, 1), "/usr/sbin/nginx");
	assert_string_equal(path_of(x, 2), "/init");
	assert_string_equal(path_of(x, 3), "/./a b\"\n\x1b[m\xff");
}

static void test_unknown(void **state)
{
	(void)state;
	assert_null(path_of(x, 1));
	ADD(1, "sh");
	assert_null(path_of(x, 2));
}

/* Key 0 says that an event has none. */
static void test_no_key(void **state)
{
	(void)state;
	ADD(0, "sh");
	assert_null(path_of(x, 0));
}

static void test_replaced(void **state)
{
	(void)state;
	ADD(7, "old");
	ADD(7, "new\0bin");
	assert_string_equal(path_of(x, 7), "/bin/new");
}

/* An empty component is one of no bytes: nothing is skipped, nothing written beyond the end. */
static void test_empty_components(void **state)
{
	(void)state;
	ADD(1, "");
	ADD(2, "\0\0a\0");
	assert_string_equal(path_of(x, 1), "/");
	assert_string_equal(path_of(x, 2), "//a//");
}

static void test_longest(void **state)
{
	char path[EXE_PATH_MAX];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(add(1, path, sizeof(path)), 0);
	assert_int_equal(strlen(path_of(x, 1)), EXE_PATH_MAX);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '\0' : 'y';
	assert_int_equal(add(2, path, sizeof(path)), 0);
	assert_int_equal(strlen(path_of(x, 2)), EXE_PATH_MAX);
}

static void test_refused(void **state)
{
	struct exe_record r = { .kind = RECORD_EXE, .len = 1, .key = 1 };

	(void)state;
	assert_int_equal(exes_add(x, &r, 0), -EINVAL);
	assert_int_equal(exes_add(x, &r, EXE_HEAD_SIZE - 1), -EINVAL);
	assert_int_equal(exes_add(x, &r, EXE_HEAD_SIZE), -EINVAL); /* says 1, has none */
	assert_int_equal(add_sized(1, "sh", 3, 0), -EINVAL);
	assert_int_equal(add_sized(1, "sh", 3, 4), -EINVAL);
	assert_int_equal(add_sized(1, "sh", 3, UINT32_MAX), -EINVAL);
	assert_int_equal(add(1, "sh", 2), -EINVAL); /* no NUL */
	assert_null(path_of(x, 1));
}

/* However many there are, memory has a bound; the oldest goes first. */
static void test_bounded(void **state)
{
	const uint64_t cnt = 40000;
	uint64_t first = 1;

	(void)state;
	for (uint64_t key = 1; key <= cnt; key++)
		ADD(key, "sh\0bin");
	while (first <= cnt && !path_of(x, first))
		first++;
	assert_true(first > 1 && first < cnt);
	for (uint64_t key = first; key <= cnt; key++)
		assert_string_equal(path_of(x, key), "/bin/sh");
	ADD(cnt, "sh");
	assert_non_null(path_of(x, first)); /* replacing one makes no room */
}

static void test_free_null(void **state)
{
	(void)state;
	exes_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths),    TEST(test_unknown),	  TEST(test_no_key),
		TEST(test_replaced), TEST(test_empty_components), TEST(test_longest),
		TEST(test_refused),  TEST(test_bounded),	  TEST(test_free_null),
	};

	return cmocka_run_group_tests_name("exes", tests, NULL, NULL);
}
