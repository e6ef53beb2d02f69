// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "late.h"

#include <errno.h>
#include <stdlib.h>

#include "hash.h"

struct late_socket {
	struct event event;
	UT_hash_handle hh; /* by event.id */
};

int late_add(struct late *l, const struct event *e)
{
	struct late_socket *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->event = *e;
	s->event.flags &= ~EVENT_F_LATE;
	HASH_ADD(hh, l->by_id, event.id, sizeof(s->event.id), s);
	return 0;
}

void late_drop(struct late *l, uint64_t id)
{
	struct late_socket *s;

	HASH_FIND(hh, l->by_id, &id, sizeof(id), s);
	if (!s)
		return;
	HASH_DEL(l->by_id, s);
	free(s);
}

int late_tell(const struct late *l, int (*fn)(void *ctx, const struct event *e), void *ctx)
{
	const struct late_socket *s;
	int err = 0;

	for (s = l->by_id; !err && s; s = s->hh.next)
		err = fn(ctx, &s->event);
	return err;
}

void late_free(struct late *l)
{
	struct late_socket *s, *next;

	HASH_ITER(hh, l->by_id, s, next) {
		HASH_DEL(l->by_id, s);
		free(s);
	}
}
