/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which files are a C library, as processes have it mapped now. */
#ifndef CONNSNOOP_LIBCS_H
#define CONNSNOOP_LIBCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIBCS_MAX                                                                                  \
	32 /* the kernel takes 0.1 s or so to detach each of two programs from each, one by one */

/* What a line of /proc/PID/maps says. */
struct libc_map {
	uint64_t start, end;
	uint64_t dev; /* of the file; a number of its own, not that of stat() */
	uint64_t ino;
};

/* Open for reading; all of them different files. */
struct libcs {
	int fds[LIBCS_MAX];
	size_t cnt;
	size_t passed_over; /* for want of room */
};

/* Is this line, with a newline or without, code of a file that is named as a C library? */
bool libcs_map_parse(const char *line, struct libc_map *out);

/* Is a file that begins with these bytes (@len of them) a program of the same kind as this one? */
#define LIBCS_HEAD 20
bool libcs_is_native(const uint8_t *head, const uint8_t *own, size_t len);

/*
 * Those that processes have mapped, ourselves among them, and that root alone can write: what reads them runs as
 * root. For libcs_close() in any case.
 */
void libcs_find(struct libcs *l);
void libcs_close(struct libcs *l);

#endif
