// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The CSV format. */
#include "csv.h"

#include <string.h>

/* What a spreadsheet would take for a formula. */
static bool is_formula(struct str s)
{
	return s.len && strchr("=+-@", s.ptr[0]);
}

/* The first byte of what would be one, so that it is none. */
static void put_escaped(struct buf *b, char c)
{
	static const char hex[] = "0123456789abcdef";

	buf_put_str(b, "\\x");
	buf_put_char(b, hex[c >> 4 & 15]);
	buf_put_char(b, hex[c & 15]);
}

static void put_cell(struct buf *b, struct str s, bool foreign)
{
	bool quoted = s.len && (memchr(s.ptr, '"', s.len) || memchr(s.ptr, ',', s.len));

	if (quoted)
		buf_put_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			buf_put_char(b, '"');
		if (!i && foreign && is_formula(s))
			put_escaped(b, s.ptr[i]);
		else
			buf_put_char(b, s.ptr[i]);
	}
	if (quoted)
		buf_put_char(b, '"');
}

void csv_header(const struct table *t, struct buf *b)
{
	for (size_t i = 0; i < t->cnt; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put(b, t->columns[i].name, t->columns[i].len);
	}
	buf_put_str(b, "\r\n");
}

void csv_line(struct table *t, struct buf *b, const struct line *l)
{
	for (size_t i = 0; i < t->cnt; i++) {
		bool foreign = false;
		struct str s = table_cell(t, i, l, &foreign);

		if (i)
			buf_put_char(b, ',');
		put_cell(b, s, foreign);
	}
	buf_put_str(b, "\r\n");
}
