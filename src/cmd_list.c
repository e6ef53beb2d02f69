// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop list: the sockets that exist, once or again and again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census.h"
#include "clock.h"
#include "commands.h"
#include "hostnames.h"
#include "log.h"
#include "opts.h"
#include "output.h"
#include "resolve.h"
#include "seen.h"
#include "show.h"
#include "snapshot.h"
#include "sort.h"

#define NS_PER_S 1000000000ULL
#define TABLE_BEGIN "proto,state,recvq,sendq,laddr,lport,direction,raddr,rport"
#define COLUMNS_END ",service,user,process"
#define COLUMNS_MAX 256

#define LINK_TABLE_COLUMNS ",link,ifname,ifindex,mac,next_hop,next_hop_mac,ttl,mtu,mss,dscp"

#define NS_PER_MS 1000000ULL
#define BATCH 512
#define NAMES_MS 2000 /* what the names of one look may take */

struct waiting {
	struct event event;
	enum change change;
};

struct names {
	struct hostnames *hosts; /* NULL: no names */
	struct waiting *batch;	 /* of BATCH */
	size_t cnt;
	unsigned int left_ms;
};

struct list {
	const struct opts *opts;
	struct resolver *resolver;
	struct output *output;
	struct sort *sort;     /* NULL: as they come */
	struct seen *seen;     /* NULL: only once */
	struct census *census; /* NULL: the sockets themselves */
	struct names names;
	char text[COLUMNS_MAX]; /* columns without --columns */
	char table[COLUMNS_MAX];
	int err; /* ends it */
};

/* --- lines ------------------------------------------------------------------------------------ */

static void set_name(struct line *l, struct str name)
{
	l->rname = name;
	l->rname_source = name.len ? RNAME_LOOKUP : RNAME_NONE;
}

static int print(struct list *list, const struct event *e, enum change change)
{
	struct line l;

	resolver_line(list->resolver, e, &l);
	l.change = change;
	if (list->names.hosts && e->flags & EVENT_F_REMOTE)
		set_name(&l, hostnames_get(list->names.hosts, e->raddr, e->ipv));
	return output_line(list->output, &l);
}

/* --- names of hosts: asked for many sockets at a time, before these are printed -------------- */

static int names_end_batch(struct list *list)
{
	struct names *n = &list->names;
	uint64_t begin_ns = clock_monotonic_ns(), ms;
	int err = 0;

	hostnames_wait(n->hosts, n->left_ms);
	ms = (clock_monotonic_ns() - begin_ns) / NS_PER_MS;
	n->left_ms -= ms < n->left_ms ? ms : n->left_ms;
	for (size_t i = 0; !err && i < n->cnt; i++)
		err = print(list, &n->batch[i].event, n->batch[i].change);
	n->cnt = 0;
	hostnames_trim(n->hosts);
	return err;
}

static int names_add(struct list *list, const struct event *e, enum change change)
{
	struct names *n = &list->names;

	n->batch[n->cnt++] = (struct waiting){ .event = *e, .change = change };
	if (n->left_ms && e->flags & EVENT_F_REMOTE)
		hostnames_ask(n->hosts, e->raddr, e->ipv);
	return n->cnt < BATCH ? 0 : names_end_batch(list);
}

static bool wants_names(const struct opts *o)
{
	return opts_want_names(o) && (!o->json || o->resolve);
}

static int names_open(struct list *list)
{
	struct names *n = &list->names;

	if (!wants_names(list->opts))
		return 0;
	n->hosts = hostnames_new();
	n->batch = n->hosts ? calloc(BATCH, sizeof(*n->batch)) : NULL;
	if (n->hosts && !n->batch)
		return -ENOMEM;
	if (!n->hosts)
		log_debug("nobody can be asked for the names of hosts");
	return 0;
}

static void names_close(struct list *list)
{
	hostnames_free(list->names.hosts);
	free(list->names.batch);
}

/* --- from a record to a line ------------------------------------------------------------------ */

static int tell(struct list *list, const struct event *e, enum change change)
{
	return list->names.hosts ? names_add(list, e, change) : print(list, e, change);
}

static int tell_sorted(void *ctx, const struct event *e)
{
	struct list *list = ctx;

	return tell(list, e, list->seen ? seen_change(list->seen, e) : CHANGE_NONE);
}

static int tell_gone(void *ctx, const struct event *e)
{
	return tell(ctx, e, CHANGE_GONE);
}

static int on_socket(struct list *list, const struct event *e)
{
	enum change change;
	struct line l;

	/* our own question for a name: it is there only because somebody looks */
	if (list->names.hosts && hostnames_owns(list->names.hosts, e->id))
		return 0;
	change = list->seen ? seen_add(list->seen, e) : CHANGE_NONE;
	if (!list->census && !list->sort)
		return tell(list, e, change);
	resolver_line(list->resolver, e, &l);
	return list->census ? census_add(list->census, &l) : sort_add(list->sort, &l);
}

static int on_record(void *ctx, const void *record, size_t size)
{
	const struct event *e = record;
	struct list *list = ctx;

	if (e->kind == RECORD_EXE)
		resolver_add_exe(list->resolver, record, size);
	else if (e->kind == RECORD_HOLDER)
		resolver_add_holder(list->resolver, record, size);
	else if (e->kind == RECORD_LINK)
		resolver_add_link(list->resolver, record, size);
	else if (e->kind == EVENT_EXISTING && size >= sizeof(*e))
		list->err = on_socket(list, e);
	return list->err;
}

/* --- one look ---------------------------------------------------------------------------------- */

static int print_census(struct list *list)
{
	struct buf b = { 0 };
	int err;

	census_put(list->census, list->opts->json, &b);
	err = b.err ?: output_bytes(list->output, b.data, b.len);
	buf_free(&b);
	return err;
}

static int look(struct list *list)
{
	int err;

	resolver_forget_holders(list->resolver);
	list->names.left_ms = NAMES_MS;
	err = snapshot_read(list->opts, on_record, list);
	if (!err && list->sort)
		err = sort_end(list->sort, tell_sorted, list);
	if (!err && list->seen)
		err = seen_end(list->seen, tell_gone, list);
	if (!err && list->names.hosts)
		err = names_end_batch(list);
	if (!err && list->census)
		err = print_census(list);
	resolver_rest(list->resolver);
	return err ?: output_flush(list->output);
}

/* --- again -------------------------------------------------------------------------------------- */

/* Sleep until the next look; true when a signal has ended it. */
static bool sleep_or_end(const sigset_t *signals, uint64_t ns)
{
	const struct timespec time = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	return sigtimedwait(signals, NULL, &time) >= 0;
}

static int look_again(struct list *list)
{
	const struct opts *o = list->opts;
	bool is_text = !o->json && !o->csv && !o->markdown;
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	err = look(list);
	while (!err && !sleep_or_end(&signals, list->opts->watch_ns)) {
		err = is_text ? output_bytes(list->output, "\n", 1) : 0;
		err = err ?: is_text ? output_header(list->output) : 0;
		err = err ?: look(list);
	}
	return err;
}

/* --- setting up --------------------------------------------------------------------------------- */

/* Without --columns: into @columns of COLUMNS_MAX, what --nat and --link add included. */
static const char *columns_of(const struct opts *o, char *columns, const char *begin,
			      const char *nat, const char *link)
{
	snprintf(columns, COLUMNS_MAX, "%s%s%s" COLUMNS_END "%s", o->watch_ns ? "change," : "",
		 begin, o->nat ? nat : "", o->link ? link : "");
	return columns;
}

static int list_open(struct list *list, const struct services *services)
{
	const struct opts *o = list->opts;
	struct opts plain;
	int err = resolver_open(&list->resolver, o->numeric ? NULL : services);

	if (err)
		return err;
	list->sort = o->sort ? sort_new(o->sort) : NULL;
	list->seen = o->watch_ns ? seen_new() : NULL;
	list->census = o->summary ? census_new() : NULL;
	if ((o->sort && !list->sort) || (o->watch_ns && !list->seen) ||
	    (o->summary && !list->census) || names_open(list)) {
		log_err("cannot begin: out of memory");
		return -ENOMEM;
	}
	if (!list->names.hosts && opts_want_names(o)) /* who asks is told of /etc/hosts as well */
		err = resolver_name_hosts(list->resolver, false);
	if (err)
		return err;
	if (o->link)
		err = resolver_tell_links(list->resolver, true);
	if (opts_want_nat(o))
		err = err ?: resolver_find_nat(list->resolver);
	if (err)
		return err;
	plain = *o;
	plain.header = o->header && !o->summary;
	err = show_open(&list->output, &plain,
			columns_of(o, list->text, LIST_BEGIN, ",nat", ",route"),
			columns_of(o, list->table, TABLE_BEGIN, ",nat_raddr,nat_rport",
				   LINK_TABLE_COLUMNS));
	if (!err && !output_wants_paths(list->output))
		resolver_leave_paths(list->resolver);
	return err;
}

int cmd_list(const struct opts *opts, const struct services *services)
{
	struct list list = { .opts = opts };
	int err = list_open(&list, services), close_err;

	if (!err)
		err = opts->watch_ns ? look_again(&list) : look(&list);
	if (err && list.output)
		output_leave_header(list.output);
	close_err = output_close(list.output);
	err = err ?: close_err;
	sort_free(list.sort);
	seen_free(list.seen);
	census_free(list.census);
	names_close(&list);
	resolver_close(list.resolver);
	if (err == -ENOMEM)
		log_err("cannot list the sockets: out of memory");
	return err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}
