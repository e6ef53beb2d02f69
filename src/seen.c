// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets by protocol and id: what is left of a connection has the id that it had. */
#include "seen.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct seen_key {
	uint64_t id;
	uint64_t proto;
};

struct seen_socket {
	struct seen_key key;
	struct event event; /* as it was seen last */
	unsigned int look, first_look;
	UT_hash_handle hh;
};

struct seen {
	struct seen_socket *sockets;
	unsigned int look;
};

struct seen *seen_new(void)
{
	return calloc(1, sizeof(struct seen));
}

void seen_free(struct seen *s)
{
	struct seen_socket *socket, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->sockets, socket, next) {
		HASH_DEL(s->sockets, socket);
		free(socket);
	}
	free(s);
}

static struct seen_socket *find(const struct seen *s, const struct event *e)
{
	struct seen_key key = { .id = e->id, .proto = e->proto };
	struct seen_socket *socket;

	HASH_FIND(hh, s->sockets, &key, sizeof(key), socket);
	return socket;
}

enum change seen_change(const struct seen *s, const struct event *e)
{
	const struct seen_socket *socket = find(s, e);

	return socket && s->look && socket->first_look == s->look ? CHANGE_NEW : CHANGE_NONE;
}

enum change seen_add(struct seen *s, const struct event *e)
{
	struct seen_socket *socket = find(s, e);

	if (!socket) {
		socket = calloc(1, sizeof(*socket));
		if (!socket)
			return CHANGE_NONE;
		socket->key = (struct seen_key){ .id = e->id, .proto = e->proto };
		socket->first_look = s->look;
		HASH_ADD(hh, s->sockets, key, sizeof(socket->key), socket);
	}
	socket->event = *e;
	socket->look = s->look;
	return seen_change(s, e);
}

int seen_end(struct seen *s, int (*fn)(void *ctx, const struct event *e), void *ctx)
{
	struct seen_socket *socket, *next;
	int err = 0;

	HASH_ITER(hh, s->sockets, socket, next) {
		if (socket->look == s->look)
			continue;
		err = err ?: fn(ctx, &socket->event);
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what has members has a table */
		HASH_DEL(s->sockets, socket);
		free(socket);
	}
	s->look++;
	return err;
}
