/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fields of an event: one table, which every format walks. A JSON key and a text column are
 * the same word. A new field is a member of struct event and a row here.
 */
#ifndef CONNSNOOP_FIELDS_H
#define CONNSNOOP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"
#include "value.h"

/* What JSON makes of it, and which way a column leans. */
enum field_type { FIELD_STRING, FIELD_NUMBER, FIELD_BOOLEAN };

#define FIELD_KEY_MAX 24

struct field {
	const char *name;
	char key[FIELD_KEY_MAX]; /* ,"name": as JSON wants it */
	uint8_t key_len;
	uint8_t width;	 /* of the text column, more when a value needs it */
	uint8_t type;	 /* enum field_type */
	uint8_t needs;	 /* NEED_*: otherwise absent */
	uint32_t kinds;	 /* 1 << enum event_kind: events that have it */
	uint16_t offset; /* without get: an unsigned member of struct event */
	uint16_t size;
	/* A number that stands for one of these: the member, or what this returns. */
	const struct words *words;
	unsigned int (*word)(const struct event *e);
	/* The value, false: absent. Only called when kinds and needs hold. */
	bool (*get)(const struct line *l, struct value *v);
	const char *help;
};

#define FIELD_CNT_MAX 64

/*
 * In needs, where it is always held: the value depends on nothing but the owner, the network
 * namespace and strings of the line. These rows follow each other.
 */
#define FIELD_KEPT 64

extern const struct field fields[];
extern const size_t field_cnt;

/* What fields may need and this event has: once for all of a line. */
uint32_t field_needs_held(const struct event *e);

/* The value of @f in @l, whose kind has this field; false: it is absent, and @v undefined. @v points into @l and itself. */
bool field_read(const struct field *f, const struct line *l, uint32_t held, struct value *v);

/* Which of f->words; there may be no such one. */
unsigned int field_word(const struct field *f, const struct event *e);

/* field_read() of any event. */
static inline bool field_get(const struct field *f, const struct line *l, struct value *v)
{
	uint32_t kind = l->e->kind;

	return kind < EVENT_KIND_CNT && (f->kinds & 1u << kind) &&
	       field_read(f, l, field_needs_held(l->e), v);
}

/* The port of the connection's server side and its name, if any; false: no such side. */
bool field_server_port(const struct line *l, uint16_t *port, struct str *service);

#endif
