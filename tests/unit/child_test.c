// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A command is run when the kernel has taken it, and its end is told as a shell tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "child.h"

static struct child child;
static struct capture err;

/* In the place of the kernel: what it says to the process that reads. */
static int start(char **argv, const char *answer)
{
	int fds[2], result;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], answer, strlen(answer)), strlen(answer));
	close(fds[1]);
	capture_begin(&err, STDERR_FILENO);
	result = child_start(&child, argv, NULL, fds[0]);
	capture_end(&err);
	close(fds[0]);
	return result;
}

#define START(answer, ...) start((char *[]){ __VA_ARGS__, NULL }, answer)

static int end(void)
{
	struct pollfd fd = { .fd = child.fd, .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 60000), 1);
	child_reap(&child);
	assert_true(child.ended);
	close(child.fd);
	return child.status;
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(START("x", "sh", "-c", "exit 0"), 0);
	assert_int_equal(end(), 0);
	assert_int_equal(START("x", "sh", "-c", "exit 255"), 0);
	assert_int_equal(end(), 255);
	assert_int_equal(START("x", "sh", "-c", "kill -9 $$"), 0);
	assert_int_equal(end(), 128 + 9);
}

static void test_signal(void **state)
{
	(void)state;
	assert_int_equal(START("x", "sleep", "60"), 0);
	child_reap(&child);
	assert_false(child.ended);
	child_signal(&child, SIGTERM);
	assert_int_equal(end(), 128 + SIGTERM);
	child_signal(&child, SIGTERM); /* to nobody: the number may be another's by now */
}

static void assert_refused(int result, int error, const char *part)
{
	assert_int_equal(result, -error);
	assert_true(capture_is_one_sentence(&err));
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	assert_true(child.ended); /* nothing is left of it */
}

static void test_cannot_run(void **state)
{
	(void)state;
	assert_refused(START("x", "no\nsuch program"), ENOENT, "'no\\x0asuch program': no dir");
	assert_refused(START("x", "/no/such/program"), ENOENT, "No such file");
	assert_refused(START("x", "/etc/passwd"), EACCES, "Permission denied");
	assert_refused(START("x", "/"), EACCES, "Permission denied");
}

/* Untraced, it must not run. */
static void test_not_taken(void **state)
{
	char path[] = "/tmp/child_test.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_refused(START("", "rm", path), ENOMEM, "to be traced");
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_cannot_run),
		cmocka_unit_test(test_not_taken),
	};

	child_keep_heritage();
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
