// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop trace: the event loop, from the ring buffer to the output. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "account.h"
#include "clock.h"
#include "commands.h"
#include "follow.h"
#include "log.h"
#include "opts.h"
#include "output.h"
#include "resolve.h"
#include "rnames.h"
#include "show.h"
#include "tally.h"
#include "tracer.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define LOOKUPS_NS (20 * NS_PER_MS) /* between two looks for what the resolver says */
#define SWEEP_MIN_NS (50 * NS_PER_MS)
#define SWEEP_MAX_NS (5 * NS_PER_S)
#define NEVER UINT64_MAX

struct trace {
	const struct opts *opts;
	struct tracer *tracer;
	struct resolver *resolver;
	struct output *output;
	struct account account;
	struct follow *follow;	/* the command that is traced, NULL: the machine is */
	uint64_t table_lost;	/* events that its table lacks */
	bool muted;		/* the reader of the output has gone, and its command has not */
	uint64_t printed_total; /* what --count counts: all but lost and summary */
	uint64_t end_ns;	/* --duration, CLOCK_MONOTONIC; NEVER without it */
	uint64_t sweep_ns;	/* when to look for ended UDP flows; NEVER: there are none */
	uint64_t sweep_period_ns;
	uint64_t
		lookups_ns; /* when to look what the resolver has answered; NEVER: it is not asked */
	struct rnames *names; /* of hosts; NULL: none are wanted */
	int epoll_fd;
	int signal_fd;
	bool done;
	int err; /* of the output: ends everything */
};

/* --- records --------------------------------------------------------------------------------- */

static bool is_event(const struct event *e, size_t size)
{
	return e->kind < EVENT_KIND_CNT &&
	       size >= (e->kind == EVENT_CLOSE || e->kind == EVENT_EXISTING ? sizeof(*e) :
									      EVENT_HEAD_SIZE);
}

static bool count_is_reached(const struct trace *t)
{
	return t->opts->count && t->printed_total >= t->opts->count;
}

/* A reader that goes away ends the trace, but not that of a command. */
static int output_result(struct trace *t, int err)
{
	if (err != -EPIPE || !t->opts->command_argv)
		return err;
	t->muted = true;
	return 0;
}

static int on_record(void *ctx, const void *record, size_t size)
{
	const struct event *e = record;
	struct trace *t = ctx;
	struct line l;

	if (size < sizeof(e->kind))
		return 0;
	if (e->kind == RECORD_EXE) {
		resolver_add_exe(t->resolver, record, size);
		return 0;
	}
	if (e->kind == RECORD_CGROUP) {
		resolver_add_cgroup(t->resolver, record, size);
		return 0;
	}
	if (e->kind == RECORD_LINK) {
		resolver_add_link(t->resolver, record, size);
		return 0;
	}
	if (e->kind == RECORD_DNS) {
		if (t->names)
			rnames_add(t->names, record, size);
		return 0;
	}
	if (e->kind == RECORD_LIBC) {
		if (t->names)
			rnames_add_libc(t->names, record, size);
		return 0;
	}
	if (e->kind == RECORD_SWEEP) {
		t->sweep_ns = 0;
		return 0;
	}
	if (count_is_reached(t) || !is_event(e, size))
		return 0;
	if (t->follow)
		follow_event(t->follow, e);
	if (t->muted || !opts_show(t->opts, e) || (t->names && rnames_owns(t->names, e->id)))
		return 0;
	resolver_line(t->resolver, e, &l);
	t->err = output_result(t, output_line(t->output, &l));
	if (t->err)
		return t->err;
	t->account.printed[e->kind]++;
	t->printed_total++;
	if (count_is_reached(t))
		t->done = true;
	return 0;
}

/* --- what was lost --------------------------------------------------------------------------- */

static void tell_losses(struct trace *t)
{
	struct event e = { .kind = EVENT_LOST, .ts_ns = clock_monotonic_ns() };
	struct losses losses, of_table;
	struct line l;

	if (t->err || tracer__losses(t->tracer, &losses))
		return;
	of_table = losses;
	losses_forget(&of_table, ~EVENTS_TALLIED);
	t->table_lost = losses_total(&of_table);
	losses_forget(&losses, ~t->opts->events);
	if (t->muted)
		return;
	resolver_line(t->resolver, &e, &l);
	while ((l.lost_count =
			account_next_loss(&t->account, &losses, &l.lost_kind, &l.lost_reason))) {
		t->account.printed[EVENT_LOST]++;
		t->err = output_result(t, output_line(t->output, &l));
		if (t->err)
			return;
	}
}

/* --- waiting --------------------------------------------------------------------------------- */

static int timeout_until(uint64_t when_ns)
{
	uint64_t now = clock_monotonic_ns(), ms;

	if (when_ns == NEVER)
		return -1;
	if (when_ns <= now)
		return 0;
	ms = (when_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_duty_ns(const struct trace *t)
{
	uint64_t when_ns = min_ns(min_ns(t->end_ns, t->sweep_ns), t->lookups_ns);

	return t->follow ? min_ns(when_ns, follow_when(t->follow)) : when_ns;
}

/* Wait until the programs call, a signal comes, the command ends, the clock is set, or @when_ns. */
static void wait_until(struct trace *t, uint64_t when_ns)
{
	struct epoll_event events[4];
	int n;

	resolver_rest(t->resolver);
	n = epoll_wait(t->epoll_fd, events, 4, timeout_until(min_ns(when_ns, next_duty_ns(t))));
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == t->signal_fd)
			t->done |= follow_signals(t->follow, t->signal_fd);
		else if (t->follow && events[i].data.fd == follow_fd(t->follow))
			follow_reap(t->follow);
		else if (events[i].data.fd == resolver_clock_fd(t->resolver))
			resolver_clock_was_set(t->resolver);
	}
	if (clock_monotonic_ns() >= t->end_ns)
		t->done = true;
}

/* Nobody is left who could make the next event. */
static bool is_ending(const struct trace *t)
{
	return t->follow && follow_has_ended(t->follow) && !tracer__tree_size(t->tracer);
}

/*
 * Sleep until the next event, then leave it the time that --latency grants for others to join it:
 * only a buffer that fills wakes us earlier.
 */
static void wait_for_events(struct trace *t, bool idle)
{
	if (idle && t->opts->latency_ms) {
		tracer__sleep(t->tracer);
		/* what came before the programs knew of our sleep has not woken us */
		if (!tracer__consume(t->tracer))
			wait_until(t, NEVER);
	} else if (idle) {
		wait_until(t, NEVER);
	}
	tracer__awake(t->tracer);
	if (!t->done && !t->err && t->opts->latency_ms && !is_ending(t))
		wait_until(t, clock_monotonic_ns() + t->opts->latency_ms * NS_PER_MS);
}

/* Sweep if it is time; then only while there are flows that may end, those that the filters hide too. */
static bool sweep_if_due(struct trace *t)
{
	uint64_t now = clock_monotonic_ns();
	bool due = now >= t->sweep_ns;

	if (due) {
		t->sweep_ns = NEVER;
		tracer__sweep(t->tracer); /* reads events as well: one may ask for the next sweep */
	}
	if (t->sweep_ns == NEVER && tracer__sweep_plan(t->tracer))
		t->sweep_ns = now + t->sweep_period_ns;
	return due;
}

static void run(struct trace *t)
{
	while (!t->done && !t->err) {
		uint32_t tree_size = t->follow ? tracer__tree_size(t->tracer) : 0;
		int n = tracer__consume(t->tracer);

		if (n > 0)
			tell_losses(t);
		if (!t->err)
			t->err = output_result(t, output_flush(t->output));
		if (t->err || (t->follow && follow_is_over(t->follow, tree_size)))
			break;
		if (t->names)
			t->lookups_ns =
				rnames_poll(t->names) ? clock_monotonic_ns() + LOOKUPS_NS : NEVER;
		if (t->follow && n <= 0 && follow_has_ended(t->follow))
			tracer__tree_prune(t->tracer);
		if (sweep_if_due(t))
			continue;
		if (!t->done)
			wait_for_events(t, n <= 0);
	}
}

/* Stop the programs, print what they have still sent, and close the books. */
static void finish(struct trace *t)
{
	struct summary s;

	tracer__detach(t->tracer);
	if (t->err)
		return;
	tracer__consume(t->tracer);
	tracer__sweep(t->tracer); /* sockets that have gone, and nobody could say so */
	tracer__consume(t->tracer);
	tell_losses(t);
	account_summary(&t->account, &s);
	if (!t->err)
		t->err = output_summary(t->output, resolver_utc(t->resolver, clock_monotonic_ns()),
					&s);
	if (!t->err)
		t->err = output_flush(t->output);
	t->err = output_result(t, t->err);
	if (!t->opts->stats && account_lost_total(&t->account))
		log_warn("%llu events were lost; the lines of lost events, and --stats, say why",
			 (unsigned long long)account_lost_total(&t->account));
	if (t->opts->stats) {
		account_print(&t->account, stderr);
		if (t->names)
			rnames_print(t->names, tracer__dns_lost(t->tracer), stderr);
		tracer__print_stats(t->tracer, stderr);
	}
}

/* --- setting up ------------------------------------------------------------------------------ */

static int watch(struct trace *t, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (fd < 0)
		return 0;
	return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int loop_open(struct trace *t)
{
	sigset_t set;
	int err = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (t->opts->command_argv)
		follow_add_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (t->signal_fd < 0 || t->epoll_fd < 0)
		err = -errno;
	/* edge-triggered: only a wakeup by the programs counts, not that records wait */
	err = err ?: watch(t, tracer__fd(t->tracer), EPOLLIN | EPOLLET);
	err = err ?: watch(t, t->signal_fd, EPOLLIN);
	err = err ?: watch(t, resolver_clock_fd(t->resolver), EPOLLIN);
	if (err)
		log_err("cannot wait for events: %s", strerror(-err));
	return err;
}

static int trace_open(struct trace *t, const struct services *services)
{
	uint64_t period = t->opts->udp_idle_ns / 4;
	int err = resolver_open(&t->resolver, t->opts->numeric ? NULL : services);

	if (!err && opts_want_names(t->opts))
		err = resolver_name_hosts(t->resolver, t->opts->resolve);
	if (!err && t->opts->link)
		err = resolver_tell_links(t->resolver, false);
	if (!err && opts_want_nat(t->opts))
		err = resolver_find_nat(t->resolver);
	err = err ?: tracer__open(&t->tracer, t->opts, on_record, t);
	err = err ?: show_open(&t->output, t->opts, NULL, NULL);
	err = err ?: loop_open(t);
	if (err)
		return err;
	t->names = resolver_hosts(t->resolver);
	t->lookups_ns = NEVER;
	if (!output_wants_paths(t->output))
		resolver_leave_paths(t->resolver);
	t->sweep_period_ns = period < SWEEP_MIN_NS ? SWEEP_MIN_NS :
			     period > SWEEP_MAX_NS ? SWEEP_MAX_NS :
						     period;
	t->sweep_ns = NEVER;
	t->end_ns = t->opts->duration_ns ? clock_monotonic_ns() + t->opts->duration_ns : NEVER;
	log_debug("tracing");
	/* the header says that it has begun */
	return output_result(t, output_flush(t->output));
}

/* Run the command that is to be traced, now that everything is in place. */
static int command_start(struct trace *t)
{
	int err;

	if (!t->opts->command_argv)
		return 0;
	if (follow_signals(NULL, t->signal_fd)) {
		log_err("ended by a signal before '%.200s' was run", t->opts->command_argv[0]);
		return -EINTR;
	}
	err = follow_start(&t->follow, t->opts, tracer__tree_fd(t->tracer));
	if (err)
		return err;
	err = watch(t, follow_fd(t->follow), EPOLLIN);
	if (err)
		log_err("cannot wait for the command: %s", strerror(-err));
	return err;
}

int cmd_trace(const struct opts *opts, const struct services *services)
{
	struct trace t = { .opts = opts, .epoll_fd = -1, .signal_fd = -1 };
	int err = trace_open(&t, services), close_err, status;

	err = err ?: command_start(&t);
	if (!err) {
		t.err = tracer__scan(t.tracer);
		tell_losses(&t); /* the scan may have emptied the buffer */
		run(&t);
		finish(&t);
		err = t.err;
	}
	tracer__close(t.tracer);
	close_err = output_close(t.output);
	err = err ?: close_err;
	resolver_close(t.resolver);
	status = err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
	if (t.follow) {
		int theirs = follow_finish(t.follow, t.signal_fd, opts->numeric ? NULL : services,
					   t.table_lost);

		status = status ?: theirs;
	}
	close(t.epoll_fd);
	close(t.signal_fd);
	return status;
}
