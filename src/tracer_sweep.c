// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sweep over all UDP flows: it closes what has ended, and when there are many the oldest. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "connsnoop.skel.h"
#include "event.h"
#include "tracer.h"
#include "tracer_internal.h"

/* Flows that are closed before the buffer is emptied: all at once could be more than it holds. */
#define SWEEP_STEP 64

/* Have the iterator go through all flows once: how many it has closed, or a negative error. */
static int sweep_run(struct tracer *t, enum sweep_mode mode)
{
	int fd, n, closed = 0;
	char buf[SWEEP_STEP]; /* it stops when it has written so many bytes, one for each flow */

	t->skel->bss->shared.sweep_mode = mode;
	fd = bpf_iter_create(bpf_link__fd(t->sweep));
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		closed += n;
		tracer__consume(t);
	}
	close(fd);
	return closed;
}

/* Where the iterator has stopped it may pass over a flow when it goes on: then it goes round again. */
static int sweep_ended(struct tracer *t)
{
	int n;

	do {
		n = sweep_run(t, SWEEP_ENDED);
	} while (n >= SWEEP_STEP);
	return n < 0 ? n : 0;
}

/* Forget the sockets that the sweep has dealt with: those that were closed before it began. */
static void dead_sockets_forget(struct tracer *t, uint64_t before_ns)
{
	int fd = bpf_map__fd(t->skel->maps.dead_udp_sockets);
	uint64_t id, next = 0;
	struct udp_end end;
	bool more = !bpf_map_get_next_key(fd, NULL, &id);

	while (more) {
		more = !bpf_map_get_next_key(fd, &id, &next);
		if (!bpf_map_lookup_elem(fd, &id, &end) && end.ts_ns < before_ns)
			bpf_map_delete_elem(fd, &id);
		id = next;
	}
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
	err = sweep_run(t, SWEEP_EVICT);
	return err < 0 ? err : 0;
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
	uint64_t begin_ns = clock_monotonic_ns();
	int err;

	if (!t->sweep)
		return 0;
	err = sweep_ended(t);
	if (err)
		return err;
	dead_sockets_forget(t, begin_ns);
	if (shared->flow_cnt >= t->skel->rodata->cfg.flows_mark)
		err = evict(t);
	__atomic_store_n(&shared->sweep_asked, 0, __ATOMIC_SEQ_CST);
	return err;
}
