// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Looking users up, and becoming one. */
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parse.h"

#define UID_MAX 4294967294u /* the next one means "no user" */

void user_free(struct user *u)
{
	if (!u)
		return;
	free(u->name);
	free(u->home);
	free(u->groups);
	free(u);
}

/* A name that is all digits is a name first, as for chown(1). */
static const struct passwd *lookup(const char *name_or_uid)
{
	const struct passwd *pw = getpwnam(name_or_uid);
	uint64_t uid;

	if (pw || parse_uint(name_or_uid, 0, UID_MAX, &uid))
		return pw;
	return getpwuid(uid);
}

static int groups_read(struct user *u)
{
	int cnt = 0;

	getgrouplist(u->name, u->gid, NULL, &cnt);
	u->groups = calloc(cnt + 1, sizeof(*u->groups));
	if (!u->groups)
		return -ENOMEM;
	u->group_cnt = cnt;
	/* fewer by now is fine, and more would not fit */
	return getgrouplist(u->name, u->gid, u->groups, &u->group_cnt) < 0 ? -EAGAIN : 0;
}

int user_find(const char *name_or_uid, struct user **out)
{
	const struct passwd *pw = lookup(name_or_uid);
	struct user *u;
	int err;

	if (!pw)
		return -ENOENT;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->name = strdup(pw->pw_name);
	u->home = strdup(pw->pw_dir);
	err = u->name && u->home ? groups_read(u) : -ENOMEM;
	if (err) {
		user_free(u);
		return err;
	}
	*out = u;
	return 0;
}

int user_become(const struct user *u)
{
	if (setgroups(u->group_cnt, u->groups) || setresgid(u->gid, u->gid, u->gid) ||
	    setresuid(u->uid, u->uid, u->uid))
		return -errno;
	if (setenv("HOME", u->home, 1) || setenv("USER", u->name, 1) ||
	    setenv("LOGNAME", u->name, 1))
		return -errno;
	return 0;
}
