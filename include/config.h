/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The settings that the loader writes into the programs' read-only data before they are loaded, so
 * that the verifier removes what is not asked for; and the words that both sides share at run time.
 */
#ifndef CONNSNOOP_CONFIG_H
#define CONNSNOOP_CONFIG_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* Which filters are set; the values of most of them are in maps of their own. */
#define FILTER_PID (1u << 0)	/* map filter_pids */
#define FILTER_COMM (1u << 1)	/* map filter_comms */
#define FILTER_UID (1u << 2)	/* map filter_uids */
#define FILTER_CGROUP (1u << 3) /* config.cgroup_id, config.cgroup_level */
#define FILTER_NETNS (1u << 4)	/* config.netns */
#define FILTER_PORT (1u << 5)	/* map filter_ports, PORT_SET_ANY */
#define FILTER_LPORT (1u << 6)
#define FILTER_RPORT (1u << 7)
#define FILTER_NET (1u << 8)	 /* maps filter_nets4, filter_nets6 */
#define FILTER_NET_NOT (1u << 9) /* only excluded networks: what matches none is wanted */
#define FILTER_TCP (1u << 10)
#define FILTER_UDP (1u << 11)
#define FILTER_IPV4 (1u << 12)
#define FILTER_IPV6 (1u << 13)
#define FILTER_IN (1u << 14)
#define FILTER_OUT (1u << 15)
#define FILTER_CLASS (1u << 16) /* config.classes */
#define FILTER_TREE (1u << 17)	/* map tree: only the command that we run, and its descendants */

/* Filters that only the owner answers. */
#define FILTER_OWNER (FILTER_PID | FILTER_COMM | FILTER_UID | FILTER_CGROUP | FILTER_TREE)

/* Bits of a value of filter_ports, an array indexed by port. */
#define PORT_SET_ANY 1
#define PORT_SET_LOCAL 2
#define PORT_SET_REMOTE 4

/* Value of filter_nets4 and filter_nets6. */
#define NET_INCLUDE 1
#define NET_EXCLUDE 2

/* Port classes of RFC 6335, section 6: System, User, Dynamic. */
enum port_class { CLASS_WELL_KNOWN, CLASS_REGISTERED, CLASS_PRIVATE, CLASS_CNT };
#define PORT_REGISTERED_MIN 1024
#define PORT_PRIVATE_MIN 49152

#define port_class_of(port)                                                                        \
	((port) < PORT_REGISTERED_MIN ? CLASS_WELL_KNOWN :                                         \
	 (port) < PORT_PRIVATE_MIN    ? CLASS_REGISTERED :                                         \
					CLASS_PRIVATE)

/* Where the arguments of tp_btf/io_uring_complete have the result: see compat.bpf.h. */
enum uring_args { URING_RESULT_THIRD, URING_RESULT_FOURTH, URING_CQE_THIRD };

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/* Written once, before loading. */
struct config {
	__u64 cgroup_id;    /* FILTER_CGROUP: of the v2 hierarchy */
	__u64 udp_idle_ns;  /* a flow with no datagram for so long has ended */
	__u32 flows_mark;   /* with so many flows the least recently used must go */
	__u32 states;	    /* list: 1 << TCP_* */
	__u32 events;	    /* 1 << enum event_kind */
	__u32 filters;	    /* FILTER_* */
	__u32 cgroup_level; /* its depth, 0 the root */
	__u32 netns;
	__u32 classes;	     /* 1 << enum port_class, of the server's port */
	__u32 wakeup_bytes;  /* wake the reader when so much waits; 0: for each event */
	__u32 failed_only;   /* of close, only what is a failure */
	__u8 inherit;	     /* socket storage that children inherit (5.11) */
	__u8 cookie_helper;  /* bpf_get_socket_cookie() serves tracing programs (5.12) */
	__u8 task_btf;	     /* bpf_get_current_task_btf() exists (5.11) */
	__u8 connect_late;   /* nothing sees the SYN leave: connect is told with its outcome */
	__u8 owner_at_state; /* what sees connect() and listen() succeed does not know the task */
	__u8 accept_by_syscall; /* accept() is seen at its exit, by address of the socket */
	__u8 listen_at_state;	/* listen() has no hook of its own */
	__u8 destroy_seen;	/* a socket's end is seen: see closing.bpf.h */
	__u8 uring_args;	/* enum uring_args */
	__u8 accept_by_graft;	/* inet_csk_accept() serves MPTCP alone */
	__u8 state_twice;	/* each state change is looked at again: see handle_state_again() */
	__u8 link;		/* send struct link_record */
};

#pragma GCC diagnostic pop

/*
 * How long ago a flow was used, as a number that grows with it: 8 steps for each power of two
 * microseconds. AGE_CNT is beyond the last.
 */
#define AGE_STEP_BITS 3
#define AGE_CNT (64 << AGE_STEP_BITS)

/* What the sweep over all flows does with each. */
enum sweep_mode {
	SWEEP_ENDED,  /* closes it if its socket is gone or it is idle */
	SWEEP_NEWEST, /* puts into sweep_ns when the last of all was used */
	SWEEP_COUNT,  /* counts it in flow_ages */
	SWEEP_EVICT, /* closes it if it is older than evict_age, or of that age and evict_cnt lasts */
};

/*
 * What a pass of list over all files, or over the tables of a namespace, does. As a rule the first two
 * tell all: the others are for sockets that have come meanwhile, or that the table passed over.
 */
enum list_phase {
	LIST_FILES,  /* notes who holds each socket */
	LIST_TABLES, /* tells the sockets; as late those that processes hold and nobody has noted */
	LIST_FILES_LEFT,  /* notes who holds what is left, and tells it */
	LIST_TABLES_LEFT, /* tells what is left: on its way in a message, or a path of MPTCP */
};

/* Both sides write this, in memory that both have mapped. */
struct shared {
	__u64 sweep_ns; /* CLOCK_MONOTONIC: ages are reckoned from here, not from a pause after it */
	__u32 reader_sleeps; /* set by the reader before it waits; cleared by who wakes it */
	__u32 hurry;	     /* set by who sees the mark passed; cleared by the reader */
	__u32 scan_runs;     /* the loader reads what was there before */
	/* On a cache line of its own: every event reads what is above, and every flow writes this. */
	__u32 flow_cnt __attribute__((aligned(64))); /* flows in the table */
	__u32 tree_cnt;				     /* processes in the map tree */
	__u32 sweep_asked; /* set by who sees too many flows, or the first; cleared by the sweep */
	__u32 sweep_planned; /* the reader will wake by itself to sweep: 0 when there are no flows */
	__u32 sweep_mode;    /* enum sweep_mode */
	__u32 evict_age;
	__u32 evict_cnt;
	__u32 list_phase;     /* enum list_phase */
	__u32 list_noted;     /* sockets in the map holdings; one without room there counts too */
	__u32 list_told;      /* of these */
	__u32 list_late;      /* of these, told as late */
	__u32 list_late_only; /* LIST_FILES_LEFT: nothing else is left */
	__u32 flow_ages[AGE_CNT]; /* how many flows are of each age */
	__u64 dns_lost;		  /* records of answers that found no room */
	__u64 link_lost;	  /* the same of struct link_record */
};

#endif
