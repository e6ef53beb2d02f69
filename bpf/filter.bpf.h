/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the user wants to see, decided before anything is kept or sent. cfg is constant when the
 * verifier reads it: a filter that is not set leaves no instruction.
 */
#ifndef CONNSNOOP_FILTER_BPF_H
#define CONNSNOOP_FILTER_BPF_H

#include "maps.bpf.h"

static __always_inline bool wants(enum event_kind kind)
{
	return cfg.events & (1u << kind);
}

/* --failed: of the ways to end, those that are failures. */
static __always_inline bool reason_wanted(__u8 reason)
{
	if (!cfg.failed_only)
		return true;
	return reason != REASON_LOCAL && reason != REASON_REMOTE && reason != REASON_IDLE &&
	       reason != REASON_CLOSED;
}

static __always_inline bool port_in_set(__u16 port, __u8 set)
{
	__u32 key = port;
	__u8 *sets = bpf_map_lookup_elem(&filter_ports, &key);

	return sets && (*sets & set);
}

static __always_inline bool ports_wanted(const struct tuple *t)
{
	if (cfg.filters & FILTER_PORT && !port_in_set(t->lport, PORT_SET_ANY) &&
	    !port_in_set(t->rport, PORT_SET_ANY))
		return false;
	if (cfg.filters & FILTER_LPORT && !port_in_set(t->lport, PORT_SET_LOCAL))
		return false;
	if (cfg.filters & FILTER_RPORT && !port_in_set(t->rport, PORT_SET_REMOTE))
		return false;
	return true;
}

static __always_inline bool net_wanted(const struct tuple *t)
{
	__u8 *verdict;

	if (!(cfg.filters & (FILTER_NET | FILTER_NET_NOT)))
		return true;
	if (!(t->flags & EVENT_F_REMOTE))
		return false;
	if (t->ipv == 4) {
		struct net4_key key = { .prefix_len = 32 };

		__builtin_memcpy(key.addr, t->raddr, 4);
		verdict = bpf_map_lookup_elem(&filter_nets4, &key);
	} else {
		struct net6_key key = { .prefix_len = 128 };

		__builtin_memcpy(key.addr, t->raddr, ADDR_LEN);
		verdict = bpf_map_lookup_elem(&filter_nets6, &key);
	}
	return verdict ? *verdict == NET_INCLUDE : cfg.filters & FILTER_NET_NOT;
}

static __always_inline bool direction_wanted(const struct tuple *t, __u8 direction)
{
	__u16 server_port = direction == DIRECTION_OUT ? t->rport : t->lport;

	if ((cfg.filters & (FILTER_IN | FILTER_OUT)) &&
	    !(cfg.filters & FILTER_IN && direction == DIRECTION_IN) &&
	    !(cfg.filters & FILTER_OUT && direction == DIRECTION_OUT))
		return false;
	if (!(cfg.filters & FILTER_CLASS))
		return true;
	/* a listener has no direction, but its port is the server's */
	if (direction == DIRECTION_NONE && t->flags & EVENT_F_REMOTE)
		return false;
	return cfg.classes & (1u << port_class_of(server_port));
}

static __always_inline bool proto_wanted(__u8 proto)
{
	return !(cfg.filters & (FILTER_TCP | FILTER_UDP)) ||
	       cfg.filters & (proto == IPPROTO_TCP ? FILTER_TCP : FILTER_UDP);
}

/* All but what depends on which side has begun. */
static __always_inline bool pair_wanted(const struct tuple *t)
{
	if (cfg.filters & FILTER_NETNS && t->netns != cfg.netns)
		return false;
	if (cfg.filters & (FILTER_IPV4 | FILTER_IPV6) &&
	    !(cfg.filters & (t->ipv == 4 ? FILTER_IPV4 : FILTER_IPV6)))
		return false;
	return proto_wanted(t->proto) && ports_wanted(t) && net_wanted(t);
}

static __always_inline bool tuple_wanted(const struct tuple *t, __u8 direction)
{
	return pair_wanted(t) && direction_wanted(t, direction);
}

/* owner_current() has made those that the filters exclude nobody. */
static __always_inline bool owner_wanted(const struct owner *o)
{
	return !(cfg.filters & FILTER_OWNER) || o->pid;
}

#endif
