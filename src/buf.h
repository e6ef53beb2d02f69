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

void buf_put_repeat(struct buf *b, char c, size_t cnt);
void buf_put_u64(struct buf *b, uint64_t n);
void buf_put_padded(struct buf *b, uint64_t n, size_t width); /* zeros in front */

/* RFC 3339, UTC, nanoseconds: 2026-11-22T23:43:37.123456789Z */
void buf_put_utc(struct buf *b, uint64_t utc_ns);

/* @addr is in network byte order; an @ipv other than 4 is printed as IPv6, as RFC 5952 says. */
void buf_put_addr(struct buf *b, const uint8_t *addr, unsigned int ipv);

/*
 * What others chose (process names, paths) made harmless. Text: control characters (C0, DEL, C1),
 * invisible ones that reorder or break a line, and bytes that are not UTF-8 become \xNN, a
 * backslash \\ and a space \x20: the result is one word. JSON: the same characters become \uNNNN,
 * bytes that are not UTF-8 become U+FFFD; without the quotes around.
 */
void buf_put_text(struct buf *b, const char *s, size_t len);
void buf_put_json(struct buf *b, const char *s, size_t len);

#define ESCAPE_TEXT_MAX 4 /* bytes that escape_text() makes of one */
#define ESCAPE_JSON_MAX 6

/* As buf_put_text(), into @out; spaces stay unless @word. Returns the length, without a NUL. */
size_t escape_text(char *out, const char *text, size_t len, bool word);

#endif
