/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A string and its length, which whoever keeps it knows already. */
#ifndef CONNSNOOP_STR_H
#define CONNSNOOP_STR_H

#include <stddef.h>

/* Ended by a NUL too. Empty: ptr may be NULL. */
struct str {
	const char *ptr;
	size_t len;
};

#define STR(literal) ((struct str){ literal, sizeof(literal) - 1 })

#endif
