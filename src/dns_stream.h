/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers that come by TCP: from parts of streams, in any order, to messages. Pure. A hostile peer gets no
 * more memory than a few streams' worth, and harms no other stream.
 */
#ifndef CONNSNOOP_DNS_STREAM_H
#define CONNSNOOP_DNS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define DNS_STREAMS_MAX 64   /* at a time; the one that was silent for longest goes */
#define DNS_MESSAGE_MAX 4096 /* what is kept of a message: its beginning */
#define DNS_GAP_MAX 65536    /* how far ahead of what is missing a part may be */
#define DNS_PARTS_MAX 16     /* parts of a stream that wait for what is missing */
#define DNS_SILENCE_NS (120 * 1000000000ULL) /* a stream that was silent for so long is over */

struct dns_streams;

/* A message of @whole bytes, of which the first @len are there. */
typedef void (*dns_message_fn)(void *ctx, const uint8_t *message, size_t len, size_t whole);

struct dns_streams *dns_streams_new(void);    /* NULL: out of memory */
void dns_streams_free(struct dns_streams *s); /* NULL is fine */

/*
 * A part of the stream @id, which begins at @offset in it; @fn is called for each message that is complete
 * now, before this returns. @now_ns: of a clock that goes forward.
 */
void dns_streams_add(struct dns_streams *s, uint64_t id, uint64_t offset, const uint8_t *bytes,
		     size_t len, uint64_t now_ns, dns_message_fn fn, void *ctx);

/* Streams that were given up with a message begun, or with a hole in them. */
uint64_t dns_streams_lost(const struct dns_streams *s);

#endif
