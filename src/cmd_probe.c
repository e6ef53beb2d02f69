// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop probe: for each hook every way to have it, tried alone, and which one trace would take. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "event.h"
#include "hooks.h"
#include "log.h"
#include "names.h"
#include "opts.h"
#include "tracer.h"

#define ENOTSUPP 524

static const char *error_text(int err)
{
	return err == -ENOTSUPP ? "not supported by this kernel" : strerror(-err);
}

static void print_events(const char *what, uint32_t events, const char *more)
{
	const char *sep = "";

	printf("    %s: ", what);
	for (unsigned int kind = 0; kind < EVENT_KIND_CNT; kind++) {
		if (!(events & 1u << kind))
			continue;
		printf("%s%s", sep, names_kind(kind));
		sep = " ";
	}
	if (more)
		printf("%s%s", events ? "; " : "", more);
	putchar('\n');
}

/* Returns whether a way was chosen. */
static bool probe_hook(const struct hook *hook, enum backend backend)
{
	const struct way *chosen = NULL;

	printf("%s\n", hook->name);
	for (int i = 0; i < WAY_CNT_MAX && hook->ways[i].where; i++) {
		const struct way *way = &hook->ways[i];
		bool allowed = way_is_allowed(way, backend);
		const char *stage;
		int err = way->programs[0] ? tracer_try(way, &stage) : 0;

		printf("  %c %-10s %-32s ", !err && allowed && !chosen ? '*' : ' ',
		       way->backend == BACKEND_AUTO ? "any" : backend_name(way->backend),
		       way->where);
		if (err)
			printf("failed to %s: %s\n", stage, error_text(err));
		else
			printf("%s\n", !allowed ? "works, not asked for" : chosen ? "works" : "chosen");
		if (err && log_verbose && tracer_last_message()[0])
			printf("      %s\n", tracer_last_message());
		if (!err && allowed && !chosen)
			chosen = way;
	}
	if (!chosen)
		print_events("MISSING", hook->events, hook->lost);
	else if (chosen->weakness)
		printf("    weaker: %s\n", chosen->weakness);
	return chosen;
}

int cmd_probe(const struct opts *opts, const struct services *services)
{
	bool complete = true;

	(void)services;
	printf("Each hook, its ways from best to worst, and the one that trace takes (*).\n\n");
	for (int i = 0; i < HOOK_CNT; i++)
		complete &= probe_hook(&hooks[i], opts->backend);
	printf("\n%s\n", complete ? "Every event can be traced." :
				    "The events named MISSING above cannot be traced here.");
	return EXIT_SUCCESS;
}
