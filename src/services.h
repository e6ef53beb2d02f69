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
 * Reads /etc/services over the compiled table, which is all that IANA has assigned: a port and
 * protocol that the file names has that name, every other one its compiled name, if any.  A file
 * that is missing or unreadable is no error.  Never asks the network.
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
 * Calls @found for each port (host byte order) of IPPROTO_TCP or IPPROTO_UDP that has this name, exact in
 * case; for some twice. Those are all that are shown by it, those that /etc/services gives it as an
 * alias, and those that the compiled table does even where the file calls the port something else.
 * For a protocol that has none of these, the table's aliases count.
 *
 * Returns 0; or -ENOENT, and @found was not called.
 */
typedef void (*services_port_fn)(void *ctx, uint8_t ipproto, uint16_t port);
int services_ports(const struct services *s, const char *name, services_port_fn found, void *ctx);

/* All names that services_ports() knows, some more than once, the file's first. They live as long as @s. */
void services_each_name(const struct services *s, void (*each)(void *ctx, const char *name),
			void *ctx);

/* NULL is fine. */
void services_free(struct services *s);

#endif /* CONNSNOOP_SERVICES_H */
