/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way into the ring buffer, and the counters of what found no room there. */
#ifndef CONNSNOOP_EMIT_BPF_H
#define CONNSNOOP_EMIT_BPF_H

#include "filter.bpf.h"

static __always_inline void lost(enum event_kind kind, enum lost_reason reason)
{
	__u32 key = kind * LOST_REASON_CNT + reason;
	__u64 *count = bpf_map_lookup_elem(&losses, &key);

	if (count) /* a softirq may add to the same counter between our load and store */
		__sync_fetch_and_add(count, 1);
}

/*
 * Wake the reader only when it sleeps, once, or when much waits, once: a wakeup costs more than ten
 * events. The reader wakes by itself when events are as old as --latency allows.
 */
static __always_inline __u64 wakeup_flags(void)
{
	if (!cfg.wakeup_bytes)
		return 0;
	if (shared.reader_sleeps) {
		shared.reader_sleeps = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	if (!shared.hurry && bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= cfg.wakeup_bytes) {
		shared.hurry = 1;
		return BPF_RB_FORCE_WAKEUP;
	}
	return BPF_RB_NO_WAKEUP;
}

/* Room for an event of a constant size; NULL and counted as lost when there is none. */
static __always_inline struct event *event_reserve(enum event_kind kind, __u64 size)
{
	struct event *e = bpf_ringbuf_reserve(&events, size, 0);

	if (!e)
		lost(kind, LOST_BUFFER);
	return e;
}

/* The same, and zeroed. */
static __always_inline struct event *event_begin(enum event_kind kind, __u64 size, __u64 now_ns)
{
	struct event *e = event_reserve(kind, size);

	if (!e)
		return NULL;
	__builtin_memset(e, 0, size);
	e->kind = kind;
	e->ts_ns = now_ns;
	return e;
}

static __always_inline void event_end(struct event *e)
{
	bpf_ringbuf_submit(e, wakeup_flags());
}

static __always_inline void event_set_tuple(struct event *e, const struct tuple *t)
{
	e->tuple = *t;
}

/* Which socket it is about, and whose. */
static __always_inline void event_set_socket(struct event *e, __u64 id, const struct owner *owner,
					     __u8 attr, __u8 direction)
{
	e->id = id;
	e->owner = *owner;
	e->attr = attr;
	e->direction = direction;
}

#endif
