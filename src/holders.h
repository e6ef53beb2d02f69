/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that several processes hold: all of them, for the line that follows. */
#ifndef CONNSNOOP_HOLDERS_H
#define CONNSNOOP_HOLDERS_H

#include <stddef.h>

#include "line.h"

struct holder_record;
struct holders;

struct holders *holders_new(void);    /* NULL: out of memory */
void holders_free(struct holders *h); /* NULL is fine */

/* One more process that holds the socket of @record. 0 or -errno. */
int holders_add(struct holders *h, const struct holder_record *record, size_t size);

/* Into @l, if its socket has several: the owner first, then the others. Valid until the next call of any. */
void holders_line(struct holders *h, struct line *l);

/* What was added is over: another listing begins. */
void holders_forget(struct holders *h);

#endif
