/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A list of columns by name, as --columns takes it. */
#ifndef CONNSNOOP_COLUMNS_H
#define CONNSNOOP_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct composite;
struct field;

/* One of the two. */
struct column_name {
	const struct composite *composite;
	const struct field *field;
	const char *name; /* not ended by a NUL */
	size_t len;
};

/* Does it show what only --link tells? */
bool column_needs_link(const struct column_name *c);

/* The columns of a list, *@out is the caller's to free(). 0, -ENOMEM, or -EINVAL after a sentence on stderr. */
int columns_find(const char *list, struct column_name **out, size_t *cnt);

#endif
