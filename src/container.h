/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The container that a cgroup path names. */
#ifndef CONNSNOOP_CONTAINER_H
#define CONNSNOOP_CONTAINER_H

#include <stddef.h>

#define CONTAINER_MAX 65 /* 64 hexadecimal digits, or a machine's name, and a NUL */

/*
 * Writes the id (docker, containerd, cri-o, podman) or the name (systemd-nspawn) of the innermost
 * container of @cgroup to @id, ended by a NUL. Returns its length, 0: the path names none.
 */
size_t container_id(const char *cgroup, char id[CONTAINER_MAX]);

#endif
