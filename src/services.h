/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of TCP and UDP ports: /etc/services over a table compiled in, so that 443 is "https" on a
 * machine that has no such file too.
 */
#ifndef CONNSNOOP_SERVICES_H
#define CONNSNOOP_SERVICES_H

#include <stdint.h>

#include "str.h"

struct services;

/*
 * Reads /etc/services and merges it over the compiled table: a port and protocol that the file
 * names has that name, every other one its compiled name, if any.  A file that is missing or
 * unreadable is no error.  Never asks the network.
 *
 * Uses getservent(3): call it once, before starting threads.  Under glibc it also makes later
 * lookups of services in this process read files only.
 *
 * Returns 0 and sets *out, to be freed with services_free(); or -ENOMEM, and *out is untouched.
 */
int services_load(struct services **out);

/*
 * The name of a port (host byte order) of IPPROTO_TCP or IPPROTO_UDP; empty, or NULL, if it has none, as for
 * any other protocol.  Neither allocates nor blocks, and may be called from several threads.  The
 * string belongs to s and lives as long.  It is printable ASCII without blanks, but a name from
 * /etc/services may be of any length and hold any of '"\,<&' and such.
 */
struct str services_str(const struct services *s, uint8_t ipproto, uint16_t port);
const char *services_name(const struct services *s, uint8_t ipproto, uint16_t port);

/*
 * The ports (host byte order) of a service by its name or one of its aliases, exact in case.  Sets
 * *tcp and *udp, 0 where the service is not one of that protocol.  For each protocol the first
 * line of /etc/services with this name counts, then the compiled table.  Compiled names are known
 * here even where /etc/services calls their port something else.
 *
 * Returns 0; or -ENOENT if neither protocol has such a service, and both are set to 0.
 */
int services_port(const struct services *s, const char *name, uint16_t *tcp, uint16_t *udp);

/* NULL is fine. */
void services_free(struct services *s);

#endif /* CONNSNOOP_SERVICES_H */
