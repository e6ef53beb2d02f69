/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What getaddrinfo() has told a process, from its record. Pure. */
#ifndef CONNSNOOP_LIBC_ANSWER_H
#define CONNSNOOP_LIBC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "dns.h"

/* False: it tells no name of an address, but for instance the address itself. Anything may be in the record. */
bool libc_answer(const struct libc_record *r, size_t size, struct dns_answer *out);

#endif
