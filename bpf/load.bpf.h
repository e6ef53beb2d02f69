/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading the kernel's structs. The handlers are compiled twice: in typed.bpf.c and existing.bpf.c, where
 * the verifier knows the type of every pointer and a member is a plain load, and in probed.bpf.c (which
 * defines PROBED), where a pointer is a number and each member costs a bpf_probe_read_kernel().
 * LOAD(sk, a, b) is sk->a->b either way.
 */
#ifndef CONNSNOOP_LOAD_BPF_H
#define CONNSNOOP_LOAD_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "config.h"
#include "event.h"

#define PROBE_LOAD(src, ...) BPF_CORE_READ(src, __VA_ARGS__)
#define PROBE_LOAD_BITS(src, member) BPF_CORE_READ_BITFIELD_PROBED(src, member)
#define TYPED_LOAD(src, ...) ___arrow(src, __VA_ARGS__)
#define TYPED_LOAD_BITS(src, member) BPF_CORE_READ_BITFIELD(src, member)

#ifdef PROBED
#define LOAD PROBE_LOAD
#define LOAD_BITS PROBE_LOAD_BITS
#else
#define LOAD TYPED_LOAD
#define LOAD_BITS TYPED_LOAD_BITS
#endif

/* Maps and variables are defined in typed.bpf.c. */
#if defined(PROBED) || defined(MAPS_ELSEWHERE)
#define SHARED extern
#else
#define SHARED
#endif

/*
 * A function of its own for the verifier, with a frame of its own. `used`: else the compiler drops a
 * result that no caller looks at, and the verifier rejects what then happens to be in its register.
 */
#define SUBPROG static __noinline __attribute__((used))

/*
 * A pointer that the verifier knows by type, as the number that it is: arithmetic on the one is
 * forbidden, but not to read the other back from the stack.
 */
static __always_inline __u64 as_number(const void *typed)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &typed);
	return number;
}

/* What vmlinux.h does not have: macros of the kernel's headers. */
#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define SOCK_BINDPORT_LOCK 8
#define PF_KTHREAD 0x00200000
#define MSG_MORE 0x8000
enum error_nr {
	EINTR = 4,
	EBADF = 9,
	EFAULT = 14,
	EEXIST = 17,
	EINVAL = 22,
	EPIPE = 32,
	EAFNOSUPPORT = 97,
	ECONNABORTED = 103,
	ECONNRESET = 104,
	EISCONN = 106,
	ETIMEDOUT = 110,
	ECONNREFUSED = 111,
	EALREADY = 114,
	EINPROGRESS = 115,
	ECANCELED = 125,
	ERESTARTSYS = 512,
};

#endif
