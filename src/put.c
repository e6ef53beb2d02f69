// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers, times and addresses at a cursor, without printf. */
#include "put.h"

#include <time.h>

#define NS_PER_SEC 1000000000ULL
#define IPV6_GROUPS 8

const char put_pairs[200] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/*
 * The eight digits of @n below 10^8, a byte each, the first in the lowest: halved three times, where
 * the quotient stays in its place and the rest goes into the one above. Saves 16 instructions of a
 * JSON line over four digits after the other.
 */
static uint64_t digits_of(uint32_t n)
{
	uint64_t fours = (uint64_t)(n % 10000) << 32 | n / 10000;
	uint64_t hundreds = (fours * 10486 >> 20) & 0x7f0000007f;
	uint64_t twos = (fours << 16) - hundreds * ((100 << 16) - 1);
	uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000f;

	return (twos << 8) - tens * ((10 << 8) - 1);
}

#define ZEROS 0x3030303030303030 /* eight of the character */

static char *put_8_digits(char *p, uint32_t n)
{
	uint64_t digits = digits_of(n) | ZEROS;

	return put_bytes(p, &digits, sizeof(digits));
}

static char *put_below_100000000(char *p, uint32_t n)
{
	uint64_t digits = digits_of(n);
	/* Its first one is not zero. */
	unsigned int zeros = __builtin_ctzll(digits) & ~7u;

	digits = (digits | ZEROS) >> zeros;
	memcpy(p, &digits, sizeof(digits));
	return p + sizeof(digits) - zeros / 8;
}

char *put_above_10000(char *p, uint64_t n)
{
	if (n < 100000000)
		return put_below_100000000(p, n);
	return put_8_digits(put_u64(p, n / 100000000), n % 100000000);
}

unsigned int u64_digits(uint64_t n)
{
	/* The smallest number that has one digit more than so many; none has fewer than one. */
	static const uint64_t more[] = {
		/* clang-format off */
		0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
		1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
		10000000000000000000ULL,
		/* clang-format on */
	};
	unsigned int bits = 64 - __builtin_clzll(n | 1);
	unsigned int cnt = bits * 1233 >> 12; /* times log10(2): so many or one more */

	return cnt + (n >= more[cnt]);
}

/* Events come many a second, so the text of the last second is kept. */
struct second {
	uint64_t begin_ns;
	char text[sizeof("1970-01-01T00:00:00.")];
};

/* Apart, for the check of the stack that its struct tm has: saves 8 instructions of a JSON line. */
__attribute__((noinline)) static void second_begin(struct second *s, uint64_t utc_ns)
{
	time_t t = utc_ns / NS_PER_SEC;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(s->text, sizeof(s->text), "%Y-%m-%dT%H:%M:%S.", &tm);
	s->begin_ns = t * NS_PER_SEC;
}

char *put_utc(char *p, uint64_t utc_ns)
{
	static struct second last = { 0, "1970-01-01T00:00:00." };
	uint32_t ns;

	if (utc_ns - last.begin_ns >= NS_PER_SEC)
		second_begin(&last, utc_ns);
	ns = utc_ns - last.begin_ns;
	p = put_bytes(p, last.text, sizeof(last.text) - 1);
	p = put_char(p, '0' + ns / 100000000);
	p = put_8_digits(p, ns % 100000000);
	return put_char(p, 'Z');
}

/* Three digits at most, and how many. */
struct octet {
	char text[3];
	uint8_t len;
};

/* clang-format off */
#define ONE(n) { { '0' + (n) }, 1 }
#define TWO(n) { { '0' + (n) / 10, '0' + (n) % 10 }, 2 }
#define THREE(n) { { '0' + (n) / 100, '0' + (n) / 10 % 10, '0' + (n) % 10 }, 3 }
#define TEN(of, n) of(n), of(n + 1), of(n + 2), of(n + 3), of(n + 4), of(n + 5), of(n + 6),         \
	of(n + 7), of(n + 8), of(n + 9)
#define FIFTY(of, n) TEN(of, n), TEN(of, n + 10), TEN(of, n + 20), TEN(of, n + 30), TEN(of, n + 40)
/* clang-format on */

static const struct octet octets[256] = {
	TEN(ONE, 0),	TEN(TWO, 10),	   TEN(TWO, 20),      TEN(TWO, 30),	 TEN(TWO, 40),
	FIFTY(TWO, 50), FIFTY(THREE, 100), FIFTY(THREE, 150), FIFTY(THREE, 200), THREE(250),
	THREE(251),	THREE(252),	   THREE(253),	      THREE(254),	 THREE(255),
};

static char *put_octet(char *p, uint8_t n)
{
	memcpy(p, &octets[n], sizeof(octets[n]));
	return p + octets[n].len;
}

static char *put_ipv4(char *p, const uint8_t *addr)
{
	p = put_char(put_octet(p, addr[0]), '.');
	p = put_char(put_octet(p, addr[1]), '.');
	p = put_char(put_octet(p, addr[2]), '.');
	return put_octet(p, addr[3]);
}

static char *put_group(char *p, unsigned int n)
{
	static const char hex[] = "0123456789abcdef";
	const char digits[] = { hex[n >> 12], hex[n >> 8 & 15], hex[n >> 4 & 15], hex[n & 15] };
	unsigned int zeros = (n < 0x1000) + (n < 0x100) + (n < 0x10);
	uint32_t all;

	memcpy(&all, digits, sizeof(all));
	all >>= 8 * zeros;
	memcpy(p, &all, sizeof(all));
	return p + sizeof(all) - zeros;
}

/*
 * The longest run of two or more zero groups, the first of equal ones; *len 0: there is none. Bit i
 * of @zeros: group i is zero; of run: so are all that follow it, as many as have been counted.
 */
static int ipv6_zero_run(unsigned int zeros, int *len)
{
	unsigned int longest = 0;

	*len = 0;
	for (unsigned int run = zeros; run; run &= zeros >> *len) {
		longest = run;
		++*len;
	}
	if (*len < 2)
		*len = 0;
	return *len ? __builtin_ctz(longest) : -1;
}

static char *put_ipv6(char *p, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned int groups[IPV6_GROUPS], zeros = 0;
	int zero_at, zero_len;

	if (!memcmp(addr, mapped, sizeof(mapped))) {
		memcpy(p, "::ffff:", 7);
		return put_ipv4(p + 7, addr + 12);
	}
	for (int i = 0; i < IPV6_GROUPS; i++) {
		groups[i] = addr[2 * i] << 8 | addr[2 * i + 1];
		zeros |= !groups[i] << i;
	}
	zero_at = ipv6_zero_run(zeros, &zero_len);
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

#define IPV6_MAX 40  /* bytes, with one to spare */
#define KNOWN_BITS 8 /* 16 KiB */

struct known {
	uint64_t addr[2];
	uint64_t len; /* 0: none is known here */
	char text[IPV6_MAX];
};

/* Each address has one place where it can be. */
static struct known *place_of(const uint64_t addr[2])
{
	static struct known known[1 << KNOWN_BITS];

	return &known[(addr[0] ^ addr[1]) * 0x9e3779b97f4a7c15ULL >> (64 - KNOWN_BITS)];
}

/* The same addresses come again and again: saves 120 instructions of a line, a quarter IPv6. */
static char *put_known_ipv6(char *p, const uint8_t *addr)
{
	struct known *k;
	uint64_t a[2];

	memcpy(a, addr, sizeof(a));
	k = place_of(a);
	if (!k->len || k->addr[0] != a[0] || k->addr[1] != a[1]) {
		char text[IPV6_MAX + PUT_SLACK];

		k->len = put_ipv6(text, addr) - text;
		memcpy(k->text, text, sizeof(k->text));
		memcpy(k->addr, a, sizeof(a));
	}
	memcpy(p, k->text, PUT_SLACK);
	if (k->len > PUT_SLACK)
		memcpy(p + PUT_SLACK, k->text + PUT_SLACK, IPV6_MAX - PUT_SLACK);
	return p + k->len;
}

char *put_addr(char *p, const uint8_t *addr, unsigned int ipv)
{
	return ipv == 4 ? put_ipv4(p, addr) : put_known_ipv6(p, addr);
}

char *put_endpoint(char *p, const uint8_t *addr, unsigned int ipv, uint16_t port)
{
	if (ipv != 4 && ipv != 6)
		return put_u64(put_str(p, "*:"), port);
	if (ipv == 6)
		p = put_char(p, '[');
	p = put_addr(p, addr, ipv);
	if (ipv == 6)
		p = put_char(p, ']');
	p = put_char(p, ':');
	return put_u64(p, port);
}
