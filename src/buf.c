// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The append buffer and the formatting of numbers, times and addresses, without printf. */
#include "buf.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define BUF_MIN 4096
#define NS_PER_SEC 1000000000ULL
#define U64_DIGITS 20
#define IPV4_TEXT_MAX 15
#define IPV6_TEXT_MAX 39
#define IPV6_GROUPS 8

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
				  "2021222324252627282930313233343536373839"
				  "4041424344454647484950515253545556575859"
				  "6061626364656667686970717273747576777879"
				  "8081828384858687888990919293949596979899";

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

/* Writes the digits of @n so that they end at @end; returns where they begin. */
static char *digits_before(char *end, uint64_t n)
{
	while (n >= 100) {
		end -= 2;
		memcpy(end, &digit_pairs[n % 100 * 2], 2);
		n /= 100;
	}
	if (n >= 10) {
		end -= 2;
		memcpy(end, &digit_pairs[n * 2], 2);
	} else {
		*--end = '0' + n;
	}
	return end;
}

void buf_put_u64(struct buf *b, uint64_t n)
{
	char digits[U64_DIGITS], *end = digits + sizeof(digits);
	char *begin = digits_before(end, n);

	buf_put(b, begin, end - begin);
}

void buf_put_padded(struct buf *b, uint64_t n, size_t width)
{
	char digits[U64_DIGITS], *end = digits + sizeof(digits);
	char *begin = digits_before(end, n);
	size_t len = end - begin;

	if (len < width)
		buf_put_repeat(b, '0', width - len);
	buf_put(b, begin, len);
}

void buf_put_utc(struct buf *b, uint64_t utc_ns)
{
	/* Events come many a second, so the text of the last second is kept. */
	static char text[32];
	static size_t text_len;
	static uint64_t text_sec;
	uint64_t sec = utc_ns / NS_PER_SEC;

	if (sec != text_sec || !text_len) {
		time_t t = sec;
		struct tm tm;

		gmtime_r(&t, &tm);
		text_len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		text_sec = sec;
	}
	buf_put(b, text, text_len);
	buf_put_padded(b, utc_ns % NS_PER_SEC, 9);
	buf_put_char(b, 'Z');
}

static char *put_byte(char *p, unsigned int n)
{
	if (n >= 100) {
		*p++ = '0' + n / 100;
		n %= 100;
		memcpy(p, &digit_pairs[n * 2], 2);
		return p + 2;
	}
	if (n >= 10) {
		memcpy(p, &digit_pairs[n * 2], 2);
		return p + 2;
	}
	*p++ = '0' + n;
	return p;
}

static char *put_ipv4(char *p, const uint8_t *addr)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_byte(p, addr[i]);
	}
	return p;
}

static char *put_group(char *p, unsigned int n)
{
	static const char hex[] = "0123456789abcdef";

	for (int shift = 12; shift > 0; shift -= 4) {
		if (n >> shift)
			*p++ = hex[n >> shift & 15];
	}
	*p++ = hex[n & 15];
	return p;
}

/* The longest run of two or more zero groups, the first of equal ones; *len 0: there is none. */
static int ipv6_zero_run(const unsigned int *groups, int *len)
{
	int best = -1, run = 0;

	*len = 0;
	for (int i = 0; i < IPV6_GROUPS; i++) {
		run = groups[i] ? 0 : run + 1;
		if (run >= 2 && run > *len) {
			*len = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static char *put_ipv6(char *p, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned int groups[IPV6_GROUPS];
	int zero_at, zero_len;

	if (!memcmp(addr, mapped, sizeof(mapped))) {
		memcpy(p, "::ffff:", 7);
		return put_ipv4(p + 7, addr + 12);
	}
	for (int i = 0; i < IPV6_GROUPS; i++)
		groups[i] = addr[2 * i] << 8 | addr[2 * i + 1];
	zero_at = ipv6_zero_run(groups, &zero_len);
	for (int i = 0; i < IPV6_GROUPS; i++) {
		if (i == zero_at) {
			*p++ = ':';
			i += zero_len - 1;
			if (i == IPV6_GROUPS - 1)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_group(p, groups[i]);
	}
	return p;
}

void buf_put_addr(struct buf *b, const uint8_t *addr, unsigned int ipv)
{
	char *p = buf_room(b, IPV6_TEXT_MAX + IPV4_TEXT_MAX), *end;

	if (!p)
		return;
	end = ipv == 4 ? put_ipv4(p, addr) : put_ipv6(p, addr);
	b->len += end - p;
}

/* One character of UTF-8: its length, 0 if it is none (overlong, surrogate, cut, too large). */
static size_t utf8_decode(const uint8_t *s, size_t len, uint32_t *code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (!n || n > len || s[0] > 0xf4)
		return 0;
	*code = n == 1 ? s[0] : s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < smallest[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

/* Controls, and what is invisible but breaks or reorders the line it stands in. */
static bool harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
	       code == 0x061c ||		     /* Arabic letter mark */
	       (code >= 0x200b && code <= 0x200f) || /* zero width, direction marks */
	       (code >= 0x2028 && code <= 0x202e) || /* line and paragraph ends, embeddings */
	       (code >= 0x2060 && code <= 0x206f) || /* isolates and their like */
	       code == 0xfeff;
}

static char *put_hex(char *p, uint32_t n, int digits)
{
	static const char hex[] = "0123456789abcdef";

	for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
		*p++ = hex[n >> shift & 15];
	return p;
}

static char *put_escaped_bytes(char *p, const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*p++ = '\\';
		*p++ = 'x';
		p = put_hex(p, s[i], 2);
	}
	return p;
}

size_t escape_text(char *out, const char *text, size_t len, bool word)
{
	const uint8_t *s = (const uint8_t *)text, *end = s + len;
	char *p = out;

	while (s < end) {
		uint32_t code = 0;
		size_t n;

		if (*s > ' ' && *s < 0x7f && *s != '\\') {
			*p++ = *s++;
			continue;
		}
		n = utf8_decode(s, end - s, &code);
		if (!n || harmful(code) || (word && code == ' ')) {
			n = n ? n : 1;
			p = put_escaped_bytes(p, s, n);
		} else {
			if (code == '\\')
				*p++ = '\\';
			memcpy(p, s, n);
			p += n;
		}
		s += n;
	}
	return p - out;
}

static size_t escape_json(char *out, const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text, *end = s + len;
	char *p = out;

	while (s < end) {
		uint32_t code = 0xfffd;
		size_t n;

		if (*s >= ' ' && *s < 0x7f && *s != '\\' && *s != '"') {
			*p++ = *s++;
			continue;
		}
		n = utf8_decode(s, end - s, &code);
		if (!n || harmful(code)) {
			memcpy(p, "\\u", 2);
			p = put_hex(p + 2, n ? code : 0xfffd, 4);
			n = n ? n : 1;
		} else {
			if (code == '\\' || code == '"')
				*p++ = '\\';
			memcpy(p, s, n);
			p += n;
		}
		s += n;
	}
	return p - out;
}

void buf_put_text(struct buf *b, const char *s, size_t len)
{
	char *p = buf_room(b, len * ESCAPE_TEXT_MAX);

	if (p && len)
		b->len += escape_text(p, s, len, true);
}

void buf_put_json(struct buf *b, const char *s, size_t len)
{
	char *p = buf_room(b, len * ESCAPE_JSON_MAX);

	if (p && len)
		b->len += escape_json(p, s, len);
}
