/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of name servers, put together piece by piece. */
#ifndef CONNSNOOP_TEST_DNS_PACKETS_H
#define CONNSNOOP_TEST_DNS_PACKETS_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define PACKET_MAX 8192
#define PACKET_FLAGS 0x8180 /* a response, without an error */

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t len;
};

static inline void packet_put16(struct packet *p, uint16_t n)
{
	p->bytes[p->len++] = n >> 8;
	p->bytes[p->len++] = n;
}

static inline void packet_put(struct packet *p, const void *bytes, size_t len)
{
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

/* "a.example" */
static inline void packet_name(struct packet *p, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		p->bytes[p->len++] = len;
		packet_put(p, name, len);
		name += len + (name[len] == '.');
	}
	p->bytes[p->len++] = 0;
}

static inline void packet_begin(struct packet *p, uint16_t flags, uint16_t answers,
				const char *question)
{
	const uint16_t header[] = { 7, flags, 1, answers, 0, 0 };

	p->len = 0;
	for (size_t i = 0; i < 6; i++)
		packet_put16(p, header[i]);
	packet_name(p, question);
	packet_put16(p, 1);
	packet_put16(p, 1);
}

static inline void packet_record(struct packet *p, const char *owner, uint16_t type, uint32_t ttl)
{
	packet_name(p, owner);
	packet_put16(p, type);
	packet_put16(p, 1);
	packet_put16(p, ttl >> 16);
	packet_put16(p, ttl);
}

static inline void packet_address(struct packet *p, const char *owner, uint32_t ttl,
				  const char *address)
{
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	uint8_t bytes[16];

	packet_record(p, owner, family == AF_INET ? 1 : 28, ttl);
	packet_put16(p, family == AF_INET ? 4 : 16);
	inet_pton(family, address, bytes);
	packet_put(p, bytes, family == AF_INET ? 4 : 16);
}

static inline void packet_alias(struct packet *p, const char *owner, uint32_t ttl, const char *of)
{
	size_t at;

	packet_record(p, owner, 5, ttl);
	at = p->len;
	packet_put16(p, 0);
	packet_name(p, of);
	p->bytes[at + 1] = p->len - at - 2;
}

#endif
