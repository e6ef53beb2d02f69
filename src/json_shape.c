// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shapes of lines, by all that they depend on. */
#include "json_shape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "json_value.h"

#define PLACE_BITS 8 /* 2 MiB, of which only what is used is there */
#define PLACE_CNT (1 << PLACE_BITS)
#define SHAPE_CNT_MAX (PLACE_CNT / 2)
#define STEP_CNT_MAX (2 * FIELD_CNT_MAX + 2) /* two for a field, two for the end */

/* What a shape depends on: bytes of an event that are numbers of words; classes; what it has. */
#define FIRST_BYTE offsetof(struct event, ipv)
#define OTHER_BYTE offsetof(struct event, attr)
#define OTHER_CNT sizeof(uint64_t)
struct key {
	uint64_t others;
	uint64_t first; /* in the low half; the rest above */
};

_Static_assert(offsetof(struct event, flags) + 1 == FIRST_BYTE + sizeof(uint32_t), "struct key");
_Static_assert(EVENT_HEAD_SIZE == OTHER_BYTE + OTHER_CNT, "struct key");
_Static_assert(EVENT_KIND_CNT <= 256 && CLASS_CNT <= 16 && NEED_LINK <= UINT16_MAX, "struct key");

struct shape {
	struct key key;
	struct json_step steps[STEP_CNT_MAX]; /* JSON_NONE: the place is empty */
};

struct json_shapes {
	struct shape places[PLACE_CNT];
	unsigned int cnt;
};

struct json_shapes *json_shapes_new(void)
{
	return calloc(1, sizeof(struct json_shapes));
}

void json_shapes_free(struct json_shapes *s)
{
	free(s);
}

static bool is_constant(const struct field *f)
{
	switch (f->from) {
	case FROM_NEED:
	case FROM_PORT_CLASS:
		return true;
	case FROM_WORD:
	case FROM_NUMBER:
		return f->offset == offsetof(struct event, kind) ||
		       f->offset - FIRST_BYTE < sizeof(uint32_t) ||
		       f->offset - OTHER_BYTE < OTHER_CNT;
	default:
		return false;
	}
}

static enum json_how how_of(const struct field *f)
{
	switch (f->from) {
	case FROM_NUMBER:
		return f->needs & NEED_NONZERO ? JSON_NONZERO : JSON_NUMBER;
	case FROM_TIME:
		return JSON_TIME;
	case FROM_ADDRESS:
		return JSON_ADDRESS;
	case FROM_LINE:
		return JSON_STRING;
	case FROM_SERVICE:
		return JSON_SERVICE;
	default:
		return JSON_ANY;
	}
}

/* Each takes and returns the step that is being made, whose how is not set yet. */

static struct json_step *end_step(struct json_step *s, enum json_how how, const struct field *f)
{
	s->field = f;
	s->how = how;
	s[1].len = 0;
	return s + 1;
}

static struct json_step *add_text(struct json_step *s, const char *text, size_t len)
{
	if (s->len + len > JSON_TEXT_MAX)
		s = end_step(s, JSON_TEXT, NULL);
	memcpy(s->text + s->len, text, len);
	s->len += len;
	return s;
}

static struct json_step *add_constant(struct json_step *s, const struct field *f,
				      const struct value *v)
{
	char text[FIELD_KEY_MAX + VALUE_MAX], *p = json_put_value(json_put_key(text, f), v);

	_Static_assert(FIELD_KEY_MAX + WORD_MAX + 2 <= JSON_TEXT_MAX, "one of them fits");
	return add_text(s, text, p - text);
}

static struct json_step *add_value(struct json_step *s, const struct field *f)
{
	enum json_how how = how_of(f);
	bool quoted = how == JSON_TIME || how == JSON_ADDRESS;

	if (how >= JSON_NONZERO && s->len)
		s = end_step(s, JSON_TEXT, NULL);
	s = add_text(s, f->key, f->key_len);
	if (quoted)
		s = add_text(s, "\"", 1);
	s = end_step(s, how, f);
	return quoted ? add_text(s, "\"", 1) : s;
}

static void make_steps(struct json_step *s, const struct line *l, uint32_t held)
{
	bool kept = false;
	struct value v;

	s->len = 0;
	for (const struct field *f = fields; f < fields + field_cnt; f++) {
		if (!(f->kinds & 1u << l->e->kind) || f->needs & ~held)
			continue;
		if (f->needs & FIELD_KEPT) {
			if (!kept)
				s = end_step(s, JSON_KEPT, NULL);
			kept = true;
		} else if (!is_constant(f)) {
			s = add_value(s, f);
		} else if (field_read(f, l, held, &v)) {
			s = add_constant(s, f, &v);
		}
	}
	s = add_text(s, "}\n", 2);
	s->how = JSON_END;
}

static struct key key_of(const struct event *e, uint32_t held)
{
	uint64_t classes = port_class_of(e->lport) << 4 | port_class_of(e->rport);
	struct key k;
	uint32_t first;

	memcpy(&k.others, (const char *)e + OTHER_BYTE, sizeof(k.others));
	memcpy(&first, (const char *)e + FIRST_BYTE, sizeof(first));
	k.first = first | (uint64_t)e->kind << 32 | classes << 40 | (uint64_t)held << 48;
	return k;
}

/* Its place, or the empty one where it belongs. */
static struct shape *place_of(struct json_shapes *s, struct key k)
{
	uint64_t hash = (k.others * 0x9e3779b97f4a7c15ULL ^ k.first) * 0xbf58476d1ce4e5b9ULL;

	for (size_t i = hash >> (64 - PLACE_BITS);; i = (i + 1) % PLACE_CNT) {
		struct shape *at = &s->places[i];

		if ((at->key.first == k.first && at->key.others == k.others) || !at->steps[0].how)
			return at;
	}
}

const struct json_step *json_shape(struct json_shapes *s, const struct line *l, uint32_t held)
{
	struct key key = key_of(l->e, held);
	struct shape *at = place_of(s, key);

	if (at->steps[0].how)
		return at->steps;
	if (s->cnt == SHAPE_CNT_MAX) {
		memset(s, 0, sizeof(*s));
		at = place_of(s, key);
	}
	s->cnt++;
	at->key = key;
	make_steps(at->steps, l, held);
	return at->steps;
}
