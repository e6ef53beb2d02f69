/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The words for the numbers: one table for each enum of event.h. A number that has no word
 * gives NULL: the ring buffer is input, so everything is checked at use.
 */
#ifndef CONNSNOOP_NAMES_H
#define CONNSNOOP_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A word of ours, which needs no escaping, to be copied whole: see put_word(). */
#define WORD_MAX 16
struct word {
	char text[WORD_MAX - 1]; /* with a NUL */
	uint8_t len;		 /* 0: no word */
};

struct words {
	const struct word *words;
	unsigned int cnt;
};

extern const struct words names_kinds, names_attrs, names_directions, names_lorigins, names_phases,
	names_close_reasons, names_lost_reasons, names_classes, names_tcp_states, names_protos,
	names_changes, names_rname_sources, names_ways;

static inline const struct word *word_of(const struct words *t, unsigned int i)
{
	return i < t->cnt && t->words[i].len ? &t->words[i] : NULL;
}

/* At a cursor, with PUT_SLACK of put.h. */
static inline char *put_word(char *p, const struct word *w)
{
	memcpy(p, w, WORD_MAX);
	return p + w->len;
}

const char *names_kind(unsigned int kind);
const char *names_attr(unsigned int attr);
const char *names_direction(unsigned int direction); /* NULL for DIRECTION_NONE */
const char *names_lorigin(unsigned int lorigin);     /* NULL for LORIGIN_NONE */
const char *names_phase(unsigned int phase);	     /* NULL for PHASE_NONE */
const char *names_close_reason(unsigned int reason); /* NULL for REASON_NONE */
const char *names_lost_reason(unsigned int reason);
const char *names_lost_text(unsigned int reason); /* the same for people */
const char *names_class(unsigned int port_class);
const char *names_tcp_state(unsigned int state); /* the kernel's TCP_*, as ss spells them */
/* The same of a socket that is looked at: a UDP socket has a peer or not. */
const char *names_socket_state(unsigned int proto, unsigned int state);
const char *names_proto(unsigned int proto); /* IPPROTO_* */
const char *names_errno(int err);	     /* ECONNREFUSED */

/* Back from the word; -1: no such word. Of a state in any case, also unconn and established. */
int names_state(const char *name);
int names_event_kind(const char *name);
int names_port_class(const char *name);

#endif
