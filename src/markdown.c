// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The Markdown format. */
#include "markdown.h"

#include <string.h>

/*
 * Punctuation that begins markup, HTML, an entity or a link. A backslash before it is what Markdown has
 * for that, before a pipe of a table too.
 */
static bool is_markup(char c)
{
	return c && strchr("\\`*_[]<>&|~#!:@", c);
}

static void put_cell(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_markup(s.ptr[i]))
			buf_put_char(b, '\\');
		buf_put_char(b, s.ptr[i]);
	}
}

void markdown_header(const struct table *t, struct buf *b)
{
	for (size_t i = 0; i < t->cnt; i++) {
		buf_put_str(b, i ? " | " : "| ");
		buf_put(b, t->columns[i].name, t->columns[i].len);
	}
	buf_put_str(b, " |\n");
	for (size_t i = 0; i < t->cnt; i++)
		buf_put_str(b, i ? " | ---" : "| ---");
	buf_put_str(b, " |\n");
}

void markdown_line(struct table *t, struct buf *b, const struct line *l)
{
	for (size_t i = 0; i < t->cnt; i++) {
		bool foreign = false;
		struct str s = table_cell(t, i, l, &foreign);

		buf_put_str(b, i ? " | " : "| ");
		if (foreign)
			put_cell(b, s);
		else
			buf_put(b, s.ptr, s.len);
	}
	buf_put_str(b, " |\n");
}
