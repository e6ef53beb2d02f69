/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets that exist now, by the best means that this process has here. */
#ifndef CONNSNOOP_SNAPSHOT_H
#define CONNSNOOP_SNAPSHOT_H

#include <stddef.h>

struct opts;

/*
 * Hand to @fn a record for each socket that opts->filters and opts->states want: struct exe_record and
 * struct holder_record before the struct event that they belong to. A non-zero result of @fn ends it. 0, what @fn
 * returned, or -errno after one sentence on stderr.
 */
int snapshot_read(const struct opts *opts, int (*fn)(void *ctx, const void *record, size_t size),
		  void *ctx);

#endif
