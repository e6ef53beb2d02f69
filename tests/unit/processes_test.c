// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who processes are: this one, and children with hostile names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/processes.c"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "exes.h"

static struct processes *p;

static int setup(void **state)
{
	(void)state;
	p = processes_new(0);
	return p ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	processes_free(p);
	return 0;
}

static void test_self(void **state)
{
	const struct process *self = processes_get(p, getpid());
	char comm[COMM_LEN] = "";

	(void)state;
	prctl(PR_GET_NAME, comm);
	assert_non_null(self);
	assert_int_equal(self->owner.pid, getpid());
	assert_int_equal(self->owner.tid, getpid());
	assert_int_equal(self->owner.ppid, getppid());
	assert_int_equal(self->owner.uid, getuid());
	assert_string_equal(self->owner.comm, comm);
	assert_int_equal(self->owner.exe_key, 0);
	assert_ptr_equal(processes_get(p, getpid()), self);
}

static void test_gone(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_null(processes_get(p, child));
	assert_null(processes_get(p, child)); /* remembered */
	assert_null(processes_get(p, 0));
	assert_null(processes_get(p, UINT32_MAX));
	processes_free(NULL);
}

/* A name that looks like a line of /proc/PID/status, or has a newline at its end. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = { "\nPPid:\t7\n", "\nUid:\t7", "a\n",
					     "\n",	     "",	  "fifteen-letters" };
	char saved[COMM_LEN];

	(void)state;
	prctl(PR_GET_NAME, saved);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct processes *fresh = processes_new(0);
		const struct process *self;

		prctl(PR_SET_NAME, names[i]);
		self = processes_get(fresh, getpid());
		assert_non_null(self);
		assert_string_equal(self->owner.comm, names[i]);
		assert_int_equal(self->owner.ppid, getppid());
		assert_int_equal(self->owner.uid, getuid());
		processes_free(fresh);
	}
	prctl(PR_SET_NAME, saved);
}

/* As the formats will read it. */
static void test_exe(void **state)
{
	struct exe_record r;
	struct exes *exes = exes_new();
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	size_t size = processes_exe(p, getpid(), &r);

	(void)state;
	assert_true(len > 0);
	path[len] = '\0';
	assert_int_equal(r.kind, RECORD_EXE);
	assert_int_equal(size, EXE_HEAD_SIZE + r.len);
	assert_int_equal(exes_add(exes, &r, size), 0);
	assert_true(r.key && processes_get(p, getpid())->owner.exe_key == r.key);
	assert_string_equal(exes_get(exes, r.key).ptr, path);
	assert_int_equal(processes_exe(p, getpid(), &r), 0); /* told */
	assert_int_equal(processes_exe(p, UINT32_MAX, &r), 0);
	exes_free(exes);
}

static void test_components(void **state)
{
	static const char path[] = "/usr/sbin/nginx", components[] = "nginx\0sbin\0usr";
	char out[64];

	(void)state;
	assert_int_equal(components_put(out, path, sizeof(path) - 1), sizeof(components));
	assert_memory_equal(out, components, sizeof(components));
	assert_int_equal(components_put(out, "/", 1), 1);
	assert_int_equal(components_put(out, "//a", 3), 3);
	assert_memory_equal(out, "a\0\0", 3);
}

static void cut(const char *path, uint32_t components, const char *cut_path)
{
	char buf[64];

	strcpy(buf, path);
	assert_int_equal(path_cut(buf, components), cut_path != NULL);
	if (cut_path)
		assert_string_equal(buf, cut_path);
}

static void test_path_cut(void **state)
{
	(void)state;
	cut("", 0, "");
	cut("", 1, NULL);
	cut("a/b/c", 0, "");
	cut("a/b/c", 1, "a");
	cut("a/b/c", 2, "a/b");
	cut("a/b/c", 3, "a/b/c");
	cut("a/b/c", 4, NULL);
}

/* The cgroup of this process, and that it is its own ancestor; where there is a hierarchy to look in. */
static void test_cgroup(void **state)
{
	const struct process *self = processes_get(p, getpid());
	char buf[FILE_LEN], *path;
	struct processes *deep;
	uint32_t level;
	uint64_t id;

	(void)state;
	assert_true(file_read(p, getpid(), "cgroup", buf) >= 0);
	path = strstr(buf, "0::/");
	if (p->cgroup_root < 0 || !path || strstr(path, "/.."))
		skip();
	path += 3;
	path[strcspn(path, "\n")] = '\0';
	assert_int_equal(cgroup2_lookup(path, &id, &level), 0);
	assert_true(self->owner.cgroup_id == id);
	deep = processes_new(level);
	assert_true(processes_get(deep, getpid())->cgroup_ancestor == id);
	processes_free(deep);
	deep = processes_new(level + 1);
	assert_true(processes_get(deep, getpid())->cgroup_ancestor == 0);
	processes_free(deep);
	assert_int_equal(cgroup2_lookup("/", &id, &level), 0);
	assert_true(self->cgroup_ancestor == id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_self),   TEST(test_gone),	  TEST(test_hostile_names),
		TEST(test_exe),	   TEST(test_components), TEST(test_path_cut),
		TEST(test_cgroup),
	};

	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
