// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the start of a command to the end of its last descendant. */
#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "log.h"
#include "tally.h"

#define NS_PER_S 1000000000ULL
#define GRACE_NS NS_PER_S /* for connections that wait for the other end's FIN */
#define LOOK_NS NS_PER_S  /* at descendants that may have gone unseen */

struct follow {
	struct child child;
	struct tally *tally;
	uint64_t gone_ns; /* when the last process had gone; 0: not yet */
};

void follow_add_signals(sigset_t *set)
{
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGHUP);
}

static void follow_free(struct follow *f)
{
	if (f->child.fd >= 0)
		close(f->child.fd);
	tally_free(f->tally);
	free(f);
}

int follow_start(struct follow **out, const struct opts *opts, int tree_fd)
{
	struct follow *f = calloc(1, sizeof(*f));
	int err = tree_fd < 0 ? tree_fd : 0;

	if (f)
		f->tally = tally_new();
	if (!f || !f->tally)
		err = -ENOMEM;
	if (err)
		log_err("cannot run '%.200s': %s", opts->command_argv[0], strerror(-err));
	else
		err = child_start(&f->child, opts->command_argv, opts->run_as, tree_fd);
	if (tree_fd >= 0)
		close(tree_fd);
	if (!err)
		*out = f;
	else if (f)
		follow_free(f);
	return err;
}

int follow_fd(const struct follow *f)
{
	return f->child.fd;
}

void follow_reap(struct follow *f)
{
	child_reap(&f->child);
}

/*
 * What the terminal sends, and its end, the command gets by itself: it is in our process group. What
 * somebody has sent to us alone is for it.
 */
static bool on_signal(const struct follow *f, const struct signalfd_siginfo *info)
{
	if (!f || f->child.ended)
		return true;
	if (info->ssi_code != SI_KERNEL)
		child_signal(&f->child, info->ssi_signo);
	return false;
}

bool follow_signals(const struct follow *f, int signal_fd)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		end |= on_signal(f, &info);
	return end;
}

void follow_event(struct follow *f, const struct event *e)
{
	tally_add(f->tally, e);
}

bool follow_is_over(struct follow *f, uint32_t tree_size)
{
	if (!f->child.ended || tree_size)
		return false;
	if (!f->gone_ns)
		f->gone_ns = clock_monotonic_ns();
	return !tally_open_cnt(f->tally) || clock_monotonic_ns() >= f->gone_ns + GRACE_NS;
}

bool follow_has_ended(const struct follow *f)
{
	return f->child.ended;
}

uint64_t follow_when(const struct follow *f)
{
	if (!f->child.ended)
		return UINT64_MAX;
	return f->gone_ns ? f->gone_ns + GRACE_NS : clock_monotonic_ns() + LOOK_NS;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void await_child(struct follow *f, int signal_fd)
{
	struct pollfd fds[] = { { .fd = f->child.fd, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };

	for (child_reap(&f->child); !f->child.ended; child_reap(&f->child)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			follow_signals(f, signal_fd);
	}
}

static void print_table(const struct follow *f, const struct services *services, uint64_t lost_cnt)
{
	struct buf b = {};

	tally_put(f->tally, services, lost_cnt, &b);
	if (b.err)
		log_err("cannot print what the command did: %s", strerror(-b.err));
	else
		(void)!write(STDERR_FILENO, b.data, b.len);
	buf_free(&b);
}

int follow_end(struct follow *f, int signal_fd)
{
	int status;

	await_child(f, signal_fd);
	status = f->child.status;
	follow_free(f);
	return status;
}

int follow_finish(struct follow *f, int signal_fd, const struct services *services,
		  uint64_t lost_cnt)
{
	await_child(f, signal_fd);
	print_table(f, services, lost_cnt);
	return follow_end(f, signal_fd);
}
