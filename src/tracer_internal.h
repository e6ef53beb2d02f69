/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the tracer share: the rest of the program sees tracer.h alone. */
#ifndef CONNSNOOP_TRACER_INTERNAL_H
#define CONNSNOOP_TRACER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcs.h"
#include "plan.h"
#include "tracer.h"
#include "tracer_features.h"

#define PROGRAM_CNT_MAX 64
#define LIBC_LINK_CNT_MAX (2 * LIBCS_MAX)

struct bpf_link;
struct connsnoop_bpf;
struct ring_buffer;

struct tracer {
	struct connsnoop_bpf *skel;
	struct ring_buffer *ring;
	struct plan plan;
	struct features features;
	struct bpf_link *links[PROGRAM_CNT_MAX];
	size_t link_cnt;
	struct bpf_link *libc_links[LIBC_LINK_CNT_MAX];
	size_t libc_link_cnt;
	struct bpf_link *sweep;
	struct bpf_link *tree_enter; /* NULL: no FILTER_TREE */
	int cgroup_fd;
	int stats_fd; /* keeps the kernel's run-time statistics on, -1: off */
	tracer_fn fn;
	void *ctx;
	uint64_t *percpu; /* room for one value of each CPU */
	int cpu_cnt;
};

/* Nothing loaded yet; NULL: out of memory. */
struct tracer *tracer_new(tracer_fn fn, void *ctx);

/*
 * Choose, load and attach the best that this kernel takes: what fails is given up, and the next
 * best is tried. 0 or -errno, after one sentence on stderr.
 */
int tracer_load(struct tracer *t, const struct opts *opts);
void tracer_unload(struct tracer *t);

/*
 * Between open and load: which programs are loaded, their settings, the sizes of the maps. 0 or
 * -errno, after one sentence on stderr.
 */
int tracer_configure(struct tracer *t, const struct opts *opts);

/* -v: of each program that is loaded its size, and how much the verifier had to do (0 before 5.16). */
void tracer_log_programs(const struct tracer *t);

/* Tell the paths of the cgroups that are there already, as the kernel does those of new ones. */
void tracer_tell_cgroups(struct tracer *t);

/* Is HOOK_LIBC wanted, as names are, and can it be had, as far as is known before it is loaded? */
void tracer_libc_plan(struct plan *plan, const struct opts *opts);
/* Attach its programs to whatever is a libc now: 0 if there was one, else -errno. */
int tracer_libc_attach(struct tracer *t);
void tracer_libc_detach(struct tracer *t);

/* Before loading: what the plan asks of the tree of processes. 0 or -errno. */
int tracer_tree_configure(struct tracer *t);

#endif
