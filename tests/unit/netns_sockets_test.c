// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets in namespaces that the test makes, and none that outlives a rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns_sockets.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

static uint32_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static uint32_t inode_of_pid(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return inode_of(path);
}

/* In which namespace the socket is. */
static uint32_t inode_of_socket(struct mnl_socket *nl)
{
	int fd = ioctl(mnl_socket_get_fd(nl), SIOCGSKNS);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return st.st_ino;
}

static unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A process in a network namespace of its own, which waits to be killed; 0: not allowed here. */
static pid_t make_namespace(void)
{
	char ready;
	pid_t pid;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		ready = !unshare(CLONE_NEWNET);
		if (write(fds[1], &ready, 1) != 1 || !ready)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &ready, 1), 1);
	close(fds[0]);
	if (ready)
		return pid;
	waitpid(pid, NULL, 0);
	return 0;
}

static void end_namespace(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_home(void **state)
{
	struct netns_sockets *s = netns_sockets_new(NETLINK_ROUTE);
	uint32_t home = inode_of("/proc/thread-self/ns/net");
	struct mnl_socket *nl;

	(void)state;
	assert_non_null(s);
	assert_int_equal(netns_sockets_home(s), home);
	nl = netns_sockets_get(s, home, 0);
	assert_non_null(nl);
	assert_int_equal(inode_of_socket(nl), home);
	assert_ptr_equal(netns_sockets_get(s, 0, 0), nl);
	netns_sockets_rest(s);
	assert_ptr_equal(netns_sockets_get(s, home, 1), nl);
	netns_sockets_free(s);
}

static void test_of_process(void **state)
{
	struct netns_sockets *s = netns_sockets_new(NETLINK_ROUTE);
	uint32_t home = inode_of("/proc/thread-self/ns/net"), there;
	unsigned int before = open_files();
	struct mnl_socket *nl;
	pid_t pid = make_namespace();

	(void)state;
	if (!pid) {
		netns_sockets_free(s);
		skip();
	}
	there = inode_of_pid(pid);
	nl = netns_sockets_get(s, there, pid);
	assert_non_null(nl);
	assert_int_equal(inode_of_socket(nl), there);
	assert_int_equal(inode_of("/proc/thread-self/ns/net"), home);
	assert_ptr_equal(netns_sockets_get(s, there, 0), nl);
	netns_sockets_rest(s); /* or the namespace could not end */
	assert_int_equal(open_files(), before);
	/* a wrong hint is none */
	nl = netns_sockets_get(s, there, getpid());
	assert_non_null(nl);
	assert_int_equal(inode_of_socket(nl), there);
	end_namespace(pid);
	netns_sockets_free(s);
	assert_int_equal(open_files(), before - 1);
}

static void test_unknown(void **state)
{
	struct netns_sockets *s = netns_sockets_new(NETLINK_ROUTE);

	(void)state;
	errno = 0;
	assert_null(netns_sockets_get(s, 1, 0));
	assert_int_not_equal(errno, 0);
	assert_null(netns_sockets_get(s, 1, getpid()));
	for (uint32_t i = 2; i < 2 + 2 * NETNS_SOCKETS_MAX; i++) /* more than are kept */
		assert_null(netns_sockets_get(s, i, 0));
	assert_non_null(netns_sockets_get(s, 0, 0));
	netns_sockets_free(s);
	netns_sockets_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_of_process),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
