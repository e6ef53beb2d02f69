/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What libc has told a process of a name, read from the memory of that process. */
#ifndef CONNSNOOP_LIBC_BPF_H
#define CONNSNOOP_LIBC_BPF_H

#include "call.bpf.h"
#include "dns.bpf.h"

#define LIBC_ENTRIES_MAX 48 /* each address is there for SOCK_STREAM, SOCK_DGRAM and SOCK_RAW */

/* struct addrinfo, as glibc and musl both have it where a pointer has 64 bits. */
struct libc_addrinfo {
	__s32 flags;
	__s32 family;
	__s32 socktype;
	__s32 protocol;
	__u32 addr_len;
	__u32 padding;
	__u64 addr;
	__u64 canonname;
	__u64 next;
};

/* The number of addresses is kept in @r alone: in a register, the verifier would follow each of its values. */
static __always_inline void libc_put_address(struct libc_record *r, const struct libc_addrinfo *ai)
{
	__u32 n = *(volatile __u32 *)&r->cnt;
	const void *from;
	long err;

	if (n >= LIBC_ADDRESSES_MAX)
		return;
	if (ai->family == AF_INET) {
		from = &((struct sockaddr_in *)ai->addr)->sin_addr;
		err = bpf_probe_read_user(r->addresses[n], 4, from);
	} else if (ai->family == AF_INET6) {
		from = &((struct sockaddr_in6 *)ai->addr)->sin6_addr;
		err = bpf_probe_read_user(r->addresses[n], ADDR_LEN, from);
	} else {
		return;
	}
	if (err)
		return;
	r->families[n] = ai->family;
	*(volatile __u32 *)&r->cnt = n + 1;
}

/* Of each address one entry: those of the kind of socket that comes first. */
static __always_inline void libc_put_addresses(struct libc_record *r, __u64 at)
{
	struct libc_addrinfo ai;
	__s32 socktype = 0;

	for (int i = 0; i < LIBC_ENTRIES_MAX && at; i++) {
		if (bpf_probe_read_user(&ai, sizeof(ai), (void *)at))
			return;
		if (!i)
			socktype = ai.socktype;
		if (ai.socktype == socktype)
			libc_put_address(r, &ai);
		at = ai.next;
	}
}

/* False if there is nothing to tell. */
static __always_inline bool libc_fill(struct libc_record *r, const struct owner *o,
				      const struct call *call)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 list = 0;

	r->kind = RECORD_LIBC;
	r->pid = o->pid;
	r->exe_key = o->exe_key;
	r->ts_ns = call->arg[2];
	r->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	r->cnt = 0;
	/* not when it was called: it may be a constant that had not been read from its file yet */
	if (bpf_probe_read_user_str(r->name, sizeof(r->name), (void *)call->arg[0]) <= 1)
		return false;
	if (bpf_probe_read_user(&list, sizeof(list), (void *)call->arg[1]))
		return false;
	libc_put_addresses(r, list);
	return r->cnt;
}

/* In the buffer before the process can connect. What a filter excludes of processes needs no names. */
static __always_inline int handle_getaddrinfo(int result)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	struct libc_record *r = NULL;
	struct owner owner;
	struct call call;

	if (!call_leave(GETADDRINFO, &call) || result || !call.arg[0] || !owner_current(&owner))
		return 0;
	if (waiting <= bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / DNS_BUFFER_DIVISOR)
		r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&shared.dns_lost, 1);
		return 0;
	}
	if (libc_fill(r, &owner, &call))
		bpf_ringbuf_submit(r, dns_wakeup_flags(waiting));
	else
		bpf_ringbuf_discard(r, dns_wakeup_flags(waiting));
	return 0;
}

#endif
