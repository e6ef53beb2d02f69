// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Depths of cgroups, and the hierarchy's root where this machine has one that we may open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/cgroup2.c"

static void test_depth(void **state)
{
	(void)state;
	assert_int_equal(path_depth("/"), 0);
	assert_int_equal(path_depth(""), 0);
	assert_int_equal(path_depth("/a"), 1);
	assert_int_equal(path_depth("/system.slice/ssh.service"), 2);
	assert_int_equal(path_depth("/a/b/"), 2);
	assert_int_equal(path_depth("//a///b"), 2);
	assert_int_equal(path_depth("a/b/c"), 3);
}

static int need_root(void **state)
{
	int fd = cgroup2_open_root();

	(void)state;
	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

static void test_lookup_root(void **state)
{
	static const char *const names[] = { "/", "", "//", "." };
	uint64_t id, first = 0;
	uint32_t level = 99;

	if (!need_root(state))
		skip();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(cgroup2_lookup(names[i], &id, &level), 0);
		assert_int_equal(level, 0);
		assert_true(id != 0);
		if (!first)
			first = id;
		assert_true(id == first);
	}
}

static void test_lookup_missing(void **state)
{
	uint64_t id;
	uint32_t level;

	if (!need_root(state))
		skip();
	assert_int_equal(cgroup2_lookup("/no such cgroup", &id, &level), -ENOENT);
	assert_int_equal(cgroup2_lookup("no/such", &id, &level), -ENOENT);
	/* a directory, but no cgroup: taken as relative to the hierarchy */
	assert_int_equal(cgroup2_lookup("/usr/bin", &id, &level), -ENOENT);
}

static void test_paths(void **state)
{
	struct cgroup_paths *p;
	struct str path;
	uint64_t id;
	uint32_t level;

	if (!need_root(state))
		skip();
	assert_int_equal(cgroup2_lookup("/", &id, &level), 0);
	assert_int_equal(cgroup_paths_new(&p), 0);
	path = cgroup_paths_get(p, id)->path;
	if (path.len) { /* file handles need more privilege than opening */
		assert_int_equal(path.len, 1);
		assert_string_equal(path.ptr, "/");
		assert_ptr_equal(cgroup_paths_get(p, id)->path.ptr, path.ptr);
		assert_int_equal(cgroup_paths_get(p, id)->container.len, 0);
	}
	assert_int_equal(cgroup_paths_get(p, 0)->path.len, 0);
	assert_int_equal(cgroup_paths_get(p, UINT64_MAX)->path.len, 0);
	assert_int_equal(cgroup_paths_get(p, UINT64_MAX)->path.len, 0); /* remembered */
	cgroup_paths_free(p);
}

/* More unknown ids than are remembered. */
static void test_paths_bounded(void **state)
{
	struct cgroup_paths *p;

	(void)state;
	assert_int_equal(cgroup_paths_new(&p), 0);
	for (uint64_t id = 1ull << 60; id < (1ull << 60) + PATH_CNT_MAX + 100; id++)
		assert_int_equal(cgroup_paths_get(p, id)->path.len, 0);
	assert_true(HASH_COUNT(p->table) <= PATH_CNT_MAX);
	cgroup_paths_free(p);
	cgroup_paths_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),	       cmocka_unit_test(test_lookup_root),
		cmocka_unit_test(test_lookup_missing), cmocka_unit_test(test_paths),
		cmocka_unit_test(test_paths_bounded),
	};

	return cmocka_run_group_tests_name("cgroup2", tests, NULL, NULL);
}
