// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets that several processes hold, by their ids. */
#include "holders.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "hash.h"

/* The first place is the owner's, which comes with the event. */
struct shared_socket {
	uint64_t id;
	size_t cnt, room;
	struct holder *all;
	UT_hash_handle hh;
};

struct holders {
	struct shared_socket *sockets;
};

struct holders *holders_new(void)
{
	return calloc(1, sizeof(struct holders));
}

void holders_forget(struct holders *h)
{
	struct shared_socket *s, *next;

	HASH_ITER(hh, h->sockets, s, next) {
		HASH_DEL(h->sockets, s);
		free(s->all);
		free(s);
	}
}

void holders_free(struct holders *h)
{
	if (!h)
		return;
	holders_forget(h);
	free(h);
}

static struct shared_socket *find(struct holders *h, uint64_t id)
{
	struct shared_socket *s;

	HASH_FIND(hh, h->sockets, &id, sizeof(id), s);
	return s;
}

static struct shared_socket *find_or_add(struct holders *h, uint64_t id)
{
	struct shared_socket *s = find(h, id);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->id = id;
	s->cnt = 1;
	HASH_ADD(hh, h->sockets, id, sizeof(s->id), s);
	return s;
}

static int make_room(struct shared_socket *s)
{
	size_t room = s->room ? 2 * s->room : 4;
	struct holder *all;

	if (s->cnt < s->room)
		return 0;
	all = realloc(s->all, room * sizeof(*all));
	if (!all)
		return -ENOMEM;
	s->all = all;
	s->room = room;
	return 0;
}

int holders_add(struct holders *h, const struct holder_record *record, size_t size)
{
	struct shared_socket *s;

	if (size < sizeof(*record))
		return -EINVAL;
	s = find_or_add(h, record->id);
	if (!s || make_room(s))
		return -ENOMEM;
	s->all[s->cnt].pid = record->pid;
	memcpy(s->all[s->cnt].comm, record->comm, COMM_LEN);
	s->cnt++;
	return 0;
}

void holders_line(struct holders *h, struct line *l)
{
	struct shared_socket *s;

	if (!h->sockets || (l->e->kind != EVENT_EXISTING && l->e->kind != EVENT_PORT))
		return;
	s = find(h, l->e->id);
	if (!s || s->cnt < 2)
		return;
	s->all[0].pid = l->e->owner.pid;
	memcpy(s->all[0].comm, l->e->owner.comm, COMM_LEN);
	l->holders = s->all;
	l->holder_cnt = s->cnt;
}
