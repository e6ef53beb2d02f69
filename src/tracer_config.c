// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Before loading: the settings that the plan and the options ask for, and how large the maps are. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "connsnoop.skel.h"
#include "log.h"
#include "tracer_filters.h"
#include "tracer_internal.h"

#define BUFFER_BYTES_DEFAULT (32u << 20) /* 20 000 loopback connections a second, for 1.7 s */
#define WAKEUP_DIVISOR 8 /* wake the reader early when so much of the buffer is full */
#define LARGE_MAP_ENTRIES (1u << 18)
#define CONNS_MIN (1u << 16)
#define CONNS_MAX (1u << 20)
#define SOCKET_BYTES 8192
#define FLOWS_CHEAP (1u << 18) /* --udp-flows, where a map takes memory as it fills */
#define FLOWS_DEAR (1u << 14)

static uint32_t buffer_bytes(const struct opts *opts)
{
	return opts->buffer_bytes ?: BUFFER_BYTES_DEFAULT;
}

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
	cfg->states = opts->states;
	cfg->failed_only = opts->failed_only && !opts->command_argv;
	cfg->udp_idle_ns = opts->udp_idle_ns;
	cfg->flows_mark = flows_max(t, opts) / 4 * 3;
	cfg->inherit = t->features.socket_storage;
	cfg->cookie_helper = t->features.cookie && !kprobes;
	cfg->task_btf = t->features.task_btf;
	cfg->uring_args = t->features.uring_args;
	cfg->state_twice = plan_uses(plan, "inet_sock_set_state_again_tp");
	cfg->connect_late = way_is_bare(plan_way(plan, HOOK_TCP_CONNECT));
	cfg->listen_at_state = way_is_bare(plan_way(plan, HOOK_TCP_LISTEN));
	cfg->owner_at_state = sockops || cfg->connect_late || cfg->listen_at_state;
	cfg->accept_by_syscall = plan_is_by_syscall(plan);
	cfg->accept_by_graft = plan_uses(plan, "security_sock_graft_fentry");
	cfg->link = opts->link;
	cfg->destroy_seen = plan_way(plan, HOOK_TCP_DESTROY) != NULL;
}

/*
 * TCP sockets that can be followed at a time: as many as may find room in this machine's memory, at
 * 8 KiB each. What the table takes before it fills is 16 bytes for each.
 */
static uint32_t conns_max(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	uint32_t cnt = CONNS_MIN;

	while (cnt < CONNS_MAX && bytes / SOCKET_BYTES >= 2 * cnt)
		cnt *= 2;
	return cnt;
}

/* What has to be known of a map: how large it is if it is used, and whether it may grow as it fills. */
struct map_size {
	struct bpf_map *map;
	bool used;
	uint32_t dear;	/* entries, allocated at once */
	uint32_t cheap; /* entries that take memory as they come; 0: cannot, it is an LRU */
};

/* One that is not used is there all the same, for the programs refer to it: of one entry. */
static int map_resize(const struct map_size *m, bool cheap_maps)
{
	bool cheap = cheap_maps && m->cheap;
	int err = bpf_map__set_max_entries(m->map, !m->used ? 1 : cheap ? m->cheap : m->dear);

	return err ?: cheap ? bpf_map__set_map_flags(m->map, BPF_F_NO_PREALLOC) : 0;
}

static bool wants_any(const struct plan *plan, enum hook_id first, enum hook_id last)
{
	bool any = false;

	for (int i = first; i <= (int)last; i++)
		any |= plan->wanted[i];
	return any;
}

/* The number that @format finds in a file of /proc; @otherwise if there is none. */
static uint32_t proc_number(const char *path, const char *format, uint32_t otherwise)
{
	FILE *f = fopen(path, "re");
	uint32_t number;

	if (!f)
		return otherwise;
	if (fscanf(f, format, &number) != 1)
		number = otherwise;
	fclose(f);
	return number;
}

/* Sockets are files, and some may yet be opened. */
static uint32_t list_sockets_max(void)
{
	uint64_t files = proc_number("/proc/sys/fs/file-nr", "%u", 1u << 20);

	return files + files / 4 + 4096;
}

/* Of a process with all its threads there is one at least. */
static uint32_t list_processes_max(void)
{
	uint64_t tasks = proc_number("/proc/loadavg", "%*f %*f %*f %*u/%u", 1u << 15);

	return tasks + tasks / 4 + 1024;
}

static int maps_configure(struct tracer *t, const struct opts *opts, const struct config *cfg)
{
	const struct plan *plan = &t->plan;
	bool tables =
		plan->wanted[HOOK_SCAN_TABLES]; /* what was told from files is kept for these */
	bool tcp = tables || wants_any(plan, HOOK_TCP_STATE, HOOK_TCP_DESTROY);
	bool udp = tables || wants_any(plan, HOOK_UDP_SEND, HOOK_UDP_CLOSE);
	uint32_t flows = flows_max(t, opts);
	bool list = plan->wanted[HOOK_LIST_FILES];
	uint32_t files = list ? list_sockets_max() : 1, processes = list ? list_processes_max() : 1;
	bool calls = plan_has_backend(plan, BACKEND_KPROBE) || plan->wanted[HOOK_LIBC];
	const struct map_size sizes[] = {
		{ t->skel->maps.conns, tcp, 1u << 16, conns_max() },
		{ t->skel->maps.listeners, tcp || list, 1u << 12, 1u << 12 },
		{ t->skel->maps.late_closes, tcp, 1u << 12, 1u << 16 },
		{ t->skel->maps.peers, tcp, 1u << 14, 0 },
		{ t->skel->maps.failed_connects, tcp && cfg->accept_by_syscall, 1u << 13, 0 },
		{ t->skel->maps.scan_closed, tables, 1u << 14, 0 },
		{ t->skel->maps.calls, calls,
		  plan_has_backend(plan, BACKEND_KPROBE) ? 1u << 13 : 1u << 10, 0 },
		{ t->skel->maps.flows, udp, flows, flows },
		{ t->skel->maps.udp_sockets, udp, 1u << 14, LARGE_MAP_ENTRIES },
		{ t->skel->maps.holdings, list, files, 0 },
		{ t->skel->maps.holders, list, processes, 0 },
		{ t->skel->maps.late_files, list, 1u << 12, 0 },
		{ t->skel->maps.dead_udp_sockets, udp, 1u << 12, 1u << 12 },
	};
	int err = bpf_map__set_max_entries(t->skel->maps.events,
					   list ? sysconf(_SC_PAGESIZE) : buffer_bytes(opts));

	for (size_t i = 0; !err && i < sizeof(sizes) / sizeof(*sizes); i++)
		err = map_resize(&sizes[i], t->features.cheap_maps);
	if (t->features.socket_storage)
		return err;
	/* inherited storage came with the helpers: an empty array stands in for it */
	return err ?: bpf_map__set_autocreate(t->skel->maps.inherited, false);
}

int tracer_configure(struct tracer *t, const struct opts *opts)
{
	struct config *cfg = (struct config *)&t->skel->rodata->cfg;
	struct bpf_program *p;
	int err;

	bpf_object__for_each_program(p, t->skel->obj)
		bpf_program__set_autoload(p, plan_uses(&t->plan, bpf_program__name(p)));
	bpf_program__set_autoload(t->skel->progs.flows_sweep, t->plan.wanted[HOOK_UDP_SEND]);
	config_choose(cfg, t, opts);
	cfg->wakeup_bytes = opts->latency_ms ? buffer_bytes(opts) / WAKEUP_DIVISOR : 0;
	err = maps_configure(t, opts, cfg) ?: tracer_tree_configure(t);
	if (err) {
		log_err("cannot set the size of the buffers: %s", strerror(-err));
		return err;
	}
	return tracer_filters_configure(t->skel, cfg, &opts->filters);
}
