/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tracer hooks into, and the ways to do it: one table. Pure: only names of programs, no libbpf.
 */
#ifndef CONNSNOOP_HOOKS_H
#define CONNSNOOP_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "opts.h"

#define WAY_CNT_MAX 9
#define WAY_PROGRAMS_MAX 8

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own; no libc has it */
#endif

enum hook_id {
	HOOK_TCP_STATE,
	HOOK_TCP_CONNECT,
	HOOK_TCP_CONNECT_RETURN,
	HOOK_TCP_ACCEPT,
	HOOK_TCP_LISTEN,
	HOOK_TCP_DESTROY,
	HOOK_UDP_SEND,
	HOOK_UDP_SEND_ERROR,
	HOOK_UDP_UNCORK,
	HOOK_UDP_RECEIVE,
	HOOK_UDP_BIND,
	HOOK_UDP_CLOSE,
	HOOK_COOKIE,
	HOOK_CHILD_COOKIE,
	HOOK_MPTCP_COOKIE,
	HOOK_SCAN_FILES,
	HOOK_SCAN_TABLES,
	HOOK_LIST_FILES,
	HOOK_LIST_TABLES,
	HOOK_TREE,
	HOOK_CGROUP,
	HOOK_DNS,
	HOOK_LIBC,
	HOOK_CNT,
};

/* One way to have a hook: programs of bpf/, by name. None: another hook's program does it. */
struct way {
	enum backend backend;
	const char *where; /* what it attaches to, for people */
	const char *programs[WAY_PROGRAMS_MAX];
	const char *weakness; /* what it cannot do, NULL: nothing */
};

struct hook {
	const char *name;
	uint32_t events;  /* 1 << enum event_kind: some of these are missing without it */
	const char *lost; /* what else is missing without it, NULL: nothing */
	enum event_kind
		missed_kind; /* what a skipped run of its program counts as, EVENT_KIND_CNT: as none */
	const char
		*missed_by; /* only if this one skips it: others stand in for the rest; NULL: any */
	bool required;	    /* if it is wanted, there is no trace without it */
	bool optional;	    /* there is no more to say of a trace without it than probe and -v do */
	struct way ways[WAY_CNT_MAX]; /* best first; ends at the first without `where` */
};

extern const struct hook hooks[HOOK_CNT];

bool way_is_allowed(const struct way *way, enum backend backend);
bool way_has(const struct way *way, const char *program);

#endif
