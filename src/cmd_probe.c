// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop probe: for each hook every way to have it, tried alone, and which one trace would take. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "commands.h"
#include "conntrack.h"
#include "event.h"
#include "hooks.h"
#include "log.h"
#include "names.h"
#include "opts.h"
#include "tracer.h"

static const char *error_text(const struct way *way, int err)
{
	if (err == -ENOENT && way->backend == BACKEND_KPROBE)
		return "this kernel has no kprobes";
	if (err == -ESRCH)
		return "this kernel has no such function";
	return err == -ENOTSUPP ? "not supported by this kernel" : strerror(-err);
}

/* The events that are missing, or incomplete, without the hook. */
static void print_needs(const struct hook *hook)
{
	printf("%s:", hook->name);
	for (unsigned int kind = 0; kind < EVENT_KIND_CNT; kind++)
		if (hook->events & 1u << kind)
			printf(" %s", names_kind(kind));
	if (hook->lost)
		printf("%s %s", hook->events ? "," : "", hook->lost);
	putchar('\n');
}

/* Returns whether the events that need it can be traced. */
static bool probe_hook(const struct hook *hook, enum backend backend)
{
	const struct way *chosen = NULL;

	print_needs(hook);
	for (int i = 0; i < WAY_CNT_MAX && hook->ways[i].where; i++) {
		const struct way *way = &hook->ways[i];
		bool allowed = way_is_allowed(way, backend);
		const char *stage;
		int err = way->programs[0] ? tracer_try(way, &stage) : 0;

		printf("  %c %-10s %-32s ", !err && allowed && !chosen ? '*' : ' ',
		       way->backend == BACKEND_AUTO ? "any" : backend_name(way->backend),
		       way->where);
		if (err)
			printf("failed to %s: %s\n", stage, error_text(way, err));
		else
			printf("%s\n", !allowed ? "works, not asked for" :
				       chosen	? "works" :
						  "chosen");
		if (err && log_verbose && tracer_last_message()[0])
			printf("      %s\n", tracer_last_message());
		if (!err && allowed && !chosen)
			chosen = way;
	}
	if (!chosen)
		printf("    MISSING: what is named above cannot be traced\n");
	else if (chosen->weakness)
		printf("    weaker: %s\n", chosen->weakness);
	return chosen || !hook->events; /* the rest serves what not every kernel has */
}

static int no_record(void *ctx, const void *record, size_t size)
{
	(void)ctx;
	(void)record;
	(void)size;
	return 0;
}

/* Of the trace itself: which maps there are, and how large, depends on all the hooks that it takes. */
static void print_maps(const struct opts *opts)
{
	struct tracer *t;

	if (tracer__open(&t, opts, no_record, NULL))
		return; /* it said why; the lines above say more */
	printf("\nWhat trace takes of the kernel's memory, with no filters:\n\n");
	tracer__print_maps(t, stdout);
	tracer__close(t);
}

static void print_conntrack(void)
{
	struct conntrack *c = conntrack_new();

	if (c)
		printf("Where addresses are translated (--nat): %s.\n",
		       conntrack_missing(c) ?: "conntrack can be asked");
	conntrack_free(c);
}

int cmd_probe(const struct opts *opts, const struct services *services)
{
	struct utsname kernel;
	bool complete = true;

	(void)services;
	uname(&kernel);
	printf("Linux %s %s. Each hook and what is missing without it; the ways to have it, best\n"
	       "first, each tried alone; the one that trace takes (*).\n\n",
	       kernel.release, kernel.machine);
	for (int i = 0; i < HOOK_CNT; i++)
		complete &= probe_hook(&hooks[i], opts->backend);
	printf("\n%s\n", complete ? "Every event can be traced." :
				    "Not everything can be traced: see MISSING above.");
	print_conntrack();
	print_maps(opts);
	return EXIT_SUCCESS;
}
