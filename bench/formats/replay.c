// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay            what an event costs in each format: a table of CPU time, medians
 * replay FORMAT     the mix once, through measured(), to /dev/null: for callgrind
 * replay FORMAT FILE
 *                   the same, to FILE
 * replay -l         the formats
 *
 * The records go the way that trace takes, from resolver_line() on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "mix.h"
#include "output.h"
#include "resolve.h"
#include "services.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define EVENT_CNT 16384 /* what waits after 100 ms at 160 000 a second */
#define RUN_CNT 15
#define PASS_CNT 8 /* of a run */
#define TARGET_CNT 2

static const struct variant {
	const char *name;
	const char *format;
	const char *columns;
	bool numeric;
} variants[] = {
	{ "text", "text", NULL, false },
	{ "text-n", "text", NULL, true },
	{ "columns", "text", "ts,event,id,pid,comm,exe,laddr,lport,raddr,rport,tx_bytes,reason",
	  false },
	{ "json", "json", NULL, false },
	{ "json-n", "json", NULL, true },
};

struct replay {
	struct mix mix;
	struct services *services;
};

/* The mix's cgroups exist nowhere, so the kernel's answers are ours: a descriptor is their number. */
int __wrap_open_by_handle_at(int root, struct file_handle *h, int flags);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);

int __wrap_open_by_handle_at(int root, struct file_handle *h, int flags)
{
	uint64_t id;
	int null;

	(void)root;
	(void)flags;
	memcpy(&id, h->f_handle, sizeof(id));
	null = open("/dev/null", O_PATH | O_CLOEXEC);
	if (null < 0)
		return null;
	if (dup2(null, (int)id) < 0)
		exit(1);
	close(null);
	return (int)id;
}

ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
	const char *fd = strrchr(path, '/');
	const char *cgroup = mix_cgroups[atoi(fd + 1) - MIX_CGROUP_FIRST];
	size_t len = strlen(cgroup);

	memcpy(target, cgroup, len < size ? len : size);
	return len < size ? len : size;
}

static int pass(const struct replay *r, struct resolver *resolver, struct output *output)
{
	struct line l;
	int err = 0;

	for (const struct record *c = NULL; !err && (c = mix_next(&r->mix, c));) {
		const struct event *e = (const struct event *)c->data;

		if (e->kind == RECORD_EXE) {
			resolver_add_exe(resolver, (const struct exe_record *)e, c->size);
			continue;
		}
		resolver_line(resolver, e, &l);
		err = output_line(output, &l);
	}
	return err ? err : output_flush(output);
}

/* What callgrind counts: a pass when all is warm. */
__attribute__((noinline)) static int measured(const struct replay *r, struct resolver *resolver,
					      struct output *output)
{
	return pass(r, resolver, output);
}

static int begin(const struct replay *r, const struct variant *v, const char *path,
		 struct resolver **resolver, struct output **output)
{
	struct output_opts o = { .path = path, .format = v->format, .columns = v->columns };
	int err = resolver_open(resolver, v->numeric ? NULL : r->services);

	err = err ? err : output_open(output, &o);
	if (!err && !output_wants_paths(*output))
		resolver_leave_paths(*resolver);
	return err;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ns of CPU time for an event, -1: it failed. */
static double run(const struct replay *r, const struct variant *v, const char *path)
{
	struct resolver *resolver = NULL;
	struct output *output = NULL;
	int err = begin(r, v, path, &resolver, &output);
	uint64_t began = cpu_ns();

	for (int i = 0; !err && i < PASS_CNT; i++)
		err = measured(r, resolver, output);
	began = cpu_ns() - began;
	err = output_close(output) || err;
	resolver_close(resolver);
	return err ? -1 : (double)began / PASS_CNT / r->mix.event_cnt;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Interleaved, so that a busy moment of the machine meets all of them. */
static int table(const struct replay *r)
{
	static double ns[ARRAY_SIZE(variants)][TARGET_CNT][RUN_CNT];
	int memory = memfd_create("replay", MFD_CLOEXEC);
	char file[64];

	snprintf(file, sizeof(file), "/proc/self/fd/%d", memory);
	for (int i = 0; i < RUN_CNT * TARGET_CNT; i++) {
		for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
			const char *path = i % TARGET_CNT ? file : "/dev/null";
			double *out = &ns[v][i % TARGET_CNT][i / TARGET_CNT];

			*out = run(r, &variants[v], path);
			if (*out < 0)
				return -1;
		}
	}
	close(memory);
	printf("%-8s %-10s %9s %5s %5s %10s\n", "format", "to", "ns/event", "min", "max",
	       "events/s");
	for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
		for (int t = 0; t < TARGET_CNT; t++) {
			double *all = ns[v][t];

			qsort(all, RUN_CNT, sizeof(*all), by_size);
			printf("%-8s %-10s %9.0f %5.0f %5.0f %10.0f\n", variants[v].name,
			       t ? "tmpfs" : "/dev/null", all[RUN_CNT / 2], all[0],
			       all[RUN_CNT - 1], 1e9 / all[RUN_CNT / 2]);
		}
	}
	return 0;
}

static int once(const struct replay *r, const char *name, const char *path)
{
	struct resolver *resolver = NULL;
	struct output *output = NULL;
	int err = -EINVAL;

	for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
		if (strcmp(variants[v].name, name))
			continue;
		err = begin(r, &variants[v], path ? path : "/dev/null", &resolver, &output);
		if (!err && !path)
			err = pass(r, resolver, output); /* warms up */
		if (!err)
			err = measured(r, resolver, output);
		err = output_close(output) || err;
		resolver_close(resolver);
		if (!err)
			printf("%zu\n", r->mix.event_cnt);
		return err;
	}
	fprintf(stderr, "replay: there is no format '%s'\n", name);
	return err;
}

int main(int argc, char **argv)
{
	struct replay r = { .services = NULL };
	int err;

	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (size_t v = 0; v < ARRAY_SIZE(variants); v++)
			puts(variants[v].name);
		return 0;
	}
	setenv("TZ", "UTC", 1);
	err = services_load(&r.services);
	if (!err)
		err = mix_make(&r.mix, EVENT_CNT);
	if (!err)
		err = argc > 1 ? once(&r, argv[1], argv[2]) : table(&r);
	mix_free(&r.mix);
	services_free(r.services);
	return err ? 1 : 0;
}
