/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who processes are, as /proc tells; remembered. */
#ifndef CONNSNOOP_PROCESSES_H
#define CONNSNOOP_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct process {
	struct owner owner;	  /* tid is pid; exe_key 0 until processes_exe() gave one */
	uint64_t cgroup_ancestor; /* see processes_new() */
};

/*
 * @cgroup_level: of each process, the id of that ancestor of its cgroup that is so far below the root
 * will be known; 0 where it is not so deep. NULL: no memory.
 */
struct processes;
struct processes *processes_new(uint32_t cgroup_level);
void processes_free(struct processes *p); /* NULL is fine */

/*
 * A process, read when it is first asked for. NULL: it is gone, or there is no memory. Valid as long
 * as @p is.
 */
const struct process *processes_get(struct processes *p, uint32_t pid);

/*
 * The path of a process's executable: the first time, if it can be had, the record of it is written to
 * @r and the process gets its exe_key. Bytes of the record, or 0.
 */
size_t processes_exe(struct processes *p, uint32_t pid, struct exe_record *r);

#endif
