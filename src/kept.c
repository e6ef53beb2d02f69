// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A cache of text by owner: each has one place where it can be. */
#include "kept.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

#define PLACE_BITS 8 /* 272 KiB, of which only what is used is there */
#define STRINGS_MAX 256
#define TEXT_MAX 768

struct entry {
	struct owner owner;
	uint32_t netns;
	uint16_t exe_len;
	uint16_t cgroup_len;
	uint16_t text_len;	   /* 0: the entry is empty */
	char strings[STRINGS_MAX]; /* exe, cgroup: what is in its path follows from it */
	char text[TEXT_MAX];
};

struct kept {
	struct entry entries[1 << PLACE_BITS];
};

struct kept *kept_new(void)
{
	return calloc(1, sizeof(struct kept));
}

void kept_free(struct kept *k)
{
	free(k);
}

/* Threads of a process are owners of their own. */
static size_t place_of(const struct owner *o)
{
	return (o->pid ^ o->tid << 16) * 0x9e3779b1U >> (32 - PLACE_BITS);
}

static bool begins(const char *strings, struct str s)
{
	return !s.len || !memcmp(strings, s.ptr, s.len);
}

static bool is_same(const struct entry *e, const struct line *l)
{
	const char *exe = e->strings, *cgroup = exe + e->exe_len;

	return e->text_len && !memcmp(&e->owner, &l->e->owner, sizeof(e->owner)) &&
	       e->netns == l->e->netns && e->exe_len == l->exe.len &&
	       e->cgroup_len == l->cgroup.len && begins(exe, l->exe) && begins(cgroup, l->cgroup);
}

struct str kept_get(const struct kept *k, const struct line *l)
{
	const struct entry *e = &k->entries[place_of(&l->e->owner)];

	return is_same(e, l) ? (struct str){ e->text, e->text_len } : (struct str){ NULL, 0 };
}

static char *add_string(char *p, struct str s)
{
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p + s.len;
}

void kept_add(struct kept *k, const struct line *l, struct str text)
{
	struct entry *e = &k->entries[place_of(&l->e->owner)];
	char *p = e->strings;

	if (text.len > TEXT_MAX || l->exe.len + l->cgroup.len > STRINGS_MAX)
		return;
	e->owner = l->e->owner;
	e->netns = l->e->netns;
	e->exe_len = l->exe.len;
	e->cgroup_len = l->cgroup.len;
	p = add_string(p, l->exe);
	add_string(p, l->cgroup);
	memcpy(e->text, text.ptr, text.len);
	e->text_len = text.len;
}
