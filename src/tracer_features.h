/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this kernel can do for programs of the tracing type, as its own type information tells. */
#ifndef CONNSNOOP_TRACER_FEATURES_H
#define CONNSNOOP_TRACER_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct features {
	bool socket_storage; /* 5.11 */
	bool task_btf;	     /* 5.11 */
	bool sock_from_file; /* 5.11 */
	bool cookie;	     /* 5.12 */
	bool cheap_maps;     /* 6.1: hashes without preallocation are safe in tracing programs */
	bool mptcp;
	bool preemption; /* a task may preempt another in a tracepoint's program (6.13) */
	bool kprobes;
	int fentry_error;   /* why no program of this kind loads; 0: such programs do */
	uint8_t uring_args; /* enum uring_args */
};

/* Looked up once, for 9 ms. 0 or -errno, after one sentence on stderr. */
int tracer_features(struct features *f);

#endif
