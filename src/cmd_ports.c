// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop ports: which processes have which ports open, now or for a while, and is that allowed. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "baseline.h"
#include "baseline_file.h"
#include "clock.h"
#include "commands.h"
#include "log.h"
#include "opts.h"
#include "output.h"
#include "port_lines.h"
#include "ports.h"
#include "resolve.h"
#include "show.h"
#include "snapshot.h"
#include "tracer.h"
#include "watch.h"

#define OUTBOUND_COLUMNS "proto,local,dir,remote,scope,service,user,opened,conns,owner,exe,info"
#define TABLE_COLUMNS                                                                              \
	"proto,laddr,lport,scope,service,pid,comm,exe,user,container,since,connections,unexpected"
#define OUTBOUND_TABLE_COLUMNS                                                                     \
	"proto,laddr,lport,direction,raddr,rport,scope,service,pid,comm,exe,user,container,since," \
	"connections,unexpected"
/* Connections that are open: neither beginning nor over. */
#define OPEN_STATES                                                                                \
	(1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_ESTABLISHED | 1u << TCP_FIN_WAIT1 |        \
	 1u << TCP_FIN_WAIT2 | 1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING)

struct cmd {
	const struct opts *opts;
	struct resolver *resolver;
	struct port_lines *lines;
	struct output *output;
	struct ports *ports;
	struct tracer *tracer;	   /* NULL: only what is open now */
	struct watch *watch;	   /* likewise */
	struct baseline *baseline; /* NULL: none to compare with */
	struct account account;
	struct buf rules; /* --write-baseline */
	size_t last_rule_len;
	size_t drift_cnt;
	int err; /* ends it */
};

/* --- telling ------------------------------------------------------------------------------------- */

static int print(struct cmd *c, struct port_row *row, enum change change)
{
	struct line l;

	port_line(c->lines, row, &l);
	l.change = change;
	if (c->opts->numeric)
		port_line_leave_names(&l);
	return output_line(c->output, &l);
}

static int print_open(void *ctx, struct port_row *row)
{
	return print(ctx, row, CHANGE_NONE);
}

/* After a while: what was given up, and what not. */
static int print_kept(void *ctx, struct port_row *row)
{
	return print(ctx, row, row->closed ? CHANGE_GONE : CHANGE_OPEN);
}

/* --- what comes ---------------------------------------------------------------------------------- */

/* Only of what goes out: there are many others. */
static struct str exe_of(struct cmd *c, const struct event *e)
{
	struct line l;

	if (!c->opts->outbound || e->direction != DIRECTION_OUT)
		return STR("");
	resolver_line(c->resolver, e, &l);
	return l.exe;
}

static int on_event(struct cmd *c, const void *record, size_t size)
{
	struct event e = { 0 };
	struct port_row *row;
	enum change change;
	int err;

	memcpy(&e, record, size < sizeof(e) ? size : sizeof(e));
	err = ports_add_event(c->ports, &e, exe_of(c, &e), &change, &row);
	if (err || change == CHANGE_NONE)
		return err;
	port_complete(c->lines, row);
	return c->opts->follow_ports ? print(c, row, change) : 0;
}

/* Of both tracers. */
static int on_record(void *ctx, const void *record, size_t size)
{
	const struct event *e = record;
	struct cmd *c = ctx;

	if (size < sizeof(e->kind))
		return 0;
	if (e->kind == RECORD_EXE)
		resolver_add_exe(c->resolver, record, size);
	else if (e->kind == RECORD_CGROUP)
		resolver_add_cgroup(c->resolver, record, size);
	else if (e->kind == RECORD_HOLDER)
		resolver_add_holder(c->resolver, record, size);
	else if (e->kind == EVENT_EXISTING && size >= sizeof(*e))
		c->err = ports_add_socket(c->ports, e, exe_of(c, e));
	else if (e->kind < EVENT_EXISTING && size >= EVENT_HEAD_SIZE)
		c->err = on_event(c, record, size);
	return c->err;
}

static int complete(void *ctx, struct port_row *row)
{
	struct cmd *c = ctx;

	port_complete(c->lines, row);
	return 0;
}

/* All sockets that exist now, of whichever process the filters want. */
static int read_sockets(struct cmd *c)
{
	struct opts opts = *c->opts;
	int err;

	opts.command = COMMAND_LIST;
	opts.events = 1u << EVENT_EXISTING;
	opts.states = OPEN_STATES;
	opts.command_argv = NULL;
	opts.backend = BACKEND_AUTO; /* iterators are none of them */
	ports_forget_connections(c->ports);
	resolver_forget_holders(c->resolver);
	err = snapshot_read(&opts, on_record, c);
	return err ?: ports_each(c->ports, complete, c);
}

/* --- for a while --------------------------------------------------------------------------------- */

static int tell_losses(struct cmd *c)
{
	struct event e = { .kind = EVENT_LOST, .ts_ns = clock_monotonic_ns() };
	struct losses losses;
	struct line l;
	int err = 0;

	if (tracer__losses(c->tracer, &losses))
		return 0;
	losses_forget(&losses, ~c->opts->events);
	resolver_line(c->resolver, &e, &l);
	while (!err && (l.lost_count = account_next_loss(&c->account, &losses, &l.lost_kind,
							 &l.lost_reason))) {
		c->account.printed[EVENT_LOST]++;
		err = output_line(c->output, &l);
	}
	return err;
}

static int idle(void *ctx)
{
	struct cmd *c = ctx;
	int err = tell_losses(c);

	return err ?: output_flush(c->output);
}

static bool takes_a_while(const struct opts *o)
{
	return o->follow_ports || o->duration_ns || o->command_argv;
}

/* Everything is traced before the sockets are read: what is opened meanwhile is in both, and told once. */
static int watch_begin(struct cmd *c)
{
	struct opts opts = *c->opts;
	int err;

	opts.command = COMMAND_TRACE;
	opts.command_argv = NULL;
	opts.latency_ms = 0;
	opts.cgroups |= opts.csv || opts.markdown; /* TABLE_COLUMNS */
	if (!c->opts->follow_ports)
		ports_keep_closed(c->ports);
	err = tracer__open(&c->tracer, &opts, on_record, c);
	err = err ?: watch_open(&c->watch, c->opts, c->tracer);
	return err ?: tracer__scan(c->tracer);
}

static int watch(struct cmd *c)
{
	int err = c->opts->follow_ports ? ports_each(c->ports, print_open, c) : 0;

	err = err ?: output_flush(c->output);
	log_debug("watching");
	err = err ?: watch_start(c->watch);
	err = err ?: watch_run(c->watch, idle, c);
	/* how many connections there are now; of a command, nothing is left */
	if (!err && !c->opts->command_argv)
		err = read_sockets(c);
	return err;
}

/* --- the baseline -------------------------------------------------------------------------------- */

static int mark_allowed(void *ctx, struct port_row *row)
{
	struct cmd *c = ctx;
	struct line l;

	port_line(c->lines, row, &l);
	row->allowed = baseline_allows(c->baseline, &l);
	return 0;
}

static int print_drift(void *ctx, struct port_row *row)
{
	struct cmd *c = ctx;
	const struct rule *rule;
	struct line l;

	if (row->allowed)
		return 0;
	port_line(c->lines, row, &l);
	rule = baseline_changed(c->baseline, &l);
	if (rule) {
		row->facts.rule_line = rule_line(rule);
		row->facts.was = rule_owner(rule);
	}
	c->drift_cnt++;
	return print(c, row, rule ? CHANGE_CHANGED : CHANGE_NEW);
}

static int print_gone_rules(struct cmd *c)
{
	const struct rule *rule = NULL;
	struct port_facts facts;
	struct line l, named;
	struct event e;
	int err = 0;

	while (!err && (rule = baseline_gone(c->baseline, rule))) {
		rule_as_line(rule, &e, &facts, &l);
		e.ts_ns = clock_monotonic_ns();
		resolver_line(c->resolver, &e, &named);
		l.utc_ns = named.utc_ns;
		l.lservice = named.lservice;
		l.rservice = named.rservice;
		if (c->opts->numeric)
			port_line_leave_names(&l);
		c->drift_cnt++;
		err = output_line(c->output, &l);
	}
	return err;
}

static int compare(struct cmd *c)
{
	int err = ports_each(c->ports, mark_allowed, c);

	err = err ?: ports_each(c->ports, print_drift, c);
	return err ?: print_gone_rules(c);
}

static int put_rule(void *ctx, struct port_row *row)
{
	size_t begin, len;
	struct cmd *c = ctx;
	struct line l;

	begin = c->rules.len;
	port_line(c->lines, row, &l);
	baseline_put(&c->rules, &l);
	len = c->rules.len - begin;
	/* the same of the row before, which stands beside it: several processes of one server */
	if (len && len == c->last_rule_len &&
	    !memcmp(c->rules.data + begin - len, c->rules.data + begin, len))
		c->rules.len = begin;
	c->last_rule_len = len;
	return c->rules.err;
}

static int write_rules(struct cmd *c)
{
	int err = ports_each(c->ports, put_rule, c);

	return err ?: baseline_write(c->opts->write_baseline, &c->rules);
}

/* --- setting up ---------------------------------------------------------------------------------- */

static int open_output(struct cmd *c)
{
	const struct opts *o = c->opts;
	const char *marks = takes_a_while(o) || o->baseline ? "mark," : "";
	const char *changes = *marks ? "change," : "",
		   *accepted = takes_a_while(o) ? ",accepted" : "";
	struct opts plain = *o;
	char text[160], table[256];

	snprintf(text, sizeof(text), "%s%s", marks, o->outbound ? OUTBOUND_COLUMNS : PORTS_COLUMNS);
	snprintf(table, sizeof(table), "%s%s%s%s", changes,
		 o->outbound ? OUTBOUND_TABLE_COLUMNS : TABLE_COLUMNS, accepted,
		 o->baseline ? ",was,rule" : "");
	plain.header = o->header && !o->write_baseline;
	return show_open(&c->output, &plain, text, table);
}

static int cmd_open(struct cmd *c, const struct services *services)
{
	int err = c->opts->baseline ? baseline_read(&c->baseline, c->opts->baseline) : 0;

	err = err ?: resolver_open(&c->resolver, services);
	if (err)
		return err;
	c->ports = ports_new();
	c->lines = port_lines_new(c->resolver, takes_a_while(c->opts));
	if (!c->ports || !c->lines)
		return -ENOMEM;
	if (c->opts->outbound)
		ports_want_outbound(c->ports);
	return open_output(c);
}

static int run(struct cmd *c)
{
	const struct opts *o = c->opts;
	int err = takes_a_while(o) ? watch_begin(c) : 0;

	/* a command has nothing open before it runs */
	if (!o->command_argv)
		err = err ?: read_sockets(c);
	if (takes_a_while(o))
		err = err ?: watch(c);
	if (err)
		return err;
	if (o->write_baseline)
		err = write_rules(c);
	else if (o->baseline)
		err = compare(c);
	else
		err = ports_each(c->ports, takes_a_while(o) ? print_kept : print_open, c);
	return err ?: output_flush(c->output);
}

static void cmd_close(struct cmd *c)
{
	baseline_free(c->baseline);
	ports_free(c->ports);
	port_lines_free(c->lines);
	resolver_close(c->resolver);
	buf_free(&c->rules);
}

int cmd_ports(const struct opts *opts, const struct services *services)
{
	struct cmd c = { .opts = opts };
	int err = cmd_open(&c, services), close_err, theirs, status;

	err = err ?: run(&c);
	theirs = watch_close(c.watch);
	tracer__close(c.tracer);
	if (err && c.output)
		output_leave_header(c.output);
	close_err = output_close(c.output);
	err = err ?: close_err;
	if (err == -ENOMEM)
		log_err("cannot look at the ports: out of memory");
	status = err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
	status = status ?: theirs;
	status = status ?: c.drift_cnt ? EXIT_DRIFT : EXIT_SUCCESS;
	cmd_close(&c);
	return status;
}
