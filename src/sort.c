// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sorting by fields: what a line is compared by is read once, when it is added. */
#include "sort.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "log.h"

#define KEY_CNT_MAX 8
#define STRING_MAX (ADDR_LEN + 1)

/* A field of a line, as it is compared. */
struct key {
	char *string; /* NULL: it is a number, or absent */
	uint64_t number;
	bool absent;
};

struct item {
	struct event event;
	struct key keys[KEY_CNT_MAX];
};

struct order {
	const struct field *field;
	bool down;
};

struct sort {
	struct order orders[KEY_CNT_MAX];
	size_t order_cnt;
	struct item *items;
	size_t cnt, room;
};

static const struct field *find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < field_cnt; i++) {
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return &fields[i];
	}
	return NULL;
}

/* Known only when a socket is printed, which comes after sorting. */
static bool is_late(const struct field *f)
{
	return !strcmp(f->name, "rname") || !strcmp(f->name, "rname_source") ||
	       !strcmp(f->name, "change");
}

static int parse(struct sort *s, const char *list)
{
	for (const char *name = list;; name++) {
		size_t len = strcspn(name, ","), sign = *name == '-';
		struct order *o = &s->orders[s->order_cnt];

		if (s->order_cnt == KEY_CNT_MAX) {
			log_err("--sort takes at most %d fields", KEY_CNT_MAX);
			return -EINVAL;
		}
		o->field = find_field(name + sign, len - sign);
		o->down = sign;
		if (!o->field || !(o->field->kinds & 1u << EVENT_EXISTING)) {
			log_err("--sort: a socket has no field '%.*s'; it takes such as rport, comm, "
				"-rx_bytes; '--columns help' lists them",
				len > 64 ? 64 : (int)(len - sign), name + sign);
			return -EINVAL;
		}
		if (is_late(o->field)) {
			log_err("--sort: '%s' is found out only when a socket is printed",
				o->field->name);
			return -EINVAL;
		}
		s->order_cnt++;
		name += len;
		if (!*name)
			return 0;
	}
}

int sort_check(const char *list)
{
	struct sort s = { 0 };

	return parse(&s, list);
}

bool sort_needs_link(const char *list)
{
	struct sort s = { 0 };
	bool any = false;

	if (parse(&s, list))
		return false;
	for (size_t i = 0; i < s.order_cnt; i++)
		any |= s.orders[i].field->needs & NEED_LINK;
	return any;
}

struct sort *sort_new(const char *list)
{
	struct sort *s = calloc(1, sizeof(*s));

	if (s && !parse(s, list))
		return s;
	free(s);
	return NULL;
}

static void forget(struct sort *s)
{
	for (size_t i = 0; i < s->cnt; i++)
		for (size_t k = 0; k < s->order_cnt; k++)
			free(s->items[i].keys[k].string);
	s->cnt = 0;
}

void sort_free(struct sort *s)
{
	if (!s)
		return;
	forget(s);
	free(s->items);
	free(s);
}

/* IPv4 before IPv6, each by its bytes, which may be zero: as text that sorts like them. */
static char *address_string(const struct value *v)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * STRING_MAX + 1] = "4";
	size_t cnt = v->address.ipv == 4 ? 4 : ADDR_LEN;

	text[0] = v->address.ipv == 4 ? '4' : '6';
	for (size_t i = 0; i < cnt; i++) {
		text[1 + 2 * i] = digits[v->address.bytes[i] >> 4];
		text[2 + 2 * i] = digits[v->address.bytes[i] & 15];
	}
	return strdup(text);
}

static int key_set(struct key *k, const struct field *f, const struct line *l)
{
	struct value v;

	k->absent = !field_get(f, l, &v);
	if (k->absent)
		return 0;
	switch (v.type) {
	case VALUE_STRING:
	case VALUE_WORD:
		k->string = strndup(v.string.ptr, v.string.len);
		return k->string ? 0 : -ENOMEM;
	case VALUE_ADDRESS:
		k->string = address_string(&v);
		return k->string ? 0 : -ENOMEM;
	case VALUE_HOLDERS:
		k->number = v.holders.cnt;
		return 0;
	default:
		k->number = v.type == VALUE_BOOLEAN ? v.boolean : v.number;
		return 0;
	}
}

int sort_add(struct sort *s, const struct line *l)
{
	struct item *item;
	int err = 0;

	if (s->cnt == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct item *items = realloc(s->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		s->items = items;
		s->room = room;
	}
	item = &s->items[s->cnt++];
	memset(item, 0, sizeof(*item));
	item->event = *l->e;
	for (size_t k = 0; !err && k < s->order_cnt; k++)
		err = key_set(&item->keys[k], s->orders[k].field, l);
	return err;
}

static int compare_keys(const struct key *a, const struct key *b, bool down)
{
	int order;

	if (a->absent || b->absent)
		return a->absent - b->absent;
	if (a->string && b->string)
		order = strcmp(a->string, b->string);
	else
		order = (a->number > b->number) - (a->number < b->number);
	return down ? -order : order;
}

static int compare(const void *pa, const void *pb, void *ctx)
{
	const struct item *a = pa, *b = pb;
	const struct sort *s = ctx;
	int order = 0;

	for (size_t k = 0; !order && k < s->order_cnt; k++)
		order = compare_keys(&a->keys[k], &b->keys[k], s->orders[k].down);
	/* else as they came */
	return order ? order :
		       (a->event.ts_ns > b->event.ts_ns) - (a->event.ts_ns < b->event.ts_ns);
}

int sort_end(struct sort *s, int (*fn)(void *ctx, const struct event *e), void *ctx)
{
	int err = 0;

	qsort_r(s->items, s->cnt, sizeof(*s->items), compare, s);
	for (size_t i = 0; !err && i < s->cnt; i++)
		err = fn(ctx, &s->items[i].event);
	forget(s);
	return err;
}
