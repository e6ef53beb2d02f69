/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process may do. */
#ifndef CONNSNOOP_PRIVILEGES_H
#define CONNSNOOP_PRIVILEGES_H

#include <stdbool.h>

/* Has it what loading and reading our programs asks for? The kernel may still refuse, in lockdown for one. */
bool privileges_for_bpf(void);

#endif
