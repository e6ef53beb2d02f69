// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The cgroup v2 hierarchy: its root, and paths by id through file handles. */
#include "cgroup2.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
/* In place of Jenkins' hash: saves 65 instructions for each look. */
#define HASH_FUNCTION(key, len, hash) (hash = *(const uint64_t *)(key)*0x9e3779b97f4a7c15ULL >> 32)
#include <uthash.h>

#include "container.h"
#include "detached.h"

#define FILEID_KERNFS 0xfe /* linux/exportfs.h: a file handle that is the 64-bit id */
#define PATH_CNT_MAX 4096

struct kernfs_handle {
	struct file_handle head;
	uint64_t id;
};

/* The mount point of cgroup v2 that has the hierarchy's root; false when there is none. */
static bool mount_point_find(char *path, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	if (!f)
		return false;
	while (!found && (m = getmntent(f))) {
		found = !strcmp(m->mnt_type, "cgroup2") && strlen(m->mnt_dir) < size;
		if (found)
			strcpy(path, m->mnt_dir);
	}
	endmntent(f);
	return found;
}

int cgroup2_open_root(void)
{
	char path[PATH_MAX];
	int fd;

	if (mount_point_find(path, sizeof(path))) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return detached_mount("cgroup2");
}

static int dir_id(int fd, uint64_t *id)
{
	struct kernfs_handle h = { .head.handle_bytes = sizeof(h.id) };
	int mount_id;

	if (name_to_handle_at(fd, "", &h.head, &mount_id, AT_EMPTY_PATH))
		return -errno;
	memcpy(id, h.head.f_handle, sizeof(*id));
	return 0;
}

static uint32_t path_depth(const char *path)
{
	uint32_t depth = 0;

	for (; *path; path++)
		if (*path != '/' && (path[1] == '/' || !path[1]))
			depth++;
	return depth;
}

/* The path of an open cgroup below the root of its mount; NULL when it cannot be had. */
static char *dir_path(int fd)
{
	char link[64], path[PATH_MAX], root[PATH_MAX];
	ssize_t len;
	size_t skip = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return NULL;
	path[len] = '\0';
	if (mount_point_find(root, sizeof(root)) && !strncmp(path, root, strlen(root)))
		skip = strlen(root);
	return strdup(path[skip] ? path + skip : "/");
}

int cgroup2_lookup(const char *path, uint64_t *id, uint32_t *level)
{
	int root = cgroup2_open_root(), fd, err;
	struct statfs fs;
	char *below;

	if (root < 0)
		return root;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && (fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) { /* relative to the hierarchy */
		path += strspn(path, "/");
		fd = openat(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0) {
		err = -errno;
		close(root);
		return err;
	}
	err = dir_id(fd, id);
	below = dir_path(fd);
	*level = below ? path_depth(below) : 0;
	free(below);
	close(fd);
	close(root);
	return err;
}

struct cgroup_path {
	uint64_t id;
	struct cgroup_names names;
	char container[CONTAINER_MAX];
	UT_hash_handle hh;
};

struct cgroup_paths {
	int root;
	struct cgroup_path *table;
};

int cgroup_paths_new(struct cgroup_paths **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->root = cgroup2_open_root(); /* without it no path can be had, and none is */
	return 0;
}

static void path_remove(struct cgroup_paths *p, struct cgroup_path *c)
{
	HASH_DEL(p->table, c);
	free((char *)c->names.path.ptr);
	free(c);
}

static char *path_by_id(int root, uint64_t id)
{
	struct kernfs_handle h = {
		.head = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS },
	};
	char *path;
	int fd;

	memcpy(h.head.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(root, &h.head, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	path = dir_path(fd);
	close(fd);
	return path;
}

static void names_find(struct cgroup_path *c, int root)
{
	struct cgroup_names *n = &c->names;

	n->path.ptr = path_by_id(root, c->id);
	if (!n->path.ptr)
		return;
	n->path.len = strlen(n->path.ptr);
	n->container.len = container_id(n->path.ptr, c->container);
	n->container.ptr = c->container;
}

const struct cgroup_names *cgroup_paths_get(struct cgroup_paths *p, uint64_t id)
{
	static const struct cgroup_names none;
	struct cgroup_path *c = NULL;

	if (!id || p->root < 0)
		return &none;
	HASH_FIND(hh, p->table, &id, sizeof(id), c);
	if (c)
		return &c->names;
	c = calloc(1, sizeof(*c));
	if (!c)
		return &none;
	c->id = id;
	names_find(c, p->root); /* that there is none is remembered too: a removed one stays away */
	if (HASH_COUNT(p->table) >= PATH_CNT_MAX)
		path_remove(p, p->table);
	HASH_ADD(hh, p->table, id, sizeof(id), c);
	return &c->names;
}

void cgroup_paths_free(struct cgroup_paths *p)
{
	struct cgroup_path *c, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->table, c, next)
		path_remove(p, c);
	if (p->root >= 0)
		close(p->root);
	free(p);
}
