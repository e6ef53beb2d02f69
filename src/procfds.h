/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which processes hold which sockets, as /proc tells. */
#ifndef CONNSNOOP_PROCFDS_H
#define CONNSNOOP_PROCFDS_H

#include <stddef.h>
#include <stdint.h>

/* That the process @pid holds the socket with this inode number. */
struct held {
	uint32_t inode;
	uint32_t pid;
};

/*
 * Reads the descriptors of all processes once. *@out is for procfds_free(). 0 or -errno; without /proc
 * nobody holds anything.
 */
struct procfds;
int procfds_new(struct procfds **out);
void procfds_free(struct procfds *p); /* NULL is fine */

/* How many processes there are whose descriptors may not be read; at least so many. */
size_t procfds_unreadable(const struct procfds *p);

/* Who holds a socket, by ascending pid, each once: *@first and as many as it returns. */
size_t procfds_get(const struct procfds *p, uint32_t inode, const struct held **first);

#endif
