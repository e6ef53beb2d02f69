// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs that go to a function of libc: to each file that is one. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "connsnoop.skel.h"
#include "libcs.h"
#include "log.h"
#include "tracer_internal.h"
#include "uretprobe.h"

#define PMU "/sys/bus/event_source/devices/uprobe/type"

static int check(void)
{
	/* without it, libbpf would take tracefs, where a probe stays behind when we are killed */
	if (access(PMU, R_OK))
		return -ENOTSUPP;
	return uretprobe_is_harmless() ? 0 : -ENOTSUPP;
}

void tracer_libc_plan(struct plan *plan, const struct opts *opts)
{
	int err;

	plan->wanted[HOOK_LIBC] = plan->wanted[HOOK_DNS] && !opts->no_libc;
	err = plan->wanted[HOOK_LIBC] ? check() : 0;
	if (err)
		plan_fail(plan, "getaddrinfo_uprobe", err);
}

static int attach(struct tracer *t, const struct bpf_program *p, bool at_return, int fd)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return, .func_name = "getaddrinfo");
	struct bpf_link *link;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	link = bpf_program__attach_uprobe_opts(p, -1, path, 0, &opts);
	if (!link)
		return -errno;
	t->libc_links[t->libc_link_cnt++] = link;
	return 0;
}

/* First what takes what the other has left: a call that is under way is not told with another's arguments. */
static int attach_file(struct tracer *t, int fd)
{
	int err = attach(t, t->skel->progs.getaddrinfo_uretprobe, true, fd);

	return err ?: attach(t, t->skel->progs.getaddrinfo_uprobe, false, fd);
}

int tracer_libc_attach(struct tracer *t)
{
	int err = check(), cnt = 0, first_err = -ENOENT;
	struct libcs libcs;

	if (err)
		return err;
	libcs_find(&libcs);
	for (size_t i = 0; i < libcs.cnt; i++) {
		err = attach_file(t, libcs.fds[i]);
		cnt += !err;
		if (err && !i)
			first_err = err;
	}
	log_debug("getaddrinfo() in %d of %zu files of libc, %zu passed over", cnt, libcs.cnt,
		  libcs.passed_over);
	libcs_close(&libcs);
	return cnt ? 0 : first_err;
}

void tracer_libc_detach(struct tracer *t)
{
	while (t->libc_link_cnt)
		bpf_link__destroy(t->libc_links[--t->libc_link_cnt]);
}
