// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of users, each asked for once: the machine may have to ask another. */
#include "users.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct user_name {
	uint32_t uid;
	char *name; /* NULL: none */
	size_t len;
	UT_hash_handle hh;
};

struct users {
	struct user_name *names;
};

struct users *users_new(void)
{
	return calloc(1, sizeof(struct users));
}

void users_free(struct users *u)
{
	struct user_name *n, *next;

	if (!u)
		return;
	HASH_ITER(hh, u->names, n, next) {
		HASH_DEL(u->names, n);
		free(n->name);
		free(n);
	}
	free(u);
}

static struct user_name *ask(uint32_t uid)
{
	struct user_name *n = calloc(1, sizeof(*n));
	const struct passwd *pw = n ? getpwuid(uid) : NULL;

	if (!n)
		return NULL;
	n->uid = uid;
	n->name = pw ? strdup(pw->pw_name) : NULL;
	n->len = n->name ? strlen(n->name) : 0;
	return n;
}

struct str users_name(struct users *u, uint32_t uid)
{
	struct user_name *n;

	HASH_FIND(hh, u->names, &uid, sizeof(uid), n);
	if (!n) {
		n = ask(uid);
		if (!n)
			return (struct str){ 0 };
		HASH_ADD(hh, u->names, uid, sizeof(n->uid), n);
	}
	return (struct str){ n->name, n->len };
}
