// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The append buffer. */
#include "buf.h"

#include <errno.h>
#include <stdlib.h>

#include "put.h"

#define BUF_MIN 4096

int buf_grow(struct buf *b, size_t room)
{
	size_t cap = b->cap ? b->cap : BUF_MIN;
	char *data;

	while (cap - b->len < room) {
		if (cap > SIZE_MAX / 2)
			goto no_memory;
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (!data)
		goto no_memory;
	b->data = data;
	b->cap = cap;
	return 0;

no_memory:
	b->err = -ENOMEM;
	return -ENOMEM;
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void buf_put_repeat(struct buf *b, char c, size_t cnt)
{
	char *p = buf_room(b, cnt);

	if (!p || !cnt)
		return;
	memset(p, c, cnt);
	b->len += cnt;
}

void buf_put_u64(struct buf *b, uint64_t n)
{
	char *p = buf_room(b, PUT_U64_MAX + PUT_SLACK);

	if (p)
		buf_end(b, put_u64(p, n));
}

void buf_put_addr(struct buf *b, const uint8_t *addr, unsigned int ipv)
{
	char *p = buf_room(b, PUT_ADDR_MAX + PUT_SLACK);

	if (p)
		buf_end(b, put_addr(p, addr, ipv));
}
