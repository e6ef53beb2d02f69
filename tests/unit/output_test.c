// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The output: what reaches the file and when, full disks, readers that go away or are slow. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "capture.h"
#include "output.h"
#include "samples.h"

static struct capture said;
static char path[64];

static int open_said(struct output **o, const struct output_opts *opts)
{
	int err;

	capture_begin(&said, STDERR_FILENO);
	err = output_open(o, opts);
	capture_end(&said);
	return err;
}

static int flush_said(struct output *o)
{
	int err;

	capture_begin(&said, STDERR_FILENO);
	err = output_flush(o);
	capture_end(&said);
	return err;
}

static off_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static int make_path(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/connsnoop-output-%d", getpid());
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void test_file(void **state)
{
	const struct output_opts opts = { .path = path, .format = "json", .header = true };
	struct sample s = sample_new(EVENT_LOST);
	const struct summary sum = { .events = { 0 } };
	struct output *o;
	char text[512] = "";
	int fd;

	(void)state;
	assert_int_equal(output_open(&o, &opts), 0);
	assert_int_equal(output_line(o, &s.line), 0);
	assert_int_equal(file_size(), 0);
	assert_int_equal(output_flush(o), 0);
	assert_true(file_size() > 0);
	assert_int_equal(output_flush(o), 0);
	assert_int_equal(output_summary(o, SAMPLE_UTC_NS, &sum), 0);
	assert_int_equal(output_close(o), 0);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_string_equal(text,
			    "{\"ts\":\"2026-11-22T23:43:37.123456789Z\",\"event\":\"lost\","
			    "\"reason\":\"buffer\",\"kind\":\"close\",\"count\":1234}\n"
			    "{\"ts\":\"2026-11-22T23:43:37.123456789Z\",\"event\":\"summary\","
			    "\"events\":{},\"lost\":{}}\n");
	sample_free(&s);
}

static void test_text_header(void **state)
{
	struct output_opts opts = { .path = path, .format = "text", .columns = "pid,comm" };
	struct output *o;

	(void)state;
	assert_int_equal(output_open(&o, &opts), 0);
	assert_int_equal(output_close(o), 0);
	assert_int_equal(file_size(), 0);
	opts.header = true;
	assert_int_equal(output_open(&o, &opts), 0);
	assert_int_equal(output_summary(o, 0, &(struct summary){ .events = { 1 } }), 0);
	assert_int_equal(output_close(o), 0);
	assert_int_equal(file_size(), strlen("   PID COMM\n"));
}

/* Of a failure no header alone remains, but a line does that was told before it. */
static void test_leave_header(void **state)
{
	const struct output_opts opts = {
		.path = path, .format = "text", .columns = "pid,comm", .header = true
	};
	struct sample s = sample_new(EVENT_CLOSE);
	struct output *o;

	(void)state;
	assert_int_equal(output_open(&o, &opts), 0);
	output_leave_header(o);
	assert_int_equal(output_close(o), 0);
	assert_int_equal(file_size(), 0);
	assert_int_equal(output_open(&o, &opts), 0);
	assert_int_equal(output_line(o, &s.line), 0);
	output_leave_header(o);
	assert_int_equal(output_close(o), 0);
	assert_true(file_size() > (off_t)strlen("   PID COMM\n"));
	sample_free(&s);
}

static void test_flushes_itself(void **state)
{
	const struct output_opts opts = { .path = path, .format = "json" };
	struct sample s = sample_new(EVENT_CLOSE);
	struct output *o;
	off_t before;

	(void)state;
	assert_int_equal(output_open(&o, &opts), 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(output_line(o, &s.line), 0);
	before = file_size();
	assert_true(before > 100000);
	assert_int_equal(output_close(o), 0);
	assert_true(file_size() > before);
	assert_int_equal(file_size() % 2000, 0);
	sample_free(&s);
}

static void test_cannot_open(void **state)
{
	const struct output_opts opts = { .path = "/nonexistent/a\nb", .format = "json" };
	struct output *o = NULL;

	(void)state;
	assert_int_equal(open_said(&o, &opts), -ENOENT);
	assert_null(o);
	assert_true(capture_is_one_sentence(&said));
	assert_non_null(strstr(said.text, "/nonexistent/a\\x0ab"));
	assert_non_null(strstr(said.text, "No such file"));
}

/* Wrong columns are found before the file is emptied. */
static void test_keeps_old_file(void **state)
{
	const struct output_opts opts = { .path = path, .format = "text", .columns = "nosuch" };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct output *o;

	(void)state;
	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
	assert_int_equal(open_said(&o, &opts), -EINVAL);
	assert_true(capture_is_one_sentence(&said));
	assert_int_equal(file_size(), 3);
}

static void test_unknown_format(void **state)
{
	struct output *o;

	(void)state;
	assert_int_equal(open_said(&o, &(struct output_opts){ .format = "xml" }), -EINVAL);
	assert_true(capture_is_one_sentence(&said));
}

static void test_full_disk(void **state)
{
	const struct output_opts opts = { .path = "/dev/full", .format = "json" };
	struct sample s = sample_new(EVENT_LOST);
	struct output *o;

	(void)state;
	assert_int_equal(output_open(&o, &opts), 0);
	assert_int_equal(output_line(o, &s.line), 0);
	assert_int_equal(flush_said(o), -ENOSPC);
	assert_true(capture_is_one_sentence(&said));
	assert_non_null(strstr(said.text, "/dev/full: No space left on device; 0 bytes"));
	/* Once is enough. */
	assert_int_equal(output_line(o, &s.line), -ENOSPC);
	assert_int_equal(flush_said(o), -ENOSPC);
	assert_string_equal(said.text, "");
	assert_int_equal(output_close(o), -ENOSPC);
	sample_free(&s);
}

/* A file that may not grow beyond some bytes: cut writes, then an error. */
static void test_says_how_much(void **state)
{
	const struct output_opts opts = { .path = path, .format = "json" };
	struct sample s = sample_new(EVENT_CLOSE);
	struct rlimit limit, old;
	struct output *o;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 1000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(output_open(&o, &opts), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(output_line(o, &s.line), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(flush_said(o), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(capture_is_one_sentence(&said));
	assert_non_null(strstr(said.text, path));
	assert_non_null(strstr(said.text, "; 1000 bytes were written"));
	assert_int_equal(output_close(o), -EFBIG);
	assert_int_equal(file_size(), 1000);
	sample_free(&s);
}

/* Puts stdout on a pipe; fds[0] is to read from. Returns the old stdout. */
static int stdout_to_pipe(int fds[2], int flags)
{
	int saved = dup(STDOUT_FILENO);

	fflush(NULL);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, flags), 0);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	close(fds[1]);
	return saved;
}

static void test_reader_gone(void **state)
{
	const struct output_opts opts = { .format = "json" };
	struct sample s = sample_new(EVENT_LOST);
	int fds[2], saved, err, again, closed;
	struct output *o;

	(void)state;
	saved = stdout_to_pipe(fds, 0);
	close(fds[0]);
	err = output_open(&o, &opts);
	output_line(o, &s.line);
	again = flush_said(o);
	closed = output_close(o);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(err, 0);
	assert_int_equal(again, -EPIPE);
	assert_int_equal(closed, -EPIPE);
	assert_string_equal(said.text, "");
	sample_free(&s);
}

/* A child that reads little by little; its exit status: how many lines, modulo 256. */
static pid_t slow_reader(int fd)
{
	pid_t pid = fork();
	char text[3001];
	int lines = 0;
	ssize_t n;

	if (pid)
		return pid;
	/* Only the parent may hold the writing end, or there is no end. */
	close(STDOUT_FILENO);
	while ((n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	}
	_exit(lines % 256);
}

/* Whoever shares stdout with us may have made it non-blocking. */
static void test_non_blocking(void **state)
{
	const struct output_opts opts = { .format = "json" };
	struct sample s = sample_new(EVENT_CLOSE);
	int fds[2], saved, err = 0, status;
	struct output *o;
	pid_t pid;

	(void)state;
	saved = stdout_to_pipe(fds, O_NONBLOCK);
	pid = slow_reader(fds[0]);
	if (!output_open(&o, &opts)) {
		for (int i = 0; !err && i < 5000; i++)
			err = output_line(o, &s.line);
		err = output_close(o);
	}
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(err, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5000 % 256);
	sample_free(&s);
}

static void test_close_null(void **state)
{
	(void)state;
	assert_int_equal(output_close(NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_path, remove_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),	 TEST(test_text_header),    TEST(test_flushes_itself),
		TEST(test_cannot_open),	 TEST(test_keeps_old_file), TEST(test_unknown_format),
		TEST(test_full_disk),	 TEST(test_says_how_much),  TEST(test_reader_gone),
		TEST(test_non_blocking), TEST(test_close_null),	    TEST(test_leave_header),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
