// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The command line: each row of the table of options, how they combine, --help, wrong usage. */
#define _GNU_SOURCE 1 /* memfd_create() */
#include "opts.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture.h"
#include "names.h"
#include "opts_table.h"
#include "services.h"
#include "tally.h"
#include "user.h"
#include "version.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ARGS_MAX 16

static struct opts o;
static struct services *services;
static struct capture out, err;

static enum opts_result run(char **args)
{
	static char *argv[ARGS_MAX + 2]; /* o.command_argv points into it */
	enum opts_result result;
	int argc = 1;

	memset(argv, 0, sizeof(argv));
	argv[0] = "connsnoop";
	while (args[argc - 1] && argc <= ARGS_MAX) {
		argv[argc] = args[argc - 1];
		argc++;
	}
	opts_free(&o);
	capture_begin(&out, STDOUT_FILENO);
	capture_begin(&err, STDERR_FILENO);
	result = opts_parse(&o, services, argc, argv);
	capture_end(&err);
	capture_end(&out);
	return result;
}

#define RUN(...) run((char *[]){ __VA_ARGS__, NULL })

/* Fails unless the last run() was refused with one sentence that holds @part. */
static void check_usage(enum opts_result result, const char *what, const char *part)
{
	if (result != OPTS_USAGE || !capture_is_one_sentence(&err) || *out.text ||
	    !strstr(err.text, part))
		fail_msg("%s gave %d and said: %s%s", what, result, err.text, out.text);
}

#define assert_usage(part, ...) check_usage(RUN(__VA_ARGS__), #__VA_ARGS__, part)

static void check_run(enum opts_result result, const char *what)
{
	if (result != OPTS_RUN || *out.text || *err.text)
		fail_msg("%s gave %d and said: %s%s", what, result, err.text, out.text);
}

#define assert_run(...) check_run(RUN(__VA_ARGS__), #__VA_ARGS__)

static int teardown(void **state)
{
	(void)state;
	opts_free(&o);
	return 0;
}

/* What a row's good value must have done. */
/* clang-format off */
static bool is_output(void) { return !strcmp(o.output, "/tmp/x"); }
static bool is_json(void) { return o.json; }
static bool is_csv(void) { return o.csv; }
static bool is_markdown(void) { return o.markdown; }
static bool is_numeric(void) { return o.numeric; }
static bool is_resolve(void) { return o.resolve; }
static bool is_link(void) { return o.link; }
static bool is_no_libc(void) { return o.no_libc; }
static bool is_nat(void) { return o.nat; }
static bool is_columns(void) { return !strcmp(o.columns, "event,pid"); }
static bool is_no_header(void) { return !o.header; }
static bool is_color(void) { return o.color == COLOR_ALWAYS; }
static bool is_pid(void) { return o.filters.pid_cnt == 2 && o.filters.pids[1] == 2; }
static bool is_comm(void) { return !strcmp(o.filters.comms[0], "a b,c"); }
static bool is_user(void) { return o.filters.uid_cnt == 2 && !o.filters.uids[0]; }
static bool is_cgroup(void) { return !strcmp(o.filters.cgroup, "/a"); }
static bool is_netns(void) { return o.filters.netns != 0; }
static bool is_tcp(void) { return o.filters.set == FILTER_TCP; }
static bool is_udp(void) { return o.filters.set == FILTER_UDP; }
static bool is_ipv4(void) { return o.filters.set == FILTER_IPV4; }
static bool is_ipv6(void) { return o.filters.set == FILTER_IPV6; }
static bool is_port(void) { return o.filters.ports[443] == PORT_SET_ANY; }
static bool is_lport(void) { return o.filters.ports[443] == PORT_SET_LOCAL; }
static bool is_rport(void) { return o.filters.ports[443] == PORT_SET_REMOTE; }
static bool is_net(void) { return o.filters.net_cnt == 2 && o.filters.nets[1].exclude; }
static bool is_class(void) { return o.filters.classes == 1u << CLASS_PRIVATE; }
static bool is_in(void) { return o.filters.set == FILTER_IN; }
static bool is_out(void) { return o.filters.set == FILTER_OUT; }
static bool is_listening(void) { return o.listening && o.states == (1u << TCP_LISTEN | 1u << TCP_CLOSE); }
static bool is_all(void) { return o.all && o.states == ~0u; }
static bool is_state(void) { return o.states == (1u << TCP_ESTABLISHED | 1u << TCP_TIME_WAIT); }
static bool is_sort(void) { return !strcmp(o.sort, "-pid,lport"); }
static bool is_summary(void) { return o.summary; }
static bool is_list_watch(void) { return o.watch_ns == 500000000ull; }
static bool is_ports_watch(void) { return o.follow_ports && !o.outbound; }
static bool is_outbound(void) { return o.events & 1u << EVENT_CONNECT && !o.follow_ports; }
static bool is_baseline(void) { return !strcmp(o.baseline, "/tmp/x"); }
static bool is_write_baseline(void) { return !strcmp(o.write_baseline, "/tmp/x"); }
static bool is_events(void) { return o.events == (EVENTS_FAILED | EVENTS_ALWAYS); }
static bool is_failed(void) { return o.failed_only && is_events(); }
static bool is_states(void) { return o.events == (EVENTS_DEFAULT | 1u << EVENT_STATE); }
static bool is_existing(void) { return o.events == (EVENTS_DEFAULT | 1u << EVENT_EXISTING); }
static bool is_datagrams(void) { return o.events == (EVENTS_DEFAULT | 1u << EVENT_SEND); }
static bool is_duration(void) { return o.duration_ns == 2500000000ull; }
static bool is_count(void) { return o.count == 5000000000ull; }
static bool is_udp_idle(void) { return o.udp_idle_ns == 500000000ull; }
static bool is_udp_flows(void) { return o.udp_flows == 1000; }
static bool is_buffer(void) { return o.buffer_bytes == 64 * 1024; }
static bool is_latency(void) { return o.latency_ms == 0; }
static bool is_backend(void) { return o.backend == BACKEND_KPROBE; }
static bool is_as(void) { return !strcmp(o.run_as->name, "root") && !strcmp(o.command_argv[0], "true"); }
static bool is_stats(void) { return o.stats; }
static bool is_verbose(void) { return o.verbose; }
static bool is_help(void) { return strstr(out.text, "Usage: connsnoop") == out.text; }
static bool is_version(void) { return !strcmp(out.text, "connsnoop " CONNSNOOP_VERSION "\n"); }
/* clang-format on */

static const struct row_case {
	const char *name;
	bool (*done)(void);
	char *good;	 /* NULL: takes no value */
	const char *bad; /* refused, naming the option */
	enum opts_result result;
} cases[] = {
	{ "output", is_output, "/tmp/x", "", OPTS_RUN },
	{ "json", is_json, NULL, NULL, OPTS_RUN },
	{ "csv", is_csv, NULL, NULL, OPTS_RUN },
	{ "markdown", is_markdown, NULL, NULL, OPTS_RUN },
	{ "numeric", is_numeric, NULL, NULL, OPTS_RUN },
	{ "resolve", is_resolve, NULL, NULL, OPTS_RUN },
	{ "link", is_link, NULL, NULL, OPTS_RUN },
	{ "no-libc", is_no_libc, NULL, NULL, OPTS_RUN },
	{ "nat", is_nat, NULL, NULL, OPTS_RUN },
	{ "columns", is_columns, "event,pid", "pids", OPTS_RUN },
	{ "no-header", is_no_header, NULL, NULL, OPTS_RUN },
	{ "color", is_color, "always", "Always", OPTS_RUN },
	{ "pid", is_pid, "1,2", "1,x", OPTS_RUN },
	{ "comm", is_comm, "a b,c", "", OPTS_RUN },
	{ "user", is_user, "root,1", "no-such-user-here", OPTS_RUN },
	{ "cgroup", is_cgroup, "/a", "", OPTS_RUN },
	{ "netns", is_netns, "/proc/self/ns/net", "/no/such/file", OPTS_RUN },
	{ "tcp", is_tcp, NULL, NULL, OPTS_RUN },
	{ "udp", is_udp, NULL, NULL, OPTS_RUN },
	{ "ipv4", is_ipv4, NULL, NULL, OPTS_RUN },
	{ "ipv6", is_ipv6, NULL, NULL, OPTS_RUN },
	{ "port", is_port, "https,1-2", "0", OPTS_RUN },
	{ "lport", is_lport, "443", "65536", OPTS_RUN },
	{ "rport", is_rport, "443", "-1", OPTS_RUN },
	{ "net", is_net, "10.0.0.0/8,!10.1.1.1", "10.0.0.0/33", OPTS_RUN },
	{ "class", is_class, "private", "public", OPTS_RUN },
	{ "in", is_in, NULL, NULL, OPTS_RUN },
	{ "out", is_out, NULL, NULL, OPTS_RUN },
	{ "listening", is_listening, NULL, NULL, OPTS_RUN },
	{ "all", is_all, NULL, NULL, OPTS_RUN },
	{ "state", is_state, "estab,TIME-WAIT", "open", OPTS_RUN },
	{ "sort", is_sort, "-pid,lport", "pids", OPTS_RUN },
	{ "summary", is_summary, NULL, NULL, OPTS_RUN },
	{ "watch", is_list_watch, "0.5", "0", OPTS_RUN },
	{ "watch", is_ports_watch, NULL, NULL, OPTS_RUN },
	{ "outbound", is_outbound, NULL, NULL, OPTS_RUN },
	{ "baseline", is_baseline, "/tmp/x", "", OPTS_RUN },
	{ "write-baseline", is_write_baseline, "/tmp/x", "", OPTS_RUN },
	{ "events", is_events, "close,fail", "close,closed", OPTS_RUN },
	{ "failed", is_failed, NULL, NULL, OPTS_RUN },
	{ "states", is_states, NULL, NULL, OPTS_RUN },
	{ "datagrams", is_datagrams, NULL, NULL, OPTS_RUN },
	{ "existing", is_existing, NULL, NULL, OPTS_RUN },
	{ "duration", is_duration, "2.5", "0", OPTS_RUN },
	{ "count", is_count, "5000000000", "0", OPTS_RUN },
	{ "udp-idle", is_udp_idle, "0.5", "0.0", OPTS_RUN },
	{ "udp-flows", is_udp_flows, "1000", "63", OPTS_RUN },
	{ "buffer", is_buffer, "64K", "48K", OPTS_RUN },
	{ "latency", is_latency, "0", "60001", OPTS_RUN },
	{ "backend", is_backend, "kprobe", "kprobes", OPTS_RUN },
	{ "as", is_as, "root", "no-such-user-here", OPTS_RUN },
	{ "stats", is_stats, NULL, NULL, OPTS_RUN },
	{ "verbose", is_verbose, NULL, NULL, OPTS_RUN },
	{ "help", is_help, NULL, NULL, OPTS_DONE },
	{ "version", is_version, NULL, NULL, OPTS_DONE },
};

/* Both tables have the same order: a name may stand there twice, of different commands. */
static const struct row_case *case_of(size_t i)
{
	if (i >= ARRAY_SIZE(cases) || strcmp(cases[i].name, opt_rows[i].name) != 0)
		fail_msg("--%s has no case in this test", opt_rows[i].name);
	return &cases[i];
}

/* A command that has the option. */
static char *command_of(const struct opt_row *row)
{
	static char name[16];
	int command = 0;

	while (!(row->commands & 1u << command))
		command++;
	snprintf(name, sizeof(name), "%s", command_names[command]);
	return name;
}

static void check_good(const struct row_case *c, enum opts_result result, const char *how)
{
	if (result != c->result || *err.text || !c->done())
		fail_msg("%s gave %d and said: %s", how, result, err.text);
}

static void test_each_row_takes_its_good_value(void **state)
{
	char name[32], joined[64], letter[] = "-x";

	(void)state;
	assert_int_equal(opt_row_cnt, ARRAY_SIZE(cases));
	for (size_t i = 0; i < opt_row_cnt; i++) {
		const struct row_case *c = case_of(i);
		char *command = command_of(&opt_rows[i]);
		char *dashes = c->done == is_as ? "--" : NULL, *program = "true";

		assert_int_equal(!c->good, !opt_rows[i].arg);
		snprintf(name, sizeof(name), "--%s", c->name);
		check_good(c, RUN(command, name, c->good, dashes, program), name);
		letter[1] = opt_rows[i].letter;
		if (letter[1])
			check_good(c, RUN(command, letter, c->good, dashes, program), letter);
		if (!c->good)
			continue;
		snprintf(joined, sizeof(joined), "--%s=%s", c->name, c->good);
		check_good(c, RUN(command, joined, dashes, program), joined);
		snprintf(joined, sizeof(joined), "%s%s", letter, c->good);
		if (letter[1])
			check_good(c, RUN(command, joined, dashes, program), joined);
	}
}

/* A value that is wrong, none where one is due, one where none is due. */
static void test_each_row_refuses_what_is_wrong(void **state)
{
	char name[32], joined[64], letter[] = "-x";

	(void)state;
	for (size_t i = 0; i < opt_row_cnt; i++) {
		const struct row_case *c = case_of(i);
		char *command = command_of(&opt_rows[i]);

		snprintf(name, sizeof(name), "--%s", c->name);
		letter[1] = opt_rows[i].letter;
		snprintf(joined, sizeof(joined), "--%s=%s", c->name, c->bad ? c->bad : "1");
		check_usage(RUN(command, joined), joined, name);
		if (!c->good) {
			assert_null(c->bad);
			continue;
		}
		assert_non_null(c->bad);
		check_usage(RUN(command, name), name, name);
		if (letter[1])
			check_usage(RUN(command, letter), letter, name);
		/* The value itself is shown, and where it began to be wrong. */
		if (*c->bad && !strchr(c->bad, ',')) {
			RUN(command, joined);
			assert_non_null(strstr(err.text, c->bad));
		}
	}
}

static void test_each_row_survives_hostile_values(void **state)
{
	static char *const values[] = {
		"\n",	    "\x1b[2J\x07\r\n",
		"%s%s%s%n", "\xff\xfe\xc0",
		",",	    ",,,,",
		"''",	    "-",
		"--",	    "99999999999999999999999999",
		"-1",	    "0x10",
		"1e3",	    "nan",
		" 1",	    "1 ",
	};
	char *big = malloc(50001), name[32];

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 50000);
	big[50000] = '\0';
	for (size_t i = 0; i < opt_row_cnt; i++) {
		if (!opt_rows[i].arg)
			continue;
		char *command = command_of(&opt_rows[i]);

		snprintf(name, sizeof(name), "--%s", opt_rows[i].name);
		for (size_t j = 0; j <= ARRAY_SIZE(values); j++) {
			char *value = j < ARRAY_SIZE(values) ? values[j] : big;

			if (RUN(command, name, value) != OPTS_RUN)
				check_usage(RUN(command, name, value), name, name);
		}
	}
	free(big);
}

static void test_defaults(void **state)
{
	(void)state;
	check_run(run((char *[]){ NULL }), "no argument");
	assert_int_equal(o.command, COMMAND_TRACE);
	assert_int_equal(o.events, EVENTS_DEFAULT);
	assert_int_equal(o.filters.set, 0);
	assert_int_equal(o.udp_idle_ns, 30000000000ull);
	assert_int_equal(o.duration_ns, 0);
	assert_int_equal(o.count, 0);
	assert_int_equal(o.buffer_bytes, 0);
	assert_int_equal(o.latency_ms, 100);
	assert_int_equal(o.backend, BACKEND_AUTO);
	assert_int_equal(o.color, COLOR_AUTO);
	assert_true(o.header);
	assert_null(o.output);
	assert_null(o.columns);
}

static void test_commands(void **state)
{
	(void)state;
	assert_run("trace", "-t");
	assert_int_equal(o.command, COMMAND_TRACE);
	assert_int_equal(o.filters.set, FILTER_TCP);
	assert_run("probe", "-v", "--backend=tracepoint");
	assert_int_equal(o.command, COMMAND_PROBE);
	assert_int_equal(o.backend, BACKEND_TRACEPOINT);
	assert_usage("unknown command 'foo'", "foo");
	assert_usage("unknown command 'Trace'", "Trace", "-t");
	assert_usage("unexpected argument 'foo'", "trace", "foo");
	assert_usage("unexpected argument 'probe'", "trace", "probe");
	assert_usage("unexpected argument '80'", "-t", "80");
	assert_usage("unexpected argument 'foo'", "probe", "--", "foo");
	assert_usage("'connsnoop probe [OPTIONS]'", "-v", "probe");
	assert_usage("unknown command ''", "");
	assert_usage("connsnoop probe --help", "probe", "-t");
	assert_usage("'--json'", "probe", "--json");
}

static void test_list(void **state)
{
	const uint32_t idle =
		1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_TIME_WAIT | 1u << TCP_SYN_RECV;

	(void)state;
	assert_run("list");
	assert_int_equal(o.command, COMMAND_LIST);
	assert_int_equal(o.states, ~idle);
	assert_int_equal(o.events, 1u << EVENT_EXISTING);
	assert_int_equal(o.watch_ns, 0);
	assert_null(o.sort);
	assert_run("list", "-s", "-l");
	assert_true(o.summary && is_listening());
	assert_run("list", "-s", "--state", "estab", "--state", "unconn");
	assert_true(o.summary);
	assert_int_equal(o.states, 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE);
	assert_run("list", "-w", "2", "--sort", "-rx_bytes", "-aj", "-p", "1", "--columns",
		   "change,pid");
	assert_usage("-l, -a and --state", "list", "-l", "-a");
	assert_usage("-l, -a and --state", "list", "--state", "estab", "-a");
	assert_usage("-l, -a and --state", "list", "--state", "estab", "-l");
	assert_usage("--summary", "list", "-s", "--columns", "pid");
	assert_usage("--summary", "list", "-s", "--sort", "pid");
	assert_usage("--summary", "list", "-s", "-w", "1");
	assert_usage("connsnoop list --help", "list", "-e", "close");
	assert_usage("connsnoop list --help", "list", "--existing");
	assert_usage("--listening", "--listening");
	assert_usage("unexpected argument 'tcp'", "list", "tcp");
	assert_usage("unexpected argument 'true'", "list", "--", "true");
}

static void assert_program(const char *first, const char *second)
{
	assert_int_equal(o.command, COMMAND_TRACE);
	assert_string_equal(o.command_argv[0], first);
	assert_string_equal(o.command_argv[1], second);
	assert_null(o.command_argv[2]);
	assert_int_equal(o.filters.set & FILTER_TREE, FILTER_TREE);
}

static void test_program(void **state)
{
	(void)state;
	assert_run("--", "ls", "-l");
	assert_program("ls", "-l");
	assert_run("trace", "-t", "--", "probe", "--help");
	assert_program("probe", "--help");
	assert_run("-e", "listen", "--", "--", "--");
	assert_program("--", "--");
	assert_int_equal(opts_kernel_events(&o),
			 1u << EVENT_LISTEN | EVENTS_TALLIED | EVENTS_ALWAYS);
	assert_run("-e", "listen");
	assert_null(o.command_argv);
	assert_int_equal(opts_kernel_events(&o), o.events);
	assert_int_equal(o.filters.set, 0);
}

static void test_no_program(void **state)
{
	(void)state;
	assert_usage("no program", "--");
	assert_usage("no program", "trace", "-t", "--");
	assert_usage("-- before a program", "ls");
	assert_usage("'--'", "--as", "root");
	/* Here "--" is the name of a file. */
	assert_usage("unexpected argument 'ls'", "-o", "--", "ls");
	assert_run("-o", "--");
	assert_string_equal(o.output, "--");
}

/* What the kernel sends for the table alone is not printed. */
static void test_show(void **state)
{
	struct event e = { .kind = EVENT_CONNECT };

	(void)state;
	assert_run("-f", "--", "true");
	assert_false(opts_show(&o, &e));
	e.kind = EVENT_FAIL;
	assert_true(opts_show(&o, &e));
	e.kind = EVENT_CLOSE;
	for (e.reason = 0; e.reason < REASON_CNT; e.reason++)
		assert_int_equal(opts_show(&o, &e),
				 e.reason != REASON_LOCAL && e.reason != REASON_REMOTE &&
					 e.reason != REASON_IDLE && e.reason != REASON_CLOSED);
	assert_run("-e", "close,state");
	e.reason = REASON_LOCAL;
	assert_true(opts_show(&o, &e));
	e.kind = EVENT_FLOW;
	assert_false(opts_show(&o, &e));
}

static void test_wrong_options(void **state)
{
	(void)state;
	assert_usage("unknown option '--bogus'; try 'connsnoop --help'", "--bogus");
	assert_usage("'--bogus=1'", "--bogus=1");
	assert_usage("unknown option '-x'", "-tx");
	assert_usage("unknown option '-:'", "-:");
	assert_usage("unknown option '-\\xc3'", "-é");
	assert_usage("unknown option '-\\x0a'", "-\n");
	assert_usage("ambiguous, it may be any of --columns, --color, --comm, --count", "--co");
	assert_usage("ambiguous", "--=");
	assert_usage("takes no value", "--json=yes");
	/* A good option before a wrong one must not be lost memory. */
	assert_usage("--count", "-o", "/tmp/x", "--columns", "pid", "-p1", "--count", "x");
}

static void test_letters_combine(void **state)
{
	(void)state;
	assert_run("-jnt4P80,443");
	assert_true(o.json && o.numeric);
	assert_int_equal(o.filters.set, FILTER_TCP | FILTER_IPV4 | FILTER_PORT);
	assert_int_equal(o.filters.ports[443], PORT_SET_ANY);
	assert_run("-fjp", "7");
	assert_int_equal(o.filters.pids[0], 7);
	/* The parser starts afresh after it stopped amid letters. */
	assert_usage("unknown option '-x'", "-jxn");
	assert_run("-u");
	assert_false(o.numeric);
	assert_int_equal(o.filters.set, FILTER_UDP);
}

static void test_abbreviations(void **state)
{
	(void)state;
	assert_run("--num", "--dur=1");
	assert_true(o.numeric);
	assert_run("--in");
	assert_int_equal(o.filters.set, FILTER_IN);
}

/* Nothing looks for names that no line would show. */
static void test_names_of_hosts(void **state)
{
	(void)state;
	assert_run("-j");
	assert_true(opts_want_names(&o));
	assert_run("--columns=time,remote");
	assert_true(opts_want_names(&o));
	assert_run("--columns=rname_source", "-e", "listen,fail");
	assert_true(opts_want_names(&o));
	assert_run("--columns=time,raddr,service");
	assert_false(opts_want_names(&o));
	assert_run("-jn");
	assert_false(opts_want_names(&o));
	assert_run("-j", "-e", "listen,unlisten"); /* of no remote side */
	assert_false(opts_want_names(&o));
	assert_run("list", "-s");
	assert_false(opts_want_names(&o));
	assert_usage("--numeric shows none", "--resolve", "-n");
	assert_usage("--summary shows none", "list", "--resolve", "-s");
}

/* Who asks for a column that only --link fills is not left with an empty one. */
static void test_link(void **state)
{
	(void)state;
	assert_run("--columns=time,remote,info");
	assert_false(o.link);
	assert_run("--columns=time,mtu");
	assert_true(o.link);
	assert_run("--columns=route");
	assert_true(o.link);
	assert_run("-j", "--columns=mtu"); /* which JSON does not look at */
	assert_false(o.link);
	assert_run("list", "--sort=-mss");
	assert_true(o.link);
	assert_run("list", "--link", "-s");
	assert_false(o.link);
	assert_run("ports", "--columns=mtu,lport");
	assert_false(o.link);
}

/* Conntrack is asked for what is shown. */
static void test_nat(void **state)
{
	(void)state;
	assert_run("-j");
	assert_false(opts_want_nat(&o));
	assert_run("--nat", "-j");
	assert_true(opts_want_nat(&o));
	assert_run("--columns=time,raddr,nat_raddr");
	assert_true(opts_want_nat(&o));
	assert_run("list", "--sort=-nat_rport");
	assert_true(opts_want_nat(&o));
	assert_run("list", "--nat", "--csv");
	assert_true(opts_want_nat(&o));
	assert_run("ports", "--columns=nat_raddr"); /* its lines have none */
	assert_false(opts_want_nat(&o));
	assert_usage("--nat says nothing", "list", "--nat", "-s");
	assert_usage("unknown option '--nat'", "ports", "--nat");
}

static void test_lists_add_up(void **state)
{
	(void)state;
	assert_run("-p1", "-p2,3", "-c", "a", "-c", "b", "-P80", "-P81", "-L80", "--user=0",
		   "--user=1", "-e", "fail", "-e", "close");
	assert_int_equal(o.filters.pid_cnt, 3);
	assert_int_equal(o.filters.comm_cnt, 2);
	assert_int_equal(o.filters.uid_cnt, 2);
	assert_int_equal(o.filters.ports[80], PORT_SET_ANY | PORT_SET_LOCAL);
	assert_int_equal(o.filters.ports[81], PORT_SET_ANY);
	assert_true(is_events());
	assert_run("--columns=pid", "--columns", "comm,event");
	assert_string_equal(o.columns, "pid,comm,event");
}

static void test_last_one_counts(void **state)
{
	(void)state;
	assert_run("-o", "a", "-o", "b", "--count=1", "--count=2", "--cgroup=a", "--cgroup=b");
	assert_string_equal(o.output, "b");
	assert_string_equal(o.filters.cgroup, "b");
	assert_int_equal(o.count, 2);
	assert_run("-o", "a", "-o", "-");
	assert_null(o.output);
}

static void test_full_pairs_are_no_filter(void **state)
{
	(void)state;
	assert_run("-tu", "-46", "--in", "--out");
	assert_int_equal(o.filters.set, 0);
	assert_run("-tu", "-4", "--out");
	assert_int_equal(o.filters.set, FILTER_IPV4 | FILTER_OUT);
}

static void test_kinds_of_event(void **state)
{
	(void)state;
	assert_run("-e", "flow", "--states", "--datagrams");
	assert_int_equal(o.events,
			 EVENTS_ALWAYS | 1u << EVENT_FLOW | 1u << EVENT_STATE | 1u << EVENT_SEND);
	assert_run("--states", "-e", "flow");
	assert_int_equal(o.events, EVENTS_ALWAYS | 1u << EVENT_FLOW | 1u << EVENT_STATE);
	assert_run("-e", "lost");
	assert_int_equal(o.events, EVENTS_ALWAYS);
	assert_run("-e", "existing");
	assert_int_equal(o.events, EVENTS_ALWAYS | 1u << EVENT_EXISTING);
	assert_usage("connect, established, accept", "-e", "x");
}

static void test_failed_narrows_the_kinds(void **state)
{
	(void)state;
	assert_run("-f", "-e", "close,flow");
	assert_true(o.failed_only);
	assert_int_equal(o.events, EVENTS_ALWAYS | 1u << EVENT_CLOSE);
	assert_usage("--events names neither", "-e", "connect", "-f");
	assert_usage("--states", "-f", "--states");
	assert_usage("--datagrams", "--datagrams", "-f");
}

static void test_sizes_of_the_buffer(void **state)
{
	(void)state;
	assert_run("--buffer=4096");
	assert_int_equal(o.buffer_bytes, 4096);
	assert_run("--buffer=16M");
	assert_int_equal(o.buffer_bytes, 16 << 20);
	assert_run("--buffer=1g");
	assert_int_equal(o.buffer_bytes, 1 << 30);
	assert_usage("'2048'", "--buffer=2048");
	assert_usage("'0'", "--buffer=0");
	assert_usage("'2G'", "--buffer=2G");
	assert_usage("'4097'", "--buffer=4097");
	assert_usage("'64KB'", "--buffer=64KB");
	assert_usage("'18014398509481984K'", "--buffer=18014398509481984K");
}

static void test_columns_help(void **state)
{
	(void)state;
	assert_int_equal(RUN("-j", "--columns", "help"), OPTS_DONE);
	assert_true(*out.text && !*err.text);
	assert_usage("--columns", "--columns", "");
	assert_usage("'bogus'", "--json", "--columns", "pid", "--columns", "bogus");
}

static const struct opt_row *row_of(const char *name, size_t len, uint32_t commands)
{
	for (size_t i = 0; i < opt_row_cnt; i++) {
		if (strlen(opt_rows[i].name) == len && !strncmp(opt_rows[i].name, name, len) &&
		    opt_rows[i].commands & commands)
			return &opt_rows[i];
	}
	return NULL;
}

/* The line of @help on which @row begins. */
static bool help_has(const char *help, const struct opt_row *row)
{
	char label[64];
	const char *found;

	if (row->letter)
		snprintf(label, sizeof(label), "\n  -%c, --%s", row->letter, row->name);
	else
		snprintf(label, sizeof(label), "\n      --%s", row->name);
	found = strstr(help, label);
	if (!found)
		return false;
	found += strlen(label);
	return row->arg ? *found == ' ' && strstr(found, row->arg) == found + 1 :
			  *found == '\n' || !strncmp(found, "  ", 2);
}

static void check_help(enum command command)
{
	const char *help = out.text;

	for (size_t i = 0; i < opt_row_cnt; i++) {
		bool wanted = opt_rows[i].commands & 1u << command;

		if (help_has(help, &opt_rows[i]) != wanted)
			fail_msg("help of %s and --%s", command_names[command], opt_rows[i].name);
	}
	/* Whatever else looks like an option is one of this command's. */
	for (const char *s = help; (s = strstr(s, "--"));) {
		const struct opt_row *row;
		size_t len;

		s += 2;
		len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
		row = row_of(s, len, 1u << command);
		if (!len) /* the end of the options */
			continue;
		if (!row)
			fail_msg("help of %s has --%.*s", command_names[command], (int)len, s);
	}
	while (*help) {
		size_t len = strcspn(help, "\n");

		if (len > 80 || (len && help[len - 1] == ' ') || help[len] != '\n')
			fail_msg("help of %s: '%.*s'", command_names[command], (int)len, help);
		help += len + 1;
	}
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(RUN("--help"), OPTS_DONE);
	check_help(COMMAND_TRACE);
	assert_int_equal(RUN("trace", "-h"), OPTS_DONE);
	check_help(COMMAND_TRACE);
	assert_int_equal(RUN("probe", "--help"), OPTS_DONE);
	check_help(COMMAND_PROBE);
	/* What stands behind it is not looked at, what stands before it is. */
	assert_int_equal(RUN("-j", "--help", "--bogus"), OPTS_DONE);
	assert_usage("--bogus", "--bogus", "--help");
}

static void test_help_names_what_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(RUN("--help"), OPTS_DONE);
	for (unsigned int i = 0; i < BACKEND_CNT; i++)
		assert_non_null(strstr(out.text, backend_name(i)));
	assert_null(backend_name(BACKEND_CNT));
	for (unsigned int i = 0; i < COMMAND_CNT; i++)
		assert_non_null(strstr(out.text, command_names[i]));
	for (unsigned int i = 0; i < EVENT_LOST; i++)
		assert_non_null(strstr(out.text, names_kind(i)));
	for (unsigned int i = 0; i < CLASS_CNT; i++)
		assert_non_null(strstr(out.text, names_class(i)));
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < opt_row_cnt; i++) {
		const struct opt_row *row = &opt_rows[i];

		assert_ptr_equal(row_of(row->name, strlen(row->name), row->commands), row);
		assert_non_null(row->set);
		assert_true(row->commands && !(row->commands >> COMMAND_CNT));
		assert_in_range(row->group, 0, GROUP_CNT - 1);
		assert_true(strlen(row->help) > 10 && row->help[strlen(row->help) - 1] != '.');
		assert_true(!row->letter || isalnum((unsigned char)row->letter));
		for (size_t j = 0; row->letter && j < i; j++)
			assert_true(row->letter != opt_rows[j].letter ||
				    !(row->commands & opt_rows[j].commands));
	}
}

static void test_no_program_name(void **state)
{
	char *argv[] = { NULL };

	(void)state;
	opts_free(&o);
	assert_int_equal(opts_parse(&o, NULL, 0, argv), OPTS_RUN);
}

static int load(void **state)
{
	(void)state;
	return services_load(&services);
}

static int unload(void **state)
{
	(void)state;
	services_free(services);
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table),
		TEST(test_each_row_takes_its_good_value),
		TEST(test_each_row_refuses_what_is_wrong),
		TEST(test_each_row_survives_hostile_values),
		TEST(test_defaults),
		TEST(test_commands),
		TEST(test_program),
		TEST(test_list),
		TEST(test_no_program),
		TEST(test_show),
		TEST(test_wrong_options),
		TEST(test_letters_combine),
		TEST(test_abbreviations),
		TEST(test_names_of_hosts),
		TEST(test_link),
		TEST(test_nat),
		TEST(test_lists_add_up),
		TEST(test_last_one_counts),
		TEST(test_full_pairs_are_no_filter),
		TEST(test_kinds_of_event),
		TEST(test_failed_narrows_the_kinds),
		TEST(test_sizes_of_the_buffer),
		TEST(test_columns_help),
		TEST(test_help),
		TEST(test_help_names_what_is_accepted),
		TEST(test_no_program_name),
	};

	return cmocka_run_group_tests_name("opts", tests, load, unload);
}
