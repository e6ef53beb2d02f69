// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Parses the command line by the table of options, and says what is wrong with it. */
#include "opts.h"

#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "fields.h"
#include "log.h"
#include "opts_table.h"
#include "sort.h"
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

static const char *help_hint(enum command command)
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
			help_hint(command));
	else if (optopt)
		log_err("unknown option '-%c'; %s", optopt, help_hint(command));
	else if (candidates(spec, word + 2, all, sizeof(all)) > 1)
		log_err("option '%.200s' is ambiguous, it may be any of %s; %s", word, all,
			help_hint(command));
	else
		log_err("unknown option '%.200s'; %s", word, help_hint(command));
}

static void say_missing_value(enum command command)
{
	const struct opt_row *row = row_find(command, optopt);

	log_err("option --%s needs a value: --%s %s; %s", row->name, row->name, row->arg,
		help_hint(command));
}

static void say_bad_operand(const struct opt_ctx *c, const char *word)
{
	enum command command = c->o->command;

	if (!c->command_named && command_find(word) >= 0)
		log_err("a command comes before its options: 'connsnoop %s [OPTIONS]'", word);
	else if (!c->command_named && optind == 1)
		log_err("unknown command '%.200s'; %s, or put -- before a program to run", word,
			help_hint(command));
	else
		log_err("unexpected argument '%.200s'; %s", word, help_hint(command));
}

/* What is behind the options. @value: that of the last one. */
static int parse_operands(struct opt_ctx *c, int argc, char **argv, const char *value)
{
	/* A "--" may also have been the value of the last option. */
	bool dashes = optind > 1 && !strcmp(argv[optind - 1], "--") && argv[optind - 1] != value;

	if (dashes && (c->o->command == COMMAND_TRACE || c->o->command == COMMAND_PORTS)) {
		if (optind == argc) {
			log_err("'--' is followed by no program to run; %s",
				help_hint(c->o->command));
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

/* --tcp with --udp is the same as neither: the pair covers everything. */
static void drop_full_pair(struct filters *f, uint32_t pair)
{
	if ((f->set & pair) == pair)
		f->set &= ~pair;
}

/* With --json nobody else would look at them. */
static int check_columns(struct opts *o)
{
	struct column_name *columns;
	size_t cnt;

	o->cgroups = o->json;
	if (!o->columns)
		return 0;
	if (columns_find(o->columns, &columns, &cnt))
		return -1; /* it said why */
	for (size_t i = 0; i < cnt; i++) {
		o->cgroups |= columns[i].field && field_is_of_cgroup(columns[i].field);
		o->link |= !o->json && column_needs_link(&columns[i]);
	}
	free(columns);
	return 0;
}

/* Which states list shows, as ss does: without -a and -l those with a peer that can answer. */
static uint32_t choose_states(const struct opt_ctx *c)
{
	const uint32_t listening = 1u << TCP_LISTEN | 1u << TCP_CLOSE;
	const uint32_t passing = 1u << TCP_TIME_WAIT | 1u << TCP_SYN_RECV;
	const struct opts *o = c->o;

	if (c->states_listed)
		return c->states_listed;
	if (o->listening)
		return listening;
	return o->all || o->summary ? ~0u : ~(listening | passing);
}

static int finish_list(struct opt_ctx *c)
{
	struct opts *o = c->o;

	o->states = choose_states(c);
	o->events = 1u << EVENT_EXISTING;
	o->link = !o->summary && (o->link || (o->sort && sort_needs_link(o->sort)));
	if (o->listening + o->all + !!c->states_listed > 1) {
		log_err("-l, -a and --state each say which sockets to list: give one of them");
		return -1;
	}
	if (o->summary && o->nat) {
		log_err("--summary prints no sockets, so --nat says nothing to it");
		return -1;
	}
	if (o->summary && (o->columns || o->sort || o->watch_ns || o->csv || o->markdown)) {
		log_err("--summary prints no sockets, so --columns, --sort, --watch, --csv and "
			"--markdown say nothing to it");
		return -1;
	}
	return 0;
}

static int finish_ports(struct opt_ctx *c)
{
	struct opts *o = c->o;
	bool compares = o->baseline || o->write_baseline;

	o->events = 1u << EVENT_LISTEN | 1u << EVENT_UNLISTEN | 1u << EVENT_ACCEPT | EVENTS_ALWAYS;
	o->link = false; /* an open port has no other end */
	if (o->outbound)
		o->events |= 1u << EVENT_CONNECT | 1u << EVENT_FLOW;
	if (o->baseline && o->write_baseline) {
		log_err("--baseline compares and --write-baseline writes: give one of them");
		return -1;
	}
	if (o->write_baseline && (o->output || o->json || o->csv || o->markdown || o->columns)) {
		log_err("--write-baseline prints nothing, so --output, --json, --csv, --markdown and "
			"--columns say nothing to it");
		return -1;
	}
	if (o->follow_ports && compares) {
		log_err("--watch tells what opens and closes, and a baseline what was open in the "
			"end: give one of them; --duration says how long to look for a baseline");
		return -1;
	}
	if (o->command_argv)
		o->filters.set |= FILTER_TREE;
	return 0;
}

static int check_as(const struct opts *o)
{
	if (!o->run_as || o->command_argv)
		return 0;
	log_err("--as says whose process the program behind '--' becomes, and there is none; %s",
		help_hint(o->command));
	return -1;
}

/* What can only be decided when all options are known. */
static int finish(struct opt_ctx *c)
{
	struct opts *o = c->o;

	drop_full_pair(&o->filters, FILTER_TCP | FILTER_UDP);
	drop_full_pair(&o->filters, FILTER_IPV4 | FILTER_IPV6);
	drop_full_pair(&o->filters, FILTER_IN | FILTER_OUT);

	if (check_columns(o) < 0)
		return -1;

	if (o->resolve && (o->numeric || o->summary)) {
		log_err("--resolve asks for names, and --%s shows none",
			o->numeric ? "numeric" : "summary");
		return -1;
	}
	if (o->json + o->csv + o->markdown > 1) {
		log_err("--json, --csv and --markdown are three formats: give one of them");
		return -1;
	}
	if (o->command == COMMAND_LIST)
		return finish_list(c);
	if (o->command == COMMAND_PORTS)
		return check_as(o) ?: finish_ports(c);
	o->events = c->events_listed ? c->events_listed : EVENTS_DEFAULT;
	if (o->failed_only) {
		if (c->events_added) {
			log_err("--failed shows only fail and close, so --%s cannot add to it",
				c->events_added & 1u << EVENT_STATE ? "states" : "datagrams");
			return -1;
		}
		if (!(o->events & EVENTS_FAILED)) {
			log_err("--failed shows only fail and close, and --events names neither");
			return -1;
		}
		o->events &= EVENTS_FAILED;
	}
	o->events |= c->events_added | EVENTS_ALWAYS;
	if (o->command_argv)
		o->filters.set |= FILTER_TREE;
	return check_as(o);
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
		err = finish(&c);
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
