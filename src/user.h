/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A user of this machine, with all that a process needs to become one. */
#ifndef CONNSNOOP_USER_H
#define CONNSNOOP_USER_H

#include <stddef.h>
#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
	char *name;
	char *home;
	gid_t *groups;
	int group_cnt;
};

/* By name or uid; *out is for user_free(). 0, -ENOENT: there is none, or -ENOMEM. */
int user_find(const char *name_or_uid, struct user **out);
void user_free(struct user *u); /* NULL is fine */

/*
 * Make the calling process that user's, for good: groups, user, HOME, USER, LOGNAME. 0 or -errno.
 * Asks nobody, and opens nothing: user_find() has.
 */
int user_become(const struct user *u);

#endif
