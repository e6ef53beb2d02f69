// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Parts of streams: of each part four bytes that say which stream it is of, where it begins (twice as far as
 * the number says) and how long it is, then as many of the bytes that follow.
 */
#include <stdlib.h>
#include <string.h>

#include "dns_stream.h"

#define HEAD 4

static volatile uint8_t sum;

static void on_message(void *ctx, const uint8_t *message, size_t len, size_t whole)
{
	(void)ctx;
	if (len > whole || len > DNS_MESSAGE_MAX || (len < whole && len < DNS_MESSAGE_MAX))
		abort();
	for (size_t i = 0; i < len; i++)
		sum += message[i]; /* all of it is there */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct dns_streams *s = dns_streams_new();
	uint64_t now_ns = 0;

	while (len > HEAD) {
		uint64_t offset = (bytes[1] << 8 | bytes[2]) * 2;
		size_t n = bytes[3] < len - HEAD ? bytes[3] : len - HEAD;

		now_ns += bytes[0] & 0x80 ? DNS_SILENCE_NS / 4 : 1;
		if ((bytes[0] & 0x7f) == 0x7f)
			offset = UINT64_MAX - offset;
		dns_streams_add(s, bytes[0] & 0x7f, offset, bytes + HEAD, n, now_ns, on_message, NULL);
		bytes += HEAD + n;
		len -= HEAD + n;
	}
	dns_streams_free(s);
	return 0;
}
