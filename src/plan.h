/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which way to each hook is taken: decided hook by hook, by what really loads and attaches. Pure, as the
 * table of hooks.
 */
#ifndef CONNSNOOP_PLAN_H
#define CONNSNOOP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "hooks.h"

/* What is asked for, and what is known to fail: the choice follows. */
struct plan {
	enum backend backend; /* only its ways; BACKEND_AUTO: all */
	bool wanted[HOOK_CNT];
	int errors[HOOK_CNT]
		  [WAY_CNT_MAX]; /* negative: why a way has failed; 0: not known to fail */
};

/* Ask for every hook that serves the wanted events (1 << enum event_kind) of these protocols. */
void plan_init(struct plan *plan, uint32_t events, bool tcp, bool udp, enum backend backend);

/*
 * The program @name could not be had: give up every way that needs it, and, when the error says that
 * its whole kind is not to be had here, every way of the same backend. Returns how many ways were
 * given up.
 */
int plan_fail(struct plan *plan, const char *name, int error);

/* Which kind of event is lost when the kernel skips a run of this program; -1: none. */
int plan_missed_kind(const struct plan *plan, const char *program);

/* Give up every way of a backend. */
void plan_fail_backend(struct plan *plan, enum backend bad, int error);

/* The best way that is left; NULL: none, or the hook is not wanted. */
const struct way *plan_way(const struct plan *plan, enum hook_id hook);
bool plan_uses(const struct plan *plan, const char *program);
/* Is something read from the exits of system calls? */
bool plan_is_by_syscall(const struct plan *plan);
bool plan_has_backend(const struct plan *plan, enum backend backend);

#endif
