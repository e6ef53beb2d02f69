/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text format: a header and one line an event. Every cell but the last, INFO, is one word, and
 * what is absent is "-", so that a column keeps its number; a cell that is wider than its column
 * pushes the next ones, which go back to their places as soon as there is room.
 */
#ifndef CONNSNOOP_TEXT_H
#define CONNSNOOP_TEXT_H

#include <stdbool.h>

#include "buf.h"
#include "line.h"

struct text;

/*
 * @columns as --columns takes them, NULL: the default ones. NULL with errno EINVAL, after one
 * sentence on stderr, if there is an unknown one; or ENOMEM.
 */
struct text *text_new(const char *columns, bool color);
void text_free(struct text *t); /* NULL is fine */

/* Does a column have one of the paths of struct line? */
bool text_wants_paths(const struct text *t);

void text_header(struct text *t, struct buf *b);
void text_line(struct text *t, struct buf *b, const struct line *l);

/* What --columns takes, and the @columns that are there without it (NULL: those of events), on stdout. */
void text_columns_help(const char *columns);

#endif
