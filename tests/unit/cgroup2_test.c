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

static void test_path_of_root(void **state)
{
	int root = cgroup2_open_root();
	uint64_t id;
	uint32_t level;
	char *path;

	if (!need_root(state))
		skip();
	assert_int_equal(cgroup2_lookup("/", &id, &level), 0);
	path = cgroup2_path(root, id);
	if (path) /* file handles need more privilege than opening */
		assert_string_equal(path, "/");
	free(path);
	assert_null(cgroup2_path(root, UINT64_MAX));
	close(root);
}

struct seen {
	size_t cnt;
	size_t wrong; /* not what a lookup of the path says */
	size_t lost;  /* in none that was seen before */
	size_t stop_at;
	char last[PATH_MAX];
};

static bool is_below_one_seen(const struct seen *s, const char *path)
{
	size_t len = strrchr(path, '/') - path;

	/* depth first: what it is in is the last, or the last is in what that is in, too */
	return !len || (!strncmp(path, s->last, len) && (!s->last[len] || s->last[len] == '/'));
}

static int see(void *ctx, uint64_t id, struct str path)
{
	struct seen *s = ctx;
	uint64_t by_path;
	uint32_t level;

	assert_int_equal(path.ptr[path.len], 0);
	if (!cgroup2_lookup(path.ptr, &by_path, &level)) /* else it has gone */
		s->wrong += by_path != id;
	s->lost += !is_below_one_seen(s, path.ptr);
	strcpy(s->last, path.ptr);
	return ++s->cnt == s->stop_at ? -EINTR : 0;
}

static void test_walk(void **state)
{
	struct seen s = { .stop_at = 300 };
	int err;

	if (!need_root(state))
		skip();
	err = cgroup2_walk(see, &s);
	assert_int_equal(err, s.cnt == s.stop_at ? -EINTR : 0);
	assert_true(s.cnt >= 1);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(s.lost, 0);
	s = (struct seen){ .stop_at = 1 };
	assert_int_equal(cgroup2_walk(see, &s), -EINTR);
	assert_int_equal(s.cnt, 1);
	assert_string_equal(s.last, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),	       cmocka_unit_test(test_lookup_root),
		cmocka_unit_test(test_lookup_missing), cmocka_unit_test(test_path_of_root),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests_name("cgroup2", tests, NULL, NULL);
}
