/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The filters, decided here for sockets that no BPF program has looked at. Each answers as its
 * namesake in bpf/filter.bpf.h and bpf/owner.bpf.h does.
 */
#ifndef CONNSNOOP_PASS_H
#define CONNSNOOP_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "filters.h"

struct pass {
	const struct filters *f;
	uint64_t cgroup_id;    /* FILTER_CGROUP: of the v2 hierarchy */
	uint32_t cgroup_level; /* its depth, 0 the root */
};

/* Finds the cgroup. @f must outlive @p. 0, or -errno after one sentence on stderr. */
int pass_init(struct pass *p, const struct filters *f);

/* Where the socket is, and which side has begun. */
bool pass_tuple(const struct pass *p, const struct tuple *t, uint8_t direction);

/*
 * Whose it is; nobody passes no filter for owners. @cgroup_ancestor: id of what is p->cgroup_level
 * below the root on the way to the owner's cgroup, that itself included; 0: not so deep, or not known.
 */
bool pass_owner(const struct pass *p, const struct owner *o, uint64_t cgroup_ancestor);

/* Both. */
bool pass_filters(const struct pass *p, const struct event *e, uint64_t cgroup_ancestor);

#endif
