/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of ports that hold on any machine, with or without /etc/services: read-only data that the
 * compiler has indexed, so that a start costs nothing and a page is read when a name in it is
 * wanted. For services.c alone.
 */
#ifndef CONNSNOOP_SERVICES_TABLE_H
#define CONNSNOOP_SERVICES_TABLE_H

#include <stdint.h>

#define TABLE_PORT_CNT 49152 /* the ports above are dynamic: IANA assigns none of them */

/* Protocols of a row, above the length of its name. */
enum {
	LEN_MASK = 0x0f,
	TCP = 1 << 4,
	UDP = 1 << 5,
	BOTH = TCP | UDP,
	APART_NEXT = 1 << 6, /* the name for UDP is in the next row */
};

struct table_row {
	uint8_t bits;
	char name[16]; /* with its NUL */
};

#define ROW(bits, name) { (bits) | (sizeof(name) - 1), name },

struct table_alias {
	uint16_t port;
	struct table_row row;
};

/* clang-format off */
enum {
	ROW_NONE,
#define PORT(port, protos, name) ROW_##port,
#define APART(port, tcp, udp) ROW_##port, ROW_##port##_UDP,
#define RANGE(first, last, protos, name) ROW_##first,
#define ALIAS(port, protos, name)
#include "services_iana.h"
#include "services_de_facto.h"
	ROW_CNT,
#undef PORT
#undef APART
#undef RANGE
};

static const struct table_row table_rows[] = {
	{ 0 },
#define PORT(port, protos, name) ROW(protos, name)
#define APART(port, tcp, udp) ROW(TCP | APART_NEXT, tcp) ROW(UDP, udp)
#define RANGE(first, last, protos, name) ROW(protos, name)
#include "services_iana.h"
#include "services_de_facto.h"
#undef PORT
#undef APART
#undef RANGE
};

/* A port that stands in two rows does not compile. */
static const uint16_t table_index[TABLE_PORT_CNT] = {
#define PORT(port, protos, name) [port] = ROW_##port,
#define APART(port, tcp, udp) [port] = ROW_##port,
#define RANGE(first, last, protos, name) [(first) ... (last)] = ROW_##first,
#include "services_iana.h"
#include "services_de_facto.h"
#undef PORT
#undef APART
#undef RANGE
#undef ALIAS
};

static const struct table_alias table_aliases[] = {
#define PORT(port, protos, name)
#define APART(port, tcp, udp)
#define RANGE(first, last, protos, name)
#define ALIAS(port, protos, name) { port, ROW(protos, name) },
#include "services_iana.h"
#include "services_de_facto.h"
#undef PORT
#undef APART
#undef RANGE
#undef ALIAS
};
/* clang-format on */

#endif /* CONNSNOOP_SERVICES_TABLE_H */
