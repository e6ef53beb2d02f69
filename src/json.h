/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON lines: one object a line, UTF-8, keys that do not apply left out. */
#ifndef CONNSNOOP_JSON_H
#define CONNSNOOP_JSON_H

#include <stdint.h>

#include "buf.h"
#include "line.h"

struct json;

struct json *json_new(void);	/* NULL: out of memory */
void json_free(struct json *j); /* NULL is fine */

void json_line(struct json *j, struct buf *b, const struct line *l);
void json_summary(struct buf *b, uint64_t utc_ns, const struct summary *s);

#endif
