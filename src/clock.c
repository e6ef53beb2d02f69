// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The time of day of an event. */
#include "clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define NS_PER_SEC 1000000000ULL
#define SAMPLES 16
#define FAR_FUTURE_SEC 8000000000LL /* the year 2223: a moment that does not come */

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

/* The sample that was interrupted least: the shortest time between two looks at one clock. */
static uint64_t measure_offset(void)
{
	uint64_t best = UINT64_MAX, offset = 0;

	for (int i = 0; i < SAMPLES; i++) {
		uint64_t before = clock_monotonic_ns();
		uint64_t real = now_ns(CLOCK_REALTIME);
		uint64_t took = clock_monotonic_ns() - before;

		if (took >= best)
			continue;
		best = took;
		offset = real - (before + took / 2);
	}
	return offset;
}

static int watch_clock(void)
{
	struct itimerspec never = { .it_value.tv_sec = FAR_FUTURE_SEC };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), err;

	if (fd < 0)
		return -errno;
	if (!timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int clock_init(struct clock *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = watch_clock();
	if (c->fd < 0) {
		log_err("cannot watch for changes of the system clock with a timerfd: %s",
			strerror(-c->fd));
		return c->fd;
	}
	/* Measured when the watch already stands, so that no change falls between. */
	c->offset_ns = measure_offset();
	c->old_offset_ns = c->offset_ns;
	return 0;
}

void clock_close(struct clock *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int clock_fd(const struct clock *c)
{
	return c->fd;
}

void clock_was_set(struct clock *c)
{
	uint64_t ticks;

	/* Reading gives ECANCELED and makes the descriptor quiet until the next time. */
	(void)!read(c->fd, &ticks, sizeof(ticks));
	/* Nobody says when it was; the loop comes here at once, so it was just now. */
	c->set_ns = clock_monotonic_ns();
	c->old_offset_ns = c->offset_ns;
	c->offset_ns = measure_offset();
}

uint64_t clock_utc(const struct clock *c, uint64_t monotonic_ns)
{
	return monotonic_ns + (monotonic_ns < c->set_ns ? c->old_offset_ns : c->offset_ns);
}
