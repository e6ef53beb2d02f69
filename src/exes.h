/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths of executables, as the kernel has sent them, by the key that events name them with. */
#ifndef CONNSNOOP_EXES_H
#define CONNSNOOP_EXES_H

#include <stddef.h>
#include <stdint.h>

#include "str.h"

struct exe_record;
struct exes;

/* NULL and errno. */
struct exes *exes_new(void);
void exes_free(struct exes *x);

/* Remember the path of a record of @size bytes; the oldest is forgotten when there are too many.
 * 0, -EINVAL when the record is none, or -ENOMEM. */
int exes_add(struct exes *x, const struct exe_record *r, size_t size);

/* Valid until the next exes_add(); empty when not known. Hostile: a process can name its file. */
struct str exes_get(const struct exes *x, uint64_t key);

#endif
