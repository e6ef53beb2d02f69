// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An event loop over one tracer. */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "follow.h"
#include "log.h"
#include "opts.h"
#include "tracer.h"

#define NS_PER_MS 1000000ULL

struct watch {
	const struct opts *opts;
	struct tracer *tracer;
	struct follow *follow; /* NULL: there is no command */
	uint64_t end_ns;       /* CLOCK_MONOTONIC; UINT64_MAX: none */
	int epoll_fd, signal_fd;
	bool done;
};

static int add_fd(struct watch *w, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_fds(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (w->opts->command_argv)
		follow_add_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->signal_fd < 0 || w->epoll_fd < 0)
		return -errno;
	/* edge-triggered: only a wakeup by the programs counts, not that records wait */
	return add_fd(w, tracer__fd(w->tracer), EPOLLIN | EPOLLET) ?:
								     add_fd(w, w->signal_fd, EPOLLIN);
}

int watch_open(struct watch **out, const struct opts *opts, struct tracer *t)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err = w ? 0 : -ENOMEM;

	if (w) {
		*w = (struct watch){ .opts = opts, .tracer = t, .epoll_fd = -1, .signal_fd = -1 };
		w->end_ns =
			opts->duration_ns ? clock_monotonic_ns() + opts->duration_ns : UINT64_MAX;
		err = open_fds(w);
	}
	if (!err) {
		*out = w;
		return 0;
	}
	log_err("cannot wait for events: %s", strerror(-err));
	watch_close(w);
	return err;
}

int watch_start(struct watch *w)
{
	int err;

	if (!w->opts->command_argv)
		return 0;
	if (follow_signals(NULL, w->signal_fd)) {
		log_err("ended by a signal before '%.200s' was run", w->opts->command_argv[0]);
		return -EINTR;
	}
	err = follow_start(&w->follow, w->opts, tracer__tree_fd(w->tracer));
	if (err)
		return err;
	err = add_fd(w, follow_fd(w->follow), EPOLLIN);
	if (err)
		log_err("cannot wait for the command: %s", strerror(-err));
	return err;
}

/* -1: until something happens. */
static int timeout_ms(const struct watch *w)
{
	uint64_t now = clock_monotonic_ns(), when = w->end_ns, ms;

	if (w->follow && follow_when(w->follow) < when)
		when = follow_when(w->follow);
	if (when == UINT64_MAX)
		return -1;
	ms = when <= now ? 0 : (when - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* 0, or what the function of the tracer gave. */
static int wait_for_events(struct watch *w)
{
	struct epoll_event events[4];
	int consumed, n = 0;

	tracer__sleep(w->tracer);
	/* what came before the programs knew of our sleep has not woken us */
	consumed = tracer__consume(w->tracer);
	if (!consumed)
		n = epoll_wait(w->epoll_fd, events, 4, timeout_ms(w));
	tracer__awake(w->tracer);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == w->signal_fd)
			w->done |= follow_signals(w->follow, w->signal_fd);
		else if (w->follow && events[i].data.fd == follow_fd(w->follow))
			follow_reap(w->follow);
	}
	if (clock_monotonic_ns() >= w->end_ns)
		w->done = true;
	return consumed < 0 ? consumed : 0;
}

int watch_run(struct watch *w, int (*idle)(void *ctx), void *ctx)
{
	int err = 0;

	while (!err && !w->done) {
		uint32_t tree_size = w->follow ? tracer__tree_size(w->tracer) : 0;
		int n = tracer__consume(w->tracer);

		err = n < 0 ? n : idle(ctx);
		if (err || (w->follow && follow_is_over(w->follow, tree_size)))
			break;
		if (w->follow && n <= 0 && follow_has_ended(w->follow))
			tracer__tree_prune(w->tracer);
		err = wait_for_events(w);
	}
	tracer__detach(w->tracer);
	if (!err) {
		int n = tracer__consume(w->tracer);

		err = n < 0 ? n : idle(ctx);
	}
	return err;
}

int watch_close(struct watch *w)
{
	int status = 0;

	if (!w)
		return 0;
	if (w->follow)
		status = follow_end(w->follow, w->signal_fd);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->signal_fd >= 0)
		close(w->signal_fd);
	free(w);
	return status;
}
