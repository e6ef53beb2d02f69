/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracepoints of single system calls, which are events of perf. */
#ifndef CONNSNOOP_TRACEPOINT_H
#define CONNSNOOP_TRACEPOINT_H

/*
 * Open the tracepoint @name ("syscalls/sys_exit_bind"), for programs to be attached to it: a descriptor
 * that the caller closes, or -errno: ENOENT, there is none.
 */
int tracepoint_open(const char *name);

#endif
