/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sweep over all UDP flows, which the loader asks for: what has ended is closed, or what is oldest. */
#ifndef CONNSNOOP_SWEEP_BPF_H
#define CONNSNOOP_SWEEP_BPF_H

#include "flow.bpf.h"

/* 8 * log2 of the age, with three bits behind the point: see AGE_CNT. */
static __always_inline __u32 age_of(__u64 ns)
{
	__u64 us = ns >> 10, rest = us;
	__u32 log = 0;

	for (int bits = 32; bits; bits /= 2) {
		if (rest >> bits) {
			rest >>= bits;
			log += bits;
		}
	}
	if (log < AGE_STEP_BITS)
		return log << AGE_STEP_BITS;
	return log << AGE_STEP_BITS | (us >> (log - AGE_STEP_BITS) & ((1 << AGE_STEP_BITS) - 1));
}

/* Is this one of the least recently used, which must go? */
static __always_inline bool flow_is_evicted(__u32 age)
{
	if (age != shared.evict_age)
		return age > shared.evict_age;
	if (!shared.evict_cnt)
		return false;
	shared.evict_cnt--;
	return true;
}

/* Has its socket gone, or has it been idle for too long? */
static __always_inline bool flow_sweep_ended(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = bpf_ktime_get_ns(), .closer_pid = f->owner.pid };
	struct udp_end *end = bpf_map_lookup_elem(&dead_udp_sockets, &key->id);

	if (end)
		return flow_close(key, f, end, REASON_CLOSED);
	if (f->last_ns && now.ts_ns > f->last_ns && now.ts_ns - f->last_ns >= cfg.udp_idle_ns)
		return flow_close(key, f, &now, REASON_IDLE);
	return false;
}

/* One flow of the sweep, which one task at a time makes. True if it was closed. */
static __always_inline bool flow_sweep(const struct flow_key *key, const struct flow *f)
{
	struct udp_end now = { .ts_ns = shared.sweep_ns, .closer_pid = f->owner.pid };
	__u32 age;

	if (shared.sweep_mode == SWEEP_ENDED)
		return flow_sweep_ended(key, f);
	if (shared.sweep_mode == SWEEP_NEWEST) {
		if (f->last_ns > shared.sweep_ns)
			shared.sweep_ns = f->last_ns;
		return false;
	}
	if (!f->last_ns || f->last_ns >= now.ts_ns)
		return false; /* just made, or used since the sweep began */
	age = age_of(now.ts_ns - f->last_ns) & (AGE_CNT - 1);
	if (shared.sweep_mode == SWEEP_COUNT)
		shared.flow_ages[age]++;
	else if (flow_is_evicted(age))
		return flow_close(key, f, &now, REASON_IDLE);
	return false;
}

#endif
