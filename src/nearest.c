// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nearest.h"

#include <string.h>

#define LEN_MAX 32 /* longer words are not compared: a mistyped one is found by eye */

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* One row for each letter of @a, one column for each of @b; the last three rows are kept. */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][LEN_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		const unsigned int *above = rows[(i - 1) % 3], *swapped = rows[(i + 1) % 3];
		unsigned int *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
				row[j] = least(row[j], swapped[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

void nearest_try(struct nearest *n, const char *name)
{
	size_t wanted_len = strlen(n->wanted), len = strlen(name);
	unsigned int d;

	if (wanted_len > LEN_MAX || len > LEN_MAX)
		return;
	d = distance(n->wanted, wanted_len, name, len);
	if (d > wanted_len / 3 || (n->name && d >= n->distance))
		return;
	n->name = name;
	n->distance = d;
}
