// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Before loading: the settings that the plan and the options ask for, and how large the maps are. */
#include <bpf/libbpf.h>
#include <string.h>

#include "config.h"
#include "connsnoop.skel.h"
#include "log.h"
#include "tracer_filters.h"
#include "tracer_internal.h"

#define BUFFER_BYTES_DEFAULT (16u << 20)
#define WAKEUP_DIVISOR 8 /* wake the reader early when so much of the buffer is full */
#define LARGE_MAP_ENTRIES (1u << 18)
#define FLOWS_CHEAP (1u << 18) /* --udp-flows, where a map takes memory as it fills */
#define FLOWS_DEAR (1u << 14)

static bool way_is_bare(const struct way *way)
{
	return way && !way->programs[0];
}

static uint32_t flows_max(const struct tracer *t, const struct opts *opts)
{
	return opts->udp_flows	      ? opts->udp_flows :
	       t->features.cheap_maps ? FLOWS_CHEAP :
					FLOWS_DEAR;
}

static void config_choose(struct config *cfg, const struct tracer *t, const struct opts *opts)
{
	const struct plan *plan = &t->plan;
	bool kprobes = plan_has_backend(plan, BACKEND_KPROBE);
	bool sockops = plan_uses(plan, "tcp_connect_sockops");

	cfg->events = opts_kernel_events(opts);
	cfg->failed_only = opts->failed_only && !opts->command_argv;
	cfg->udp_idle_ns = opts->udp_idle_ns;
	cfg->flows_mark = flows_max(t, opts) / 4 * 3;
	cfg->inherit = t->features.socket_storage;
	cfg->cookie_helper = t->features.cookie && !kprobes;
	cfg->task_btf = t->features.task_btf;
	cfg->uring_args = t->features.uring_args;
	cfg->connect_late = way_is_bare(plan_way(plan, HOOK_TCP_CONNECT));
	cfg->listen_at_state = way_is_bare(plan_way(plan, HOOK_TCP_LISTEN));
	cfg->owner_at_state = sockops || cfg->connect_late || cfg->listen_at_state;
	cfg->accept_by_syscall = plan_is_by_syscall(plan);
	cfg->accept_by_graft = plan_uses(plan, "security_sock_graft_fentry");
	cfg->destroy_seen = plan_way(plan, HOOK_TCP_DESTROY) != NULL;
}

static int make_cheap(struct bpf_map *map)
{
	return bpf_map__set_map_flags(map, BPF_F_NO_PREALLOC);
}

static int maps_configure(struct tracer *t, const struct opts *opts)
{
	uint32_t bytes = opts->buffer_bytes ?: BUFFER_BYTES_DEFAULT;
	int err = bpf_map__set_max_entries(t->skel->maps.events, bytes);

	err = err ?: bpf_map__set_max_entries(t->skel->maps.flows, flows_max(t, opts));
	if (t->features.cheap_maps) {
		err = err ?: make_cheap(t->skel->maps.flows);
		err = err ?: make_cheap(t->skel->maps.udp_sockets);
		err = err ?: make_cheap(t->skel->maps.conns);
		err = err ?: make_cheap(t->skel->maps.late_closes);
		err = err ?: bpf_map__set_max_entries(t->skel->maps.late_closes, LARGE_MAP_ENTRIES);
		err = err ?: bpf_map__set_max_entries(t->skel->maps.udp_sockets, LARGE_MAP_ENTRIES);
		err = err   ?:
			      bpf_map__set_max_entries(t->skel->maps.conns,
						       LARGE_MAP_ENTRIES);
	}
	if (t->features.socket_storage)
		return err;
	/* inherited storage came with the helpers: an empty array stands in for it */
	return err ?: bpf_map__set_autocreate(t->skel->maps.inherited, false);
}

int tracer_configure(struct tracer *t, const struct opts *opts)
{
	struct config *cfg = (struct config *)&t->skel->rodata->cfg;
	uint32_t bytes = opts->buffer_bytes ?: BUFFER_BYTES_DEFAULT;
	struct bpf_program *p;
	int err;

	bpf_object__for_each_program(p, t->skel->obj)
		bpf_program__set_autoload(p, plan_uses(&t->plan, bpf_program__name(p)));
	bpf_program__set_autoload(t->skel->progs.flows_sweep, t->plan.wanted[HOOK_UDP_SEND]);
	config_choose(cfg, t, opts);
	cfg->wakeup_bytes = opts->latency_ms ? bytes / WAKEUP_DIVISOR : 0;
	err = maps_configure(t, opts) ?: tracer_tree_configure(t);
	if (err) {
		log_err("cannot set the size of the buffers: %s", strerror(-err));
		return err;
	}
	return tracer_filters_configure(t->skel, cfg, &opts->filters);
}
