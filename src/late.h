/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that the kernel's tables told and that processes hold, but nobody had noted which: they wait
 * until the files were looked at once more, and may be told then with their owner.
 */
#ifndef CONNSNOOP_LATE_H
#define CONNSNOOP_LATE_H

#include <stdint.h>

#include "event.h"

/* Zero-initialised: none wait. */
struct late {
	struct late_socket *by_id;
};

/* Keep a copy of @e, without EVENT_F_LATE. 0 or -ENOMEM. */
int late_add(struct late *l, const struct event *e);

/* Its owner was found, and it was told. */
void late_drop(struct late *l, uint64_t id);

/* Call @fn with each that still waits, until it gives another value than 0; that is returned. */
int late_tell(const struct late *l, int (*fn)(void *ctx, const struct event *e), void *ctx);

void late_free(struct late *l);

#endif
