/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the kernel's CLOCK_MONOTONIC, which events carry, to the time of day. The two differ by an
 * offset that only changes when somebody sets the clock, or at a leap second or a suspend; a
 * descriptor tells when that has happened.
 */
#ifndef CONNSNOOP_CLOCK_H
#define CONNSNOOP_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t offset_ns; /* REALTIME - MONOTONIC, modulo 2^64 */
	uint64_t old_offset_ns;
	uint64_t set_ns; /* MONOTONIC: until then the old offset holds */
	int fd;
};

uint64_t clock_monotonic_ns(void); /* as the kernel stamps events */

/* 0 or -errno, after one sentence on stderr. */
int clock_init(struct clock *c);
void clock_close(struct clock *c);

/* Readable when the clock was set; then call clock_was_set(). */
int clock_fd(const struct clock *c);
void clock_was_set(struct clock *c);

uint64_t clock_utc(const struct clock *c, uint64_t monotonic_ns);

#endif
