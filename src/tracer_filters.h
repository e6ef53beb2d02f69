/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The filters of the command line, in the kernel's words: settings and maps. */
#ifndef CONNSNOOP_TRACER_FILTERS_H
#define CONNSNOOP_TRACER_FILTERS_H

#include "config.h"
#include "filters.h"

struct connsnoop_bpf;

/* Before loading: settings, and maps as large as their values. 0 or -errno, after one sentence. */
int tracer_filters_configure(struct connsnoop_bpf *skel, struct config *cfg,
			     const struct filters *f);

/* After loading: the values. 0 or -errno, after one sentence. */
int tracer_filters_fill(struct connsnoop_bpf *skel, const struct filters *f);

#endif
