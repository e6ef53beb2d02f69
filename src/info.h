/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last column of the text format: what matters for that kind of event, for people. */
#ifndef CONNSNOOP_INFO_H
#define CONNSNOOP_INFO_H

#include <stdbool.h>

#include "buf.h"
#include "line.h"

/* false: nothing to say, and nothing was put. */
bool info_put(struct buf *b, const struct line *l);

/* At most four characters: 999B, 1.2K, 45M; powers of 1024. */
void info_put_bytes(struct buf *b, uint64_t bytes);

/* At most five characters: 15us, 1.2ms, 9m59s, 2d. */
void info_put_duration(struct buf *b, uint64_t us);

#endif
