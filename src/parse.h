/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strict readers of what the user typed: decimal digits only, no sign, no blanks, nothing behind.
 * 0, or -EINVAL and nothing written. They are silent: the caller knows what it was for.
 */
#ifndef CONNSNOOP_PARSE_H
#define CONNSNOOP_PARSE_H

#include <stdint.h>

int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *out);
/* "30", "0.5": more than 0 and at most @max_s; what is finer than a nanosecond is cut off. */
int parse_seconds(const char *s, uint64_t max_s, uint64_t *ns);
/* "4096", "64K", "16M", "1G", in bytes. */
int parse_size(const char *s, uint64_t max, uint64_t *bytes);

/*
 * Calls @item for each part of a comma-separated list until one fails, and returns what that
 * returned. An empty part is refused here, with one sentence on stderr that begins with @option.
 */
typedef int (*parse_item_fn)(void *ctx, const char *item);
int parse_list(const char *option, const char *list, parse_item_fn item, void *ctx);

#endif
