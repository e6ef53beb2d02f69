// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Streams of DNS over TCP: each message has its length before it (RFC 1035, 4.2.2). */
#include "dns_stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* What came before its turn. */
struct part {
	struct part *next;
	uint64_t offset;
	size_t len;
	uint8_t bytes[];
};

struct stream {
	uint64_t id;
	uint64_t at;	  /* how much of it has been read */
	uint64_t last_ns; /* when the last part came */
	struct part *parts;
	size_t part_cnt;
	uint8_t *message;   /* NULL: between two */
	uint8_t length[2];  /* of the message, as it comes */
	size_t length_cnt;  /* bytes of that */
	size_t whole, read; /* of the message */
	UT_hash_handle hh;  /* in order of use: the first was silent for longest */
};

struct dns_streams {
	struct stream *table;
	uint64_t lost;
};

struct dns_streams *dns_streams_new(void)
{
	return calloc(1, sizeof(struct dns_streams));
}

static void part_drop(struct stream *st, struct part **at)
{
	struct part *p = *at;

	*at = p->next;
	st->part_cnt--;
	free(p);
}

static void stream_drop(struct dns_streams *s, struct stream *st)
{
	s->lost += st->part_cnt || st->length_cnt;
	while (st->parts)
		part_drop(st, &st->parts);
	HASH_DEL(s->table, st);
	free(st->message);
	free(st);
}

void dns_streams_free(struct dns_streams *s)
{
	struct stream *st, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->table, st, next)
		stream_drop(s, st);
	free(s);
}

static size_t kept(size_t len)
{
	return len < DNS_MESSAGE_MAX ? len : DNS_MESSAGE_MAX;
}

/* The next byte of a length. False: out of memory. */
static bool read_length(struct stream *st, uint8_t byte)
{
	st->length[st->length_cnt++] = byte;
	if (st->length_cnt < sizeof(st->length))
		return true;
	st->whole = st->length[0] << 8 | st->length[1];
	st->read = 0;
	st->message = malloc(kept(st->whole) + 1);
	return st->message;
}

static size_t read_message(struct stream *st, const uint8_t *bytes, size_t len)
{
	size_t left = st->whole - st->read, n = len < left ? len : left;
	size_t room = kept(st->whole) - kept(st->read);

	memcpy(st->message + kept(st->read), bytes, n < room ? n : room);
	st->read += n;
	return n;
}

/* What is next in the stream. False: out of memory. */
static bool read_next(struct stream *st, const uint8_t *bytes, size_t len, dns_message_fn fn,
		      void *ctx)
{
	st->at += len;
	while (len || (st->message && st->read == st->whole)) {
		size_t n = 1;

		if (!st->message) {
			if (!read_length(st, *bytes))
				return false;
		} else {
			n = read_message(st, bytes, len);
		}
		bytes += n;
		len -= n;
		if (!st->message || st->read < st->whole)
			continue;
		fn(ctx, st->message, kept(st->whole), st->whole);
		free(st->message);
		st->message = NULL;
		st->length_cnt = 0;
	}
	return true;
}

/* All that is not before its turn any more. False: out of memory. */
static bool read_parts(struct stream *st, dns_message_fn fn, void *ctx)
{
	struct part **at = &st->parts;

	while (*at) {
		struct part *p = *at;
		uint64_t end = p->offset + p->len;

		if (p->offset > st->at) {
			at = &p->next;
			continue;
		}
		if (end > st->at &&
		    !read_next(st, p->bytes + (st->at - p->offset), end - st->at, fn, ctx))
			return false;
		part_drop(st, at);
		at = &st->parts;
	}
	return true;
}

/* False: no room for it. */
static bool keep_part(struct stream *st, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct part *p;

	if (st->part_cnt == DNS_PARTS_MAX || len > DNS_MESSAGE_MAX)
		return false;
	p = malloc(sizeof(*p) + len);
	if (!p)
		return false;
	p->offset = offset;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	p->next = st->parts;
	st->parts = p;
	st->part_cnt++;
	return true;
}

/* The stream, as the one that was last used; NULL: out of memory. */
static struct stream *stream_use(struct dns_streams *s, uint64_t id)
{
	struct stream *st;

	HASH_FIND(hh, s->table, &id, sizeof(id), st);
	if (st) {
		HASH_DEL(s->table, st);
	} else {
		if (HASH_COUNT(s->table) >= DNS_STREAMS_MAX)
			stream_drop(s, s->table);
		st = calloc(1, sizeof(*st));
		if (!st)
			return NULL;
		st->id = id;
	}
	HASH_ADD(hh, s->table, id, sizeof(st->id), st);
	return st;
}

static void drop_silent(struct dns_streams *s, uint64_t now_ns)
{
	while (s->table && s->table->last_ns + DNS_SILENCE_NS < now_ns)
		stream_drop(s, s->table);
}

void dns_streams_add(struct dns_streams *s, uint64_t id, uint64_t offset, const uint8_t *bytes,
		     size_t len, uint64_t now_ns, dns_message_fn fn, void *ctx)
{
	struct stream *st;
	bool ok;

	drop_silent(s, now_ns);
	st = stream_use(s, id);
	if (!st)
		return;
	st->last_ns = now_ns;
	if (offset > st->at)
		ok = offset - st->at <= DNS_GAP_MAX && keep_part(st, offset, bytes, len);
	else if (len <= st->at - offset)
		return; /* it was here before */
	else
		ok = read_next(st, bytes + (st->at - offset), len - (st->at - offset), fn, ctx) &&
		     read_parts(st, fn, ctx);
	if (!ok)
		stream_drop(s, st);
}

uint64_t dns_streams_lost(const struct dns_streams *s)
{
	return s->lost;
}
