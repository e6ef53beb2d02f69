// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who a process is, from its files in /proc. */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup2.h"
#include "hash.h"

#define PATH_LEN 64   /* of what is below /proc */
#define FILE_LEN 8192 /* status and cgroup are shorter, but for cgroup paths beyond all sense */

struct known_process {
	struct process process;
	uint32_t pid;
	bool gone;
	bool exe_asked;
	UT_hash_handle hh;
};

struct processes {
	int proc;	 /* descriptor of /proc, -1: there is none */
	int cgroup_root; /* likewise of the v2 hierarchy */
	uint32_t cgroup_level;
	struct known_process *table;
	uint64_t last_exe_key;
};

struct processes *processes_new(uint32_t cgroup_level)
{
	struct processes *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->cgroup_level = cgroup_level;
	p->cgroup_root = cgroup2_open_root();
	p->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return p;
}

void processes_free(struct processes *p)
{
	struct known_process *k, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->table, k, next) {
		HASH_DEL(p->table, k);
		free(k);
	}
	if (p->proc >= 0)
		close(p->proc);
	if (p->cgroup_root >= 0)
		close(p->cgroup_root);
	free(p);
}

/* A file of a process, ended by a NUL; its length, or -errno. */
static ssize_t file_read(const struct processes *p, uint32_t pid, const char *name,
			 char buf[FILE_LEN])
{
	char path[PATH_LEN];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	fd = openat(p->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, FILE_LEN - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	buf[len < 0 ? 0 : len] = '\0';
	return len;
}

/* The first number of the line of /proc/PID/status that begins with @key, which has its newline. */
static bool status_number(const char *status, const char *key, uint32_t *n)
{
	const char *at = strstr(status, key); /* a name cannot forge it: its newlines are escaped */

	if (at)
		*n = strtoul(at + strlen(key), NULL, 10);
	return at;
}

static int owner_read(const struct processes *p, struct owner *o, uint32_t pid)
{
	char buf[FILE_LEN];
	ssize_t len = file_read(p, pid, "status", buf);

	if (len < 0)
		return len;
	if (!status_number(buf, "\nPPid:", &o->ppid) || !status_number(buf, "\nUid:", &o->uid))
		return -ESRCH;
	len = file_read(p, pid, "comm", buf);
	if (len < 0)
		return len;
	if (len && buf[len - 1] == '\n')
		len--;
	memcpy(o->comm, buf, len < COMM_LEN ? len : COMM_LEN - 1);
	o->pid = o->tid = pid;
	return 0;
}

/* The id of the cgroup with that path, relative to the root; 0: it is gone. */
static uint64_t cgroup_id(const struct processes *p, const char *path)
{
	struct stat st;

	return fstatat(p->cgroup_root, *path ? path : ".", &st, 0) ? 0 : st.st_ino;
}

/* Cut @path, without a leading slash, to its first components. false: it has not so many. */
static bool path_cut(char *path, uint32_t components)
{
	if (!*path || !components) {
		*path = '\0';
		return !components;
	}
	while (--components) {
		path = strchr(path, '/');
		if (!path++)
			return false;
	}
	path[strcspn(path, "/")] = '\0';
	return true;
}

static void cgroup_read(const struct processes *p, struct process *process)
{
	static const char v2[] = "0::/";
	char buf[FILE_LEN] = "", *path;
	ssize_t len = p->cgroup_root < 0 ? 0 : file_read(p, process->owner.pid, "cgroup", buf);

	if (len <= 0)
		return;
	/* a line of its own: a cgroup's name cannot have a newline */
	for (path = buf; path && strncmp(path, v2, sizeof(v2) - 1);) {
		path = strchr(path, '\n');
		if (path)
			path++;
	}
	/* one outside of our cgroup namespace has no path that could be followed */
	if (!path || !strncmp(path, "0::/../", 7) || !strncmp(path, "0::/..\n", 7))
		return;
	path += sizeof(v2) - 1;
	path[strcspn(path, "\n")] = '\0';
	process->owner.cgroup_id = cgroup_id(p, path);
	if (path_cut(path, p->cgroup_level))
		process->cgroup_ancestor = cgroup_id(p, path);
}

static struct known_process *process_find(struct processes *p, uint32_t pid)
{
	struct known_process *k;

	HASH_FIND(hh, p->table, &pid, sizeof(pid), k);
	if (k)
		return k->gone ? NULL : k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->pid = pid;
	k->gone = owner_read(p, &k->process.owner, pid);
	if (!k->gone)
		cgroup_read(p, &k->process);
	HASH_ADD(hh, p->table, pid, sizeof(k->pid), k);
	return k->gone ? NULL : k;
}

const struct process *processes_get(struct processes *p, uint32_t pid)
{
	const struct known_process *k = process_find(p, pid);

	return k ? &k->process : NULL;
}

/* "/usr/sbin/nginx" -> "nginx\0sbin\0usr\0", which is as long. Bytes written. */
static size_t components_put(char *dst, const char *path, size_t len)
{
	char *p = dst;

	while (len) {
		size_t start = len;

		while (path[start - 1] != '/')
			start--;
		memcpy(p, path + start, len - start);
		p += len - start;
		*p++ = '\0';
		len = start - 1;
	}
	return p - dst;
}

/* As the kernel has it, without what the link says of a file that was removed. */
static size_t exe_fill(const struct processes *p, uint32_t pid, struct exe_record *r)
{
	static const char deleted[] = " (deleted)";
	const size_t deleted_len = sizeof(deleted) - 1;
	char link[PATH_LEN], path[EXE_PATH_MAX + sizeof(deleted)];
	ssize_t len;

	snprintf(link, sizeof(link), "%u/exe", pid);
	len = readlinkat(p->proc, link, path, sizeof(path));
	if (len > (ssize_t)deleted_len && !memcmp(path + len - deleted_len, deleted, deleted_len))
		len -= deleted_len;
	if (len <= 0 || len > EXE_PATH_MAX || path[0] != '/')
		return 0;
	r->kind = RECORD_EXE;
	r->len = components_put(r->path, path, len);
	return EXE_HEAD_SIZE + r->len;
}

size_t processes_exe(struct processes *p, uint32_t pid, struct exe_record *r)
{
	struct known_process *k = process_find(p, pid);
	size_t size;

	if (!k || k->exe_asked)
		return 0;
	k->exe_asked = true;
	size = exe_fill(p, pid, r);
	if (size)
		r->key = k->process.owner.exe_key = ++p->last_exe_key;
	return size;
}
