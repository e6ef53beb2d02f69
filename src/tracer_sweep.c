// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sweep over all UDP flows: it closes what has ended, and when there are many the oldest. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "connsnoop.skel.h"
#include "tracer_internal.h"

/* Have the iterator go through all flows once. */
static int sweep_run(struct tracer *t, enum sweep_mode mode)
{
	char buf[64];
	int fd;

	t->skel->bss->shared.sweep_mode = mode;
	fd = bpf_iter_create(bpf_link__fd(t->sweep));
	if (fd < 0)
		return -errno;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	return 0;
}

/* Forget the sockets that the sweep has dealt with. */
static void dead_sockets_forget(struct tracer *t)
{
	int fd = bpf_map__fd(t->skel->maps.dead_udp_sockets);
	uint64_t id;

	while (!bpf_map_get_next_key(fd, NULL, &id))
		if (bpf_map_delete_elem(fd, &id))
			return;
}

/* From which age on, and how many of that age, so that @cnt go. */
static void evict_choose(struct shared *shared, uint32_t cnt)
{
	uint32_t age = AGE_CNT - 1;

	while (age && shared->flow_ages[age] < cnt)
		cnt -= shared->flow_ages[age--];
	shared->evict_age = age;
	shared->evict_cnt = cnt;
}

static int evict(struct tracer *t)
{
	struct shared *shared = &t->skel->bss->shared;
	uint32_t mark = t->skel->rodata->cfg.flows_mark, cnt = shared->flow_cnt;
	uint32_t left = mark - mark / 3; /* half of all, where the mark is three quarters */
	int err;

	memset(shared->flow_ages, 0, sizeof(shared->flow_ages));
	shared->sweep_ns = 0;
	err = sweep_run(t, SWEEP_NEWEST) ?: sweep_run(t, SWEEP_COUNT);
	if (err || cnt <= left)
		return err;
	evict_choose(shared, cnt - left);
	return sweep_run(t, SWEEP_EVICT);
}

/*
 * Each side writes its own word and then reads the other's, so that of a flow that is made meanwhile
 * one of the two knows.
 */
bool tracer__sweep_plan(struct tracer *t)
{
	struct shared *shared = &t->skel->bss->shared;

	__atomic_store_n(&shared->sweep_planned, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&shared->flow_cnt, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&shared->sweep_planned, 1, __ATOMIC_SEQ_CST);
	return true;
}

int tracer__sweep(struct tracer *t)
{
	struct shared *shared = &t->skel->bss->shared;
	int err;

	if (!t->sweep)
		return 0;
	err = sweep_run(t, SWEEP_ENDED);
	if (err)
		return err;
	dead_sockets_forget(t);
	if (shared->flow_cnt >= t->skel->rodata->cfg.flows_mark)
		err = evict(t);
	__atomic_store_n(&shared->sweep_asked, 0, __ATOMIC_SEQ_CST);
	return err;
}
