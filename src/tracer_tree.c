// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The processes that are traced with the program that we run: how many there may be, and are. */
#include "tracer_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "connsnoop.skel.h"

#define ENTRIES_MAX (1u << 22) /* the kernel has no more pids */
#define ENTRIES_DEFAULT (1u << 16)
#define INITIAL_PID_NAMESPACE 0xEFFFFFFC /* inode: the kernel's PROC_PID_INIT_INO */

/*
 * As many processes as the kernel lets there be: it counts their threads too, and until they are
 * waited for.
 */
static uint32_t processes_max(void)
{
	FILE *f = fopen("/proc/sys/kernel/threads-max", "re");
	char text[32] = "";
	unsigned long cnt = 0;

	if (f && fgets(text, sizeof(text), f))
		cnt = strtoul(text, NULL, 10);
	if (f)
		fclose(f);
	if (!cnt)
		return ENTRIES_DEFAULT;
	return cnt < ENTRIES_MAX ? cnt : ENTRIES_MAX;
}

int tracer_tree_configure(struct tracer *t)
{
	bool wanted = t->plan.wanted[HOOK_TREE];
	int err = 0;

	bpf_program__set_autoload(t->skel->progs.tree_enter, wanted);
	if (wanted)
		err = bpf_map__set_max_entries(t->skel->maps.tree, processes_max());
	if (wanted && t->features.cheap_maps)
		err = err ?: bpf_map__set_map_flags(t->skel->maps.tree, BPF_F_NO_PREALLOC);
	return err;
}

int tracer__tree_fd(const struct tracer *t)
{
	int fd = bpf_iter_create(bpf_link__fd(t->tree_enter));

	return fd < 0 ? -errno : fd;
}

uint32_t tracer__tree_size(const struct tracer *t)
{
	return __atomic_load_n(&t->skel->bss->shared.tree_cnt, __ATOMIC_SEQ_CST);
}

void tracer__tree_prune(struct tracer *t)
{
	int fd = bpf_map__fd(t->skel->maps.tree);
	uint32_t pid, next, *key = NULL;
	struct stat ns;

	/* in another pid namespace, ours are other numbers */
	if (stat("/proc/self/ns/pid", &ns) || ns.st_ino != INITIAL_PID_NAMESPACE)
		return;
	while (!bpf_map_get_next_key(fd, key, &next)) {
		bool gone = kill(next, 0) && errno == ESRCH;

		if (gone && !bpf_map_delete_elem(fd, &next)) {
			__atomic_fetch_sub(&t->skel->bss->shared.tree_cnt, 1, __ATOMIC_SEQ_CST);
			continue; /* with the key before it */
		}
		pid = next;
		key = &pid;
	}
}
