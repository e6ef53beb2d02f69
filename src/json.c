// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON format: the table of fields from top to bottom. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "names.h"
#include "put.h"

/* A key and a value; of strings, a comm is the longest that line_room() does not know. */
#define FIELD_MAX (FIELD_KEY_MAX + VALUE_MAX + COMM_LEN * PUT_JSON_MAX)

struct json {
	const struct field *fields[EVENT_KIND_CNT][FIELD_CNT_MAX + 1]; /* of each kind, then NULL */
};

static void put_quoted(struct buf *b, const char *s, size_t len)
{
	buf_put_char(b, '"');
	buf_put(b, s, len);
	buf_put_char(b, '"');
}

/* Copied whole: a copy of a length known to the compiler is several times as fast. */
static char *put_key(char *p, const struct field *f)
{
	memcpy(p, f->key, sizeof(f->key));
	return p + f->key_len;
}

static char *put_value(char *p, const struct value *v)
{
	if (v->type == VALUE_NUMBER || v->type == VALUE_BOOLEAN)
		return value_put(p, v, put_json);
	p = put_char(p, '"');
	p = value_put(p, v, put_json);
	return put_char(p, '"');
}

/* Of a line at most: one check for all that it is made of. */
static size_t line_room(const struct line *l)
{
	return FIELD_CNT_MAX * FIELD_MAX + line_strings(l) * PUT_JSON_MAX;
}

void json_line(const struct json *j, struct buf *b, const struct line *l)
{
	char *begin = buf_room(b, line_room(l)), *p = begin;
	uint32_t held = field_needs_held(l->e);
	struct value v;

	if (!begin)
		return;
	for (const struct field *const *f = j->fields[l->e->kind]; *f; f++) {
		if (!field_read(*f, l, held, &v))
			continue;
		p = put_key(p, *f);
		p = put_value(p, &v);
	}
	/* The comma before the first key. */
	*begin = '{';
	p += p == begin;
	buf_end(b, put_str(p, "}\n"));
}

struct json *json_new(void)
{
	struct json *j = calloc(1, sizeof(*j));

	for (int kind = 0; j && kind < EVENT_KIND_CNT; kind++) {
		const struct field **out = j->fields[kind];

		for (size_t i = 0; i < field_cnt; i++) {
			if (fields[i].kinds & 1u << kind)
				*out++ = &fields[i];
		}
	}
	return j;
}

void json_free(struct json *j)
{
	free(j);
}

/* {"connect":3,"close":2}: the kinds that there were. */
static void put_counts(struct buf *b, const uint64_t counts[EVENT_KIND_CNT])
{
	char before = '{';

	for (unsigned int kind = 0; kind < EVENT_KIND_CNT; kind++) {
		const char *name = names_kind(kind);

		if (!counts[kind])
			continue;
		buf_put_char(b, before);
		put_quoted(b, name, strlen(name));
		buf_put_char(b, ':');
		buf_put_u64(b, counts[kind]);
		before = ',';
	}
	if (before == '{')
		buf_put_char(b, '{');
	buf_put_char(b, '}');
}

void json_summary(struct buf *b, uint64_t utc_ns, const struct summary *s)
{
	char *p;

	buf_put_str(b, "{\"ts\":\"");
	p = buf_room(b, PUT_UTC_MAX + PUT_SLACK);
	if (p)
		buf_end(b, put_utc(p, utc_ns));
	buf_put_str(b, "\",\"event\":\"summary\",\"events\":");
	put_counts(b, s->events);
	buf_put_str(b, ",\"lost\":");
	put_counts(b, s->lost);
	buf_put_str(b, "}\n");
}
