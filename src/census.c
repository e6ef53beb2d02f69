// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts of sockets, by the words that stand for them. */
#include "census.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fields.h"
#include "hash.h"
#include "names.h"
#include "put.h"

enum part { BY_PROTO, BY_STATE, BY_CLASS, BY_PROCESS, PART_CNT };

static const struct {
	const char *key;   /* in JSON */
	const char *title; /* for people */
} parts[PART_CNT] = {
	[BY_PROTO] = { "proto", "PROTO" },
	[BY_STATE] = { "state", "STATE" },
	[BY_CLASS] = { "class", "CLASS" },
	[BY_PROCESS] = { "process", "PROCESS" },
};

#define WORD_LEN WORD_MAX /* a comm is no longer */
#define TITLE_WIDTH 16
_Static_assert(COMM_LEN <= WORD_LEN, "the name of a process fits");

struct group {
	char word[WORD_LEN]; /* filled up with NULs */
	uint64_t cnt;
	UT_hash_handle hh;
};

struct census {
	struct group *groups[PART_CNT];
	uint64_t total;
};

struct census *census_new(void)
{
	return calloc(1, sizeof(struct census));
}

void census_free(struct census *c)
{
	struct group *g, *next;

	if (!c)
		return;
	for (int part = 0; part < PART_CNT; part++) {
		HASH_ITER(hh, c->groups[part], g, next) {
			HASH_DEL(c->groups[part], g);
			free(g);
		}
	}
	free(c);
}

static int count(struct census *c, enum part part, const char *word, size_t len)
{
	char key[WORD_LEN] = "";
	struct group *g;

	memcpy(key, word, len < WORD_LEN ? len : WORD_LEN);
	HASH_FIND(hh, c->groups[part], key, WORD_LEN, g);
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return -ENOMEM;
		memcpy(g->word, key, WORD_LEN);
		HASH_ADD(hh, c->groups[part], word, WORD_LEN, g);
	}
	g->cnt++;
	return 0;
}

static int count_word(struct census *c, enum part part, const char *word)
{
	return word ? count(c, part, word, strlen(word)) : 0;
}

int census_add(struct census *c, const struct line *l)
{
	const struct event *e = l->e;
	struct str service;
	uint16_t port;
	int err;

	c->total++;
	err = count_word(c, BY_PROTO, names_proto(e->proto));
	err = err ?: count_word(c, BY_STATE, names_socket_state(e->proto, e->new_state));
	if (!err && field_server_port(l, &port, &service))
		err = count_word(c, BY_CLASS, names_class(port_class_of(port)));
	if (!err && e->owner.pid)
		err = count(c, BY_PROCESS, e->owner.comm, strnlen(e->owner.comm, COMM_LEN));
	return err;
}

static int by_count(struct group *a, struct group *b)
{
	if (a->cnt != b->cnt)
		return a->cnt < b->cnt ? 1 : -1;
	return memcmp(a->word, b->word, WORD_LEN);
}

static void put_group(struct buf *b, const struct group *g,
		      char *(*put)(char *p, const char *s, size_t len))
{
	char *p = buf_room(b, WORD_LEN * PUT_JSON_MAX + PUT_SLACK);

	if (p)
		buf_end(b, put(p, g->word, strnlen(g->word, WORD_LEN)));
}

static void put_json_part(struct buf *b, enum part part, struct group *groups)
{
	char before = '{';

	buf_put_str(b, ",\"");
	buf_put_str(b, parts[part].key);
	buf_put_str(b, "\":");
	for (struct group *g = groups; g; g = g->hh.next) {
		buf_put_char(b, before);
		buf_put_char(b, '"');
		put_group(b, g, put_json);
		buf_put_str(b, "\":");
		buf_put_u64(b, g->cnt);
		before = ',';
	}
	if (before == '{')
		buf_put_char(b, '{');
	buf_put_char(b, '}');
}

static void put_text_part(struct buf *b, enum part part, struct group *groups)
{
	buf_put_char(b, '\n');
	buf_put_str(b, parts[part].title);
	buf_put_repeat(b, ' ', TITLE_WIDTH - strlen(parts[part].title));
	buf_put_str(b, "SOCKETS\n");
	for (struct group *g = groups; g; g = g->hh.next) {
		size_t begin = b->len, len;

		put_group(b, g, put_text);
		len = b->len - begin;
		buf_put_repeat(b, ' ', len < TITLE_WIDTH ? TITLE_WIDTH - len : 1);
		buf_put_u64(b, g->cnt);
		buf_put_char(b, '\n');
	}
}

void census_put(struct census *c, bool json, struct buf *b)
{
	buf_put_str(b, json ? "{\"sockets\":" : "sockets         ");
	buf_put_u64(b, c->total);
	if (!json)
		buf_put_char(b, '\n');
	for (int part = 0; part < PART_CNT; part++) {
		HASH_SORT(c->groups[part], by_count);
		(json ? put_json_part : put_text_part)(b, part, c->groups[part]);
	}
	if (json)
		buf_put_str(b, "}\n");
}
