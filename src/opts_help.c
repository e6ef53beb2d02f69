// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --help, made from the table of options. */
#include "opts_table.h"

#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 80
#define HELP_INDENT 27 /* where the text of an option begins */

static const struct {
	const char *title;
	const char *intro; /* NULL: none */
} groups[GROUP_CNT] = {
	[GROUP_OUTPUT] = { "Output", NULL },
	[GROUP_FILTERS] = { "Filters",
			    "The kernel decides them: what is filtered out costs no room in the "
			    "buffer. Options combine with AND; a list in one option, or an option "
			    "given again, with OR. Of --cgroup and --netns the last one counts." },
	[GROUP_SOCKETS] = { "Sockets", NULL },
	[GROUP_PORTS] = { "Ports", NULL },
	[GROUP_TRACING] = { "Tracing", NULL },
	[GROUP_OTHER] = { "Other", NULL },
};

static const char *const heads[COMMAND_CNT] = {
	[COMMAND_TRACE] =
		"Usage: connsnoop [trace] [OPTIONS] [-- PROGRAM [ARGUMENT...]]\n"
		"       connsnoop list [OPTIONS]\n"
		"       connsnoop ports [OPTIONS] [-- PROGRAM [ARGUMENT...]]\n"
		"       connsnoop probe [OPTIONS]\n"
		"       connsnoop [COMMAND] --help\n"
		"\n"
		"Trace network connections as they happen, from inside the kernel, with the\n"
		"process that owns them. With a PROGRAM, run it and trace only it and its\n"
		"descendants, from their first system call until the last has ended; then sum up\n"
		"on stderr.\n"
		"\n"
		"Commands:\n"
		"  trace                    stream events (the default command)\n"
		"  list                     the sockets that exist now, with their processes\n"
		"  ports                    which processes have which ports open; drift from a\n"
		"                           baseline\n"
		"  probe                    each hook, the backend chosen for it, and what is\n"
		"                           lost without it; what the maps take\n",
	[COMMAND_LIST] =
		"Usage: connsnoop list [OPTIONS]\n"
		"\n"
		"List the TCP and UDP sockets that exist now, of all network namespaces, with the\n"
		"processes that hold them.\n",
	[COMMAND_PORTS] =
		"Usage: connsnoop ports [OPTIONS] [-- PROGRAM [ARGUMENT...]]\n"
		"\n"
		"Show which processes have which ports open, to whom, and since when: TCP ports\n"
		"that listen, and UDP ports that a process has named. With a PROGRAM, run it, and\n"
		"show what it and its descendants have opened when the last has ended.\n",
	[COMMAND_PROBE] =
		"Usage: connsnoop probe [OPTIONS]\n"
		"\n"
		"Show each hook, the backend chosen for it, and what is lost without it; then the\n"
		"kernel memory that the maps of a trace with these options take.\n",
};

static const char *const tails[COMMAND_CNT] = {
	[COMMAND_TRACE] =
		"\n"
		"Examples:\n"
		"  connsnoop -p 1234        what one process connects to\n"
		"  connsnoop -f --out       attempts and connections from here that failed\n"
		"  connsnoop -u -P domain   who asks which name server\n"
		"  connsnoop -A '!127.0.0.0/8,!::1' -j -o log.json\n"
		"                           everything but loopback, as JSON, into a file\n"
		"  connsnoop -o log -- curl https://www.kernel.org\n"
		"                           what one program does, apart from its own output\n"
		"\n"
		"Exit status: 0 done, also after SIGINT and SIGTERM; 1 it failed; 2 wrong usage.\n"
		"With a PROGRAM its own, or 128+N if the signal N has ended it.\n",
	[COMMAND_LIST] =
		"\n"
		"Examples:\n"
		"  connsnoop list -l        who listens where\n"
		"  connsnoop list -a -P ssh every socket with the port of ssh at either end\n"
		"  connsnoop list --state close-wait --sort -rx_queue_bytes\n"
		"                           who has left connections lying about\n"
		"  connsnoop list -w 2 -c nginx\n"
		"                           what nginx opens and closes\n"
		"\n"
		"Exit status: 0 done; 1 it failed; 2 wrong usage.\n",
	[COMMAND_PORTS] =
		"\n"
		"Examples:\n"
		"  connsnoop ports          the audit of this machine\n"
		"  connsnoop ports --markdown -o report.md\n"
		"                           the same for a report\n"
		"  connsnoop ports --write-baseline allowed\n"
		"  connsnoop ports --baseline allowed\n"
		"                           what has changed since\n"
		"  connsnoop ports --watch --outbound\n"
		"                           openings and closings, and who talks to which ports\n"
		"  connsnoop ports --baseline allowed -- make test\n"
		"                           does a program open what it may, and nothing else?\n"
		"\n"
		"Exit status: 0 done, with --baseline: no drift; 1 it failed; 2 wrong usage; 3 with\n"
		"--baseline: drift. With a PROGRAM its own, if that is not 0.\n",
	[COMMAND_PROBE] = ("\n"
			   "Exit status: 0 done; 1 it failed; 2 wrong usage.\n"),
};

/* Prints words from column @col on, continued at @indent, and ends the line. */
static void print_wrapped(const char *text, size_t col, size_t indent)
{
	const char *sep = "";

	while (*text) {
		size_t len = strcspn(text, " ");

		if (*sep && col + 1 + len > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			col = indent;
			sep = "";
		}
		printf("%s%.*s", sep, (int)len, text);
		col += strlen(sep) + len;
		sep = " ";
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_row(const struct opt_row *row)
{
	char letter[] = { '-', row->letter, ',', '\0' };
	int len = printf("  %3s --%s", row->letter ? letter : "", row->name);

	if (row->arg)
		len += printf(" %s", row->arg);
	/* Two blanks between an option and its text, else the text has a line of its own. */
	if (len + 2 > HELP_INDENT) {
		putchar('\n');
		len = 0;
	}
	printf("%*s", HELP_INDENT - len, "");
	print_wrapped(row->help, HELP_INDENT, HELP_INDENT);
}

static void print_group(enum command command, enum opt_group group)
{
	bool first = true;

	for (size_t i = 0; i < opt_row_cnt; i++) {
		const struct opt_row *row = &opt_rows[i];

		if (row->group != group || !(row->commands & 1u << command))
			continue;
		if (first)
			printf("\n%s:\n", groups[group].title);
		if (first && groups[group].intro) {
			printf("  ");
			print_wrapped(groups[group].intro, 2, 2);
		}
		first = false;
		print_row(row);
	}
}

void opts_help(enum command command)
{
	fputs(heads[command], stdout);
	for (int group = 0; group < GROUP_CNT; group++)
		print_group(command, group);
	fputs(tails[command], stdout);
}
