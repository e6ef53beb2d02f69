// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who holds which socket, from the links in /proc/PID/fd. */
#include "procfds.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN 64 /* of what is below /proc */
#define HELD_CNT_MIN 1024

struct procfds {
	int proc; /* descriptor of /proc, -1: there is none */
	size_t unreadable_cnt;
	/* sorted: 8 bytes for each socket of each process, where a hash table would take a hundred */
	struct held *held;
	size_t held_cnt;
	size_t held_max;
};

/* --- descriptors ----------------------------------------------------------------------------- */

static int held_add(struct procfds *p, uint32_t inode, uint32_t pid)
{
	if (p->held_cnt == p->held_max) {
		size_t max = p->held_max ? 2 * p->held_max : HELD_CNT_MIN;
		struct held *held = realloc(p->held, max * sizeof(*held));

		if (!held)
			return -ENOMEM;
		p->held = held;
		p->held_max = max;
	}
	p->held[p->held_cnt++] = (struct held){ .inode = inode, .pid = pid };
	return 0;
}

/* "socket:[123]" -> 123; 0: it is no socket. @link need not end with a NUL. */
static uint32_t socket_inode(const char *link, size_t len)
{
	static const char prefix[] = "socket:[";
	size_t at = sizeof(prefix) - 1;
	uint64_t inode = 0;

	if (len <= at || memcmp(link, prefix, at))
		return 0;
	while (at < len && isdigit((unsigned char)link[at]) && inode <= UINT32_MAX)
		inode = 10 * inode + (link[at++] - '0');
	return at + 1 == len && link[at] == ']' && inode <= UINT32_MAX ? inode : 0;
}

/* A directory below /proc; NULL: it is gone, or may not be read, which is counted. */
static DIR *dir_open(struct procfds *p, const char *path)
{
	int fd = openat(p->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		p->unreadable_cnt++;
	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* Note the sockets of one table of descriptors. How many descriptors it has, or -errno. */
static int read_fds(struct procfds *p, const char *path, uint32_t pid)
{
	DIR *dir = dir_open(p, path);
	struct dirent *d;
	int cnt = 0, err = 0;

	if (!dir)
		return 1; /* not empty, as far as is known */
	while (!err && (d = readdir(dir))) {
		char link[PATH_LEN];
		uint32_t inode;
		ssize_t len;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		cnt++;
		len = readlinkat(dirfd(dir), d->d_name, link, sizeof(link));
		inode = len > 0 ? socket_inode(link, len) : 0;
		if (inode)
			err = held_add(p, inode, pid);
	}
	closedir(dir);
	return err ?: cnt;
}

/*
 * A process whose first thread has ended shows no descriptors but in its other threads. Others without
 * any, the kernel's threads, have no second.
 */
static int read_threads(struct procfds *p, uint32_t pid)
{
	char path[PATH_LEN];
	DIR *tasks;
	struct dirent *d;
	int n = 0;

	snprintf(path, sizeof(path), "%u/task", pid);
	tasks = dir_open(p, path);
	if (!tasks)
		return 0;
	while (n >= 0 && (d = readdir(tasks))) {
		if (!isdigit((unsigned char)d->d_name[0]) || strtoul(d->d_name, NULL, 10) == pid)
			continue;
		snprintf(path, sizeof(path), "%u/task/%.16s/fd", pid, d->d_name);
		n = read_fds(p, path, pid);
	}
	closedir(tasks);
	return n < 0 ? n : 0;
}

static int read_process(struct procfds *p, uint32_t pid)
{
	char path[PATH_LEN];
	int n;

	snprintf(path, sizeof(path), "%u/fd", pid);
	n = read_fds(p, path, pid);
	return n ? (n < 0 ? n : 0) : read_threads(p, pid);
}

static int read_processes(struct procfds *p)
{
	DIR *dir = dir_open(p, ".");
	bool first_seen = false;
	struct dirent *d;
	int err = 0;

	if (!dir)
		return 0;
	while (!err && (d = readdir(dir))) {
		uint32_t pid;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		pid = strtoul(d->d_name, NULL, 10);
		first_seen |= pid == 1;
		err = read_process(p, pid);
	}
	closedir(dir);
	/* there always is one: mounted with hidepid, /proc does not show those of others at all */
	p->unreadable_cnt += !first_seen;
	return err;
}

static int held_compare(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* In order, and each once: a process may have several descriptors of a socket. */
static void held_sort(struct procfds *p)
{
	size_t cnt = 0;

	if (!p->held_cnt)
		return;
	qsort(p->held, p->held_cnt, sizeof(*p->held), held_compare);
	for (size_t i = 1; i < p->held_cnt; i++)
		if (held_compare(&p->held[cnt], &p->held[i]))
			p->held[++cnt] = p->held[i];
	p->held_cnt = cnt + 1;
}

size_t procfds_get(const struct procfds *p, uint32_t inode, const struct held **first)
{
	size_t low = 0, high = p->held_cnt, end;

	while (inode && low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->held[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; inode && end < p->held_cnt && p->held[end].inode == inode;)
		end++;
	*first = p->held + low;
	return end - low;
}

/* --- life ------------------------------------------------------------------------------------ */

int procfds_new(struct procfds **out)
{
	struct procfds *p = calloc(1, sizeof(*p));
	int err = 0;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->proc >= 0)
		err = read_processes(p);
	held_sort(p);
	if (err)
		procfds_free(p);
	else
		*out = p;
	return err;
}

void procfds_free(struct procfds *p)
{
	if (!p)
		return;
	if (p->proc >= 0)
		close(p->proc);
	free(p->held);
	free(p);
}

size_t procfds_unreadable(const struct procfds *p)
{
	return p->unreadable_cnt;
}
