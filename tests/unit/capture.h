/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Catches what the code under test writes to a standard stream. */
#ifndef CONNSNOOP_TESTS_CAPTURE_H
#define CONNSNOOP_TESTS_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture {
	int fd; /* the stream's: STDOUT_FILENO or STDERR_FILENO */
	int file;
	int saved;
	char text[32768]; /* after capture_end() */
};

static inline void capture_begin(struct capture *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->file = memfd_create("capture", MFD_CLOEXEC);
	c->saved = dup(fd);
	if (c->file < 0 || c->saved < 0 || dup2(c->file, fd) < 0)
		_exit(99);
}

static inline void capture_end(struct capture *c)
{
	ssize_t len;

	fflush(NULL);
	len = pread(c->file, c->text, sizeof(c->text) - 1, 0);
	c->text[len > 0 ? len : 0] = '\0';
	if (dup2(c->saved, c->fd) < 0)
		_exit(99);
	close(c->saved);
	close(c->file);
}

static inline int capture_lines(const struct capture *c)
{
	int cnt = 0;

	for (const char *s = c->text; (s = strchr(s, '\n')); s++)
		cnt++;
	return cnt;
}

/* One whole line, and nothing in it that a terminal would act on. */
static inline int capture_is_one_sentence(const struct capture *c)
{
	size_t len = strlen(c->text);

	if (!len || c->text[len - 1] != '\n' || capture_lines(c) != 1)
		return 0;
	for (const char *s = c->text; s < c->text + len - 1; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return 0;
	}
	return 1;
}

#endif
