// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths of cgroups, by id. */
#include "cgroup_paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* In place of Jenkins' hash: saves 65 instructions for each look. */
#define HASH_FUNCTION(key, len, hash) (hash = *(const uint64_t *)(key)*0x9e3779b97f4a7c15ULL >> 32)
#include <uthash.h>

#include "cgroup2.h"
#include "container.h"
#include "event.h"

#define BYTES_MAX (8u << 20) /* 15 000 cgroups as Kubernetes names them */

struct cgroup_path {
	uint64_t id;
	struct cgroup_names names;
	UT_hash_handle hh; /* in order of insertion: the first is the oldest */
	size_t bytes;
	bool used;	/* since it was made, or was last spared */
	char strings[]; /* those of names, each ended by a NUL */
};

struct cgroup_paths {
	int root; /* -errno: only what was told is known */
	size_t bytes;
	struct cgroup_path *table;
};

int cgroup_paths_new(struct cgroup_paths **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->root = cgroup2_open_root();
	return 0;
}

static void path_remove(struct cgroup_paths *p, struct cgroup_path *c)
{
	HASH_DEL(p->table, c);
	p->bytes -= c->bytes;
	free(c);
}

/* Ones that were asked for are spared once: to note that costs less than to keep them in order. */
static void make_room(struct cgroup_paths *p, size_t bytes)
{
	while (p->table && p->bytes + bytes > BYTES_MAX) {
		struct cgroup_path *c = p->table;

		if (!c->used) {
			path_remove(p, c);
			continue;
		}
		c->used = false;
		HASH_DEL(p->table, c);
		HASH_ADD(hh, p->table, id, sizeof(c->id), c);
	}
}

/* Appends @s at @at. */
static struct str keep(char **at, struct str s)
{
	struct str kept = { *at, s.len };

	memcpy(*at, s.ptr, s.len);
	(*at)[s.len] = '\0';
	*at += s.len + 1;
	return kept;
}

static struct str str_of(const char *s)
{
	return (struct str){ s, strlen(s) };
}

/* @path is empty, or ended by a NUL. NULL: out of memory. */
static struct cgroup_path *path_insert(struct cgroup_paths *p, uint64_t id, struct str path)
{
	struct cgroup_meaning m;
	struct cgroup_path *c;
	size_t bytes;
	char *at;

	cgroup_meaning(path.ptr, &m);
	bytes = sizeof(*c) + path.len + strlen(m.container) + strlen(m.runtime) + strlen(m.pod) +
		strlen(m.unit) + 5;
	make_room(p, bytes);
	c = malloc(bytes);
	if (!c)
		return NULL;
	*c = (struct cgroup_path){ .id = id, .bytes = bytes };
	at = c->strings;
	c->names.path = keep(&at, path);
	c->names.container = keep(&at, str_of(m.container));
	c->names.runtime = keep(&at, str_of(m.runtime));
	c->names.pod = keep(&at, str_of(m.pod));
	c->names.unit = keep(&at, str_of(m.unit));
	HASH_ADD(hh, p->table, id, sizeof(c->id), c);
	p->bytes += bytes;
	return c;
}

static struct cgroup_path *path_find(const struct cgroup_paths *p, uint64_t id)
{
	struct cgroup_path *c;

	HASH_FIND(hh, p->table, &id, sizeof(id), c);
	return c;
}

int cgroup_paths_add(struct cgroup_paths *p, const struct cgroup_record *r, size_t size)
{
	struct cgroup_path *old;

	if (size < CGROUP_HEAD_SIZE || !r->len || r->len >= size - CGROUP_HEAD_SIZE ||
	    *r->path != '/' || r->path[r->len])
		return -EINVAL;
	old = path_find(p, r->id);
	if (old)
		path_remove(p, old);
	return path_insert(p, r->id, (struct str){ r->path, r->len }) ? 0 : -ENOMEM;
}

/* That there is none is remembered too: a removed one stays away. */
static struct cgroup_path *path_ask(struct cgroup_paths *p, uint64_t id)
{
	char *path = cgroup2_path(p->root, id);
	struct cgroup_path *c = path_insert(p, id, path ? str_of(path) : STR(""));

	free(path);
	return c;
}

const struct cgroup_names *cgroup_paths_get(struct cgroup_paths *p, uint64_t id)
{
	static const struct cgroup_names none;
	struct cgroup_path *c;

	if (!id)
		return &none;
	c = path_find(p, id);
	if (!c && p->root >= 0)
		c = path_ask(p, id);
	if (!c)
		return &none;
	c->used = true;
	return &c->names;
}

void cgroup_paths_free(struct cgroup_paths *p)
{
	struct cgroup_path *c, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->table, c, next)
		path_remove(p, c);
	if (p->root >= 0)
		close(p->root);
	free(p);
}
