/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The arguments of a function, kept from its kprobe for its kretprobe. */
#ifndef CONNSNOOP_CALL_BPF_H
#define CONNSNOOP_CALL_BPF_H

#include "maps.bpf.h"

enum function {
	TCP_V4_PRE_CONNECT,
	TCP_V6_PRE_CONNECT,
	TCP_V4_CONNECT,
	TCP_V6_CONNECT,
	LISTEN_START,
	UDP_SENDMSG,
	UDPV6_SENDMSG,
	GET_PORT,
	GETADDRINFO
};

static __always_inline int call_enter(enum function function, __u64 arg0, __u64 arg1, __u64 arg2)
{
	struct call_key key = { bpf_get_current_pid_tgid(), function };
	struct call call = { { arg0, arg1, arg2 } };

	bpf_map_update_elem(&calls, &key, &call, BPF_ANY);
	return 0;
}

/* Take the arguments back; false when the call began before the trace. */
static __always_inline bool call_leave(enum function function, struct call *call)
{
	struct call_key key = { bpf_get_current_pid_tgid(), function };
	struct call *known = bpf_map_lookup_elem(&calls, &key);

	if (!known)
		return false;
	*call = *known;
	bpf_map_delete_elem(&calls, &key);
	return true;
}

#endif
