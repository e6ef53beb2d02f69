// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The loop over a tracer that is none: what ends it, in which order it is asked, and that nothing is left in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "capture.h"
#include "child.h"
#include "opts.h"
#include "tracer.h"
#include "watch.h"

#define STEP_CNT 8

/* --- the tracer ----------------------------------------------------------------------------------- */

struct tracer {
	int fd;
	int consumed[STEP_CNT]; /* what each tracer__consume() gives, then 0 */
	size_t consume_cnt;
	uint32_t tree_size;
	bool wakes;	/* something happens as soon as the reader sleeps */
	char calls[64]; /* in their order, by their first letters */
};

static struct tracer tracer;

static void note(char c)
{
	size_t len = strlen(tracer.calls);

	if (len < sizeof(tracer.calls) - 1)
		tracer.calls[len] = c;
}

static void wake(void)
{
	assert_int_equal(eventfd_write(tracer.fd, 1), 0);
}

int tracer__fd(const struct tracer *t)
{
	return t->fd;
}

int tracer__consume(struct tracer *t)
{
	note('c');
	return t->consume_cnt < STEP_CNT ? t->consumed[t->consume_cnt++] : 0;
}

void tracer__sleep(struct tracer *t)
{
	note('s');
	if (t->wakes)
		wake();
}

void tracer__awake(struct tracer *t)
{
	(void)t;
	note('a');
}

void tracer__detach(struct tracer *t)
{
	(void)t;
	note('d');
}

int tracer__tree_fd(const struct tracer *t)
{
	int fds[2];

	(void)t;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]);
	return fds[0];
}

uint32_t tracer__tree_size(const struct tracer *t)
{
	return t->tree_size;
}

/* They had gone, and nobody had seen it. */
void tracer__tree_prune(struct tracer *t)
{
	note('p');
	t->tree_size = 0;
	wake();
}

/* --- the loop ------------------------------------------------------------------------------------- */

static struct watch *w;
static struct opts opts;
static sigset_t usual;
static struct capture err;

/* What each call of idle() gives, then 0. */
static int idle_results[STEP_CNT];
static size_t idle_cnt;

static int idle(void *ctx)
{
	assert_ptr_equal(ctx, &tracer);
	note('i');
	return idle_cnt < STEP_CNT ? idle_results[idle_cnt++] : 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&tracer, 0, sizeof(tracer));
	memset(&opts, 0, sizeof(opts));
	memset(idle_results, 0, sizeof(idle_results));
	idle_cnt = 0;
	w = NULL;
	tracer.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigprocmask(SIG_SETMASK, NULL, &usual);
	return tracer.fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	close(tracer.fd);
	sigprocmask(SIG_SETMASK, &usual, NULL);
	return 0;
}

static void open_watch(void)
{
	assert_int_equal(watch_open(&w, &opts, &tracer), 0);
}

static void run(int want, const char *calls)
{
	assert_int_equal(watch_run(w, idle, &tracer), want);
	assert_string_equal(tracer.calls, calls);
}

/* Without waiting: the time is over before the first look. */
static void test_duration(void **state)
{
	(void)state;
	opts.duration_ns = 1;
	open_watch();
	run(0, "ciscadci");
	assert_int_equal(watch_close(w), 0);
}

static void test_signals(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memset(tracer.calls, 0, sizeof(tracer.calls));
		open_watch();
		assert_int_equal(watch_start(w), 0); /* there is no command */
		raise(signals[i]);
		run(0, "ciscadci");
		assert_int_equal(watch_close(w), 0);
	}
}

/* What comes is handed on before the programs are asked to wake us, and what they wake us for too. */
static void test_woken(void **state)
{
	(void)state;
	tracer.wakes = true;
	tracer.consumed[0] = 3;
	tracer.consumed[2] = 1;
	idle_results[2] = -EPIPE;
	open_watch();
	run(-EPIPE, "ciscaciscacid");
	watch_close(w);
}

/* Records of the moment between the last look and the sleep: nobody would wake us for them. */
static void test_records_before_the_sleep(void **state)
{
	(void)state;
	tracer.consumed[1] = 1;
	idle_results[1] = -EPIPE;
	open_watch();
	run(-EPIPE, "ciscacid");
	watch_close(w);
}

/* The function of the tracer may fail whenever it is called: that ends the loop, and is what it gives. */
static void test_errors_of_records(void **state)
{
	static const char *const calls[] = { "cd", "ciscad", "ciscadc" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		teardown(state);
		setup(state);
		opts.duration_ns = 1;
		tracer.consumed[i] = -ENOSPC;
		open_watch();
		run(-ENOSPC, calls[i]);
		watch_close(w);
	}
}

static void test_errors_of_idle(void **state)
{
	static const char *const calls[] = { "cid", "ciscadci" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		teardown(state);
		setup(state);
		opts.duration_ns = 1;
		idle_results[i] = -EPIPE;
		open_watch();
		run(-EPIPE, calls[i]);
		watch_close(w);
	}
}

static void test_cannot_wait(void **state)
{
	int fd = tracer.fd;

	(void)state;
	tracer.fd = -1;
	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(watch_open(&w, &opts, &tracer), -EBADF);
	capture_end(&err);
	assert_true(capture_is_one_sentence(&err));
	assert_null(w);
	assert_int_equal(watch_close(NULL), 0);
	tracer.fd = fd;
}

/* --- a command ------------------------------------------------------------------------------------ */

static void start(char **argv)
{
	opts.command_argv = argv;
	open_watch();
	assert_int_equal(watch_start(w), 0);
}

#define START(...) start((char *[]){ __VA_ARGS__, NULL })

static void test_command(void **state)
{
	(void)state;
	START("sh", "-c", "exit 7");
	assert_int_equal(watch_run(w, idle, &tracer), 0);
	assert_int_equal(watch_close(w), 7);
}

/* It has ended, and those that it has left too, unseen. */
static void test_descendants(void **state)
{
	(void)state;
	START("true");
	tracer.tree_size = 1;
	assert_int_equal(watch_run(w, idle, &tracer), 0);
	assert_non_null(strchr(tracer.calls, 'p'));
	assert_int_equal(watch_close(w), 0);
}

/* A signal to us is for it. */
static void test_signal_to_the_command(void **state)
{
	(void)state;
	START("sleep", "60");
	kill(getpid(), SIGTERM);
	assert_int_equal(watch_run(w, idle, &tracer), 0);
	assert_int_equal(watch_close(w), 128 + SIGTERM);
}

/* It is waited for, whatever ended the loop; a signal that came meanwhile is for it too. */
static void test_command_outlives_the_loop(void **state)
{
	(void)state;
	START("sleep", "60");
	idle_results[0] = -EPIPE;
	run(-EPIPE, "cid");
	kill(getpid(), SIGTERM);
	assert_int_equal(watch_close(w), 128 + SIGTERM);
}

static void refuse_to_start(char **argv, int signal, int error, const char *part)
{
	opts.command_argv = argv;
	open_watch();
	if (signal)
		raise(signal);
	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(watch_start(w), -error);
	capture_end(&err);
	assert_true(capture_is_one_sentence(&err));
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	assert_int_equal(watch_close(w), 0);
}

static void test_cannot_start(void **state)
{
	(void)state;
	refuse_to_start((char *[]){ "/no/such/program", NULL }, 0, ENOENT, "No such file");
	refuse_to_start((char *[]){ "true\n", NULL }, SIGTERM, EINTR, "before 'true\\x0a' was run");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_duration),
		TEST(test_signals),
		TEST(test_woken),
		TEST(test_records_before_the_sleep),
		TEST(test_errors_of_records),
		TEST(test_errors_of_idle),
		TEST(test_cannot_wait),
		TEST(test_command),
		TEST(test_descendants),
		TEST(test_signal_to_the_command),
		TEST(test_command_outlives_the_loop),
		TEST(test_cannot_start),
	};

	child_keep_heritage();
	alarm(120); /* a loop that never ends is a failure */
	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
