// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A command is followed to its end: whose the signals are, when there is nothing left, and its table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "capture.h"
#include "child.h"
#include "follow.h"
#include "samples.h"

static struct follow *f;
static struct capture err;
static int signal_fd;
static sigset_t usual;

static int setup(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	follow_add_signals(&set);
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		/* in the background a shell has them ignored, and so would the command */
		if (sigismember(&set, sig) == 1)
			signal(sig, SIG_DFL);
	}
	sigprocmask(SIG_BLOCK, &set, &usual);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	close(signal_fd);
	sigprocmask(SIG_SETMASK, &usual, NULL);
	return 0;
}

/* In the place of the kernel, which takes it. */
static int tree_fd(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]);
	return fds[0];
}

static void start(char **argv)
{
	struct opts opts = { .command_argv = argv };

	assert_int_equal(follow_start(&f, &opts, tree_fd()), 0);
}

#define START(...) start((char *[]){ __VA_ARGS__, NULL })

static void await_end(void)
{
	struct pollfd fd = { .fd = follow_fd(f), .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 60000), 1);
	follow_reap(f);
	assert_true(follow_has_ended(f));
}

static void add(enum event_kind kind, uint64_t id)
{
	struct sample s = sample_new(kind);

	s.e->id = id;
	follow_event(f, s.e);
	sample_free(&s);
}

static void test_end(void **state)
{
	(void)state;
	START("sh", "-c", "kill $$");
	await_end();
	assert_true(follow_is_over(f, 0));
	assert_int_equal(follow_end(f, signal_fd), 128 + SIGTERM);
}

/* While it or those that it has left are there; then what they have left open may still close. */
static void test_over(void **state)
{
	(void)state;
	START("sleep", "60");
	assert_false(follow_is_over(f, 1));
	assert_false(follow_is_over(f, 0)); /* it ended the moment after that was read */
	assert_true(follow_when(f) == UINT64_MAX);
	kill(getpid(), SIGTERM);
	assert_false(follow_signals(f, signal_fd));
	await_end();
	add(EVENT_CONNECT, 1);
	add(EVENT_ESTABLISHED, 1);
	assert_false(follow_is_over(f, 1));
	assert_true(follow_when(f) != UINT64_MAX);
	assert_false(follow_is_over(f, 0));
	add(EVENT_CLOSE, 1);
	assert_true(follow_is_over(f, 0));
	assert_int_equal(follow_end(f, -1), 128 + SIGTERM);
}

/* Without a command, or after its end, they are ours. */
static void test_signals(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };

	(void)state;
	assert_false(follow_signals(NULL, signal_fd));
	for (size_t i = 0; i < 4; i++) {
		raise(signals[i]);
		assert_true(follow_signals(NULL, signal_fd));
		assert_false(follow_signals(NULL, signal_fd)); /* all have been read */
	}
	for (size_t i = 0; i < 4; i++) {
		START("sleep", "60");
		kill(getpid(), signals[i]);
		assert_false(follow_signals(f, signal_fd));
		await_end();
		raise(SIGINT);
		assert_true(follow_signals(f, signal_fd));
		assert_int_equal(follow_end(f, signal_fd), 128 + signals[i]);
	}
}

/* It is waited for, with the signals that come meanwhile; then what it did is told. */
static void test_table(void **state)
{
	(void)state;
	START("sleep", "60");
	add(EVENT_CONNECT, 1);
	add(EVENT_ESTABLISHED, 1);
	add(EVENT_CLOSE, 1);
	add(EVENT_FAIL, 2);
	kill(getpid(), SIGTERM);
	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(follow_finish(f, signal_fd, NULL, 5), 128 + SIGTERM);
	capture_end(&err);
	assert_non_null(strstr(err.text, "93.184.216.34"));
	assert_non_null(strstr(err.text, "total"));
}

static void test_cannot_start(void **state)
{
	char *argv[] = { "true\033[m", NULL };
	struct opts opts = { .command_argv = argv };

	(void)state;
	f = NULL;
	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(follow_start(&f, &opts, -ENOMEM), -ENOMEM);
	capture_end(&err);
	assert_null(f);
	assert_true(capture_is_one_sentence(&err));
	assert_non_null(strstr(err.text, "'true\\x1b[m'"));
	argv[0] = "/no/such/program";
	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(follow_start(&f, &opts, tree_fd()), -ENOENT);
	capture_end(&err);
	assert_null(f);
	assert_true(capture_is_one_sentence(&err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_end),	  TEST(test_over),	   TEST(test_signals),
		TEST(test_table), TEST(test_cannot_start),
	};

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }); /* SIGQUIT is one of the signals */
	child_keep_heritage();
	alarm(120); /* who waits for ever has failed */
	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
