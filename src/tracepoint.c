// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tracepoints by name: tracefs has their numbers. */
#include "tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "detached.h"
#include "parse.h"

/* The root of tracefs: a descriptor or -errno. */
static int tracefs_open(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && !faccessat(fd, "events", F_OK, 0))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return detached_mount("tracefs");
}

/* The number in the file; or -errno. */
static int read_number(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), err;
	char text[16] = "";
	uint64_t number;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	err = parse_uint(text, 1, INT_MAX, &number);
	return err ?: (int)number;
}

int tracepoint_open(const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	int dir = tracefs_open(), id, fd;
	char path[128];

	if (dir < 0)
		return dir;
	snprintf(path, sizeof(path), "events/%s/id", name);
	id = read_number(dir, path);
	close(dir);
	if (id < 0)
		return id;
	attr.config = id;
	/* a program runs on every CPU, whichever the event is of */
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
