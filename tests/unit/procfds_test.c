// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who holds sockets: this process, its children, and what another user sees of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/procfds.c"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OTHER_UID 65534

static int new_socket(uint32_t *inode)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	assert_true(fd >= 0 && !fstat(fd, &st));
	*inode = st.st_ino;
	return fd;
}

/* A child with all our descriptors, that lives until *@hold is closed. */
static pid_t new_child(int *hold)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char c;

		close(ends[1]);
		_exit(read(ends[0], &c, 1) ? 1 : 0);
	}
	close(ends[0]);
	*hold = ends[1];
	return pid;
}

static void end_child(pid_t pid, int hold)
{
	int status;

	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_links(void **state)
{
	/* behind it the sanitizer would see who reads on */
	static const struct {
		const char *link;
		uint32_t inode;
	} cases[] = {
		{ "socket:[1]", 1 },
		{ "socket:[4294967295]", UINT32_MAX },
		{ "socket:[4294967296]", 0 },
		{ "socket:[99999999999999999999]", 0 },
		{ "socket:[]", 0 },
		{ "socket:[", 0 },
		{ "socket:[1", 0 },
		{ "socket:[1]x", 0 },
		{ "socket:[-1]", 0 },
		{ "socket:[1 ]", 0 },
		{ "pipe:[1]", 0 },
		{ "", 0 },
		{ "/socket:[1]", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].link);
		char *exact = malloc(len ? len : 1);

		assert_non_null(exact);
		memcpy(exact, cases[i].link, len);
		assert_int_equal(socket_inode(exact, len), cases[i].inode);
		free(exact);
	}
}

static void test_sorted(void **state)
{
	struct procfds p = { .proc = -1 };
	const struct held *held;

	(void)state;
	assert_int_equal(procfds_get(&p, 1, &held), 0);
	for (uint32_t i = 3000; i; i--)
		assert_int_equal(held_add(&p, i, 5 + i % 2), 0);
	for (uint32_t pid = 9; pid; pid--)
		assert_int_equal(held_add(&p, 42, pid) | held_add(&p, 42, pid), 0);
	held_sort(&p);
	assert_int_equal(p.held_cnt, 3000 + 8);
	assert_int_equal(procfds_get(&p, 42, &held), 9);
	for (uint32_t i = 0; i < 9; i++)
		assert_true(held[i].inode == 42 && held[i].pid == i + 1);
	assert_int_equal(procfds_get(&p, 1, &held), 1);
	assert_int_equal(held->pid, 6);
	assert_int_equal(procfds_get(&p, 3000, &held), 1);
	assert_int_equal(procfds_get(&p, 3001, &held), 0);
	assert_int_equal(procfds_get(&p, 0, &held), 0);
	free(p.held);
}

static void test_own(void **state)
{
	uint32_t inode, other;
	int fd = new_socket(&inode), copy = dup(fd);
	const struct held *held;
	struct procfds *p;

	(void)state;
	assert_int_equal(procfds_new(&p), 0);
	assert_int_equal(procfds_get(p, inode, &held), 1);
	assert_int_equal(held->pid, getpid());
	close(new_socket(&other));
	assert_int_equal(procfds_get(p, other, &held), 0);
	procfds_free(p);
	procfds_free(NULL);
	close(copy);
	close(fd);
}

static void test_several(void **state)
{
	uint32_t inode;
	int fd = new_socket(&inode), hold;
	pid_t child = new_child(&hold), self = getpid();
	const struct held *held;
	struct procfds *p;

	(void)state;
	assert_int_equal(procfds_new(&p), 0);
	assert_int_equal(procfds_get(p, inode, &held), 2);
	assert_int_equal(held[0].pid, self < child ? self : child);
	assert_int_equal(held[1].pid, self < child ? child : self);
	procfds_free(p);
	end_child(child, hold);
	close(fd);
}

static void *thread_wait(void *fd)
{
	char c;

	if (read(*(int *)fd, &c, 1))
		_exit(1);
	_exit(0);
}

static void thread_outlives_leader(int fd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_wait, &fd))
		_exit(1);
	pthread_exit(NULL);
}

/* The leader of a process has ended as soon as its state is that of a zombie. */
static void await_zombie_leader(pid_t pid)
{
	char path[64], stat[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t len = read(fd, stat, sizeof(stat) - 1);

		assert_true(len > 0);
		stat[len] = '\0';
		close(fd);
		state = strrchr(stat, ')');
		assert_non_null(state);
	} while (state[2] != 'Z');
}

/* What it held its other threads hold. Its own files in /proc have become root's. */
static void test_leader_ended(void **state)
{
	uint32_t inode;
	int fd, ends[2], status;
	const struct held *held;
	struct procfds *p;
	size_t cnt;
	pid_t child;

	(void)state;
	if (geteuid())
		skip();
	fd = new_socket(&inode);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		close(ends[1]);
		thread_outlives_leader(ends[0]);
	}
	close(fd);
	close(ends[0]);
	await_zombie_leader(child);
	assert_int_equal(procfds_new(&p), 0);
	cnt = procfds_get(p, inode, &held);
	assert_int_equal(cnt ? held->pid : 0, child);
	assert_int_equal(cnt, 1);
	procfds_free(p);
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* As another user: 1: counted, and not seen; anything else is wrong. */
static int look_as_other(uint32_t inode)
{
	const struct held *held;
	struct procfds *p;
	int right;

	if (setresgid(OTHER_UID, OTHER_UID, OTHER_UID) ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
		return 2;
	if (procfds_new(&p))
		return 3;
	right = procfds_unreadable(p) && !procfds_get(p, inode, &held);
	procfds_free(p);
	return right;
}

static void test_unreadable(void **state)
{
	uint32_t inode;
	int fd, status;
	pid_t child;

	(void)state;
	if (geteuid())
		skip();
	fd = new_socket(&inode);
	child = fork();
	if (!child) {
		close(fd);
		_exit(look_as_other(inode));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),	     cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_own),	     cmocka_unit_test(test_several),
		cmocka_unit_test(test_leader_ended), cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests_name("procfds", tests, NULL, NULL);
}
