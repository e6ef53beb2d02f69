/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: one table of options that parses it and prints --help. */
#ifndef CONNSNOOP_OPTS_H
#define CONNSNOOP_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "filters.h"

enum command { COMMAND_TRACE, COMMAND_LIST, COMMAND_PORTS, COMMAND_PROBE, COMMAND_CNT };
enum backend { BACKEND_AUTO, BACKEND_FENTRY, BACKEND_KPROBE, BACKEND_TRACEPOINT, BACKEND_CNT };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct services;
struct user;

/* Everything the command line says. opts_free() releases what it owns. */
struct opts {
	enum command command;
	struct filters filters;
	uint32_t events;  /* 1 << enum event_kind: wanted kinds, lost and summary always */
	bool failed_only; /* --failed: of close, only the reasons that are failures */
	enum backend backend;
	uint64_t udp_idle_ns;
	uint64_t udp_flows;    /* how many are remembered, 0: the default */
	uint64_t duration_ns;  /* 0: until stopped */
	uint64_t count;	       /* 0: no limit */
	uint32_t buffer_bytes; /* 0: the default */
	uint32_t latency_ms;
	bool stats;
	bool verbose; /* libbpf's own messages too */

	uint32_t
		states; /* list: 1 << the kernel's TCP_*, those to show; of UDP as names_socket_state() */
	bool listening;	   /* list: --listening */
	bool all;	   /* list: --all */
	bool summary;	   /* list: --summary */
	char *sort;	   /* list: --sort as given, NULL: as they come */
	uint64_t watch_ns; /* list: --watch, 0: once */

	bool follow_ports;    /* ports: --watch */
	bool outbound;	      /* ports: --outbound */
	char *baseline;	      /* ports: --baseline, a file; NULL: none */
	char *write_baseline; /* ports: --write-baseline, a file; NULL: none */

	bool numeric;
	bool no_libc; /* --no-libc */
	bool nat;     /* --nat: ask conntrack for the real other ends */
	bool resolve; /* --resolve: ask for names of hosts where nothing else knows one */
	bool link;    /* --link, or a column that shows what it tells */
	bool json;
	bool csv;
	bool markdown;
	bool header; /* text: print one */
	enum color color;
	char *output;  /* file, NULL: stdout */
	char *columns; /* --columns as given, NULL: the default */
	bool cgroups;  /* lines show the owner's cgroup, or what its path tells */

	char **command_argv; /* behind "--", of main()'s argv; NULL: no command to run */
	struct user *run_as; /* --as: whose process it becomes, NULL: the caller's */
};

/* What the caller does next. */
enum opts_result {
	OPTS_RUN,   /* run opts->command */
	OPTS_DONE,  /* --help, --version or --columns help was answered on stdout: exit 0 */
	OPTS_USAGE, /* wrong usage, already said on stderr: exit 2 */
};

/* @s names ports for --port and its like; it may be NULL, then only numbers are understood. */
enum opts_result opts_parse(struct opts *opts, const struct services *s, int argc, char **argv);
void opts_free(struct opts *opts);

/* What the kernel is to send: with a command also what the table at its end counts. */
uint32_t opts_kernel_events(const struct opts *opts);

/* Of what it sends, what is to be printed. @e: of any kind that is a line. */
bool opts_show(const struct opts *opts, const struct event *e);

/* May a line show the name of a host? */
bool opts_want_names(const struct opts *opts);

/* Does a line show what conntrack says? */
bool opts_want_nat(const struct opts *opts);

/* As --backend spells it; NULL: there is no such backend. */
const char *backend_name(unsigned int backend);

#endif
