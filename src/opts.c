// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Parses the command line by the table of options, and says what is wrong with it. */
#include "opts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "opts_table.h"
#include "tally.h"
#include "user.h"

#define ROW_MAX 64
#define LONG_ONLY 256 /* getopt's value of a row without a letter: this and its index */

const char *const command_names[COMMAND_CNT] = {
	[COMMAND_TRACE] = "trace",
	[COMMAND_LIST] = "list",
	[COMMAND_PORTS] = "ports",
	[COMMAND_PROBE] = "probe",
};

/* getopt_long()'s two arrays for one command. */
struct getopt_spec {
	struct option longs[ROW_MAX + 1];
	char shorts[2 + 2 * ROW_MAX + 1];
};

static int row_value(size_t i)
{
	return opt_rows[i].letter ? opt_rows[i].letter : LONG_ONLY + (int)i;
}

static void spec_build(struct getopt_spec *spec, enum command command)
{
	char *s = spec->shorts;
	struct option *l = spec->longs;

	memset(spec, 0, sizeof(*spec));
	*s++ = '+'; /* stop at the first operand */
	*s++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < opt_row_cnt && i < ROW_MAX; i++) {
		const struct opt_row *row = &opt_rows[i];

		if (!(row->commands & 1u << command))
			continue;
		*l++ = (struct option){
			.name = row->name,
			.has_arg = row->arg ? required_argument : no_argument,
			.val = row_value(i),
		};
		if (!row->letter)
			continue;
		*s++ = row->letter;
		if (row->arg)
			*s++ = ':';
	}
}

/* The row of @command with getopt's value @val, NULL: none. */
static const struct opt_row *row_find(enum command command, int val)
{
	for (size_t i = 0; i < opt_row_cnt; i++) {
		if (opt_rows[i].commands & 1u << command && row_value(i) == val)
			return &opt_rows[i];
	}
	return NULL;
}

const char *opts_help_hint(enum command command)
{
	static const char *const hints[COMMAND_CNT] = {
		[COMMAND_TRACE] = "try 'connsnoop --help'",
		[COMMAND_LIST] = "try 'connsnoop list --help'",
		[COMMAND_PORTS] = "try 'connsnoop ports --help'",
		[COMMAND_PROBE] = "try 'connsnoop probe --help'",
	};

	return hints[command];
}

/* Which options --@word may be short for, into @all; returns how many. */
static int candidates(const struct getopt_spec *spec, const char *word, char *all, size_t size)
{
	size_t word_len = strcspn(word, "="), len = 0;
	int cnt = 0;

	for (const struct option *l = spec->longs; l->name; l++) {
		if (strncmp(l->name, word, word_len) != 0)
			continue;
		if (len < size)
			len += snprintf(all + len, size - len, cnt ? ", --%s" : "--%s", l->name);
		cnt++;
	}
	return cnt;
}

static int command_find(const char *word)
{
	for (int i = 0; i < COMMAND_CNT; i++) {
		if (!strcmp(word, command_names[i]))
			return i;
	}
	return -1;
}

/* getopt's '?': a short option it does not know, a value where none belongs, or a long one. */
static void say_bad_option(const struct getopt_spec *spec, enum command command, const char *word)
{
	const struct opt_row *row = optopt ? row_find(command, optopt) : NULL;
	char all[512];

	if (row)
		log_err("option --%s takes no value, but '%.200s' gives one; %s", row->name, word,
			opts_help_hint(command));
	else if (optopt)
		log_err("unknown option '-%c'; %s", optopt, opts_help_hint(command));
	else if (candidates(spec, word + 2, all, sizeof(all)) > 1)
		log_err("option '%.200s' is ambiguous, it may be any of %s; %s", word, all,
			opts_help_hint(command));
	else
		log_err("unknown option '%.200s'; %s", word, opts_help_hint(command));
}

static void say_missing_value(enum command command)
{
	const struct opt_row *row = row_find(command, optopt);

	log_err("option --%s needs a value: --%s %s; %s", row->name, row->name, row->arg,
		opts_help_hint(command));
}

static void say_bad_operand(const struct opt_ctx *c, const char *word)
{
	enum command command = c->o->command;

	if (!c->command_named && command_find(word) >= 0)
		log_err("a command comes before its options: 'connsnoop %s [OPTIONS]'", word);
	else if (!c->command_named && optind == 1)
		log_err("unknown command '%.200s'; %s, or put -- before a program to run", word,
			opts_help_hint(command));
	else
		log_err("unexpected argument '%.200s'; %s", word, opts_help_hint(command));
}

/* What is behind the options. @value: that of the last one. */
static int parse_operands(struct opt_ctx *c, int argc, char **argv, const char *value)
{
	/* A "--" may also have been the value of the last option. */
	bool dashes = optind > 1 && !strcmp(argv[optind - 1], "--") && argv[optind - 1] != value;

	if (dashes && (c->o->command == COMMAND_TRACE || c->o->command == COMMAND_PORTS)) {
		if (optind == argc) {
			log_err("'--' is followed by no program to run; %s",
				opts_help_hint(c->o->command));
			return -1;
		}
		c->o->command_argv = argv + optind;
		return 0;
	}
	if (optind == argc)
		return 0;
	say_bad_operand(c, argv[optind]);
	return -1;
}

/* Calls the setters. 0, OPT_ANSWERED, or negative after a sentence on stderr. */
static int parse_options(struct opt_ctx *c, int argc, char **argv)
{
	enum command command = c->o->command;
	struct getopt_spec spec;
	const char *value = NULL;
	int err = 0, val;

	spec_build(&spec, command);
	opterr = 0;
	optind = 0; /* glibc: start afresh, also in the middle of a cluster of letters */
	while (!err && (val = getopt_long(argc, argv, spec.shorts, spec.longs, NULL)) != -1) {
		const struct opt_row *row = row_find(command, val);

		value = optarg;
		if (row) {
			err = row->set(c, row, optarg);
			continue;
		}
		if (val == ':')
			say_missing_value(command);
		else
			say_bad_option(&spec, command, argv[optind - 1]);
		err = -1;
	}
	return err ?: parse_operands(c, argc, argv, value);
}

static void set_defaults(struct opts *o)
{
	*o = (struct opts){
		.udp_idle_ns = 30 * 1000000000ull,
		.latency_ms = 100,
		.header = true,
	};
}

enum opts_result opts_parse(struct opts *opts, const struct services *s, int argc, char **argv)
{
	struct opt_ctx c = { .o = opts, .s = s };
	int command = argc > 1 ? command_find(argv[1]) : -1;
	int err;

	set_defaults(opts);
	if (command >= 0) {
		opts->command = command;
		c.command_named = true;
		argc--;
		argv++; /* getopt takes the command for the program's name */
	}
	err = argc > 0 ? parse_options(&c, argc, argv) : 0;
	if (!err)
		err = opts_finish(&c);
	if (err < 0)
		return OPTS_USAGE;
	return err == OPT_ANSWERED ? OPTS_DONE : OPTS_RUN;
}

uint32_t opts_kernel_events(const struct opts *opts)
{
	return opts->command_argv ? opts->events | EVENTS_TALLIED : opts->events;
}

static bool close_is_failure(uint8_t reason)
{
	return reason != REASON_LOCAL && reason != REASON_REMOTE && reason != REASON_IDLE &&
	       reason != REASON_CLOSED;
}

bool opts_show(const struct opts *opts, const struct event *e)
{
	if (!(opts->events & 1u << e->kind))
		return false;
	return !opts->failed_only || e->kind != EVENT_CLOSE || close_is_failure(e->reason);
}

bool opts_want_names(const struct opts *opts)
{
	const uint32_t without_remote = 1u << EVENT_LISTEN | 1u << EVENT_UNLISTEN;

	if (opts->numeric || opts->summary)
		return false;
	if (opts->command == COMMAND_TRACE && !(opts->events & ~without_remote & ~EVENTS_ALWAYS))
		return false;
	return opts->json || !opts->columns || strstr(opts->columns, "remote") ||
	       strstr(opts->columns, "rname");
}

static bool names_nat(const char *list)
{
	return list && strstr(list, "nat");
}

bool opts_want_nat(const struct opts *opts)
{
	return opts->nat || (opts->command <= COMMAND_LIST &&
			     (names_nat(opts->columns) || names_nat(opts->sort)));
}

void opts_free(struct opts *opts)
{
	filters_free(&opts->filters);
	free(opts->output);
	free(opts->columns);
	free(opts->sort);
	free(opts->baseline);
	free(opts->write_baseline);
	user_free(opts->run_as);
	memset(opts, 0, sizeof(*opts));
}
