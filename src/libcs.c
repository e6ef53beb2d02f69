// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The C libraries of this machine, by /proc/PID/maps. */
#include "libcs.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN_MAX 1024 /* mapped files that were looked at; beyond, some are again */
#define PATH_LEN 64

struct seen {
	struct libc_map maps[SEEN_MAX];
	size_t cnt;
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/*
 * glibc, as it is called since 2.34 and was before; musl, which is its own loader. A deleted one is mapped
 * by whoever has not been started again since.
 */
static bool is_libc_name(const char *name)
{
	return !strcmp(name, "libc.so.6") || has_prefix(name, "libc-2.") ||
	       has_prefix(name, "ld-musl-") || has_prefix(name, "libc.musl-") ||
	       !strcmp(name, "libc.so");
}

/* A number that ends with @end, behind which *@p is afterwards. */
static bool take_number(const char **p, int base, char end, uint64_t *number)
{
	char *after;

	if (!isxdigit((unsigned char)**p))
		return false;
	*number = strtoull(*p, &after, base);
	if (*after != end)
		return false;
	*p = after + 1;
	return true;
}

static bool take_permissions(const char **p, bool *executable)
{
	if (strcspn(*p, " ") != 4 || (*p)[4] != ' ')
		return false;
	*executable = (*p)[2] == 'x';
	*p += 5;
	return true;
}

static bool has_libc_name(const char *line)
{
	const char *slash = strrchr(line, '/');
	char name[64], *deleted;

	if (!slash || sscanf(slash + 1, "%63[^\n]", name) != 1)
		return false;
	deleted = strstr(name, " (deleted)");
	if (deleted)
		*deleted = '\0';
	return is_libc_name(name);
}

bool libcs_map_parse(const char *line, struct libc_map *out)
{
	uint64_t offset, major, minor;
	bool executable;

	if (!has_libc_name(line) || !take_number(&line, 16, '-', &out->start) ||
	    !take_number(&line, 16, ' ', &out->end) || !take_permissions(&line, &executable) ||
	    !take_number(&line, 16, ' ', &offset) || !take_number(&line, 16, ':', &major) ||
	    !take_number(&line, 16, ' ', &minor) || !take_number(&line, 10, ' ', &out->ino))
		return false;
	out->dev = major << 32 | minor;
	return executable;
}

bool libcs_is_native(const uint8_t *head, const uint8_t *own, size_t len)
{
	const size_t machine = offsetof(Elf64_Ehdr, e_machine);

	/* of 32 bits, struct addrinfo is another */
	return len >= LIBCS_HEAD && !memcmp(head, ELFMAG, SELFMAG) &&
	       head[EI_CLASS] == ELFCLASS64 && own[EI_CLASS] == ELFCLASS64 &&
	       head[EI_DATA] == own[EI_DATA] &&
	       !memcmp(head + machine, own + machine, sizeof(Elf64_Half));
}

static size_t read_head(int fd, uint8_t *head)
{
	ssize_t n = pread(fd, head, LIBCS_HEAD, 0);

	return n < 0 ? 0 : n;
}

static bool is_usable(int fd, const struct stat *st)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t head[LIBCS_HEAD], own[LIBCS_HEAD] = { 0 };

	if (self < 0)
		return false;
	read_head(self, own);
	close(self);
	return S_ISREG(st->st_mode) && !st->st_uid && !(st->st_mode & (S_IWGRP | S_IWOTH)) &&
	       libcs_is_native(head, own, read_head(fd, head));
}

static bool has_file(const struct libcs *l, const struct stat *st)
{
	struct stat known;

	for (size_t i = 0; i < l->cnt; i++) {
		if (!fstat(l->fds[i], &known) && known.st_dev == st->st_dev &&
		    known.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* Takes @fd. */
static void add_file(struct libcs *l, int fd)
{
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) || has_file(l, &st) || !is_usable(fd, &st)) {
		close(fd);
		return;
	}
	if (l->cnt == LIBCS_MAX) {
		l->passed_over++;
		close(fd);
		return;
	}
	l->fds[l->cnt++] = fd;
}

static bool was_seen(struct seen *seen, const struct libc_map *map)
{
	for (size_t i = 0; i < seen->cnt; i++) {
		if (seen->maps[i].dev == map->dev && seen->maps[i].ino == map->ino)
			return true;
	}
	if (seen->cnt < SEEN_MAX)
		seen->maps[seen->cnt++] = *map;
	return false;
}

static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Without the right to open mappings: what has that name by now. */
static int open_by_name(const char *pid, const char *line)
{
	char path[PATH_LEN + PATH_MAX];
	const char *name = strchr(line, '/');

	snprintf(path, sizeof(path), "/proc/%.16s/root%.*s", pid, (int)strcspn(name, "\n"), name);
	return open_file(path);
}

static void add_map(struct libcs *l, const char *pid, const struct libc_map *map, const char *line)
{
	char path[PATH_LEN + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%.16s/map_files/%" PRIx64 "-%" PRIx64, pid, map->start,
		 map->end);
	fd = open_file(path);
	add_file(l, fd < 0 ? open_by_name(pid, line) : fd);
}

static void read_maps(struct libcs *l, struct seen *seen, const char *pid)
{
	char path[PATH_LEN], *line = NULL;
	struct libc_map map;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		if (libcs_map_parse(line, &map) && !was_seen(seen, &map))
			add_map(l, pid, &map, line);
	}
	free(line);
	fclose(f);
}

void libcs_find(struct libcs *l)
{
	DIR *proc = opendir("/proc");
	static struct seen seen;
	struct dirent *d;

	*l = (struct libcs){ 0 };
	seen.cnt = 0;
	read_maps(l, &seen, "self"); /* first: whoever starts later has the same, as a rule */
	while (proc && (d = readdir(proc))) {
		if (isdigit((unsigned char)d->d_name[0]))
			read_maps(l, &seen, d->d_name);
	}
	if (proc)
		closedir(proc);
}

void libcs_close(struct libcs *l)
{
	while (l->cnt)
		close(l->fds[--l->cnt]);
}
