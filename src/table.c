// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cells of the tables, from fields and composites. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

#include "escape.h"
#include "fields.h"
#include "info.h"

#define DEFAULT_COLUMNS "ts,event,proto,pid,comm,laddr,lport,direction,raddr,rport,service"

struct table *table_new(const char *columns)
{
	struct table *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	err = columns_find(columns ? columns : DEFAULT_COLUMNS, &t->columns, &t->cnt);
	if (err) {
		free(t);
		errno = -err;
		return NULL;
	}
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	free(t->columns);
	buf_free(&t->cell);
	free(t);
}

bool table_wants_paths(const struct table *t)
{
	for (size_t i = 0; i < t->cnt; i++) {
		const struct field *f = t->columns[i].field;

		if (f && f->from == FROM_LINE && f->needs & FIELD_KEPT)
			return true;
	}
	return false;
}

static char *put_blank(char *p, const char *s, size_t len)
{
	return p + escape_text(p, s, len, false);
}

struct str table_cell(struct table *t, size_t i, const struct line *l, bool *foreign)
{
	const struct column_name *c = &t->columns[i];
	size_t room = INFO_MAX + VALUE_MAX + PUT_TEXT_MAX * line_strings(l);
	char *p, *begin;
	struct value v;

	buf_reset(&t->cell);
	begin = p = buf_room(&t->cell, room);
	if (!p)
		return STR("");
	if (c->composite) {
		*foreign = c->composite->has != COMPOSITE_WORD;
		p = c->composite->put(&t->clock, p, l);
	} else if (field_get(c->field, l, &v)) {
		*foreign = v.type == VALUE_STRING || v.type == VALUE_HOLDERS;
		p = value_put(p, &v, put_blank);
	}
	return (struct str){ begin, p - begin };
}
