// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The network namespaces of this machine: those of processes, and those that are mounted. */
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash.h"

struct seen {
	uint32_t inode;
	UT_hash_handle hh;
};

struct walk {
	struct seen *seen;
	uint32_t only;
	bool hidden; /* there are processes whose namespace cannot be known */
	int home_fd; /* the thread's own namespace */
	netns_fn fn;
	void *ctx;
};

/* 1: not seen before; 0: known; or -ENOMEM. */
static int remember(struct walk *w, uint32_t inode)
{
	struct seen *s;

	HASH_FIND(hh, w->seen, &inode, sizeof(inode), s);
	if (s)
		return 0;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->inode = inode;
	HASH_ADD(hh, w->seen, inode, sizeof(s->inode), s);
	return 1;
}

static void forget(struct walk *w)
{
	struct seen *s, *next;

	HASH_ITER(hh, w->seen, s, next) {
		HASH_DEL(w->seen, s);
		free(s);
	}
}

/* Call the function in the namespace of @fd, and come back. */
static int enter(struct walk *w, int fd)
{
	int err = setns(fd, CLONE_NEWNET) ? -errno : 0;

	if (err == -EINVAL)
		return 0; /* mounted, but of another kind */
	if (err)
		return w->fn(w->ctx, err);
	err = w->fn(w->ctx, 0);
	return setns(w->home_fd, CLONE_NEWNET) ? -errno : err;
}

static bool is_wanted(const struct walk *w, uint32_t inode)
{
	const struct seen *s;

	HASH_FIND(hh, w->seen, &inode, sizeof(inode), s);
	return !s && (!w->only || inode == w->only);
}

/* Gone; or hidden; or it is an error of ours. */
static int cannot_open(struct walk *w)
{
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	w->hidden |= errno == EACCES || errno == EPERM;
	return 0;
}

/* Into the namespace of @fd, unless it has been there. */
static int visit_open(struct walk *w, int fd)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) || !is_wanted(w, st.st_ino))
		return 0;
	err = remember(w, st.st_ino);
	return err > 0 ? enter(w, fd) : err;
}

/*
 * Call the function in the namespace behind @path, unless it has been there or @path is gone: then another
 * process may still lead there.
 */
static int visit(struct walk *w, const char *path)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st))
		return cannot_open(w);
	if (!is_wanted(w, st.st_ino))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cannot_open(w);
	err = visit_open(w, fd);
	close(fd);
	return err;
}

static int visit_processes(struct walk *w)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int err = 0;

	if (!proc) {
		w->hidden = true;
		return 0;
	}
	while (!err && (d = readdir(proc))) {
		char path[64];

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/ns/net", d->d_name);
		err = visit(w, path);
	}
	closedir(proc);
	return err;
}

/* Namespaces without a process live on where they are mounted: ip netns, container runtimes. */
static int visit_mounts(struct walk *w)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	int err = 0;

	if (!mounts)
		return 0;
	while (!err && (m = getmntent(mounts)))
		if (!strcmp(m->mnt_type, "nsfs"))
			err = visit(w, m->mnt_dir);
	endmntent(mounts);
	return err;
}

/* Where the thread is, which needs no privilege. */
static int visit_home(struct walk *w)
{
	struct stat st;
	int err;

	w->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->home_fd < 0 || fstat(w->home_fd, &st))
		return w->only ? 0 : w->fn(w->ctx, 0);
	if (w->only && st.st_ino != w->only)
		return 0;
	err = remember(w, st.st_ino);
	return err < 0 ? err : w->fn(w->ctx, 0);
}

int netns_for_each(uint32_t only, netns_fn fn, void *ctx)
{
	struct walk w = { .only = only, .fn = fn, .ctx = ctx };
	int err = visit_home(&w);

	if (!err && w.home_fd < 0) {
		err = fn(ctx, -ENOENT);
	} else {
		err = err ?: visit_processes(&w);
		err = err ?: visit_mounts(&w);
		if (!err && w.hidden && !(only && w.seen))
			err = fn(ctx, -EACCES);
	}
	forget(&w);
	if (w.home_fd >= 0)
		close(w.home_fd);
	return err;
}
