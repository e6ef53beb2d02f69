// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text format: columns, which are the fields and a few that join several of them. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config.h"
#include "fields.h"
#include "info.h"
#include "log.h"
#include "names.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NAME_MAX_LEN 16 /* of a column, with its NUL */
#define DEFAULT_COLUMNS "time,event,proto,pid,comm,local,dir,remote,service,info"

#define COLOR_END "\033[0m"

/* A column that is no field. It shadows the field of its name. */
struct composite {
	const char *name;
	const char *title;
	size_t width;
	bool (*put)(struct text *t, struct buf *b, const struct line *l); /* false: absent */
	const char *help;
};

struct column {
	const struct composite *composite; /* or */
	const struct field *field;
	char title[NAME_MAX_LEN];
	size_t width;
	bool right; /* numbers lean to the right */
	bool color;
	bool free; /* the last place of "info": its absence needs no "-" */
};

struct text {
	struct column *columns;
	size_t cnt;
	/* The wall clock of the last second, since events come many a second. */
	uint64_t sec;
	char clock[sizeof("HH:MM:SS.")];
};

static bool put_time(struct text *t, struct buf *b, const struct line *l)
{
	uint64_t sec = l->utc_ns / NS_PER_SEC;

	if (sec != t->sec || !t->clock[0]) {
		time_t when = sec;
		struct tm tm;

		localtime_r(&when, &tm);
		strftime(t->clock, sizeof(t->clock), "%H:%M:%S.", &tm);
		t->sec = sec;
	}
	buf_put(b, t->clock, sizeof(t->clock) - 1);
	buf_put_padded(b, l->utc_ns % NS_PER_SEC / NS_PER_MS, 3);
	return true;
}

static bool put_endpoint(struct buf *b, const uint8_t *addr, unsigned int ipv, uint16_t port)
{
	if (ipv != 4 && ipv != 6)
		return false;
	if (ipv == 6)
		buf_put_char(b, '[');
	buf_put_addr(b, addr, ipv);
	if (ipv == 6)
		buf_put_char(b, ']');
	buf_put_char(b, ':');
	buf_put_u64(b, port);
	return true;
}

static bool put_local(struct text *t, struct buf *b, const struct line *l)
{
	const struct event *e = l->e;

	(void)t;
	return e->kind != EVENT_LOST && (e->flags & EVENT_F_LOCAL) && e->lport &&
	       put_endpoint(b, e->laddr, e->ipv, e->lport);
}

static bool put_remote(struct text *t, struct buf *b, const struct line *l)
{
	const struct event *e = l->e;

	(void)t;
	return e->kind != EVENT_LOST && (e->flags & EVENT_F_REMOTE) &&
	       put_endpoint(b, e->raddr, e->ipv, e->rport);
}

static bool put_arrow(struct text *t, struct buf *b, const struct line *l)
{
	static const char *const arrows[] = { [DIRECTION_OUT] = "->", [DIRECTION_IN] = "<-" };
	unsigned int direction = l->e->direction;

	(void)t;
	if (l->e->kind == EVENT_LOST || direction >= ARRAY_SIZE(arrows) || !arrows[direction])
		return false;
	buf_put_str(b, arrows[direction]);
	return true;
}

static bool put_service(struct text *t, struct buf *b, const struct line *l)
{
	const char *service;
	uint16_t port;

	(void)t;
	if (l->e->kind == EVENT_LOST || !field_server_port(l, &port, &service))
		return false;
	if (service && *service)
		buf_put_text(b, service, strlen(service));
	else
		buf_put_str(b, names_class(port_class_of(port)));
	return true;
}

static bool put_info(struct text *t, struct buf *b, const struct line *l)
{
	(void)t;
	return info_put(b, l);
}

static const struct composite composites[] = {
	{ "time", "TIME", 12, put_time, "local wall clock" },
	{ "local", "LOCAL", 15, put_local, "laddr:lport" },
	{ "dir", "<>", 2, put_arrow, "direction: -> out, <- in" },
	{ "remote", "REMOTE", 17, put_remote, "raddr:rport" },
	{ "service", "SERVICE", 7, put_service, "service, or its port's class if it has no name" },
	{ "info", "INFO", 0, put_info, "what matters for that event" },
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

static bool put_cell(struct text *t, const struct column *c, struct buf *b, const struct line *l)
{
	struct value v;

	if (c->composite)
		return c->composite->put(t, b, l);
	if (!field_get(c->field, l, &v))
		return false;
	value_put(b, &v, buf_put_text);
	return true;
}

/* The cell that begins at @begin, in characters; wide and combining ones are not known here. */
static size_t cell_width(const struct buf *b, size_t begin)
{
	size_t width = 0;

	for (size_t i = begin; i < b->len; i++)
		width += (b->data[i] & 0xc0) != 0x80;
	return width;
}

/*
 * Fills the cell from @begin up to its column's width. @debt is by how much the cells before it
 * were too wide together: the filling pays it back.
 */
static void fill_cell(const struct column *c, struct buf *b, size_t begin, size_t *debt)
{
	size_t width = cell_width(b, begin), len = b->len - begin, pad;

	if (width > c->width) {
		*debt += width - c->width;
		return;
	}
	pad = c->width - width;
	if (pad <= *debt) {
		*debt -= pad;
		return;
	}
	pad -= *debt;
	*debt = 0;
	buf_put_repeat(b, ' ', pad);
	if (c->right && !b->err) {
		memmove(b->data + begin + pad, b->data + begin, len);
		memset(b->data + begin, ' ', pad);
	}
}

static void end_line(struct buf *b, size_t begin)
{
	while (b->len > begin && b->data[b->len - 1] == ' ')
		b->len--;
	buf_put_char(b, '\n');
}

void text_header(struct text *t, struct buf *b)
{
	size_t begin = b->len, debt = 0;

	for (size_t i = 0; i < t->cnt; i++) {
		size_t cell = b->len;

		buf_put_str(b, t->columns[i].title);
		fill_cell(&t->columns[i], b, cell, &debt);
		buf_put_char(b, ' ');
	}
	end_line(b, begin);
}

void text_line(struct text *t, struct buf *b, const struct line *l)
{
	size_t begin = b->len, debt = 0;

	for (size_t i = 0; i < t->cnt; i++) {
		const struct column *c = &t->columns[i];
		const char *color = c->color ? kind_color(l->e->kind) : NULL;
		size_t cell;

		if (color)
			buf_put_str(b, color);
		cell = b->len;
		if (!put_cell(t, c, b, l) && !c->free)
			buf_put_char(b, '-');
		if (color) {
			/* The code has no width, so it stands behind the filling. */
			fill_cell(c, b, cell, &debt);
			buf_put_str(b, COLOR_END " ");
			continue;
		}
		fill_cell(c, b, cell, &debt);
		buf_put_char(b, ' ');
	}
	end_line(b, begin);
}

static const struct composite *find_composite(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(composites); i++) {
		if (strlen(composites[i].name) == len && !memcmp(composites[i].name, name, len))
			return &composites[i];
	}
	return NULL;
}

static const struct field *find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < field_cnt; i++) {
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return &fields[i];
	}
	return NULL;
}

static int unknown_column(const char *name, size_t len)
{
	log_err("--columns: there is no column '%.*s'; '--columns help' lists them",
		len > 64 ? 64 : (int)len, name);
	return -EINVAL;
}

static int add_column(struct text *t, const char *name, size_t len, bool color)
{
	struct column *c = &t->columns[t->cnt];

	c->composite = find_composite(name, len);
	c->field = c->composite ? NULL : find_field(name, len);
	if (c->composite) {
		c->width = c->composite->width;
		snprintf(c->title, sizeof(c->title), "%s", c->composite->title);
	} else if (c->field) {
		c->width = c->field->width;
		c->right = c->field->type == FIELD_NUMBER;
		c->color = color && !strcmp(c->field->name, "event");
		for (size_t i = 0; i < len && i < sizeof(c->title) - 1; i++)
			c->title[i] = toupper((unsigned char)name[i]);
	} else {
		return unknown_column(name, len);
	}
	t->cnt++;
	return 0;
}

static int add_columns(struct text *t, const char *list, bool color)
{
	size_t cnt = 1;
	int err = 0;

	for (const char *p = list; *p; p++)
		cnt += *p == ',';
	t->columns = calloc(cnt, sizeof(*t->columns));
	if (!t->columns)
		return -ENOMEM;
	for (const char *name = list; !err; name += strcspn(name, ",") + 1) {
		err = add_column(t, name, strcspn(name, ","), color);
		if (!name[strcspn(name, ",")])
			break;
	}
	if (t->cnt > 1)
		t->columns[t->cnt - 1].free = t->columns[t->cnt - 1].composite &&
					      t->columns[t->cnt - 1].composite->put == put_info;
	return err;
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

void text_columns_help(void)
{
	printf("The default is %s.\n\n", DEFAULT_COLUMNS);
	for (size_t i = 0; i < ARRAY_SIZE(composites); i++)
		printf("  %-13s %s\n", composites[i].name, composites[i].help);
	printf("\n");
	for (size_t i = 0; i < field_cnt; i++) {
		if (!find_composite(fields[i].name, strlen(fields[i].name)))
			printf("  %-13s %s\n", fields[i].name, fields[i].help);
	}
}
