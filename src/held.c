// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "held.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* A socket of UDP has several. */
struct key {
	uint64_t id;
	uint8_t raddr[ADDR_LEN];
};

struct connection {
	struct key key;
	UT_hash_handle hh; /* the first was opened first */
	size_t len;
	enum rname_source source;
	char name[]; /* with a NUL */
};

struct held {
	struct connection *table;
	struct connection *last; /* which is over, for who still reads its name */
	size_t bytes;		 /* of the connections in the table */
};

struct held *held_new(void)
{
	return calloc(1, sizeof(struct held));
}

static size_t size_of(const struct connection *c)
{
	return sizeof(*c) + c->len + 1;
}

static void take_out(struct held *h, struct connection *c)
{
	HASH_DEL(h->table, c);
	h->bytes -= size_of(c);
}

static void drop_first(struct held *h, size_t bytes_max)
{
	struct connection *c, *next;

	HASH_ITER(hh, h->table, c, next) {
		if (h->bytes <= bytes_max)
			return;
		take_out(h, c);
		free(c);
	}
}

void held_free(struct held *h)
{
	if (!h)
		return;
	drop_first(h, 0);
	free(h->last);
	free(h);
}

static struct connection *find(const struct held *h, const struct event *e)
{
	struct key key = { .id = e->id };
	struct connection *c;

	memcpy(key.raddr, e->raddr, ADDR_LEN);
	HASH_FIND(hh, h->table, &key, sizeof(key), c);
	return c;
}

void held_set(struct held *h, const struct event *e, struct str name, enum rname_source source)
{
	struct connection *c = malloc(sizeof(*c) + name.len + 1), *old = find(h, e);

	if (old)
		take_out(h, old);
	free(old);
	if (!c)
		return;
	*c = (struct connection){ .key.id = e->id, .len = name.len, .source = source };
	memcpy(c->key.raddr, e->raddr, ADDR_LEN);
	memcpy(c->name, name.ptr, name.len);
	c->name[name.len] = '\0';
	HASH_ADD(hh, h->table, key, sizeof(c->key), c);
	h->bytes += size_of(c);
	drop_first(h, HELD_BYTES_MAX);
}

struct str held_get(struct held *h, const struct event *e, enum rname_source *source)
{
	struct connection *c = find(h, e);

	if (!c)
		return (struct str){ 0 };
	if (e->kind == EVENT_CLOSE || e->kind == EVENT_FAIL) {
		take_out(h, c);
		free(h->last);
		h->last = c;
	}
	*source = c->source;
	return (struct str){ c->name, c->len };
}
