/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of options: all that getopt_long(), --help and the tests know about one. Adding an
 * option is one row, and a setter when none of the present ones fits.
 */
#ifndef CONNSNOOP_OPTS_TABLE_H
#define CONNSNOOP_OPTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "opts.h"

enum opt_group {
	GROUP_OUTPUT,
	GROUP_FILTERS,
	GROUP_SOCKETS,
	GROUP_PORTS,
	GROUP_TRACING,
	GROUP_OTHER,
	GROUP_CNT
};

/* What one run over the command line collects. */
struct opt_ctx {
	struct opts *o;
	const struct services *s;
	bool command_named;	/* not the default one */
	uint32_t events_listed; /* --events; 0: not given */
	uint32_t events_added;	/* --states, --datagrams */
	uint32_t states_listed; /* --state; 0: not given */
};

/* What a setter returns besides 0 and -errno: its answer is on stdout, there is nothing to run. */
#define OPT_ANSWERED 1

struct opt_row {
	const char *name;  /* long, without the dashes */
	char letter;	   /* short, 0: none */
	const char *arg;   /* what --help calls its value, NULL: takes none */
	uint32_t commands; /* 1 << enum command */
	enum opt_group group;
	int (*set)(struct opt_ctx *c, const struct opt_row *row, const char *arg);
	size_t offset;	  /* in struct opts, for the setters that store there */
	uint32_t value;	  /* of a flag, or what kind of it */
	const char *help; /* one paragraph, wrapped by opts_help() */
};

extern const struct opt_row opt_rows[];
extern const size_t opt_row_cnt;

extern const char *const command_names[COMMAND_CNT];

/* The kinds of event without --events; 1 << enum event_kind. */
#define EVENTS_ALWAYS (1u << EVENT_LOST | 1u << EVENT_SUMMARY)
#define EVENTS_FAILED (1u << EVENT_FAIL | 1u << EVENT_CLOSE)
#define EVENTS_DEFAULT                                                                             \
	(1u << EVENT_CONNECT | 1u << EVENT_ESTABLISHED | 1u << EVENT_ACCEPT | 1u << EVENT_FAIL |   \
	 1u << EVENT_CLOSE | 1u << EVENT_LISTEN | 1u << EVENT_UNLISTEN | 1u << EVENT_FLOW |        \
	 EVENTS_ALWAYS)

/*
 * What the options of a whole command line mean together, into c->o: what one implies. 0, or -1 after a
 * sentence on stderr: two contradict each other.
 */
int opts_finish(struct opt_ctx *c);

/* Where to read about the options of a command: the end of a sentence on stderr. */
const char *opts_help_hint(enum command command);

/* Prints the help of a command on stdout. */
void opts_help(enum command command);

#endif
