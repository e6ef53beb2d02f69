// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables of words, each tied to its enum by a static assert. */
#define _GNU_SOURCE 1 /* strerrorname_np() */
#include "names.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "event.h"
#include "line.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* A forgotten word at the end is an error here; one in the middle is found by the unit test. */
#define TABLE_COVERS(table, cnt) _Static_assert(ARRAY_SIZE(table) == (cnt), #table " and its enum")

/* TCP_* of the kernel that netinet/tcp.h does not have. */
#define TCP_NEW_SYN_RECV 12

/* What a copy of WORD_MAX bytes does not need stays zero. */
#define WORD(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
#define WORDS(table)                                                                               \
	{                                                                                          \
		table, ARRAY_SIZE(table)                                                           \
	}

/* clang-format off */
static const struct word kinds[] = {
	[EVENT_CONNECT] = WORD("connect"),
	[EVENT_ESTABLISHED] = WORD("established"),
	[EVENT_ACCEPT] = WORD("accept"),
	[EVENT_FAIL] = WORD("fail"),
	[EVENT_CLOSE] = WORD("close"),
	[EVENT_LISTEN] = WORD("listen"),
	[EVENT_UNLISTEN] = WORD("unlisten"),
	[EVENT_FLOW] = WORD("flow"),
	[EVENT_SEND] = WORD("send"),
	[EVENT_STATE] = WORD("state"),
	[EVENT_EXISTING] = WORD("existing"),
	[EVENT_PORT] = WORD("port"),
	[EVENT_LOST] = WORD("lost"),
	[EVENT_SUMMARY] = WORD("summary"),
};
/* clang-format on */
TABLE_COVERS(kinds, EVENT_KIND_CNT);

/* clang-format off */
static const struct word attrs[] = {
	[ATTR_NONE] = WORD("none"),
	[ATTR_CONNECT] = WORD("connect"),
	[ATTR_ACCEPT] = WORD("accept"),
	[ATTR_LISTEN] = WORD("listen"),
	[ATTR_LISTENER] = WORD("listener"),
	[ATTR_SEND] = WORD("send"),
	[ATTR_RECV] = WORD("recv"),
	[ATTR_SCAN] = WORD("scan"),
};
/* clang-format on */
TABLE_COVERS(attrs, ATTR_CNT);

static const struct word directions[] = {
	[DIRECTION_OUT] = WORD("out"),
	[DIRECTION_IN] = WORD("in"),
};
TABLE_COVERS(directions, DIRECTION_CNT);

static const struct word lorigins[] = {
	[LORIGIN_DYNAMIC] = WORD("dynamic"),
	[LORIGIN_BOUND] = WORD("bound"),
};
TABLE_COVERS(lorigins, LORIGIN_CNT);

static const struct word phases[] = {
	[PHASE_LOCAL] = WORD("local"),
	[PHASE_HANDSHAKE] = WORD("handshake"),
	[PHASE_CANCELLED] = WORD("cancelled"),
};
TABLE_COVERS(phases, PHASE_CNT);

static const struct word close_reasons[] = {
	[REASON_LOCAL] = WORD("local"),
	[REASON_REMOTE] = WORD("remote"),
	[REASON_RESET_SENT] = WORD("reset-sent"),
	[REASON_RESET_RECEIVED] = WORD("reset-received"),
	[REASON_TIMEOUT] = WORD("timeout"),
	[REASON_UNREACHABLE] = WORD("unreachable"),
	[REASON_NEVER_ACCEPTED] = WORD("never-accepted"),
	[REASON_IDLE] = WORD("idle"),
	[REASON_CLOSED] = WORD("closed"),
};
TABLE_COVERS(close_reasons, REASON_CNT);

static const struct word lost_reasons[] = {
	[LOST_BUFFER] = WORD("buffer"),
	[LOST_MAP] = WORD("map"),
	[LOST_NESTED] = WORD("nested"),
};
TABLE_COVERS(lost_reasons, LOST_REASON_CNT);

static const char *const lost_texts[] = {
	[LOST_BUFFER] = "ring buffer full",
	[LOST_MAP] = "map full",
	[LOST_NESTED] = "hook was busy",
};
TABLE_COVERS(lost_texts, LOST_REASON_CNT);

static const struct word classes[] = {
	[CLASS_WELL_KNOWN] = WORD("well-known"),
	[CLASS_REGISTERED] = WORD("registered"),
	[CLASS_PRIVATE] = WORD("private"),
};
TABLE_COVERS(classes, CLASS_CNT);

/* clang-format off */
static const struct word tcp_states[] = {
	[TCP_ESTABLISHED] = WORD("ESTAB"),
	[TCP_SYN_SENT] = WORD("SYN-SENT"),
	[TCP_SYN_RECV] = WORD("SYN-RECV"),
	[TCP_FIN_WAIT1] = WORD("FIN-WAIT-1"),
	[TCP_FIN_WAIT2] = WORD("FIN-WAIT-2"),
	[TCP_TIME_WAIT] = WORD("TIME-WAIT"),
	[TCP_CLOSE] = WORD("CLOSE"),
	[TCP_CLOSE_WAIT] = WORD("CLOSE-WAIT"),
	[TCP_LAST_ACK] = WORD("LAST-ACK"),
	[TCP_LISTEN] = WORD("LISTEN"),
	[TCP_CLOSING] = WORD("CLOSING"),
	[TCP_NEW_SYN_RECV] = WORD("SYN-RECV"),
};
/* clang-format on */

static const struct word changes[] = {
	[CHANGE_NEW] = WORD("new"),
	[CHANGE_GONE] = WORD("gone"),
	[CHANGE_CHANGED] = WORD("changed"),
	[CHANGE_OPEN] = WORD("open"),
};
TABLE_COVERS(changes, CHANGE_CNT);

static const struct word rname_sources[] = {
	[RNAME_DNS] = WORD("dns"),
	[RNAME_LIBC] = WORD("libc"),
	[RNAME_HOSTS] = WORD("hosts"),
	[RNAME_LOOKUP] = WORD("lookup"),
};
TABLE_COVERS(rname_sources, RNAME_CNT);

static const struct word ways[] = {
	[WAY_LOOPBACK] = WORD("loopback"),
	[WAY_POINT_TO_POINT] = WORD("point-to-point"),
	[WAY_ON_LINK] = WORD("on-link"),
	[WAY_GATEWAY] = WORD("gateway"),
};
TABLE_COVERS(ways, WAY_CNT);

/* By IPPROTO_*. */
static const struct word protos[] = {
	[IPPROTO_TCP] = WORD("tcp"),
	[IPPROTO_UDP] = WORD("udp"),
};

const struct words names_kinds = WORDS(kinds);
const struct words names_attrs = WORDS(attrs);
const struct words names_directions = WORDS(directions);
const struct words names_lorigins = WORDS(lorigins);
const struct words names_phases = WORDS(phases);
const struct words names_close_reasons = WORDS(close_reasons);
const struct words names_lost_reasons = WORDS(lost_reasons);
const struct words names_classes = WORDS(classes);
const struct words names_tcp_states = WORDS(tcp_states);
const struct words names_protos = WORDS(protos);
const struct words names_ways = WORDS(ways);
const struct words names_changes = WORDS(changes);
const struct words names_rname_sources = WORDS(rname_sources);

static const char *text_of(const struct words *t, unsigned int i)
{
	const struct word *w = word_of(t, i);

	return w ? w->text : NULL;
}

const char *names_kind(unsigned int kind)
{
	return text_of(&names_kinds, kind);
}

const char *names_attr(unsigned int attr)
{
	return text_of(&names_attrs, attr);
}

const char *names_direction(unsigned int direction)
{
	return text_of(&names_directions, direction);
}

const char *names_lorigin(unsigned int lorigin)
{
	return text_of(&names_lorigins, lorigin);
}

const char *names_phase(unsigned int phase)
{
	return text_of(&names_phases, phase);
}

const char *names_close_reason(unsigned int reason)
{
	return text_of(&names_close_reasons, reason);
}

const char *names_lost_reason(unsigned int reason)
{
	return text_of(&names_lost_reasons, reason);
}

const char *names_lost_text(unsigned int reason)
{
	return reason < ARRAY_SIZE(lost_texts) ? lost_texts[reason] : NULL;
}

const char *names_class(unsigned int port_class)
{
	return text_of(&names_classes, port_class);
}

const char *names_tcp_state(unsigned int state)
{
	return text_of(&names_tcp_states, state);
}

const char *names_socket_state(unsigned int proto, unsigned int state)
{
	if (proto == IPPROTO_UDP && state == TCP_CLOSE)
		return "UNCONN";
	return names_tcp_state(state);
}

const char *names_proto(unsigned int proto)
{
	return text_of(&names_protos, proto);
}

const char *names_errno(int err)
{
	return err > 0 ? strerrorname_np(err) : NULL;
}

static int find(const struct words *t, const char *name)
{
	for (unsigned int i = 0; i < t->cnt; i++) {
		if (t->words[i].len && !strcmp(t->words[i].text, name))
			return i;
	}
	return -1;
}

int names_event_kind(const char *name)
{
	return find(&names_kinds, name);
}

int names_port_class(const char *name)
{
	return find(&names_classes, name);
}

int names_state(const char *name)
{
	static const struct {
		const char *name;
		int state;
	} others[] = {
		{ "unconn", TCP_CLOSE },
		{ "established", TCP_ESTABLISHED },
		{ "listening", TCP_LISTEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strcasecmp(others[i].name, name))
			return others[i].state;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(tcp_states); i++) {
		if (tcp_states[i].len && !strcasecmp(tcp_states[i].text, name))
			return i;
	}
	return -1;
}
