// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop list: the sockets that exist, once or again and again. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census.h"
#include "commands.h"
#include "log.h"
#include "opts.h"
#include "output.h"
#include "resolve.h"
#include "seen.h"
#include "show.h"
#include "sort.h"
#include "tracer.h"

#define NS_PER_S 1000000000ULL
#define LIST_COLUMNS "proto,state,recvq,sendq,local,dir,remote,service,user,process"

struct list {
	const struct opts *opts;
	struct resolver *resolver;
	struct output *output;
	struct sort *sort;     /* NULL: as they come */
	struct seen *seen;     /* NULL: only once */
	struct census *census; /* NULL: the sockets themselves */
	enum change change;    /* of the event that is printed next */
	int err;	       /* ends it */
};

/* --- from a record to a line ------------------------------------------------------------------ */

static int print(void *ctx, const struct event *e)
{
	struct list *list = ctx;
	struct line l;

	resolver_line(list->resolver, e, &l);
	l.change = list->change;
	return output_line(list->output, &l);
}

static int print_sorted(void *ctx, const struct event *e)
{
	struct list *list = ctx;

	list->change = list->seen ? seen_change(list->seen, e) : CHANGE_NONE;
	return print(list, e);
}

static int print_gone(void *ctx, const struct event *e)
{
	struct list *list = ctx;

	list->change = CHANGE_GONE;
	return print(list, e);
}

static int on_socket(struct list *list, const struct event *e)
{
	struct line l;

	resolver_line(list->resolver, e, &l);
	if (list->census)
		return census_add(list->census, &l);
	l.change = list->seen ? seen_add(list->seen, e) : CHANGE_NONE;
	if (list->sort)
		return sort_add(list->sort, &l);
	return output_line(list->output, &l);
}

static int on_record(void *ctx, const void *record, size_t size)
{
	const struct event *e = record;
	struct list *list = ctx;

	if (e->kind == RECORD_EXE)
		resolver_add_exe(list->resolver, record, size);
	else if (e->kind == RECORD_HOLDER)
		resolver_add_holder(list->resolver, record, size);
	else if (e->kind == EVENT_EXISTING && size >= sizeof(*e))
		list->err = on_socket(list, e);
	return list->err;
}

/* --- one look ---------------------------------------------------------------------------------- */

static int read_sockets(struct list *list)
{
	struct tracer *tracer;
	int err = tracer__open(&tracer, list->opts, on_record, list);

	err = err ?: tracer__list(tracer);
	tracer__close(tracer);
	return err;
}

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
	err = read_sockets(list);
	if (!err && list->sort)
		err = sort_end(list->sort, print_sorted, list);
	if (!err && list->seen)
		err = seen_end(list->seen, print_gone, list);
	if (!err && list->census)
		err = print_census(list);
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
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	err = look(list);
	while (!err && !sleep_or_end(&signals, list->opts->watch_ns)) {
		err = list->opts->json ? 0 : output_bytes(list->output, "\n", 1);
		err = err ?: output_header(list->output);
		err = err ?: look(list);
	}
	return err;
}

/* --- setting up --------------------------------------------------------------------------------- */

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
	    (o->summary && !list->census)) {
		log_err("cannot begin: out of memory");
		return -ENOMEM;
	}
	plain = *o;
	plain.header = o->header && !o->summary;
	err = show_open(&list->output, &plain, o->watch_ns ? "change," LIST_COLUMNS : LIST_COLUMNS);
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
	close_err = output_close(list.output);
	err = err ?: close_err;
	sort_free(list.sort);
	seen_free(list.seen);
	census_free(list.census);
	resolver_close(list.resolver);
	if (err == -ENOMEM)
		log_err("cannot list the sockets: out of memory");
	return err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}
