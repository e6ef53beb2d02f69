/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The columns of the text format that are no fields, but join several of them. */
#ifndef CONNSNOOP_COMPOSITE_H
#define CONNSNOOP_COMPOSITE_H

#include <stddef.h>
#include <stdint.h>

#include "line.h"

/* The last second as text, since events come many a second. Zero-initialised: none yet. */
struct wall_clock {
	uint64_t begin_ns;
	char text[sizeof("HH:MM:SS.")];
};

enum composite_has {
	COMPOSITE_WORD,	    /* one word, of ours */
	COMPOSITE_STRING,   /* one word of any length, with names of others */
	COMPOSITE_SENTENCE, /* several, with names of others; absent in the last place, no "-" */
};

struct composite {
	const char *name; /* shadows the field of this name */
	const char *title;
	size_t width;
	/* At a cursor with room for INFO_MAX, and for line_strings() unless it is a word; returns @p: absent. */
	char *(*put)(struct wall_clock *c, char *p, const struct line *l);
	const char *help;
	enum composite_has has;
};

extern const struct composite composites[];
extern const size_t composite_cnt;

#endif
