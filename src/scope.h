/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the local address of an open port means. */
#ifndef CONNSNOOP_SCOPE_H
#define CONNSNOOP_SCOPE_H

#include <stdbool.h>

#include "event.h"

/*
 * "every-interface", "loopback", "multicast", "one-interface", or "container" if @foreign, of another network
 * namespace; NULL: it has no local address.
 */
const char *scope_of(const struct event *e, bool foreign);

#endif
