// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of options. Its order is that of --help. */
#include "opts_table.h"

#include "opts_set.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TRACE (1u << COMMAND_TRACE)
#define LIST (1u << COMMAND_LIST)
#define PORTS (1u << COMMAND_PORTS)
#define PROBE (1u << COMMAND_PROBE)
#define LISTS (LIST | PORTS)
#define SHOWS (TRACE | LISTS)
#define IN_OPTS(member) .offset = offsetof(struct opts, member)

const struct opt_row opt_rows[] = {
	{ "output", 'o', "FILE", SHOWS, GROUP_OUTPUT, opt_set_output,
	  .help = "write to FILE instead of stdout, which '-' stands for; messages "
		  "always go to stderr" },
	{ "json", 'j', NULL, SHOWS, GROUP_OUTPUT, opt_set_bool, IN_OPTS(json), .value = true,
	  .help = "JSON lines: one object a line, UTF-8" },
	{ "csv", 0, NULL, LISTS, GROUP_OUTPUT, opt_set_bool, IN_OPTS(csv), .value = true,
	  .help = "comma-separated values, as RFC 4180 has them" },
	{ "markdown", 0, NULL, LISTS, GROUP_OUTPUT, opt_set_bool, IN_OPTS(markdown), .value = true,
	  .help = "a table of Markdown, for a report" },
	{ "numeric", 'n', NULL, SHOWS, GROUP_OUTPUT, opt_set_bool, IN_OPTS(numeric), .value = true,
	  .help = "no names: ports as numbers, addresses as addresses" },
	{ "resolve", 0, NULL, TRACE | LIST, GROUP_OUTPUT, opt_set_bool, IN_OPTS(resolve),
	  .value = true,
	  .help = "ask the resolver for the names of remote addresses that nothing else knows, which "
		  "sends packets; no event waits for its answer. list asks without it, but not with "
		  "-j" },
	{ "link", 0, NULL, TRACE | LIST, GROUP_OUTPUT, opt_set_bool, IN_OPTS(link), .value = true,
	  .help = "also by which way a connection goes: its interface, next hop, their MAC addresses, TTL, "
		  "MTU, MSS and DSCP; implied by a column that shows one of them" },
	{ "no-libc", 0, NULL, TRACE | PROBE, GROUP_OUTPUT, opt_set_bool, IN_OPTS(no_libc),
	  .value = true,
	  .help = "names of remote addresses only from the answers of name servers, not from what "
		  "getaddrinfo() of libc tells a process, which takes a breakpoint there" },
	{ "nat", 0, NULL, TRACE | LIST, GROUP_OUTPUT, opt_set_bool, IN_OPTS(nat), .value = true,
	  .help = "the real other end, where this host translates addresses (DNAT, SNAT), as the "
		  "kernel's connection tracking has it" },
	{ "columns", 0, "A,B,...", SHOWS, GROUP_OUTPUT, opt_set_columns,
	  .help = "the columns of the text, of CSV and Markdown, and their order; '--columns help' lists them" },
	{ "no-header", 0, NULL, SHOWS, GROUP_OUTPUT, opt_set_bool, IN_OPTS(header), .value = false,
	  .help = "text without the line that names the columns" },
	{ "color", 0, "WHEN", SHOWS, GROUP_OUTPUT, opt_set_color,
	  .help = "auto (on a terminal, unless NO_COLOR is set; the default), always or never" },

	{ "pid", 'p', "PID[,PID]", SHOWS, GROUP_FILTERS, opt_set_pids,
	  .help = "only sockets that these processes own" },
	{ "comm", 'c', "NAME", SHOWS, GROUP_FILTERS, opt_set_comm,
	  .help = "only processes of this name, as ps -o comm shows it: the whole name, of which "
		  "the kernel keeps the first 15 bytes; for several names, repeat the option" },
	{ "user", 0, "USER[,USER]", SHOWS, GROUP_FILTERS, opt_set_users,
	  .help = "only processes of these users, by name or uid" },
	{ "cgroup", 0, "PATH", SHOWS, GROUP_FILTERS, opt_set_cgroup,
	  .help = "only processes in this cgroup and below: an absolute path in the file system, "
		  "or one relative to the root of the cgroup v2 hierarchy" },
	{ "netns", 0, "PID or PATH", SHOWS, GROUP_FILTERS, opt_set_netns,
	  .help = "only this network namespace: that of process PID, the one at PATH, or one "
		  "by its name in /run/netns" },
	{ "tcp", 't', NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_TCP,
	  .help = "only TCP; with -u, both" },
	{ "udp", 'u', NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_UDP,
	  .help = "only UDP; with -t, both" },
	{ "ipv4", '4', NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_IPV4,
	  .help = "only IPv4, as it travels: IPv4-mapped IPv6 addresses too; with -6, both" },
	{ "ipv6", '6', NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_IPV6,
	  .help = "only IPv6; with -4, both" },
	{ "port", 'P', "LIST", SHOWS, GROUP_FILTERS, opt_set_ports, .value = PORT_SET_ANY,
	  .help = "only where the local or the remote port is in LIST: numbers, ranges and names "
		  "of services, as in 80,8000-8999,https" },
	{ "lport", 'L', "LIST", SHOWS, GROUP_FILTERS, opt_set_ports, .value = PORT_SET_LOCAL,
	  .help = "only where the local port is in LIST" },
	{ "rport", 'R', "LIST", SHOWS, GROUP_FILTERS, opt_set_ports, .value = PORT_SET_REMOTE,
	  .help = "only where the remote port is in LIST" },
	{ "net", 'A', "CIDR[,CIDR]", SHOWS, GROUP_FILTERS, opt_set_nets,
	  .help = "only where the remote address is in one of these networks, as in "
		  "10.0.0.0/8,fd00::/8,192.0.2.1; '!CIDR' excludes one. Of several that match, "
		  "the longest prefix decides; where none does, the address is wanted only if "
		  "all of them exclude" },
	{ "class", 0, "CLASS[,CLASS]", SHOWS, GROUP_FILTERS, opt_set_classes,
	  .help = "only where the server's port is well-known (below 1024), registered (below "
		  "49152) or private" },
	{ "in", 0, NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_IN,
	  .help = "only connections accepted here; with --out, both" },
	{ "out", 0, NULL, SHOWS, GROUP_FILTERS, opt_set_filter, .value = FILTER_OUT,
	  .help = "only connections opened from here; with --in, both" },

	{ "listening", 'l', NULL, LIST, GROUP_SOCKETS, opt_set_bool, IN_OPTS(listening),
	  .value = true, .help = "only what listens: TCP in LISTEN, UDP without a peer" },
	{ "all", 'a', NULL, LIST, GROUP_SOCKETS, opt_set_bool, IN_OPTS(all), .value = true,
	  .help = "every socket; the default is those with a peer, without LISTEN, UNCONN, "
		  "TIME-WAIT and SYN-RECV" },
	{ "state", 0, "STATE[,STATE]", LIST, GROUP_SOCKETS, opt_set_states,
	  .help = "only sockets in these states: estab, listen, unconn, syn-sent, syn-recv, "
		  "fin-wait-1, fin-wait-2, time-wait, close-wait, last-ack, closing" },
	{ "sort", 0, "FIELD[,FIELD]", LIST, GROUP_SOCKETS, opt_set_sort,
	  .help = "in the order of these fields, '-FIELD' from the largest down; keeps all in "
		  "memory before the first line" },
	{ "summary", 's', NULL, LIST, GROUP_SOCKETS, opt_set_bool, IN_OPTS(summary), .value = true,
	  .help = "not the sockets but how many, by protocol, state, port class and process; of all "
		  "states unless -l or --state says otherwise" },
	{ "watch", 'w', "SECONDS", LIST, GROUP_SOCKETS, opt_set_seconds, IN_OPTS(watch_ns),
	  .help = "again and again, with that time between, marking what is new and what is gone" },

	{ "watch", 'w', NULL, PORTS, GROUP_PORTS, opt_set_bool, IN_OPTS(follow_ports),
	  .value = true,
	  .help = "then go on, and print each port that is opened (+) or given up (-), until "
		  "stopped; at the end those still open (=), with what they have accepted" },
	{ "outbound", 0, NULL, PORTS, GROUP_PORTS, opt_set_bool, IN_OPTS(outbound), .value = true,
	  .help = "also which executable talks to which remote ports, each once" },
	{ "baseline", 0, "FILE", PORTS, GROUP_PORTS, opt_set_file, IN_OPTS(baseline),
	  .help = "compare with the rules in FILE, and print what is new (+), gone (-) and with "
		  "another owner (~); exit status 3 if there is anything. A rule is a line of "
		  "the JSON of ports, whose keys can be left out" },
	{ "write-baseline", 0, "FILE", PORTS, GROUP_PORTS, opt_set_file, IN_OPTS(write_baseline),
	  .help = "write such a FILE of what is open, and print nothing" },

	{ "events", 'e', "LIST", TRACE, GROUP_TRACING, opt_set_events,
	  .help = "only these kinds of event: connect, established, accept, fail, close, listen, "
		  "unlisten, flow, send, state, existing; the default is all but the last three. "
		  "Events that were lost are always told" },
	{ "failed", 'f', NULL, TRACE, GROUP_TRACING, opt_set_bool, IN_OPTS(failed_only),
	  .value = true,
	  .help = "only what failed: fail, and close with any reason but local, remote, idle and "
		  "closed; of the kinds that --events names, only these two remain" },
	{ "states", 0, NULL, TRACE, GROUP_TRACING, opt_add_events, .value = 1u << EVENT_STATE,
	  .help = "add an event for every TCP state change" },
	{ "datagrams", 0, NULL, TRACE, GROUP_TRACING, opt_add_events, .value = 1u << EVENT_SEND,
	  .help = "add an event for every UDP datagram, not only one for each flow" },
	{ "existing", 0, NULL, TRACE, GROUP_TRACING, opt_add_events, .value = 1u << EVENT_EXISTING,
	  .help = "begin with an event for every TCP and UDP socket that is there already, of all "
		  "network namespaces, with its owner, state and totals so far" },
	{ "duration", 'd', "SECONDS", TRACE | PORTS, GROUP_TRACING, opt_set_seconds,
	  IN_OPTS(duration_ns),
	  .help = "stop after that time, as in 10 or 0.5; of ports, what was open at any time within it" },
	{ "count", 0, "N", TRACE, GROUP_TRACING, opt_set_count, .help = "stop after N events" },
	{ "udp-idle", 0, "SECONDS", TRACE, GROUP_TRACING, opt_set_seconds, IN_OPTS(udp_idle_ns),
	  .help = "a UDP flow with no datagram for so long has ended (default 30)" },
	{ "udp-flows", 0, "N", TRACE | PROBE, GROUP_TRACING, opt_set_flows,
	  .help = "how many UDP flows to remember, 64 to 4194304 (default 262144, before Linux 6.1 "
		  "16384); when three quarters are reached, the least recently used are closed "
		  "as idle, until half is left" },
	{ "buffer", 0, "SIZE", TRACE | PROBE, GROUP_TRACING, opt_set_buffer,
	  .help = "size of the ring buffer: a power of two from one page to 1G, as in 4096, 64K "
		  "or 16M" },
	{ "latency", 0, "MS", TRACE, GROUP_TRACING, opt_set_latency,
	  .help = "longest time an event may wait in the buffer before it is printed, up to 60000 "
		  "(default 100; 0: print at once)" },
	{ "backend", 0, "NAME", TRACE | PORTS | PROBE, GROUP_TRACING, opt_set_backend,
	  .help = "how to attach: fentry, kprobe, tracepoint, or auto (the default), which takes "
		  "the best that really attaches, hook by hook" },
	{ "as", 0, "USER", TRACE | PORTS, GROUP_TRACING, opt_set_as,
	  .help = "run PROGRAM as this user, by name or uid, with the user's groups, HOME, USER and "
		  "LOGNAME" },
	{ "stats", 0, NULL, TRACE, GROUP_TRACING, opt_set_bool, IN_OPTS(stats), .value = true,
	  .help = "at exit, on stderr: events by kind, lost ones by kind and reason, the answers of "
		  "name servers that were seen and lost, and the runs and ns per run of each BPF "
		  "program" },

	{ "verbose", 'v', NULL, SHOWS | PROBE, GROUP_OTHER, opt_set_bool, IN_OPTS(verbose),
	  .value = true, .help = "say more on stderr, libbpf's own messages too" },
	{ "help", 'h', NULL, SHOWS | PROBE, GROUP_OTHER, opt_show_help,
	  .help = "print this help and exit" },
	{ "version", 'V', NULL, SHOWS | PROBE, GROUP_OTHER, opt_show_version,
	  .help = "print the version and exit" },
};

const size_t opt_row_cnt = ARRAY_SIZE(opt_rows);
