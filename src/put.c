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

char *put_above_10000(char *p, uint64_t n)
{
	uint32_t last = n % 10000;

	p = put_u64(p, n / 10000);
	return put_digits(p, last, 4);
}

unsigned int u64_digits(uint64_t n)
{
	unsigned int cnt = 1;

	for (; n >= 10000; n /= 10000)
		cnt += 4;
	return cnt + (n >= 10) + (n >= 100) + (n >= 1000);
}

char *put_utc(char *p, uint64_t utc_ns)
{
	/* Events come many a second, so the text of the last second is kept. */
	static char text[sizeof("2026-11-22T23:43:37.")];
	static uint64_t text_sec;
	uint64_t sec = utc_ns / NS_PER_SEC;

	if (sec != text_sec || !text[0]) {
		time_t t = sec;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		text_sec = sec;
	}
	p = put_bytes(p, text, sizeof(text) - 1);
	p = put_digits(p, utc_ns % NS_PER_SEC, 9);
	return put_char(p, 'Z');
}

static char *put_byte(char *p, unsigned int n)
{
	if (n >= 100) {
		*p++ = '0' + n / 100;
		n %= 100;
		memcpy(p, &put_pairs[n * 2], 2);
		return p + 2;
	}
	if (n >= 10) {
		memcpy(p, &put_pairs[n * 2], 2);
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

	for (int shift = (31 - __builtin_clz(n | 1)) & ~3; shift >= 0; shift -= 4)
		*p++ = hex[n >> shift & 15];
	return p;
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

char *put_addr(char *p, const uint8_t *addr, unsigned int ipv)
{
	return ipv == 4 ? put_ipv4(p, addr) : put_ipv6(p, addr);
}
