/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a process was started, by /proc. */
#ifndef CONNSNOOP_STARTED_H
#define CONNSNOOP_STARTED_H

#include <stdint.h>

/*
 * Nanoseconds since 1970, to a hundredth of a second. 0: not known, the process @pid of the initial pid
 * namespace has gone or /proc is that of another.
 */
uint64_t started_utc(uint32_t pid);

/* The same from the text of /proc/PID/stat: clock ticks since boot; 0: it is none. */
uint64_t started_ticks(const char *stat);

#endif
