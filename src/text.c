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

/* What a cell is made of. */
enum cell {
	CELL_COMPOSITE,
	CELL_LAST,   /* "info" in the last place: its absence needs no "-" */
	CELL_NUMBER, /* leans to the right */
	CELL_WORD,
	CELL_COLORED, /* likewise */
	CELL_COMM,
	CELL_FIELD, /* any other */
};

struct column {
	const struct composite *composite; /* or */
	const struct field *field;
	char title[NAME_MAX_LEN];
	size_t width;
	enum cell cell;
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

/* @cnt is a column's width at most; nothing if it is negative. */
static char *put_blanks(char *p, ptrdiff_t cnt)
{
	memset(p, ' ', PUT_SLACK);
	return cnt > 0 ? p + cnt : p;
}

/*
 * A cell of each kind, at @p; @due is where its column ends, which what others chose moves: it may have
 * characters of several bytes.
 */

static inline bool has_field(const struct column *c, const struct event *e, uint32_t held)
{
	return c->field->kinds & 1u << e->kind && !(c->field->needs & ~held);
}

static inline bool read_number(const struct field *f, const struct line *l, uint32_t held,
			       uint64_t *n)
{
	struct value v;

	if (f->from == FROM_NUMBER) {
		*n = field_number(f, l->e);
		return *n || !(f->needs & NEED_NONZERO);
	}
	if (!field_read(f, l, held, &v))
		return false;
	*n = v.number;
	return true;
}

/* Of a width that is known beforehand: blanks in front cost no moving. */
static inline char *put_number(char *p, const struct column *c, const struct line *l, uint32_t held,
			       const char *due)
{
	uint64_t n;

	if (!has_field(c, l->e, held) || !read_number(c->field, l, held, &n))
		return put_char(put_blanks(p, due - p - 1), '-');
	return put_u64(put_blanks(p, due - p - u64_digits(n)), n);
}

static inline char *put_word_cell(char *p, const struct column *c, const struct line *l,
				  uint32_t held)
{
	const struct word *w = has_field(c, l->e, held) ?
				       word_of(c->field->words, field_word(c->field, l->e)) :
				       NULL;

	return w ? put_word(p, w) : put_char(p, '-');
}

static inline char *put_comm(char *p, const struct column *c, const struct line *l, uint32_t held,
			     char **due)
{
	const char *comm = (const char *)l->e + c->field->offset;
	char *begin = p;

	if (!has_field(c, l->e, held) || !comm[0])
		return put_char(p, '-');
	p = put_text(p, comm, strnlen(comm, COMM_LEN));
	*due += p - begin - cell_width(begin, p);
	return p;
}

static inline char *put_field(char *p, const struct column *c, const struct line *l, uint32_t held,
			      char **due)
{
	char *begin = p;
	struct value v;

	if (!has_field(c, l->e, held) || !field_read(c->field, l, held, &v))
		return put_char(p, '-');
	p = value_put(p, &v, put_text);
	if (v.type == VALUE_STRING)
		*due += p - begin - cell_width(begin, p);
	return p;
}

static inline char *put_composite(char *p, const struct column *c, const struct line *l,
				  struct wall_clock *clock, char **due)
{
	char *begin = p;

	p = c->composite->put(clock, p, l);
	if (p == begin)
		return put_char(p, '-');
	if (c->foreign)
		*due += p - begin - cell_width(begin, p);
	return p;
}

/* The codes have no width. */
static char *put_code(char *p, const char *code, char **due)
{
	size_t len = strlen(code);

	*due += len;
	return put_bytes(p, code, len);
}

static char *put_colored(char *p, const struct column *c, const struct line *l, uint32_t held,
			 char **due)
{
	const char *color = kind_color(l->e->kind);

	if (!color)
		return put_word_cell(p, c, l, held);
	p = put_word_cell(put_code(p, color, due), c, l, held);
	return put_code(put_blanks(p, *due - p), COLOR_END, due);
}

static inline char *put_cell(struct text *t, const struct column *c, char *p, const struct line *l,
			     uint32_t held, char **due)
{
	switch (c->cell) {
	case CELL_COMPOSITE:
		return put_composite(p, c, l, &t->clock, due);
	case CELL_LAST:
		return c->composite->put(&t->clock, p, l);
	case CELL_NUMBER:
		return put_number(p, c, l, held, *due);
	case CELL_WORD:
		return put_word_cell(p, c, l, held);
	case CELL_COLORED:
		return put_colored(p, c, l, held, due);
	case CELL_COMM:
		return put_comm(p, c, l, held, due);
	case CELL_FIELD:
		return put_field(p, c, l, held, due);
	}
	return p;
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
	char *begin = buf_room(b, t->cnt * CELL_MAX), *p = begin, *due = begin;

	if (!begin)
		return;
	for (const struct column *c = t->columns; c < t->columns + t->cnt; c++) {
		size_t len = strlen(c->title);

		due += c->width;
		if (c->cell == CELL_NUMBER)
			p = put_blanks(p, due - p - len);
		p = put_bytes(p, c->title, len);
		p = put_char(put_blanks(p, due - p), ' ');
		due++;
	}
	end_line(b, begin, p);
}

/* A cell that is too wide moves the next ones, until their blanks have made up for it: up to @due. */
void text_line(struct text *t, struct buf *b, const struct line *l)
{
	char *begin = buf_room(b, line_room(t, l)), *p = begin, *end = begin, *due = begin;
	const struct column *last = t->columns + t->cnt;
	uint32_t held = field_needs_held(l);

	if (!begin)
		return;
	for (const struct column *c = t->columns; c < last; c++) {
		char *cell = p;

		due += c->width;
		p = put_cell(t, c, p, l, held, &due);
		if (p > cell)
			end = p;
		p = put_char(put_blanks(p, due - p), ' ');
		due++;
	}
	end_line(b, begin, end);
}

static enum cell cell_of(const struct field *f, bool color)
{
	if (f->type == FIELD_NUMBER)
		return CELL_NUMBER;
	if (f->from == FROM_COMM)
		return CELL_COMM;
	if (f->from != FROM_WORD && f->from != FROM_PORT_CLASS)
		return CELL_FIELD;
	return color && !strcmp(f->name, "event") ? CELL_COLORED : CELL_WORD;
}

static void set_column(struct text *t, struct column *c, const struct column_name *name, bool color)
{
	c->composite = name->composite;
	c->field = name->field;
	if (c->composite) {
		c->cell = CELL_COMPOSITE;
		c->width = c->composite->width;
		c->foreign = c->composite->has == COMPOSITE_SENTENCE;
		t->string_cnt += c->composite->has != COMPOSITE_WORD;
		snprintf(c->title, sizeof(c->title), "%s", c->composite->title);
		return;
	}
	c->width = c->field->width;
	t->string_cnt += c->field->type == FIELD_STRING;
	c->cell = cell_of(c->field, color);
	for (size_t i = 0; i < name->len && i < sizeof(c->title) - 1; i++)
		c->title[i] = toupper((unsigned char)name->name[i]);
}

/* A title that is too wide would stand over the next column; before a number there is room for it. */
static void make_room_for_titles(struct text *t)
{
	for (struct column *c = t->columns; c + 1 < t->columns + t->cnt; c++) {
		size_t len = strlen(c->title);

		if (c->width < len && c[1].cell != CELL_NUMBER)
			c->width = len;
	}
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
		if (t->cnt > 1 && t->columns[t->cnt - 1].foreign)
			t->columns[t->cnt - 1].cell = CELL_LAST;
		make_room_for_titles(t);
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

void text_columns_help(const char *columns)
{
	printf("The default is %s.\n\n", columns ?: DEFAULT_COLUMNS);
	for (size_t i = 0; i < composite_cnt; i++)
		printf("  %-13s %s\n", composites[i].name, composites[i].help);
	printf("\n");
	for (size_t i = 0; i < field_cnt; i++) {
		if (!is_composite(fields[i].name))
			printf("  %-13s %s\n", fields[i].name, fields[i].help);
	}
}
