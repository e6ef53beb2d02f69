// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The buffer between the formats and the file. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "log.h"

#define FLUSH_AT (256 * 1024)
#define LINE_ROOM (64 * 1024) /* so that the line that crosses FLUSH_AT needs no growing */

struct output {
	const struct format *format;
	void *state; /* the format's */
	struct buf buf;
	const char *name; /* for messages */
	uint64_t written; /* bytes */
	int fd;
	bool owned; /* the descriptor is ours to close */
	bool header;
	size_t header_len; /* what the buffer begins with */
	int err;	   /* the first failure */
};

static int open_file(struct output *o, const char *path)
{
	int err;

	o->name = "stdout";
	o->fd = STDOUT_FILENO;
	if (!path)
		return 0;
	o->name = path;
	o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	o->owned = o->fd >= 0;
	if (o->owned)
		return 0;
	err = -errno;
	log_err("cannot open '%s' for the output: %s", path, strerror(-err));
	return err;
}

static int open_format(struct output *o, const struct output_opts *opts)
{
	int err;

	o->format = format_find(opts->format);
	if (!o->format) {
		log_err("there is no output format '%s'", opts->format);
		return -EINVAL;
	}
	if (!o->format->open)
		return 0;
	o->state = o->format->open(opts->columns, opts->color);
	if (o->state)
		return 0;
	err = errno ? -errno : -ENOMEM;
	if (err == -ENOMEM)
		log_err("cannot prepare the output: not enough memory");
	return err;
}

static void output_free(struct output *o)
{
	if (o->format && o->format->close)
		o->format->close(o->state);
	buf_free(&o->buf);
	free(o);
}

int output_open(struct output **out, const struct output_opts *opts)
{
	struct output *o = calloc(1, sizeof(*o));
	int err = -ENOMEM;

	if (!o || buf_grow(&o->buf, FLUSH_AT + LINE_ROOM)) {
		log_err("cannot prepare the output: not enough memory");
		goto out;
	}
	/* The file last: what is wrong otherwise must not truncate it. */
	err = open_format(o, opts);
	if (!err)
		err = open_file(o, opts->path);
	if (err)
		goto out;
	o->header = opts->header && o->format->header;
	if (o->header)
		o->format->header(o->state, &o->buf);
	o->header_len = o->buf.len;
	*out = o;
	return 0;
out:
	if (o)
		output_free(o);
	return err;
}

/* Apart, so that appended() is small enough for inlining: saves 10 instructions of a line. */
__attribute__((noinline)) static int fail(struct output *o, int err)
{
	o->err = err;
	buf_reset(&o->buf);
	if (err != -EPIPE)
		log_err("cannot write to %s: %s; %llu bytes were written before", o->name,
			strerror(-err), (unsigned long long)o->written);
	return err;
}

static int wait_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* One write(2); 0 also if it must be tried again. */
static int write_some(struct output *o, size_t *done)
{
	ssize_t n = write(o->fd, o->buf.data + *done, o->buf.len - *done);

	if (n >= 0) {
		*done += n;
		o->written += n;
		return 0;
	}
	/* Whoever gave us stdout may have made it non-blocking. */
	if (errno == EAGAIN)
		return wait_writable(o->fd);
	return errno == EINTR ? 0 : -errno;
}

int output_flush(struct output *o)
{
	size_t done = 0;

	if (o->err)
		return o->err;
	while (done < o->buf.len) {
		int err = write_some(o, &done);

		if (err)
			return fail(o, err);
	}
	buf_reset(&o->buf);
	return 0;
}

/* After something was appended. */
static inline int appended(struct output *o)
{
	if (o->buf.err)
		return fail(o, o->buf.err);
	return o->buf.len >= FLUSH_AT ? output_flush(o) : 0;
}

bool output_wants_paths(const struct output *o)
{
	return !o->format->wants_paths || o->format->wants_paths(o->state);
}

int output_line(struct output *o, const struct line *l)
{
	if (o->err)
		return o->err;
	o->format->line(o->state, &o->buf, l);
	return appended(o);
}

int output_header(struct output *o)
{
	if (o->err || !o->header)
		return o->err;
	o->format->header(o->state, &o->buf);
	return appended(o);
}

void output_leave_header(struct output *o)
{
	if (!o->written && o->buf.len == o->header_len)
		buf_reset(&o->buf);
}

int output_bytes(struct output *o, const char *bytes, size_t len)
{
	if (o->err)
		return o->err;
	buf_put(&o->buf, bytes, len);
	return appended(o);
}

int output_summary(struct output *o, uint64_t utc_ns, const struct summary *s)
{
	if (o->err)
		return o->err;
	if (!o->format->summary)
		return 0;
	o->format->summary(o->state, &o->buf, utc_ns, s);
	return appended(o);
}

int output_close(struct output *o)
{
	int err;

	if (!o)
		return 0;
	err = output_flush(o);
	/* Some file systems tell only now that the data did not fit. */
	if (o->owned && close(o->fd) && errno != EINTR && !err)
		err = fail(o, -errno);
	output_free(o);
	return err;
}
