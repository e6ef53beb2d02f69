/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fixed mix of records, as the ring buffer would bring them: the same in every run, so that two
 * runs can be compared. Connections of servers and clients on this machine and to others, IPv4 and
 * IPv6, failures and UDP flows, some hundred of processes, many at a time.
 */
#ifndef CONNSNOOP_BENCH_MIX_H
#define CONNSNOOP_BENCH_MIX_H

#include <stddef.h>
#include <stdint.h>

/* What follows a record's header, padded to eight bytes. */
struct record {
	uint64_t size;
	char data[];
};

struct mix {
	char *records;
	size_t len;	  /* bytes */
	size_t event_cnt; /* without those of executables */
};

/* The cgroups of its processes: ids from MIX_CGROUP_FIRST on. */
#define MIX_CGROUP_FIRST 1000
#define MIX_CGROUP_CNT 4
extern const char *const mix_cgroups[MIX_CGROUP_CNT];

/* At least @event_cnt events. 0 or -ENOMEM; mix_free() in both cases. */
int mix_make(struct mix *m, size_t event_cnt);
void mix_free(struct mix *m);

static inline const struct record *mix_next(const struct mix *m, const struct record *r)
{
	const char *next = r ? r->data + ((r->size + 7) & ~7ULL) : m->records;

	return next < m->records + m->len ? (const struct record *)next : NULL;
}

#endif
