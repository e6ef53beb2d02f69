/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of a baseline. Each function gives 0 or -errno, after one sentence on stderr. */
#ifndef CONNSNOOP_BASELINE_FILE_H
#define CONNSNOOP_BASELINE_FILE_H

struct baseline;
struct buf;

int baseline_read(struct baseline **out, const char *path);

/* A file appears whole, in place of what was there, or not at all; a device or a pipe is written to. */
int baseline_write(const char *path, const struct buf *rules);

#endif
