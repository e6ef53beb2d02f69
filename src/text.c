// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text format: columns, which are the fields and a few that join several of them. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "composite.h"
#include "fields.h"
#include "info.h"
#include "names.h"
#include "put.h"

#define NAME_MAX_LEN 16 /* of a column, with its NUL */
#define DEFAULT_COLUMNS "time,event,proto,pid,comm,local,dir,remote,service,info"

#define COLOR_END "\033[0m"

/* Room for a cell of any column but for strings longer than a comm: blanks and colours with it. */
#define CELL_MAX (INFO_MAX + PUT_SLACK + 16)

struct column {
	const struct composite *composite; /* or */
	const struct field *field;
	char title[NAME_MAX_LEN];
	size_t width;
	bool right; /* numbers lean to the right */
	bool color;
	bool free;    /* the last place of "info": its absence needs no "-" */
	bool foreign; /* may have what others chose */
};

struct text {
	struct column *columns;
	size_t cnt;
	size_t string_cnt; /* of the columns: with strings of any length */
	struct wall_clock clock;
};

/* Good, bad and over; the rest in the terminal's own colour. */
static const char *kind_color(unsigned int kind)
{
	switch (kind) {
	case EVENT_ESTABLISHED:
	case EVENT_ACCEPT:
		return "\033[32m"; /* green */
	case EVENT_FAIL:
	case EVENT_LOST:
		return "\033[31m"; /* red */
	case EVENT_LISTEN:
	case EVENT_UNLISTEN:
		return "\033[36m"; /* cyan */
	case EVENT_CLOSE:
	case EVENT_STATE:
		return "\033[2m"; /* dim */
	default:
		return NULL;
	}
}

/* In characters; wide and combining ones are not known here. @end has PUT_SLACK. */
static size_t cell_width(const char *begin, char *end)
{
	size_t width = 0;
	uint64_t all = 0;

	/* Nearly always ASCII, which eight at a time tell. */
	memset(end, ' ', sizeof(all));
	for (const char *p = begin; p < end; p += sizeof(all)) {
		uint64_t eight;

		memcpy(&eight, p, sizeof(eight));
		all |= eight;
	}
	if (!(all & 0x8080808080808080ULL))
		return end - begin;
	for (const char *p = begin; p < end; p++)
		width += (*p & 0xc0) != 0x80;
	return width;
}

/*
 * How many blanks fill a cell of @width up to its column's. @debt is by how much the cells before
 * it were too wide together: the filling pays it back.
 */
static size_t take_pad(const struct column *c, size_t width, size_t *debt)
{
	size_t pad;

	if (width > c->width) {
		*debt += width - c->width;
		return 0;
	}
	pad = c->width - width;
	if (pad <= *debt) {
		*debt -= pad;
		return 0;
	}
	pad -= *debt;
	*debt = 0;
	return pad;
}

/* @cnt is a column's width at most. */
static char *put_blanks(char *p, size_t cnt)
{
	memset(p, ' ', PUT_SLACK);
	return p + cnt;
}

/* A cell of a width that is known beforehand: blanks in front cost no moving. */
static char *put_number(char *p, const struct column *c, const uint64_t *n, size_t *debt)
{
	p = put_blanks(p, take_pad(c, n ? u64_digits(*n) : 1, debt));
	return n ? put_u64(p, *n) : put_char(p, '-');
}

static char *put_cell(struct text *t, const struct column *c, char *p, const struct line *l,
		      uint32_t held, size_t *debt)
{
	bool foreign = c->foreign;
	char *begin = p;
	struct value v;

	if (c->composite) {
		p = c->composite->put(&t->clock, p, l);
		if (c->free)
			return p;
	} else {
		bool has = c->field->kinds & 1u << l->e->kind && field_read(c->field, l, held, &v);

		if (c->right)
			return put_number(p, c, has ? &v.number : NULL, debt);
		if (has) {
			p = value_put(p, &v, put_text);
			foreign = v.type == VALUE_STRING;
		}
	}
	if (p == begin)
		p = put_char(p, '-');
	/* What is of others may have characters of several bytes. */
	if (foreign)
		return put_blanks(p, take_pad(c, cell_width(begin, p), debt));
	return put_blanks(p, take_pad(c, p - begin, debt));
}

static void end_line(struct buf *b, const char *begin, char *p)
{
	while (p > begin && p[-1] == ' ')
		p--;
	buf_end(b, put_char(p, '\n'));
}

/* Of a line at most: one check for all that it is made of. */
static size_t line_room(const struct text *t, const struct line *l)
{
	return t->cnt * CELL_MAX + t->string_cnt * PUT_TEXT_MAX * line_strings(l);
}

bool text_wants_paths(const struct text *t)
{
	for (size_t i = 0; i < t->cnt; i++) {
		const struct field *f = t->columns[i].field;

		if (f && f->from == FROM_LINE && f->needs & FIELD_KEPT)
			return true;
	}
	return false;
}

void text_header(struct text *t, struct buf *b)
{
	char *begin = buf_room(b, t->cnt * CELL_MAX), *p = begin;
	size_t debt = 0;

	if (!begin)
		return;
	for (size_t i = 0; i < t->cnt; i++) {
		const struct column *c = &t->columns[i];
		size_t len = strlen(c->title), pad = take_pad(c, len, &debt);

		if (c->right)
			p = put_blanks(p, pad);
		p = put_bytes(p, c->title, len);
		if (!c->right)
			p = put_blanks(p, pad);
		p = put_char(p, ' ');
	}
	end_line(b, begin, p);
}

void text_line(struct text *t, struct buf *b, const struct line *l)
{
	char *begin = buf_room(b, line_room(t, l)), *p = begin;
	uint32_t held = field_needs_held(l->e);
	size_t debt = 0;

	if (!begin)
		return;
	for (size_t i = 0; i < t->cnt; i++) {
		const struct column *c = &t->columns[i];
		const char *color = c->color ? kind_color(l->e->kind) : NULL;

		/* The codes have no width. */
		if (color)
			p = put_str(p, color);
		p = put_cell(t, c, p, l, held, &debt);
		if (color)
			p = put_str(p, COLOR_END);
		p = put_char(p, ' ');
	}
	end_line(b, begin, p);
}

static void set_column(struct text *t, struct column *c, const struct column_name *name, bool color)
{
	c->composite = name->composite;
	c->field = name->field;
	if (c->composite) {
		c->width = c->composite->width;
		c->foreign = c->composite->has == COMPOSITE_SENTENCE;
		t->string_cnt += c->composite->has != COMPOSITE_WORD;
		snprintf(c->title, sizeof(c->title), "%s", c->composite->title);
		return;
	}
	c->width = c->field->width;
	t->string_cnt += c->field->type == FIELD_STRING;
	c->right = c->field->type == FIELD_NUMBER;
	c->color = color && !strcmp(c->field->name, "event");
	for (size_t i = 0; i < name->len && i < sizeof(c->title) - 1; i++)
		c->title[i] = toupper((unsigned char)name->name[i]);
}

static int add_columns(struct text *t, const char *list, bool color)
{
	struct column_name *names;
	size_t cnt;
	int err = columns_find(list, &names, &cnt);

	if (err)
		return err;
	t->columns = calloc(cnt, sizeof(*t->columns));
	if (t->columns) {
		for (; t->cnt < cnt; t->cnt++)
			set_column(t, &t->columns[t->cnt], &names[t->cnt], color);
		if (t->cnt > 1)
			t->columns[t->cnt - 1].free = t->columns[t->cnt - 1].foreign;
	}
	free(names);
	return t->columns ? 0 : -ENOMEM;
}

struct text *text_new(const char *columns, bool color)
{
	struct text *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	err = add_columns(t, columns ? columns : DEFAULT_COLUMNS, color);
	if (err) {
		text_free(t);
		errno = -err;
		return NULL;
	}
	return t;
}

void text_free(struct text *t)
{
	if (!t)
		return;
	free(t->columns);
	free(t);
}

/* Then the field of this name is no column. */
static bool is_composite(const char *name)
{
	for (size_t i = 0; i < composite_cnt; i++) {
		if (!strcmp(composites[i].name, name))
			return true;
	}
	return false;
}

void text_columns_help(void)
{
	printf("The default is %s.\n\n", DEFAULT_COLUMNS);
	for (size_t i = 0; i < composite_cnt; i++)
		printf("  %-13s %s\n", composites[i].name, composites[i].help);
	printf("\n");
	for (size_t i = 0; i < field_cnt; i++) {
		if (!is_composite(fields[i].name))
			printf("  %-13s %s\n", fields[i].name, fields[i].help);
	}
}
