// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What others chose, made harmless. */
#include "escape.h"

#include <string.h>

#include "put.h"

_Static_assert(PUT_SLACK >= 16, "put_plain() looks at so many bytes at a time");

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

size_t escape_utf8(char *out, const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text, *end = s + len;
	char *p = out;

	while (s < end) {
		uint32_t code;
		size_t n = utf8_decode(s, end - s, &code);

		p = n ? put_bytes(p, s, n) : put_str(p, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
	return p - out;
}

/* Sixteen at a time; any compiler knows what to make of it for its processor. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* What printable ASCII from @lowest on has none of, nor a backslash and @quote. */
static inline bytes16 bad_bytes(bytes16 c, uint8_t lowest, uint8_t quote)
{
	return (bytes16)(c < lowest) | (bytes16)(c > '~') | (bytes16)(c == '\\') |
	       (bytes16)(c == quote);
}

static inline bool any_bytes(bytes16 bad)
{
	uint64_t halves[2];

	memcpy(halves, &bad, sizeof(halves));
	return halves[0] | halves[1];
}

/*
 * Copies @s whole and says whether it may stand like that. Nearly all names and paths do: saves 210
 * instructions of a JSON line over looking at each character.
 */
static inline bool put_plain(char *p, const char *s, size_t len, uint8_t lowest, uint8_t quote)
{
	bytes16 bad = { 0 };

	memcpy(p, s, len);
	memset(p + len, 'a', sizeof(bad));
	for (size_t i = 0; i < len; i += sizeof(bad)) {
		bytes16 c;

		memcpy(&c, p + i, sizeof(c));
		bad |= bad_bytes(c, lowest, quote);
	}
	return !any_bytes(bad);
}

#define SHORT_MAX 16 /* names of services and processes; paths are longer */

/* The same of a short one: without a call of memcpy(), saves 100 instructions of a JSON line. */
static inline bool put_plain_short(char *p, const char *s, size_t len, uint8_t lowest,
				   uint8_t quote)
{
	bytes16 c;

	if (len >= 8) {
		uint64_t last;

		memcpy(&last, s + len - sizeof(last), sizeof(last));
		memcpy(p, s, sizeof(last));
		memcpy(p + len - sizeof(last), &last, sizeof(last));
	} else if (len >= 4) {
		uint32_t last;

		memcpy(&last, s + len - sizeof(last), sizeof(last));
		memcpy(p, s, sizeof(last));
		memcpy(p + len - sizeof(last), &last, sizeof(last));
	} else {
		for (size_t i = 0; i < len; i++)
			p[i] = s[i];
	}
	memset(p + len, 'a', sizeof(c));
	memcpy(&c, p, sizeof(c));
	return !any_bytes(bad_bytes(c, lowest, quote));
}

__attribute__((noinline)) static char *put_long_text(char *p, const char *s, size_t len)
{
	return p + (put_plain(p, s, len, '!', '\\') ? len : escape_text(p, s, len, true));
}

__attribute__((noinline)) static char *put_long_json(char *p, const char *s, size_t len)
{
	return p + (put_plain(p, s, len, ' ', '"') ? len : escape_json(p, s, len));
}

char *put_text(char *p, const char *s, size_t len)
{
	if (len <= SHORT_MAX && put_plain_short(p, s, len, '!', '\\'))
		return p + len;
	return put_long_text(p, s, len);
}

char *put_json(char *p, const char *s, size_t len)
{
	if (len <= SHORT_MAX && put_plain_short(p, s, len, ' ', '"'))
		return p + len;
	return put_long_json(p, s, len);
}
