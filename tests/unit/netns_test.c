// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The namespaces of this machine, whatever they are: one's own first, each once, and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns.h"

#define SEEN_MAX 1000

struct walk {
	uint32_t seen[SEEN_MAX];
	size_t cnt, refused;
	size_t stop_after; /* 0: never */
};

static uint32_t present(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/thread-self/ns/net", &st), 0);
	return st.st_ino;
}

static int visit(void *ctx, int refused)
{
	struct walk *w = ctx;

	if (refused) {
		w->refused++;
		return 0;
	}
	if (w->cnt < SEEN_MAX)
		w->seen[w->cnt] = present();
	w->cnt++;
	return w->cnt == w->stop_after ? -EPIPE : 0;
}

static void test_each_once(void **state)
{
	uint32_t home = present();
	struct walk w = { .cnt = 0 };

	(void)state;
	assert_int_equal(netns_for_each(0, visit, &w), 0);
	assert_true(w.cnt >= 1);
	assert_int_equal(w.seen[0], home);
	for (size_t i = 0; i < w.cnt && i < SEEN_MAX; i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(w.seen[i], w.seen[j]);
	}
	assert_int_equal(present(), home);
}

static void test_only_one(void **state)
{
	struct walk w = { .cnt = 0 }, none = { .cnt = 0 };

	(void)state;
	assert_int_equal(netns_for_each(present(), visit, &w), 0);
	assert_int_equal(w.cnt, 1);
	assert_int_equal(w.refused, 0);
	assert_int_equal(netns_for_each(1, visit, &none), 0); /* there is none of this number */
	assert_int_equal(none.cnt, 0);
}

static void test_stopped(void **state)
{
	struct walk w = { .stop_after = 1 };

	(void)state;
	assert_int_equal(netns_for_each(0, visit, &w), -EPIPE);
	assert_int_equal(w.cnt, 1);
}

/* A process in a network namespace of its own, which is @inode; 0: it may not have one. */
static pid_t other_begin(uint32_t *inode)
{
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		uint32_t own = unshare(CLONE_NEWNET) ? 0 : present();

		if (write(ready[1], &own, sizeof(own)) != sizeof(own))
			_exit(1);
		close(ready[1]);
		close(STDOUT_FILENO);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], inode, sizeof(*inode)), sizeof(*inode));
	close(ready[0]);
	return pid;
}

static void other_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* One that a process has made: found from outside, and left again. */
static void test_other(void **state)
{
	struct walk w = { .cnt = 0 };
	uint32_t home = present(), inode;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = other_begin(&inode);
	if (inode) {
		assert_int_equal(netns_for_each(inode, visit, &w), 0);
		assert_int_equal(w.cnt, 1);
		assert_int_equal(w.seen[0], inode);
		assert_int_equal(present(), home);
		w = (struct walk){ .stop_after = 1 };
		assert_int_equal(netns_for_each(inode, visit, &w), -EPIPE);
		assert_int_equal(present(), home);
	}
	other_end(pid);
	if (!inode)
		skip(); /* root, but of no namespaces */
}

/* A namespace that cannot be opened is not passed over in silence. */
static void test_out_of_descriptors(void **state)
{
	struct walk w = { .cnt = 0 };
	struct rlimit before, limit;
	int home = dup(STDIN_FILENO), err;
	uint32_t inode;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = other_begin(&inode);
	close(home);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = home + 2; /* for the namespace it is in, and /proc */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	err = netns_for_each(0, visit, &w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	other_end(pid);
	if (!inode)
		skip(); /* root, but of no namespaces */
	assert_int_equal(err, -EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_only_one),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_out_of_descriptors),
	};

	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
