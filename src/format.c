// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of formats. */
#include "format.h"

#include "csv.h"
#include "json.h"
#include "markdown.h"
#include "table.h"
#include "text.h"

static void *open_text(const char *columns, bool color)
{
	return text_new(columns, color);
}

static void close_text(void *state)
{
	text_free(state);
}

static bool text_paths(const void *state)
{
	return text_wants_paths(state);
}

static void put_text_header(void *state, struct buf *b)
{
	text_header(state, b);
}

static void put_text_line(void *state, struct buf *b, const struct line *l)
{
	text_line(state, b, l);
}

static void *open_json(const char *columns, bool color)
{
	(void)columns;
	(void)color;
	return json_new();
}

static void close_json(void *state)
{
	json_free(state);
}

static void put_json_line(void *state, struct buf *b, const struct line *l)
{
	json_line(state, b, l);
}

static void put_json_summary(void *state, struct buf *b, uint64_t utc_ns, const struct summary *s)
{
	(void)state;
	json_summary(b, utc_ns, s);
}

static void *open_table(const char *columns, bool color)
{
	(void)color;
	return table_new(columns);
}

static void close_table(void *state)
{
	table_free(state);
}

static bool table_paths(const void *state)
{
	return table_wants_paths(state);
}

static void put_csv_header(void *state, struct buf *b)
{
	csv_header(state, b);
}

static void put_csv_line(void *state, struct buf *b, const struct line *l)
{
	csv_line(state, b, l);
}

static void put_markdown_header(void *state, struct buf *b)
{
	markdown_header(state, b);
}

static void put_markdown_line(void *state, struct buf *b, const struct line *l)
{
	markdown_line(state, b, l);
}

const struct format formats[] = {
	{
		.name = "text",
		.open = open_text,
		.close = close_text,
		.wants_paths = text_paths,
		.header = put_text_header,
		.line = put_text_line,
	},
	{
		.name = "json",
		.open = open_json,
		.close = close_json,
		.line = put_json_line,
		.summary = put_json_summary,
	},
	{
		.name = "csv",
		.open = open_table,
		.close = close_table,
		.wants_paths = table_paths,
		.header = put_csv_header,
		.line = put_csv_line,
	},
	{
		.name = "markdown",
		.open = open_table,
		.close = close_table,
		.wants_paths = table_paths,
		.header = put_markdown_header,
		.line = put_markdown_line,
	},
};
const unsigned int format_cnt = sizeof(formats) / sizeof(formats[0]);

const struct format *format_find(const char *name)
{
	for (unsigned int i = 0; i < format_cnt; i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	return NULL;
}
