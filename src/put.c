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
	return put_4_digits(put_u64(p, n / 10000), n % 10000);
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
	uint32_t ns;

	if (sec != text_sec || !text[0]) {
		time_t t = sec;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		text_sec = sec;
	}
	ns = utc_ns % NS_PER_SEC;
	p = put_bytes(p, text, sizeof(text) - 1);
	p = put_char(p, '0' + ns / 100000000);
	p = put_4_digits(p, ns / 10000 % 10000);
	p = put_4_digits(p, ns % 10000);
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

char *put_addr(char *p, const uint8_t *addr, unsigned int ipv)
{
	return ipv == 4 ? put_ipv4(p, addr) : put_ipv6(p, addr);
}
