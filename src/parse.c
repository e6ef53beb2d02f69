// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Strict readers of numbers, sizes, times and lists. */
#include "parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define NS_PER_S 1000000000ull

static bool is_digit(char c)
{
	return c >= '0' && c <= '9'; /* isdigit() asks the locale */
}

/* Reads digits up to the first other character; NULL when there is none or they exceed @max. */
static const char *digits(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++) {
		unsigned int d = *s - '0';

		if (d > max || v > (max - d) / 10)
			return NULL;
		v = v * 10 + d;
	}
	*out = v;
	return s;
}

int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	s = digits(s, max, &v);
	if (!s || *s || v < min)
		return -EINVAL;
	*out = v;
	return 0;
}

int parse_seconds(const char *s, uint64_t max_s, uint64_t *ns)
{
	uint64_t whole = 0, v, unit = NS_PER_S / 10;

	if (is_digit(*s))
		s = digits(s, max_s, &whole);
	else if (*s != '.' || !is_digit(s[1]))
		return -EINVAL;
	if (!s)
		return -EINVAL;
	v = whole * NS_PER_S;
	if (*s == '.') {
		for (s++; is_digit(*s); s++, unit /= 10)
			v += (*s - '0') * unit;
	}
	if (*s || !v || v > max_s * NS_PER_S)
		return -EINVAL;
	*ns = v;
	return 0;
}

int parse_size(const char *s, uint64_t max, uint64_t *bytes)
{
	static const char units[] = "KMG";
	unsigned int shift = 0;
	const char *u;
	uint64_t v;

	s = digits(s, max, &v);
	if (!s)
		return -EINVAL;
	if (*s) {
		u = strchr(units, *s & ~('a' - 'A'));
		if (!u || !*u || s[1])
			return -EINVAL;
		shift = 10 * (u - units + 1);
	}
	if (v > max >> shift)
		return -EINVAL;
	*bytes = v << shift;
	return 0;
}

int parse_list(const char *option, const char *list, parse_item_fn item, void *ctx)
{
	char *copy = strdup(list), *rest = copy, *part;
	int err = 0;

	if (!copy) {
		log_err("%s: not enough memory for the list", option);
		return -ENOMEM;
	}
	while (!err && (part = strsep(&rest, ","))) {
		if (*part) {
			err = item(ctx, part);
			continue;
		}
		log_err("%s: '%.200s' has an empty part; it takes a list with single commas",
			option, list);
		err = -EINVAL;
	}
	free(copy);
	return err;
}
