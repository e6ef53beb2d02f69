/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many sockets there are, by protocol, state, class of the server's port and process. Pure. */
#ifndef CONNSNOOP_CENSUS_H
#define CONNSNOOP_CENSUS_H

#include <stdbool.h>

#include "buf.h"
#include "line.h"

struct census;

struct census *census_new(void);    /* NULL: out of memory */
void census_free(struct census *c); /* NULL is fine */

/* Count an `existing`. 0 or -ENOMEM. */
int census_add(struct census *c, const struct line *l);

/* For people, or one object of JSON and a newline. Each part is sorted, the largest first. */
void census_put(struct census *c, bool json, struct buf *b);

#endif
