/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets that exist, without BPF: from sock_diag, which asks for no privilege, and their owners
 * from /proc, as far as that may be read.
 */
#ifndef CONNSNOOP_SOCKDIAG_H
#define CONNSNOOP_SOCKDIAG_H

#include <stddef.h>

struct opts;

/*
 * Hand to @fn each socket that opts->filters and opts->states want, of every network namespace that can
 * be entered, as it is read: a struct holder_record for each further process that holds it and is wanted, a
 * struct exe_record the first time that its owner is one, and then its struct event. What cannot be seen
 * is said on stderr, once. A non-zero result of @fn ends it.
 *
 * 0, what @fn returned, or -errno after one sentence on stderr.
 */
int sockdiag_list(const struct opts *opts, int (*fn)(void *ctx, const void *record, size_t size),
		  void *ctx);

#endif
