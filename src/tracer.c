// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The life of the BPF programs: from open to close, and what is read from them meanwhile. */
#include "tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connsnoop.skel.h"
#include "opts.h"
#include "pass.h"
#include "tracer_internal.h"

struct tracer *tracer_new(tracer_fn fn, void *ctx)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->ctx = ctx;
	t->cgroup_fd = -1;
	t->stats_fd = -1;
	t->cpu_cnt = libbpf_num_possible_cpus();
	t->percpu = t->cpu_cnt > 0 ? calloc(t->cpu_cnt, sizeof(*t->percpu)) : NULL;
	if (!t->percpu) {
		free(t);
		return NULL;
	}
	return t;
}

int tracer__open(struct tracer **out, const struct opts *opts, tracer_fn fn, void *ctx)
{
	struct tracer *t = tracer_new(fn, ctx);
	struct pass pass;
	int err;

	if (!t)
		return -ENOMEM;
	/* what is wrong with the filters is no way's fault, and has been said */
	err = pass_init(&pass, &opts->filters) ?: tracer_load(t, opts);
	if (err) {
		tracer__close(t);
		return err;
	}
	if (opts->stats)
		t->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	*out = t;
	return 0;
}

void tracer__detach(struct tracer *t)
{
	tracer_libc_detach(t);
	while (t->link_cnt)
		bpf_link__destroy(t->links[--t->link_cnt]);
}

void tracer__close(struct tracer *t)
{
	if (!t)
		return;
	tracer_unload(t);
	if (t->cgroup_fd >= 0)
		close(t->cgroup_fd);
	if (t->stats_fd >= 0)
		close(t->stats_fd);
	free(t->percpu);
	free(t);
}

/* --- reading --------------------------------------------------------------------------------- */

int tracer__fd(const struct tracer *t)
{
	return bpf_map__fd(t->skel->maps.events);
}

int tracer__consume(struct tracer *t)
{
	return ring_buffer__consume(t->ring);
}

void tracer__sleep(struct tracer *t)
{
	__atomic_store_n(&t->skel->bss->shared.hurry, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->skel->bss->shared.reader_sleeps, 1, __ATOMIC_SEQ_CST);
}

void tracer__awake(struct tracer *t)
{
	__atomic_store_n(&t->skel->bss->shared.reader_sleeps, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->skel->bss->shared.hurry, 0, __ATOMIC_SEQ_CST);
}

/* The kernel skips a program that would interrupt itself on its CPU, and counts that. */
static void losses_add_missed(const struct tracer *t, struct losses *losses)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, t->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);
		int kind = plan_missed_kind(&t->plan, bpf_program__name(p));

		if (kind >= 0 && bpf_program__autoload(p) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			losses->cnt[kind][LOST_NESTED] += info.recursion_misses;
	}
}

int tracer__losses(struct tracer *t, struct losses *losses)
{
	int fd = bpf_map__fd(t->skel->maps.losses);

	memset(losses, 0, sizeof(*losses));
	for (uint32_t key = 0; key < LOSS_CNT; key++) {
		uint64_t *sum = &losses->cnt[key / LOST_REASON_CNT][key % LOST_REASON_CNT];

		if (bpf_map_lookup_elem(fd, &key, t->percpu))
			return -errno;
		for (int cpu = 0; cpu < t->cpu_cnt; cpu++)
			*sum += t->percpu[cpu];
	}
	losses_add_missed(t, losses);
	return 0;
}

uint64_t tracer__dns_lost(const struct tracer *t)
{
	return __atomic_load_n(&t->skel->bss->shared.dns_lost, __ATOMIC_RELAXED);
}

const struct plan *tracer__plan(const struct tracer *t)
{
	return &t->plan;
}

void tracer__print_stats(const struct tracer *t, FILE *f)
{
	struct bpf_program *p;

	if (t->skel->rodata->cfg.link)
		fprintf(f, "%-32s %12llu\n", "lost routes of sockets",
			(unsigned long long)t->skel->bss->shared.link_lost);
	fprintf(f, "%-32s %12s %10s %8s\n", "program", "runs", "ns/run", "missed");
	bpf_object__for_each_program(p, t->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (!bpf_program__autoload(p) ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			continue;
		fprintf(f, "%-32s %12llu %10llu %8llu\n", bpf_program__name(p), info.run_cnt,
			info.run_cnt ? info.run_time_ns / info.run_cnt : 0, info.recursion_misses);
	}
}
