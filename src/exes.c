// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths of executables, by key. */
#include "exes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
/* In place of Jenkins' hash: saves 65 instructions for each look. */
#define HASH_FUNCTION(key, len, hash) (hash = *(const uint64_t *)(key)*0x9e3779b97f4a7c15ULL >> 32)
#include <uthash.h>

#include "event.h"

#define EXE_CNT_MAX 32768

struct exe {
	uint64_t key;
	UT_hash_handle hh; /* in order of insertion: the first is the oldest */
	size_t len;
	char path[];
};

struct exes {
	struct exe *table;
};

struct exes *exes_new(void)
{
	return calloc(1, sizeof(struct exes));
}

static void exe_remove(struct exes *x, struct exe *e)
{
	HASH_DEL(x->table, e);
	free(e);
}

void exes_free(struct exes *x)
{
	struct exe *e, *next;

	if (!x)
		return;
	HASH_ITER(hh, x->table, e, next)
		exe_remove(x, e);
	free(x);
}

/* "nginx\0sbin\0usr\0" -> "/usr/sbin/nginx", which is as long; @path has room for @len + 1 bytes. */
static void path_build(char *path, const char *components, size_t len)
{
	size_t end = len;

	while (end) {
		size_t start = end - 1; /* of the NUL */

		while (start && components[start - 1])
			start--;
		*path++ = '/';
		memcpy(path, components + start, end - 1 - start);
		path += end - 1 - start;
		end = start;
	}
	*path = '\0';
}

int exes_add(struct exes *x, const struct exe_record *r, size_t size)
{
	struct exe *e, *old;

	if (size < EXE_HEAD_SIZE || !r->len || r->len > size - EXE_HEAD_SIZE || r->path[r->len - 1])
		return -EINVAL;
	e = malloc(sizeof(*e) + r->len + 1);
	if (!e)
		return -ENOMEM;
	e->key = r->key;
	e->len = r->len;
	path_build(e->path, r->path, r->len);
	HASH_FIND(hh, x->table, &e->key, sizeof(e->key), old);
	if (old)
		exe_remove(x, old);
	else if (HASH_COUNT(x->table) >= EXE_CNT_MAX)
		exe_remove(x, x->table);
	HASH_ADD(hh, x->table, key, sizeof(e->key), e);
	return 0;
}

struct str exes_get(const struct exes *x, uint64_t key)
{
	struct exe *e = NULL;

	if (key)
		HASH_FIND(hh, x->table, &key, sizeof(key), e);
	return e ? (struct str){ e->path, e->len } : STR("");
}
