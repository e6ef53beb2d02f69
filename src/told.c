// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cookies of the sockets that were told: all in a table, or the last in a ring. */
#include "told.h"

#include <errno.h>
#include <stdlib.h>

#include "hash.h"

struct told_socket {
	uint64_t cookie;
	UT_hash_handle hh;
};

static int table_add(struct told *t, uint64_t cookie)
{
	struct told_socket *s;

	HASH_FIND(hh, t->table, &cookie, sizeof(cookie), s);
	if (s)
		return 1;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->cookie = cookie;
	HASH_ADD(hh, t->table, cookie, sizeof(s->cookie), s);
	t->cnt++;
	return 0;
}

int told_add(struct told *t, uint64_t cookie)
{
	if (t->all)
		return table_add(t, cookie);
	for (size_t i = 0; i < TOLD_RECENT; i++)
		if (t->recent[i] == cookie)
			return 1;
	t->recent[t->recent_at++ % TOLD_RECENT] = cookie;
	return 0;
}

void told_forget(struct told *t)
{
	struct told_socket *s, *next;

	HASH_ITER(hh, t->table, s, next) {
		HASH_DEL(t->table, s);
		free(s);
	}
	t->cnt = 0;
	t->all = false;
}
