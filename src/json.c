// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON format: the table of fields from top to bottom. */
#include "json.h"

#include "fields.h"
#include "names.h"

static void put_quoted(struct buf *b, const char *s, size_t len)
{
	buf_put_char(b, '"');
	buf_put(b, s, len);
	buf_put_char(b, '"');
}

static void put_value(struct buf *b, const struct value *v)
{
	bool quoted = v->type != VALUE_NUMBER && v->type != VALUE_BOOLEAN;

	if (quoted)
		buf_put_char(b, '"');
	value_put(b, v, buf_put_json);
	if (quoted)
		buf_put_char(b, '"');
}

/* Copied whole: a copy of a length known to the compiler is several times as fast. */
static void put_key(struct buf *b, const struct field *f)
{
	char *p = buf_room(b, sizeof(f->key));

	if (!p)
		return;
	memcpy(p, f->key, sizeof(f->key));
	b->len += f->key_len;
}

void json_line(struct buf *b, const struct line *l)
{
	size_t begin = b->len;
	struct value v;

	for (size_t i = 0; i < field_cnt; i++) {
		if (!field_get(&fields[i], l, &v))
			continue;
		put_key(b, &fields[i]);
		put_value(b, &v);
	}
	/* The comma before the first key. */
	if (b->len > begin)
		b->data[begin] = '{';
	else
		buf_put_char(b, '{');
	buf_put_str(b, "}\n");
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
	buf_put_str(b, "{\"ts\":\"");
	buf_put_utc(b, utc_ns);
	buf_put_str(b, "\",\"event\":\"summary\",\"events\":");
	put_counts(b, s->events);
	buf_put_str(b, ",\"lost\":");
	put_counts(b, s->lost);
	buf_put_str(b, "}\n");
}
