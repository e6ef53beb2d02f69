/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where lines go: formatted into a large buffer, written to stdout or a file when it is full or
 * output_flush() is called. SIGPIPE must be ignored.
 *
 * Functions that return int give 0, -EPIPE when the reader has gone away (said nowhere: it is no
 * error of ours), or another -errno after one sentence on stderr. After a failure nothing more is
 * written, and the same error is returned without a further word.
 */
#ifndef CONNSNOOP_OUTPUT_H
#define CONNSNOOP_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "line.h"

struct output_opts {
	const char *path;    /* NULL: stdout */
	const char *format;  /* of format.c */
	const char *columns; /* NULL: the default */
	bool color;
	bool header;
};

struct output;

int output_open(struct output **out, const struct output_opts *opts);
/* Do its lines show the paths of struct line? */
bool output_wants_paths(const struct output *o);
int output_line(struct output *o, const struct line *l);
/* The header once more, unless there is none. */
int output_header(struct output *o);
/* What is no line. */
int output_bytes(struct output *o, const char *bytes, size_t len);
/* If nothing but the header was told, not even that: what comes next is a failure. */
void output_leave_header(struct output *o);
int output_summary(struct output *o, uint64_t utc_ns, const struct summary *s);
int output_flush(struct output *o);
/* Flushes, closes and frees. NULL is fine. The first error of its life. */
int output_close(struct output *o);

#endif
