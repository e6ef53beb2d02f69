/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writing at a cursor, made for the hot path: the caller has made the room, and each returns where
 * the next byte goes. Up to PUT_SLACK bytes behind that may be overwritten: copies of a length known
 * to the compiler are several times as fast. A cursor stays in a register, where a length in memory
 * would be written and read again for each piece of a line.
 */
#ifndef CONNSNOOP_PUT_H
#define CONNSNOOP_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PUT_SLACK 32
#define PUT_U64_MAX 20
#define PUT_UTC_MAX 30
#define PUT_ADDR_MAX 45
#define PUT_TEXT_MAX 4 /* bytes that put_text() makes of one */
#define PUT_JSON_MAX 6

extern const char put_pairs[200];

static inline char *put_char(char *p, char c)
{
	*p = c;
	return p + 1;
}

static inline char *put_bytes(char *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

/* For literals, whose length the compiler knows. */
static inline char *put_str(char *p, const char *s)
{
	return put_bytes(p, s, strlen(s));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "put_u64() shifts digits in a register");

/* Four digits of @n below 10000, the first in the lowest byte. */
static inline uint32_t put_digits(uint32_t n)
{
	uint16_t high, low;

	memcpy(&high, &put_pairs[n / 100 * 2], 2);
	memcpy(&low, &put_pairs[n % 100 * 2], 2);
	return high | (uint32_t)low << 16;
}

/* So many digits, with zeros in front. */
static inline char *put_4_digits(char *p, uint32_t n)
{
	uint32_t digits = put_digits(n);

	return put_bytes(p, &digits, sizeof(digits));
}

static inline char *put_2_digits(char *p, uint32_t n)
{
	return put_bytes(p, &put_pairs[n * 2], 2);
}

static inline char *put_3_digits(char *p, uint32_t n)
{
	uint32_t digits = put_digits(n) >> 8;

	memcpy(p, &digits, sizeof(digits));
	return p + 3;
}

/* No loop, no branch: saves 170 instructions of a JSON line over one digit after the other. */
static inline char *put_below_10000(char *p, uint32_t n)
{
	uint32_t digits = put_digits(n);
	/* The bits of zeros in front; the last digit is none of them. */
	unsigned int zeros = __builtin_ctz((digits - 0x30303030) | 1 << 24) & ~7u;

	digits >>= zeros;
	memcpy(p, &digits, sizeof(digits));
	return p + sizeof(digits) - zeros / 8;
}

char *put_above_10000(char *p, uint64_t n);

static inline char *put_u64(char *p, uint64_t n)
{
	return n < 10000 ? put_below_10000(p, n) : put_above_10000(p, n);
}

/* How many put_u64() puts. */
unsigned int u64_digits(uint64_t n);

/* RFC 3339, UTC, nanoseconds: 2026-11-22T23:43:37.123456789Z */
char *put_utc(char *p, uint64_t utc_ns);

/* @addr is in network byte order; an @ipv other than 4 is printed as IPv6, as RFC 5952 says. */
char *put_addr(char *p, const uint8_t *addr, unsigned int ipv);

/* ADDR:PORT; an IPv6 address in brackets, and '*' where there is none. */
char *put_endpoint(char *p, const uint8_t *addr, unsigned int ipv, uint16_t port);

/*
 * What others chose (process names, paths) made harmless. Text: control characters (C0, DEL, C1),
 * invisible ones that reorder or break a line, and bytes that are not UTF-8 become \xNN, a
 * backslash \\ and a space \x20: the result is one word. JSON: the same characters become \uNNNN,
 * bytes that are not UTF-8 become U+FFFD; without the quotes around.
 */
char *put_text(char *p, const char *s, size_t len);
char *put_json(char *p, const char *s, size_t len);

#endif
