// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections by where they came in. */
#include "incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct incoming_key incoming_key(const struct event *e)
{
	struct incoming_key key;

	memset(&key, 0, sizeof(key));
	key.netns = e->netns;
	key.port = e->lport;
	key.ipv = e->ipv;
	memcpy(key.addr, e->laddr, ADDR_LEN);
	return key;
}

int incoming_count(struct incoming **all, const struct event *e)
{
	struct incoming_key key = incoming_key(e);
	struct incoming *in;

	HASH_FIND(hh, *all, &key, sizeof(key), in);
	if (!in) {
		in = calloc(1, sizeof(*in));
		if (!in)
			return -ENOMEM;
		in->key = key;
		HASH_ADD(hh, *all, key, sizeof(in->key), in);
	}
	in->cnt++;
	return 0;
}

void incoming_forget(struct incoming **all)
{
	struct incoming *in, *next;

	HASH_ITER(hh, *all, in, next) {
		HASH_DEL(*all, in);
		free(in);
	}
}
