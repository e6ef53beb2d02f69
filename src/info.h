/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last column of the text format: what matters for that kind of event, for people. */
#ifndef CONNSNOOP_INFO_H
#define CONNSNOOP_INFO_H

#include <stdint.h>

#include "line.h"

#define INFO_MAX 384 /* room for any of these, PUT_SLACK with it */

/* Each returns where what it has put ends. */

/* @p: nothing to say. */
char *info_put(char *p, const struct line *l);

/* As ip has it: dev eth0 via 10.0.0.1 lladdr 02:00:00:00:00:01. @p: not known, or not wanted. */
char *info_put_route(char *p, const struct line *l);

/* At most five characters: 999B, 1000B, 1.2K, 45M; powers of 1024. */
char *info_put_bytes(char *p, uint64_t bytes);

/* At most five characters: 15us, 1.2ms, 9m59s, 2d. */
char *info_put_duration(char *p, uint64_t us);

#endif
