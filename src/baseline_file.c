// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reading and replacing the file of a baseline. */
#include "baseline_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline.h"
#include "buf.h"
#include "log.h"

#define FILE_MAX (64u << 20) /* more is no baseline, but a mistake */

static int read_all(int fd, struct buf *b)
{
	for (;;) {
		char *p = buf_room(b, 65536);
		ssize_t n = p ? read(fd, p, 65536) : 0;

		if (!p)
			return -ENOMEM;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		b->len += n > 0 ? n : 0;
		if (b->len > FILE_MAX)
			return -EFBIG;
	}
}

static int read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, b);
	close(fd);
	return err;
}

int baseline_read(struct baseline **out, const char *path)
{
	char fault[BASELINE_FAULT_MAX];
	struct buf b = { 0 };
	size_t line;
	int err = read_file(path, &b);

	if (err) {
		log_err("cannot read the baseline '%s': %s", path, strerror(-err));
	} else {
		err = baseline_parse(out, b.data, b.len, &line, fault);
		if (err == -EINVAL)
			log_err("the baseline '%s' has a fault in line %zu: %s", path, line, fault);
		else if (err)
			log_err("cannot read the baseline '%s': %s", path, strerror(-err));
	}
	buf_free(&b);
	return err;
}

static int write_all(int fd, const struct buf *b)
{
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
	}
	return 0;
}

static mode_t mode_of_new_files(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/*
 * Who could read and write the file of before, can; @before NULL: there was none. Another's file is not given
 * back to its owner without privilege.
 */
static int set_access(int fd, const struct stat *before)
{
	if (before && fchown(fd, before->st_uid, before->st_gid))
		log_debug("the baseline has another owner now: %s", strerror(errno));
	return fchmod(fd, before ? before->st_mode & 0777 : mode_of_new_files()) ? -errno : 0;
}

/* Into @temporary, a name ready for mkostemp(), then renamed. */
static int replace(const char *path, char *temporary, const struct stat *before,
		   const struct buf *b)
{
	int fd = mkostemp(temporary, O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, b);
	err = err ?: set_access(fd, before);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

static int write_file(const char *path, const struct stat *before, const struct buf *b)
{
	char *temporary;
	int err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	err = replace(path, temporary, before, b);
	free(temporary);
	return err;
}

/* A device or a pipe stays what it is, and a link stays one although it names nothing yet. */
static int write_in_place(const char *path, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, b);
	return close(fd) && !err ? -errno : err;
}

int baseline_write(const char *path, const struct buf *rules)
{
	/* what a symbolic link names is replaced, not the link; that of /dev/stdout may have no name */
	char *real = realpath(path, NULL);
	struct stat st;
	int err;

	if (real && !stat(real, &st) && S_ISREG(st.st_mode))
		err = write_file(real, &st, rules);
	else if (lstat(path, &st))
		err = write_file(path, NULL, rules);
	else
		err = write_in_place(path, rules);
	free(real);
	if (err)
		log_err("cannot write the baseline '%s': %s", path, strerror(-err));
	return err;
}
