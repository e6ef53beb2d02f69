/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The formats of the output. A new one is a file of its own and a row in format.c. */
#ifndef CONNSNOOP_FORMAT_H
#define CONNSNOOP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "line.h"

/* What is NULL, a format does not have. */
struct format {
	const char *name;
	void *(*open)(const char *columns, bool color); /* the others' state; NULL and errno */
	void (*close)(void *state);
	bool (*wants_paths)(const void *state); /* of line.h; NULL: it does */
	void (*header)(void *state, struct buf *b);
	void (*line)(void *state, struct buf *b, const struct line *l); /* never NULL */
	void (*summary)(void *state, struct buf *b, uint64_t utc_ns, const struct summary *s);
};

extern const struct format formats[];
extern const unsigned int format_cnt;

/* NULL: no such format. */
const struct format *format_find(const char *name);

#endif
