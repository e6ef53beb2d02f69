/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* File systems of the kernel, whether they are mounted or not. */
#ifndef CONNSNOOP_DETACHED_H
#define CONNSNOOP_DETACHED_H

/*
 * Mount a file system of the kernel (@type as in mount(8)) nowhere: a descriptor of its root that the
 * caller closes, and with that it has gone; or -errno. It takes CAP_SYS_ADMIN.
 */
int detached_mount(const char *type);

#endif
