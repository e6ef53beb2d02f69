/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network namespaces of this machine. */
#ifndef CONNSNOOP_NETNS_H
#define CONNSNOOP_NETNS_H

#include <stdint.h>

/*
 * @refused: 0 in the namespace; -ENOENT, once: there is no /proc to find others by; -EACCES, once:
 * those of some processes cannot be known; else the thread could not enter one. Non-zero ends the walk.
 */
typedef int (*netns_fn)(void *ctx, int refused);

/*
 * Call @fn in each network namespace that a process is in or that is mounted somewhere, the present one
 * first; @only, if not 0, is the inode of the one that is wanted. The thread is back in its own
 * afterwards. What @fn returned, or -errno.
 */
int netns_for_each(uint32_t only, netns_fn fn, void *ctx);

#endif
