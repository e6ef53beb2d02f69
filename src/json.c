// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON format: the table of fields from top to bottom. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "kept.h"
#include "names.h"
#include "put.h"

/* A key and a value; of strings, a comm is the longest that line_room() does not know. */
#define FIELD_MAX (FIELD_KEY_MAX + VALUE_MAX + COMM_LEN * PUT_JSON_MAX)

#define WORD_CNT_MAX 18 /* of a table of words: protocols, by number */

/* A key and a word: all of a field that can only be one of a few. */
struct pair {
	char text[FIELD_KEY_MAX + WORD_MAX + 7];
	uint8_t len; /* 0: there is no such word */
};

/* What is to be done for a field. */
struct step {
	const struct field *field; /* NULL: the end of a list */
	const struct pair *pairs;  /* NULL: it has others than words */
};

/* The parts of a line. The owner's text is kept: saves a quarter of a line's instructions. */
enum part { BEFORE, KEPT, BEHIND, PART_CNT };

struct json {
	struct step steps[EVENT_KIND_CNT][PART_CNT][FIELD_CNT_MAX + 1];
	struct pair pairs[FIELD_CNT_MAX][WORD_CNT_MAX];
	struct kept *kept;
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

/* [{"pid":1,"comm":"init"},...] */
static char *put_holders(char *p, const struct value *v)
{
	char before = '[';

	for (size_t i = 0; i < v->holders.cnt; i++) {
		const struct holder *h = &v->holders.first[i];

		p = put_char(p, before);
		p = put_str(p, "{\"pid\":");
		p = put_u64(p, h->pid);
		p = put_str(p, ",\"comm\":\"");
		p = put_json(p, h->comm, strnlen(h->comm, COMM_LEN));
		p = put_str(p, "\"}");
		before = ',';
	}
	return put_char(p, ']');
}

static char *put_value(char *p, const struct value *v)
{
	if (v->type == VALUE_NUMBER || v->type == VALUE_BOOLEAN)
		return value_put(p, v, put_json);
	if (v->type == VALUE_HOLDERS)
		return put_holders(p, v);
	p = put_char(p, '"');
	p = value_put(p, v, put_json);
	return put_char(p, '"');
}

/* Of a line at most: one check for all that it is made of. */
static size_t line_room(const struct line *l)
{
	return FIELD_CNT_MAX * FIELD_MAX + line_strings(l) * PUT_JSON_MAX;
}

static char *put_pair(char *p, const struct step *s, const struct event *e)
{
	unsigned int i = field_word(s->field, e);

	if (i >= s->field->words->cnt)
		return p;
	memcpy(p, s->pairs[i].text, sizeof(s->pairs[i].text));
	return p + s->pairs[i].len;
}

static char *put_steps(char *p, const struct step *s, const struct line *l, uint32_t held)
{
	struct value v;

	for (; s->field; s++) {
		if (s->field->needs & ~held)
			continue;
		if (s->pairs) {
			p = put_pair(p, s, l->e);
			continue;
		}
		if (!field_read(s->field, l, held, &v))
			continue;
		p = put_key(p, s->field);
		p = put_value(p, &v);
	}
	return p;
}

static char *put_kept(struct json *j, char *p, const struct line *l, uint32_t held)
{
	const struct step *steps = j->steps[l->e->kind][KEPT];
	struct str kept = kept_get(j->kept, l);
	char *begin = p;

	if (kept.len)
		return put_bytes(p, kept.ptr, kept.len);
	p = put_steps(p, steps, l, held);
	kept_add(j->kept, l, (struct str){ begin, p - begin });
	return p;
}

void json_line(struct json *j, struct buf *b, const struct line *l)
{
	const struct step(*steps)[FIELD_CNT_MAX + 1] = j->steps[l->e->kind];
	char *begin = buf_room(b, line_room(l)), *p = begin;
	uint32_t held = field_needs_held(l->e);

	if (!begin)
		return;
	p = put_steps(p, steps[BEFORE], l, held);
	if (steps[KEPT]->field)
		p = put_kept(j, p, l, held);
	p = put_steps(p, steps[BEHIND], l, held);
	/* The comma before the first key. */
	*begin = '{';
	p += p == begin;
	buf_end(b, put_str(p, "}\n"));
}

static void make_pairs(struct pair *pairs, const struct field *f)
{
	_Static_assert(sizeof(struct pair) > FIELD_KEY_MAX + WORD_MAX + 2, "two quotes");
	for (unsigned int i = 0; i < f->words->cnt && i < WORD_CNT_MAX; i++) {
		const struct word *w = word_of(f->words, i);

		if (w)
			pairs[i].len = snprintf(pairs[i].text, sizeof(pairs[i].text), "%s\"%s\"",
						f->key, w->text);
	}
}

static void make_steps(struct json *j, int kind)
{
	size_t cnt[PART_CNT] = { 0 };
	enum part part = BEFORE;

	for (size_t i = 0; i < field_cnt; i++) {
		const struct field *f = &fields[i];

		if (f->needs & FIELD_KEPT)
			part = KEPT;
		else if (part == KEPT)
			part = BEHIND;
		if (f->kinds & 1u << kind)
			j->steps[kind][part][cnt[part]++] = (struct step){
				.field = f,
				.pairs = f->words ? j->pairs[i] : NULL,
			};
	}
}

struct json *json_new(void)
{
	struct json *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->kept = kept_new();
	if (!j->kept) {
		free(j);
		return NULL;
	}
	for (size_t i = 0; i < field_cnt; i++) {
		if (fields[i].words)
			make_pairs(j->pairs[i], &fields[i]);
	}
	for (int kind = 0; kind < EVENT_KIND_CNT; kind++)
		make_steps(j, kind);
	return j;
}

void json_free(struct json *j)
{
	if (!j)
		return;
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
