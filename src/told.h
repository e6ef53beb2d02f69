/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which sockets the kernel has told in its dumps. One goes on at a place in a chain of the kernel's table:
 * a socket that was put before it meanwhile makes the kernel tell the last ones again.
 */
#ifndef CONNSNOOP_TOLD_H
#define CONNSNOOP_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOLD_RECENT 16 /* more than one chain has, but where many sockets share a port */

/* Zero-initialised: none were. */
struct told {
	bool all;   /* remember all from now on, not only the last TOLD_RECENT */
	size_t cnt; /* those of all */
	struct told_socket *table;
	uint64_t recent[TOLD_RECENT]; /* cookies, a ring */
	unsigned int recent_at;
};

/* 1: it was; 0: it was not, and is from now on; or -ENOMEM. */
int told_add(struct told *t, uint64_t cookie);

/* All but the last, and remember no more than these. */
void told_forget(struct told *t);

#endif
