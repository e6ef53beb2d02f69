// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What options mean together: what one implies, and which contradict each other. */
#include <netinet/tcp.h>
#include <stdlib.h>

#include "columns.h"
#include "fields.h"
#include "log.h"
#include "opts_table.h"
#include "sort.h"

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
	return 0;
}

static int check_as(const struct opts *o)
{
	if (!o->run_as || o->command_argv)
		return 0;
	log_err("--as says whose process the program behind '--' becomes, and there is none; %s",
		opts_help_hint(o->command));
	return -1;
}

static int finish_trace(struct opt_ctx *c)
{
	struct opts *o = c->o;

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
	return 0;
}

int opts_finish(struct opt_ctx *c)
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
	if (check_as(o) < 0)
		return -1;
	if (o->command_argv)
		o->filters.set |= FILTER_TREE;
	return o->command == COMMAND_PORTS ? finish_ports(c) : finish_trace(c);
}
