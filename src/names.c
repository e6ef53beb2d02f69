// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables of words, each tied to its enum by a static assert. */
#define _GNU_SOURCE 1 /* strerrorname_np() */
#include "names.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "config.h"
#include "event.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* A forgotten word at the end is an error here; one in the middle is found by the unit test. */
#define TABLE_COVERS(table, cnt) _Static_assert(ARRAY_SIZE(table) == (cnt), #table " and its enum")

/* TCP_* of the kernel that netinet/tcp.h does not have. */
#define TCP_NEW_SYN_RECV 12

/* NULL without going through memory when @i is out of range. */
#define LOOK_UP(table, i) ((i) < ARRAY_SIZE(table) ? (table)[i] : NULL)

/* clang-format off */
static const char *const kinds[] = {
	[EVENT_CONNECT] = "connect",
	[EVENT_ESTABLISHED] = "established",
	[EVENT_ACCEPT] = "accept",
	[EVENT_FAIL] = "fail",
	[EVENT_CLOSE] = "close",
	[EVENT_LISTEN] = "listen",
	[EVENT_UNLISTEN] = "unlisten",
	[EVENT_FLOW] = "flow",
	[EVENT_SEND] = "send",
	[EVENT_STATE] = "state",
	[EVENT_EXISTING] = "existing",
	[EVENT_LOST] = "lost",
	[EVENT_SUMMARY] = "summary",
};
/* clang-format on */
TABLE_COVERS(kinds, EVENT_KIND_CNT);

/* clang-format off */
static const char *const attrs[] = {
	[ATTR_NONE] = "none",
	[ATTR_CONNECT] = "connect",
	[ATTR_ACCEPT] = "accept",
	[ATTR_LISTEN] = "listen",
	[ATTR_LISTENER] = "listener",
	[ATTR_SEND] = "send",
	[ATTR_RECV] = "recv",
	[ATTR_SCAN] = "scan",
};
/* clang-format on */
TABLE_COVERS(attrs, ATTR_CNT);

static const char *const directions[] = {
	[DIRECTION_OUT] = "out",
	[DIRECTION_IN] = "in",
};
TABLE_COVERS(directions, DIRECTION_CNT);

static const char *const lorigins[] = {
	[LORIGIN_DYNAMIC] = "dynamic",
	[LORIGIN_BOUND] = "bound",
};
TABLE_COVERS(lorigins, LORIGIN_CNT);

static const char *const phases[] = {
	[PHASE_LOCAL] = "local",
	[PHASE_HANDSHAKE] = "handshake",
	[PHASE_CANCELLED] = "cancelled",
};
TABLE_COVERS(phases, PHASE_CNT);

static const char *const close_reasons[] = {
	[REASON_LOCAL] = "local",
	[REASON_REMOTE] = "remote",
	[REASON_RESET_SENT] = "reset-sent",
	[REASON_RESET_RECEIVED] = "reset-received",
	[REASON_TIMEOUT] = "timeout",
	[REASON_UNREACHABLE] = "unreachable",
	[REASON_NEVER_ACCEPTED] = "never-accepted",
	[REASON_IDLE] = "idle",
	[REASON_CLOSED] = "closed",
};
TABLE_COVERS(close_reasons, REASON_CNT);

static const char *const lost_reasons[] = {
	[LOST_BUFFER] = "buffer",
	[LOST_MAP] = "map",
	[LOST_NESTED] = "nested",
};
TABLE_COVERS(lost_reasons, LOST_REASON_CNT);

static const char *const lost_texts[] = {
	[LOST_BUFFER] = "ring buffer full",
	[LOST_MAP] = "map full",
	[LOST_NESTED] = "hook was busy",
};
TABLE_COVERS(lost_texts, LOST_REASON_CNT);

static const char *const classes[] = {
	[CLASS_WELL_KNOWN] = "well-known",
	[CLASS_REGISTERED] = "registered",
	[CLASS_PRIVATE] = "private",
};
TABLE_COVERS(classes, CLASS_CNT);

/* clang-format off */
static const char *const tcp_states[] = {
	[TCP_ESTABLISHED] = "ESTAB",
	[TCP_SYN_SENT] = "SYN-SENT",
	[TCP_SYN_RECV] = "SYN-RECV",
	[TCP_FIN_WAIT1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT2] = "FIN-WAIT-2",
	[TCP_TIME_WAIT] = "TIME-WAIT",
	[TCP_CLOSE] = "CLOSE",
	[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_LAST_ACK] = "LAST-ACK",
	[TCP_LISTEN] = "LISTEN",
	[TCP_CLOSING] = "CLOSING",
	[TCP_NEW_SYN_RECV] = "SYN-RECV",
};
/* clang-format on */

const char *names_kind(unsigned int kind)
{
	return LOOK_UP(kinds, kind);
}

const char *names_attr(unsigned int attr)
{
	return LOOK_UP(attrs, attr);
}

const char *names_direction(unsigned int direction)
{
	return LOOK_UP(directions, direction);
}

const char *names_lorigin(unsigned int lorigin)
{
	return LOOK_UP(lorigins, lorigin);
}

const char *names_phase(unsigned int phase)
{
	return LOOK_UP(phases, phase);
}

const char *names_close_reason(unsigned int reason)
{
	return LOOK_UP(close_reasons, reason);
}

const char *names_lost_reason(unsigned int reason)
{
	return LOOK_UP(lost_reasons, reason);
}

const char *names_lost_text(unsigned int reason)
{
	return LOOK_UP(lost_texts, reason);
}

const char *names_class(unsigned int port_class)
{
	return LOOK_UP(classes, port_class);
}

const char *names_tcp_state(unsigned int state)
{
	return LOOK_UP(tcp_states, state);
}

const char *names_socket_state(unsigned int proto, unsigned int state)
{
	if (proto == IPPROTO_UDP && state == TCP_CLOSE)
		return "UNCONN";
	return names_tcp_state(state);
}

const char *names_proto(unsigned int proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : NULL;
}

const char *names_errno(int err)
{
	return err > 0 ? strerrorname_np(err) : NULL;
}

static int find(const char *const *table, int cnt, const char *name)
{
	for (int i = 0; i < cnt; i++) {
		if (table[i] && !strcmp(table[i], name))
			return i;
	}
	return -1;
}

int names_event_kind(const char *name)
{
	return find(kinds, ARRAY_SIZE(kinds), name);
}

int names_port_class(const char *name)
{
	return find(classes, ARRAY_SIZE(classes), name);
}
