// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The choice among the ways to have each hook. */
#include "plan.h"

#include <errno.h>
#include <string.h>

void plan_init(struct plan *plan, uint32_t events, bool tcp, bool udp, enum backend backend)
{
	memset(plan, 0, sizeof(*plan));
	plan->backend = backend;
	for (int i = 0; i < HOOK_CNT; i++) {
		bool is_udp = i >= HOOK_UDP_SEND && i <= HOOK_UDP_CLOSE;

		plan->wanted[i] = (is_udp ? udp : tcp) && hooks[i].events & events;
	}
}

/* Errors that speak of the kind of program, not of this one. */
static bool error_is_general(int error)
{
	return error == -EPERM || error == -ENOTSUPP || error == -EOPNOTSUPP;
}

static bool way_gives_up(const struct way *way, enum backend bad, const char *name, int error)
{
	if (way_has(way, name))
		return true;
	/* the ways of the tracepoint backend, and those of none, are of several kinds */
	return way->backend == bad && bad != BACKEND_TRACEPOINT && bad != BACKEND_AUTO &&
	       error_is_general(error);
}

static enum backend program_backend(const char *name)
{
	for (int i = 0; i < HOOK_CNT; i++)
		for (int j = 0; j < WAY_CNT_MAX && hooks[i].ways[j].where; j++)
			if (way_has(&hooks[i].ways[j], name))
				return hooks[i].ways[j].backend;
	return BACKEND_AUTO;
}

int plan_fail(struct plan *plan, const char *name, int error)
{
	enum backend bad = program_backend(name);
	int cnt = 0;

	for (int i = 0; i < HOOK_CNT; i++) {
		for (int j = 0; j < WAY_CNT_MAX && hooks[i].ways[j].where; j++) {
			if (plan->errors[i][j] ||
			    !way_gives_up(&hooks[i].ways[j], bad, name, error))
				continue;
			plan->errors[i][j] = error;
			cnt++;
		}
	}
	return cnt;
}

int plan_missed_kind(const struct plan *plan, const char *program)
{
	for (int i = 0; i < HOOK_CNT; i++) {
		const struct way *way = plan_way(plan, i);
		const char *last = hooks[i].missed_by;

		if (way && way_has(way, program) && hooks[i].missed_kind < EVENT_KIND_CNT &&
		    (!last || !way_has(way, last) || !strcmp(last, program)))
			return hooks[i].missed_kind;
	}
	return -1;
}

void plan_fail_backend(struct plan *plan, enum backend bad, int error)
{
	for (int i = 0; i < HOOK_CNT; i++)
		for (int j = 0; j < WAY_CNT_MAX && hooks[i].ways[j].where; j++)
			if (hooks[i].ways[j].backend == bad)
				plan->errors[i][j] = error;
}

const struct way *plan_way(const struct plan *plan, enum hook_id hook)
{
	const struct way *ways = hooks[hook].ways;

	if (!plan->wanted[hook])
		return NULL;
	for (int i = 0; i < WAY_CNT_MAX && ways[i].where; i++)
		if (!plan->errors[hook][i] && way_is_allowed(&ways[i], plan->backend))
			return &ways[i];
	return NULL;
}

bool plan_uses(const struct plan *plan, const char *program)
{
	for (int i = 0; i < HOOK_CNT; i++) {
		const struct way *way = plan_way(plan, i);

		if (way && way_has(way, program))
			return true;
	}
	return false;
}

bool plan_is_by_syscall(const struct plan *plan)
{
	static const char *const programs[] = { "sys_exit_tp", "accept4_exit_tp", "connect_exit_tp",
						"bind_exit_tp", "sys_exit_send_tp" };
	bool any = false;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		any |= plan_uses(plan, programs[i]);
	return any;
}

bool plan_has_backend(const struct plan *plan, enum backend backend)
{
	for (int i = 0; i < HOOK_CNT; i++) {
		const struct way *way = plan_way(plan, i);

		if (way && way->backend == backend)
			return true;
	}
	return false;
}
