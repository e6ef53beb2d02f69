// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths that were told are known by their id, of however many cgroups, and what is in them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "../../src/cgroup_paths.c"

#define GONE (1ull << 60) /* no cgroup has an id like this */
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct cgroup_paths *p;

static int setup(void **state)
{
	(void)state;
	return cgroup_paths_new(&p);
}

static int teardown(void **state)
{
	(void)state;
	cgroup_paths_free(p);
	return 0;
}

/* A record in memory of just its size, so that the sanitizers see what is read beyond. */
static int add_sized(uint64_t id, const char *path, uint32_t len, size_t room)
{
	const uint32_t head[] = { RECORD_CGROUP, len };
	char *r = malloc(CGROUP_HEAD_SIZE + room);
	int err;

	memcpy(r, head, sizeof(head));
	memcpy(r + sizeof(head), &id, sizeof(id));
	memcpy(r + CGROUP_HEAD_SIZE, path, room);
	err = cgroup_paths_add(p, (const struct cgroup_record *)r, CGROUP_HEAD_SIZE + room);
	free(r);
	return err;
}

static int add(uint64_t id, const char *path)
{
	return add_sized(id, path, strlen(path), strlen(path) + 1);
}

static const char *path_of(uint64_t id)
{
	const struct cgroup_names *n = cgroup_paths_get(p, id);

	assert_int_equal(n->path.len, n->path.ptr ? strlen(n->path.ptr) : 0);
	return n->path.ptr ?: "";
}

static void test_told(void **state)
{
	const struct cgroup_names *n;

	(void)state;
	assert_int_equal(add(GONE, "/a"), 0);
	assert_int_equal(add(GONE + 1, "/kubepods/pod1234abcd-12ab-34cd-56ef-1234567890ab/crio-" ID
				       "/x.service"),
			 0);
	assert_string_equal(path_of(GONE), "/a");
	n = cgroup_paths_get(p, GONE);
	assert_int_equal(n->container.len + n->runtime.len + n->pod.len + n->unit.len, 0);
	n = cgroup_paths_get(p, GONE + 1);
	assert_string_equal(n->container.ptr, ID);
	assert_int_equal(n->container.len, 64);
	assert_string_equal(n->runtime.ptr, "cri-o");
	assert_int_equal(n->runtime.len, 5);
	assert_string_equal(n->pod.ptr, "1234abcd-12ab-34cd-56ef-1234567890ab");
	assert_int_equal(n->pod.len, 36);
	assert_string_equal(n->unit.ptr, "x.service");
	assert_int_equal(n->unit.len, 9);
}

/* What was asked for in vain and is told after that, and what is told twice. */
static void test_told_late(void **state)
{
	(void)state;
	assert_string_equal(path_of(GONE), "");
	assert_int_equal(add(GONE, "/a"), 0);
	assert_string_equal(path_of(GONE), "/a");
	assert_int_equal(add(GONE, "/b"), 0);
	assert_string_equal(path_of(GONE), "/b");
	assert_int_equal(HASH_COUNT(p->table), 1);
}

static void test_no_records(void **state)
{
	(void)state;
	assert_int_equal(add_sized(GONE, "", 0, 1), -EINVAL);
	assert_int_equal(add_sized(GONE, "/a", 2, 2), -EINVAL); /* no NUL */
	assert_int_equal(add_sized(GONE, "/abc", 2, 5), -EINVAL);
	assert_int_equal(add_sized(GONE, "a", 1, 2), -EINVAL);
	assert_int_equal(add_sized(GONE, "/a", UINT32_MAX, 3), -EINVAL);
	assert_int_equal(cgroup_paths_add(p, &(struct cgroup_record){ .len = 1 }, CGROUP_HEAD_SIZE),
			 -EINVAL);
	assert_int_equal(cgroup_paths_add(p, &(struct cgroup_record){ .len = 1 }, 7), -EINVAL);
	assert_string_equal(path_of(GONE), "");
}

/* The root is always there; file handles need more privilege than opening. */
static void test_asked(void **state)
{
	uint64_t id;
	uint32_t level;

	(void)state;
	if (p->root < 0 || cgroup2_lookup("/", &id, &level))
		skip();
	if (*path_of(id))
		assert_string_equal(path_of(id), "/");
	assert_int_equal(HASH_COUNT(p->table), 1);
	assert_string_equal(path_of(0), "");
	assert_string_equal(path_of(UINT64_MAX), "");
	assert_string_equal(path_of(UINT64_MAX), "");
	assert_int_equal(HASH_COUNT(p->table), 2); /* that there is none is remembered */
}

static void test_without_hierarchy(void **state)
{
	int root = p->root;

	(void)state;
	p->root = -ENODEV;
	assert_string_equal(path_of(GONE), "");
	assert_int_equal(add(GONE, "/a"), 0);
	assert_string_equal(path_of(GONE), "/a");
	p->root = root;
}

/* More than are remembered: the latest stay, and one that is asked for now and then. */
static void test_bounded(void **state)
{
	const size_t cnt = 2 * BYTES_MAX / sizeof(struct cgroup_path);
	char path[96];

	(void)state;
	assert_int_equal(add(GONE, "/often"), 0);
	for (size_t i = 1; i < cnt; i++) {
		snprintf(path, sizeof(path), "/docker/%064zu", i);
		assert_int_equal(add(GONE + i, path), 0);
		assert_true(p->bytes <= BYTES_MAX);
		if (i % 1000 == 0)
			assert_string_equal(path_of(GONE), "/often");
	}
	assert_string_equal(path_of(GONE + cnt - 1), path);
	assert_string_equal(path_of(GONE), "/often");
	assert_string_equal(path_of(GONE + 1), "");
	assert_true(HASH_COUNT(p->table) > cnt / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_hierarchy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
	};

	return cmocka_run_group_tests_name("cgroup_paths", tests, NULL, NULL);
}
