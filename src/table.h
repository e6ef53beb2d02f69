/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the formats of plain tables (CSV, Markdown) share: cells as text, one after the other. */
#ifndef CONNSNOOP_TABLE_H
#define CONNSNOOP_TABLE_H

#include <stdbool.h>

#include "buf.h"
#include "columns.h"
#include "composite.h"
#include "line.h"

struct table {
	struct column_name *columns;
	size_t cnt;
	struct wall_clock clock;
	struct buf cell; /* the last one */
};

/* @columns as --columns takes them, NULL: those that every line has.  NULL with errno: see columns_find(). */
struct table *table_new(const char *columns);
void table_free(struct table *t); /* NULL is fine */

/*
 * The text of column @i of @l: controls and bytes that are not UTF-8 are escaped as put_text() does, so
 * that it is one line; blanks stay. Empty: absent. Valid until the next call. *@foreign: others chose it.
 */
struct str table_cell(struct table *t, size_t i, const struct line *l, bool *foreign);

/* Does a column have one of the paths of struct line? */
bool table_wants_paths(const struct table *t);

#endif
