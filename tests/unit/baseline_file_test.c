// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The file of a baseline: read whole or refused with one sentence, replaced whole or left as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "baseline.h"
#include "baseline_file.h"
#include "capture.h"

#define RULE "{\"lport\":443}\n"

static struct capture err;
static char dir[] = "/tmp/baseline_file_test.XXXXXX";
static char path[64]; /* in it */

static int setup(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/b", dir);
	umask(022);
	return 0;
}

/* Empties the directory; how many files it had. */
static int empty_directory(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int cnt = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
		cnt++;
	}
	closedir(d);
	return cnt;
}

static int teardown(void **state)
{
	(void)state;
	empty_directory();
	return rmdir(dir);
}

static void store(const char *file, const char *text, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void expect_content(const char *file, const char *want)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	assert_int_equal(lstat(file, &st), 0);
	return st.st_mode;
}

static void expect_sentence(const char *part)
{
	assert_true(capture_is_one_sentence(&err));
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
}

/* --- reading -------------------------------------------------------------------------------------- */

static void test_read(void **state)
{
	struct baseline *b;

	(void)state;
	store(path, "# x\n" RULE, strlen("# x\n" RULE));
	assert_int_equal(baseline_read(&b, path), 0);
	assert_int_equal(rule_line(baseline_gone(b, NULL)), 2);
	baseline_free(b);
	store(path, "", 0);
	assert_int_equal(baseline_read(&b, path), 0);
	assert_null(baseline_gone(b, NULL));
	baseline_free(b);
}

/* Longer than one read(). */
static void test_read_many(void **state)
{
	size_t cnt = 20000, len = strlen(RULE);
	const struct rule *r = NULL;
	char *text = malloc(cnt * len);
	struct baseline *b;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < cnt; i++)
		memcpy(text + i * len, RULE, len);
	store(path, text, cnt * len - 1); /* the last line without its end */
	assert_int_equal(baseline_read(&b, path), 0);
	for (size_t i = 1; i <= cnt; i++) {
		r = baseline_gone(b, r);
		assert_int_equal(rule_line(r), i);
	}
	assert_null(baseline_gone(b, r));
	baseline_free(b);
	free(text);
}

static void refuse_to_read(const char *file, int error, const char *part)
{
	struct baseline *b = NULL;

	capture_begin(&err, STDERR_FILENO);
	assert_int_equal(baseline_read(&b, file), -error);
	capture_end(&err);
	assert_null(b);
	expect_sentence(part);
}

static void test_unreadable(void **state)
{
	static const char fault[] = RULE "\n{\"lport\":\"\033[2J\"}\n" RULE;
	static const char nul[] = RULE "{\"lport\":\0443}\n";

	(void)state;
	refuse_to_read(path, ENOENT, "No such file");
	refuse_to_read("/tmp/no\nsuch/b", ENOENT, "'/tmp/no\\x0asuch/b'");
	refuse_to_read("", ENOENT, "''");
	refuse_to_read(dir, EISDIR, "directory");
	refuse_to_read("/dev/zero", EFBIG, "too large"); /* has no end */
	store(path, fault, strlen(fault));
	refuse_to_read(path, EINVAL, "line 3: it is no JSON");
	store(path, "{\"\033[2J\n\":1}", 10);
	refuse_to_read(path, EINVAL, "line 1: ");
	store(path, nul, sizeof(nul) - 1);
	refuse_to_read(path, EINVAL, "line 2: ");
}

/* --- writing -------------------------------------------------------------------------------------- */

static int write_text(const char *file, const char *text)
{
	struct buf b = { 0 };
	int result;

	buf_put_str(&b, text);
	capture_begin(&err, STDERR_FILENO);
	result = baseline_write(file, &b);
	capture_end(&err);
	buf_free(&b);
	if (!result)
		assert_string_equal(err.text, "");
	return result;
}

static void test_new_file(void **state)
{
	struct buf none = { 0 };

	(void)state;
	umask(027);
	assert_int_equal(write_text(path, RULE), 0);
	assert_int_equal(umask(022), 027); /* as it was */
	expect_content(path, RULE);
	assert_int_equal(mode_of(path), S_IFREG | 0640);
	assert_int_equal(baseline_write(path, &none), 0); /* nothing is open */
	expect_content(path, "");
	assert_int_equal(empty_directory(), 1);
}

static void test_replaced(void **state)
{
	struct stat before, after;
	int fd;

	(void)state;
	store(path, "old", 3);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(write_text(path, RULE), 0);
	expect_content(path, RULE);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(after.st_ino, before.st_ino); /* who reads the old one has it whole */
	close(fd);
	assert_int_equal(empty_directory(), 1);
}

static void test_through_links(void **state)
{
	char link[64];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("b", link), 0);
	assert_int_equal(write_text(link, RULE), 0); /* of a file that is not there yet */
	expect_content(path, RULE);
	store(path, "old", 3);
	assert_int_equal(write_text(link, RULE), 0);
	expect_content(path, RULE);
	assert_true(S_ISLNK(mode_of(link)));
	assert_int_equal(empty_directory(), 2);
	assert_int_equal(symlink("link", link), 0); /* to itself */
	assert_int_equal(write_text(link, RULE), -ELOOP);
	expect_sentence("symbolic links");
	assert_true(S_ISLNK(mode_of(link)));
}

/* As /dev/stdout is one, and what a shell makes of >(command): no file of that name can be replaced. */
static void test_to_a_descriptor(void **state)
{
	char fd_path[32], text[64] = "";
	int fds[2], fd;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fds[1]);
	assert_int_equal(symlink(fd_path, path), 0);
	assert_int_equal(write_text(path, RULE), 0);
	assert_true(S_ISLNK(mode_of(path)));
	close(fds[1]);
	assert_int_equal(read(fds[0], text, sizeof(text) - 1), strlen(RULE));
	assert_string_equal(text, RULE);
	close(fds[0]);
	assert_int_equal(empty_directory(), 1);

	store(path, "longer than a rule that is written", 34);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	assert_int_equal(write_text(fd_path, RULE), 0);
	expect_content(fd_path, RULE);
	close(fd);
	assert_int_equal(empty_directory(), 0);
}

static void test_fifo_stays(void **state)
{
	char text[64] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC); /* a reader, so that nobody waits for one */
	assert_true(fd >= 0);
	assert_int_equal(write_text(path, RULE), 0);
	assert_true(S_ISFIFO(mode_of(path)));
	assert_int_equal(read(fd, text, sizeof(text) - 1), strlen(RULE));
	close(fd);
}

/* As on a disk that is full after so many bytes. */
static int write_until(rlim_t size)
{
	struct rlimit usual, small;
	struct buf b = { 0 };
	int result;

	buf_put_str(&b, RULE);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	small = (struct rlimit){ .rlim_cur = size, .rlim_max = usual.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = baseline_write(path, &b); /* its sentence cannot be caught: there is no room */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	buf_free(&b);
	return result;
}

/* What was there stays, and nothing is left beside it. */
static void test_not_written(void **state)
{
	char missing[64];

	(void)state;
	snprintf(missing, sizeof(missing), "%s/none/b", dir);
	assert_int_equal(write_text(missing, RULE), -ENOENT);
	expect_sentence("No such file");
	assert_int_equal(write_text(dir, RULE), -EISDIR);
	expect_sentence("directory");
	store(path, "old", 3);
	assert_int_equal(write_until(strlen(RULE) - 1), -EFBIG);
	expect_content(path, "old");
	assert_int_equal(empty_directory(), 1);
	assert_int_equal(write_until(strlen(RULE)), 0);
	expect_content(path, RULE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_read_many),
		TEST(test_unreadable),
		TEST(test_new_file),
		TEST(test_replaced),
		TEST(test_through_links),
		TEST(test_to_a_descriptor),
		TEST(test_fifo_stays),
		TEST(test_not_written),
	};

	return cmocka_run_group_tests_name("baseline_file", tests, NULL, NULL);
}
