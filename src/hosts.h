/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The names of addresses that the machine itself knows: of /etc/hosts, and its own. */
#ifndef CONNSNOOP_HOSTS_H
#define CONNSNOOP_HOSTS_H

#include <stdint.h>

#include "str.h"

#define HOSTS_MAX 65536 /* addresses; the rest is passed over */

struct hosts;

/* @path: of the file, which need not be there. NULL: out of memory. */
struct hosts *hosts_new(const char *path);
void hosts_free(struct hosts *h); /* NULL is fine */

/*
 * The first name in the file, or the machine's if the address is one of its own and not of loopback; empty:
 * none. At most once a second of @now_ns, a clock that goes forward, it is looked whether the file is
 * another by now, and once in 30 seconds what addresses there are. Valid until the next call.
 */
struct str hosts_find(struct hosts *h, const uint8_t *addr, unsigned int ipv, uint64_t now_ns);

#endif
