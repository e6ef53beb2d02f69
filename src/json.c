// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON format: the table of fields from top to bottom, by the shapes of lines. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "json_shape.h"
#include "json_value.h"
#include "kept.h"
#include "names.h"
#include "put.h"

/* A key and a value; of strings, a comm is the longest that line_room() does not know. */
#define FIELD_MAX (FIELD_KEY_MAX + VALUE_MAX + COMM_LEN * PUT_JSON_MAX)

struct json {
	struct json_shapes *shapes;
	struct kept *kept; /* the owner's text: saves a quarter of a line's instructions */
};

static void put_quoted(struct buf *b, const char *s, size_t len)
{
	buf_put_char(b, '"');
	buf_put(b, s, len);
	buf_put_char(b, '"');
}

/* Of a line at most: one check for all that it is made of. */
static size_t line_room(const struct line *l)
{
	return FIELD_CNT_MAX * FIELD_MAX + line_strings(l) * PUT_JSON_MAX;
}

static char *put_any(char *p, const struct field *f, const struct line *l, uint32_t held)
{
	struct value v;

	return field_read(f, l, held, &v) ? json_put_value(json_put_key(p, f), &v) : p;
}

static char *put_kept(struct json *j, char *p, const struct line *l, uint32_t held)
{
	struct str kept = kept_get(j->kept, l);
	char *begin = p;

	if (kept.len)
		return put_bytes(p, kept.ptr, kept.len);
	for (const struct field *f = fields; f < fields + field_cnt; f++) {
		if (f->needs & FIELD_KEPT && f->kinds & 1u << l->e->kind)
			p = put_any(p, f, l, held);
	}
	kept_add(j->kept, l, (struct str){ begin, p - begin });
	return p;
}

static inline char *put_string(char *p, char *key_end, struct str s)
{
	if (!s.len)
		return p;
	return put_char(put_json(put_char(key_end, '"'), s.ptr, s.len), '"');
}

/* The text of a step is written in any case: where there is no value, the next step overwrites it. */
static char *put_steps(struct json *j, char *p, const struct json_step *s, const struct line *l,
		       uint32_t held)
{
	for (;; s++) {
		const struct field *f = s->field;
		char *value = p + s->len;
		uint64_t n;

		memcpy(p, s->text, sizeof(s->text));
		switch ((enum json_how)s->how) {
		case JSON_NONE:
		case JSON_END:
			return value;
		case JSON_TEXT:
			p = value;
			break;
		case JSON_KEPT:
			p = put_kept(j, value, l, held);
			break;
		case JSON_NUMBER:
			p = put_u64(value, field_number(f, l->e));
			break;
		case JSON_NONZERO:
			n = field_number(f, l->e);
			p = n ? put_u64(value, n) : p;
			break;
		case JSON_TIME:
			p = put_utc(value, l->utc_ns);
			break;
		case JSON_ADDRESS:
			p = put_addr(value, (const uint8_t *)l->e + f->offset, l->e->ipv);
			break;
		case JSON_STRING:
			p = put_string(p, value, *field_line_str(f, l));
			break;
		case JSON_SERVICE:
			p = put_string(p, value, field_service(l));
			break;
		case JSON_ANY:
			p = put_any(p, f, l, held);
			break;
		}
	}
}

void json_line(struct json *j, struct buf *b, const struct line *l)
{
	char *begin = buf_room(b, line_room(l));
	uint32_t held = field_needs_held(l);
	char *end;

	if (!begin)
		return;
	end = put_steps(j, begin, json_shape(j->shapes, l, held), l, held);
	/* The comma before the first key: each line has its time. */
	*begin = '{';
	buf_end(b, end);
}

struct json *json_new(void)
{
	struct json *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->shapes = json_shapes_new();
	j->kept = kept_new();
	if (j->shapes && j->kept)
		return j;
	json_free(j);
	return NULL;
}

void json_free(struct json *j)
{
	if (!j)
		return;
	json_shapes_free(j->shapes);
	kept_free(j->kept);
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
