// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From what is asked for to programs that run: chosen, configured, loaded, attached. */
#include "tracer_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup2.h"
#include "connsnoop.skel.h"
#include "log.h"
#include "tracepoint.h"
#include "tracer_filters.h"

#define ATTEMPT_CNT_MAX 32 /* of loading: each gives up at least one way */

/* --- libbpf's messages: kept, to learn which program has failed ------------------------------ */

static char failed_program[64];
static char last_message[512];

static int on_libbpf_message(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char text[65536];
	char *quoted;

	/* of 9000 lines for debugging: 4 ms of the start */
	if (level > (log_verbose ? LIBBPF_INFO : LIBBPF_WARN))
		return 0;
	vsnprintf(text, sizeof(text), fmt, args);
	if (log_verbose)
		fputs(text, stderr);
	if (level != LIBBPF_WARN)
		return 0;
	quoted = strstr(text, "prog '");
	if (quoted && !failed_program[0])
		sscanf(quoted, "prog '%63[^']'", failed_program);
	if (!last_message[0])
		snprintf(last_message, sizeof(last_message), "%.*s", (int)strcspn(text, "\n"),
			 text);
	return 0;
}

static void messages_reset(void)
{
	failed_program[0] = '\0';
	last_message[0] = '\0';
}

const char *tracer_last_message(void)
{
	return last_message;
}

/* --- loading and attaching ------------------------------------------------------------------- */

static bool attaches_to_cgroup(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	return !strncmp(section, "cgroup", 6) || !strcmp(section, "sockops");
}

/* libbpf would want tracefs to be mounted. */
static struct bpf_link *attach_tracepoint(const struct bpf_program *p, const char *name)
{
	int fd = tracepoint_open(name);
	struct bpf_link *link;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	link = bpf_program__attach_perf_event(p, fd);
	if (!link)
		close(fd);
	return link;
}

#define TRACEPOINT_PREFIX "tracepoint/"

static struct bpf_link *attach_one(struct tracer *t, struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	if (!strncmp(section, TRACEPOINT_PREFIX, strlen(TRACEPOINT_PREFIX)))
		return attach_tracepoint(p, section + strlen(TRACEPOINT_PREFIX));
	if (!attaches_to_cgroup(p))
		return bpf_program__attach(p);
	if (t->cgroup_fd < 0)
		t->cgroup_fd = cgroup2_open_root();
	if (t->cgroup_fd < 0) {
		errno = -t->cgroup_fd;
		return NULL;
	}
	return bpf_program__attach_cgroup(p, t->cgroup_fd);
}

/* Iterators are not called: they are read. */
static bool is_iterator(const struct bpf_program *p)
{
	return !strncmp(bpf_program__section_name(p), "iter/", 5);
}

static int attach(struct tracer *t, struct bpf_program *p)
{
	struct bpf_link *link = NULL;
	int err = 0;

	/* what is at a return of libc comes with the other */
	if (!bpf_program__autoload(p) || is_iterator(p) ||
	    p == t->skel->progs.getaddrinfo_uretprobe)
		return 0;
	if (p == t->skel->progs.getaddrinfo_uprobe)
		err = tracer_libc_attach(t);
	else if (!(link = attach_one(t, p)))
		err = -errno;
	if (err)
		snprintf(failed_program, sizeof(failed_program), "%s", bpf_program__name(p));
	if (link)
		t->links[t->link_cnt++] = link;
	return err;
}

/*
 * First what sees cgroups being made, then a look at those that are there, then all else: so the cgroup of
 * whatever will be traced is known, however short it lives.
 */
static int attach_all(struct tracer *t)
{
	struct bpf_program *first = t->skel->progs.cgroup_mkdir_raw, *p;
	int err = attach(t, first);

	if (!err && plan_way(&t->plan, HOOK_CGROUP))
		tracer_tell_cgroups(t);
	bpf_object__for_each_program(p, t->skel->obj)
		err = err ?: p == first ? 0 : attach(t, p);
	return err;
}

void tracer_unload(struct tracer *t)
{
	tracer__detach(t);
	ring_buffer__free(t->ring);
	t->ring = NULL;
	bpf_link__destroy(t->sweep);
	t->sweep = NULL;
	bpf_link__destroy(t->tree_enter);
	t->tree_enter = NULL;
	connsnoop_bpf__destroy(t->skel);
	t->skel = NULL;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct tracer *t = ctx;

	return t->fn(t->ctx, data, size);
}

/* NULL in *@link if the program is not wanted. */
static int iterator_attach(struct bpf_program *p, struct bpf_map *map, struct bpf_link **link)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	if (!bpf_program__autoload(p))
		return 0;
	*link = bpf_program__attach_iter(p, &opts);
	return *link ? 0 : -errno;
}

/* Load and attach what the plan says. On failure failed_program may name the one that failed. */
static int load(struct tracer *t, const struct opts *opts)
{
	int err;

	t->skel = connsnoop_bpf__open();
	if (!t->skel)
		return -errno;
	err = tracer_configure(t, opts);
	if (err)
		return err;
	messages_reset();
	err = connsnoop_bpf__load(t->skel);
	if (err)
		return err;
	failed_program[0] = '\0';
	err = tracer_filters_fill(t->skel, &opts->filters);
	if (err)
		return err;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.events), on_record, t, NULL);
	if (!t->ring)
		return -errno;
	t->skel->bss->shared.scan_runs = 1;
	err = iterator_attach(t->skel->progs.flows_sweep, t->skel->maps.flows, &t->sweep);
	err = err ?: iterator_attach(t->skel->progs.tree_enter, t->skel->maps.tree, &t->tree_enter);
	return err ?: attach_all(t);
}

static int report_failure(int err)
{
	if (failed_program[0])
		log_err("cannot load or attach the BPF program %s: %s", failed_program,
			last_message[0] ? last_message : strerror(-err));
	else if (err == -EPERM || err == -EACCES)
		log_err("cannot load the BPF programs: %s; this needs root, or the capabilities "
			"CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, with CAP_SYS_ADMIN for kprobes",
			strerror(-err));
	else
		log_err("cannot load the BPF programs: %s%s%s", strerror(-err),
			last_message[0] ? ": " : "", last_message);
	return err;
}

/* Where a program can only read the cookie, others must make the kernel give each socket one. */
static void plan_cookies(struct tracer *t)
{
	bool untyped = plan_has_backend(&t->plan, BACKEND_KPROBE) || !t->features.cookie;

	if (t->plan.wanted[HOOK_LIST_FILES])
		return; /* a list hooks nothing */
	t->plan.wanted[HOOK_CHILD_COOKIE] = untyped;
	t->plan.wanted[HOOK_MPTCP_COOKIE] =
		t->features.mptcp && t->features.cookie &&
		!(plan_uses(&t->plan, "inet_sock_set_state_tp") && !untyped);
	t->plan.wanted[HOOK_COOKIE] = untyped || plan_is_by_syscall(&t->plan);
}

/* Why the last of the ways that are allowed has failed. */
static int plan_error(const struct plan *plan, enum hook_id hook)
{
	int err = -EOPNOTSUPP;

	for (int i = 0; i < WAY_CNT_MAX && hooks[hook].ways[i].where; i++)
		if (way_is_allowed(&hooks[hook].ways[i], plan->backend))
			err = plan->errors[hook][i] ?: err;
	return err;
}

static int plan_check(const struct plan *plan)
{
	for (int i = 0; i < HOOK_CNT; i++) {
		if (plan->wanted[i] && hooks[i].required && !plan_way(plan, i)) {
			log_err("no way to hook %s here%s%s: %s; see connsnoop probe",
				hooks[i].name, plan->backend ? " with --backend " : "",
				plan->backend ? backend_name(plan->backend) : "",
				strerror(-plan_error(plan, i)));
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/* Load the best that this kernel takes: what fails is given up, and the next best is tried. */
static int load_best(struct tracer *t, const struct opts *opts)
{
	for (int i = 0; i < ATTEMPT_CNT_MAX; i++) {
		int err;

		plan_cookies(t);
		err = plan_check(&t->plan) ?: load(t, opts);
		if (!err)
			return 0;
		log_debug("attempt %d: %s: %s", i + 1, failed_program, strerror(-err));
		if (err == -EOPNOTSUPP && !t->skel)
			return err;
		if (!failed_program[0] || !plan_fail(&t->plan, failed_program, err))
			return report_failure(err);
		tracer_unload(t);
	}
	return report_failure(-ELOOP);
}

/*
 * Say what cannot be had. Which way each hook takes, and what that is only weaker in, is for -v and
 * probe, unless the user has asked for just that.
 */
static void warn_missing(const struct plan *plan, uint32_t events)
{
	const uint32_t by_request = 1u << EVENT_STATE | 1u << EVENT_SEND;

	for (int i = 0; i < HOOK_CNT; i++) {
		const struct way *way = plan_way(plan, i);

		if (!plan->wanted[i])
			continue;
		if (!way && hooks[i].optional)
			log_debug("no hook for %s on this kernel", hooks[i].name);
		else if (!way)
			log_warn("no hook for %s on this kernel: see connsnoop probe",
				 hooks[i].name);
		else if (way->weakness && hooks[i].events & events & by_request)
			log_warn("%s by %s: %s", hooks[i].name, way->where, way->weakness);
		else
			log_debug("%s by %s%s%s", hooks[i].name, way->where,
				  way->weakness ? ": " : "", way->weakness ?: "");
	}
}

/* Is this way for this kernel? What would not load needs no attempt. */
static bool way_fits(const struct way *way, const struct features *f)
{
	if (way_has(way, "inet_sock_set_state_again_tp"))
		return f->preemption; /* else it costs more than it finds */
	/* not the one for want of the other: they keep what they find in different places */
	if (way_has(way, "scan_files_probed") || way_has(way, "list_files_probed"))
		return !f->sock_from_file;
	return f->sock_from_file ||
	       !(way_has(way, "scan_files_typed") || way_has(way, "list_files_typed"));
}

static void plan_fit(struct plan *plan, const struct features *f)
{
	for (int i = 0; i < HOOK_CNT; i++)
		for (int j = 0; j < WAY_CNT_MAX && hooks[i].ways[j].where; j++)
			if (!way_fits(&hooks[i].ways[j], f))
				plan->errors[i][j] = -ENOTSUPP;
}

int tracer_load(struct tracer *t, const struct opts *opts)
{
	bool tcp = opts->filters.set & FILTER_TCP || !(opts->filters.set & FILTER_UDP);
	bool udp = opts->filters.set & FILTER_UDP || !(opts->filters.set & FILTER_TCP);
	bool list = opts->command == COMMAND_LIST;
	int err;

	libbpf_set_print(on_libbpf_message);
	err = tracer_features(&t->features);
	if (err)
		return err;
	plan_init(&t->plan, list ? 0 : opts_kernel_events(opts), tcp, udp, opts->backend);
	t->plan.wanted[HOOK_LIST_FILES] = t->plan.wanted[HOOK_LIST_TABLES] = list;
	t->plan.wanted[HOOK_SCAN_FILES] = !list; /* for the owners, even if nothing is printed */
	t->plan.wanted[HOOK_TREE] = opts->filters.set & FILTER_TREE;
	t->plan.wanted[HOOK_CGROUP] = !list && opts->cgroups;
	t->plan.wanted[HOOK_DNS] =
		(opts->command == COMMAND_TRACE || opts->command == COMMAND_PROBE) &&
		opts_want_names(opts);
	tracer_libc_plan(&t->plan, opts);
	if (!t->features.kprobes)
		plan_fail_backend(&t->plan, BACKEND_KPROBE, -ENOENT);
	if (t->features.fentry_error)
		plan_fail_backend(&t->plan, BACKEND_FENTRY, t->features.fentry_error);
	plan_fit(&t->plan, &t->features);
	err = load_best(t, opts);
	if (err)
		return err;
	warn_missing(&t->plan, opts->events);
	if (list && !(plan_way(&t->plan, HOOK_LIST_FILES) && plan_way(&t->plan, HOOK_LIST_TABLES)))
		return -EOPNOTSUPP; /* netlink and /proc have both halves */
	if (log_verbose)
		tracer_log_programs(t);
	return 0;
}

int tracer_try(const struct way *way, const char **stage)
{
	struct tracer *t = tracer_new(NULL, NULL);
	struct bpf_program *p;
	int err = t ? 0 : -ENOMEM;

	*stage = "open";
	libbpf_set_print(on_libbpf_message);
	if (!err)
		err = tracer_features(&t->features);
	if (!err && !way_fits(way, &t->features)) {
		*stage = "fit";
		err = -ENOTSUPP;
	}
	if (!err && !(t->skel = connsnoop_bpf__open()))
		err = -errno;
	if (err)
		goto out;
	bpf_object__for_each_program(p, t->skel->obj)
		bpf_program__set_autoload(p, way_has(way, bpf_program__name(p)));
	((struct config *)&t->skel->rodata->cfg)->events = ~0u;
	((struct config *)&t->skel->rodata->cfg)->uring_args = t->features.uring_args;
	if (!t->features.socket_storage)
		bpf_map__set_autocreate(t->skel->maps.inherited, false);
	bpf_map__set_max_entries(t->skel->maps.events, sysconf(_SC_PAGESIZE));
	messages_reset();
	*stage = "load";
	err = connsnoop_bpf__load(t->skel);
	if (err)
		goto out;
	*stage = "attach";
	err = attach_all(t);
out:
	tracer__close(t);
	return err;
}
