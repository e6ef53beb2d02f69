// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of columns, in the tables of fields and composites. */
#include "columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "composite.h"
#include "fields.h"
#include "log.h"

static const struct composite *find_composite(const char *name, size_t len)
{
	for (size_t i = 0; i < composite_cnt; i++) {
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

static int find(struct column_name *c, const char *name, size_t len)
{
	c->name = name;
	c->len = len;
	c->composite = find_composite(name, len);
	c->field = c->composite ? NULL : find_field(name, len);
	if (c->composite || c->field)
		return 0;
	log_err("--columns: there is no column '%.*s'; '--columns help' lists them",
		len > 64 ? 64 : (int)len, name);
	return -EINVAL;
}

bool column_needs_link(const struct column_name *c)
{
	return c->field ? c->field->needs & NEED_LINK : !strcmp(c->composite->name, "route");
}

int columns_find(const char *list, struct column_name **out, size_t *cnt)
{
	struct column_name *all;
	size_t room = 1;
	int err = 0;

	for (const char *p = list; *p; p++)
		room += *p == ',';
	all = calloc(room, sizeof(*all));
	if (!all)
		return -ENOMEM;
	*cnt = 0;
	for (const char *name = list; !err && *cnt < room; name += strcspn(name, ",") + 1) {
		err = find(&all[*cnt], name, strcspn(name, ","));
		++*cnt;
	}
	if (err)
		free(all);
	else
		*out = all;
	return err;
}
