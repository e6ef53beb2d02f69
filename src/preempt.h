/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a task may take the CPU from another that is inside the kernel. */
#ifndef CONNSNOOP_PREEMPT_H
#define CONNSNOOP_PREEMPT_H

#include <stdbool.h>

/* As the kernel was started: its command line or else its configuration. True when neither tells. */
bool kernel_preempts(void);

/* The two parts of it. @cmdline: of the kernel. 1 yes, 0 no, -1 it does not say. */
int preempt_by_cmdline(const char *cmdline);
/* @line: one of the kernel's configuration. */
int preempt_by_config(const char *line);

#endif
