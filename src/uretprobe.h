/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a uretprobe harms nobody here. */
#ifndef CONNSNOOP_URETPROBE_H
#define CONNSNOOP_URETPROBE_H

#include <stdbool.h>

/*
 * From Linux 6.11 on a function with a uretprobe returns through a system call of its own, which the seccomp filters
 * of containers do not know: the process would die of it, unless the kernel keeps it from them (6.14, and
 * what has that fix). Tried in a child, once; true also if it cannot be tried.
 */
bool uretprobe_is_harmless(void);

#endif
