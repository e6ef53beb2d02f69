/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A buffer that one appends to, made for the hot path: it keeps its memory, so nothing is
 * allocated once it has grown to its size. Zero-initialised: empty.
 *
 * Appending never fails at the call: when there is no memory, what was put is dropped and err
 * says so until buf_reset().
 */
#ifndef CONNSNOOP_BUF_H
#define CONNSNOOP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	int err; /* 0 or -ENOMEM */
};

int buf_grow(struct buf *b, size_t room);
void buf_free(struct buf *b);

static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

/* Where the next @n bytes go, NULL: no memory. The caller adds to b->len what it used. */
static inline char *buf_room(struct buf *b, size_t n)
{
	if (b->cap - b->len < n && buf_grow(b, n))
		return NULL;
	return b->data + b->len;
}

static inline void buf_put(struct buf *b, const void *bytes, size_t len)
{
	char *p = buf_room(b, len);

	if (!p || !len)
		return;
	memcpy(p, bytes, len);
	b->len += len;
}

static inline void buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static inline void buf_put_char(struct buf *b, char c)
{
	char *p = buf_room(b, 1);

	if (!p)
		return;
	*p = c;
	b->len++;
}

/* @p is where what was written in the room that buf_room() gave ends. */
static inline void buf_end(struct buf *b, const char *p)
{
	b->len = p - b->data;
}

void buf_put_repeat(struct buf *b, char c, size_t cnt);

/* As put_*() of put.h. */
void buf_put_u64(struct buf *b, uint64_t n);
void buf_put_addr(struct buf *b, const uint8_t *addr, unsigned int ipv);

#endif
