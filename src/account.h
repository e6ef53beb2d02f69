/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The books: events printed and events lost, by kind. Made = printed + lost. */
#ifndef CONNSNOOP_ACCOUNT_H
#define CONNSNOOP_ACCOUNT_H

#include <stdint.h>
#include <stdio.h>

#include "line.h"

/* Counters since the start, from the kernel: they only grow. */
struct losses {
	uint64_t cnt[EVENT_KIND_CNT][LOST_REASON_CNT];
};

uint64_t losses_total(const struct losses *l);

/*
 * Take out what is lost of kinds (1 << enum event_kind) that nobody asks for. Not LOST_NESTED: a run
 * that the kernel skipped, of the program that sees each change of state for one, may have made any
 * kind that its hook serves.
 */
void losses_forget(struct losses *l, uint32_t kinds);

struct account {
	uint64_t printed[EVENT_KIND_CNT];
	struct losses reported; /* what `lost` lines have said */
};

/* The next growth that no line has told yet, for a `lost` line; 0 when there is none. The books
 * then hold it as told. */
uint64_t account_next_loss(struct account *a, const struct losses *now, enum event_kind *kind,
			   enum lost_reason *reason);

void account_summary(const struct account *a, struct summary *s);
uint64_t account_lost_total(const struct account *a);

/* --stats: a table of both. */
void account_print(const struct account *a, FILE *f);

#endif
