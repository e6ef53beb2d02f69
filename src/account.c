// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The books: events printed and events lost, by kind. */
#include "account.h"

#include <inttypes.h>
#include <string.h>

#include "names.h"

uint64_t losses_total(const struct losses *l)
{
	uint64_t total = 0;

	for (int k = 0; k < EVENT_KIND_CNT; k++)
		for (int r = 0; r < LOST_REASON_CNT; r++)
			total += l->cnt[k][r];
	return total;
}

void losses_forget(struct losses *l, uint32_t kinds)
{
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		for (int r = 0; r < LOST_REASON_CNT; r++)
			if (kinds & 1u << k && r != LOST_NESTED)
				l->cnt[k][r] = 0;
}

uint64_t account_next_loss(struct account *a, const struct losses *now, enum event_kind *kind,
			   enum lost_reason *reason)
{
	for (int k = 0; k < EVENT_KIND_CNT; k++) {
		for (int r = 0; r < LOST_REASON_CNT; r++) {
			uint64_t grown = now->cnt[k][r] - a->reported.cnt[k][r];

			if (!grown)
				continue;
			a->reported.cnt[k][r] = now->cnt[k][r];
			*kind = k;
			*reason = r;
			return grown;
		}
	}
	return 0;
}

void account_summary(const struct account *a, struct summary *s)
{
	memset(s, 0, sizeof(*s));
	for (int k = 0; k < EVENT_KIND_CNT; k++) {
		s->events[k] = a->printed[k];
		for (int r = 0; r < LOST_REASON_CNT; r++)
			s->lost[k] += a->reported.cnt[k][r];
	}
}

uint64_t account_lost_total(const struct account *a)
{
	return losses_total(&a->reported);
}

void account_print(const struct account *a, FILE *f)
{
	fprintf(f, "%-32s %12s\n", "event", "printed");
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		if (a->printed[k])
			fprintf(f, "%-32s %12" PRIu64 "\n", names_kind(k), a->printed[k]);
	fprintf(f, "%-14s %-17s %12s\n", "lost", "reason", "count");
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		for (int r = 0; r < LOST_REASON_CNT; r++)
			if (a->reported.cnt[k][r])
				fprintf(f, "%-14s %-17s %12" PRIu64 "\n", names_kind(k),
					names_lost_reason(r), a->reported.cnt[k][r]);
}
