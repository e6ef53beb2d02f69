/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs and the loader share: the records of the ring buffer, the settings, the
 * counters. Fixed-width members only, largest first, no padding: the compiler checks both.
 */
#ifndef CONNSNOOP_EVENT_H
#define CONNSNOOP_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define COMM_LEN 16
#define ADDR_LEN 16
#define IFNAME_LEN 16
#define MAC_LEN 6

/* What happened. The first EVENT_KIND_CNT are lines of the log; the rest is between us. */
enum event_kind {
	EVENT_CONNECT,
	EVENT_ESTABLISHED,
	EVENT_ACCEPT,
	EVENT_FAIL,
	EVENT_CLOSE,
	EVENT_LISTEN,
	EVENT_UNLISTEN,
	EVENT_FLOW,
	EVENT_SEND,
	EVENT_STATE,
	EVENT_EXISTING,
	EVENT_PORT,    /* made by the loader from sockets and events: an open port */
	EVENT_LOST,    /* made by the loader from the counters */
	EVENT_SUMMARY, /* likewise */
	EVENT_KIND_CNT,
	RECORD_EXE = EVENT_KIND_CNT, /* struct exe_record */
	RECORD_SWEEP,  /* a struct event: the UDP socket e->id is gone, close its flows */
	RECORD_HOLDER, /* struct holder_record */
	RECORD_CGROUP, /* struct cgroup_record */
	RECORD_DNS,    /* struct dns_record */
	RECORD_LINK,   /* struct link_record */
	RECORD_LIBC,   /* struct libc_record */
};

/* How the owner is known. */
enum attr {
	ATTR_NONE,
	ATTR_CONNECT,  /* called connect() */
	ATTR_ACCEPT,   /* called accept() */
	ATTR_LISTEN,   /* called listen(), or bind() of a UDP socket */
	ATTR_LISTENER, /* inherited from the listener: nobody has accepted yet */
	ATTR_SEND,     /* sent the first datagram */
	ATTR_RECV,     /* read the first datagram */
	ATTR_SCAN,     /* held it when the trace began */
	ATTR_CNT,
};

enum direction { DIRECTION_NONE, DIRECTION_OUT, DIRECTION_IN, DIRECTION_CNT };

/* Who chose the local port: the socket's own SOCK_BINDPORT_LOCK tells. */
enum lorigin { LORIGIN_NONE, LORIGIN_DYNAMIC, LORIGIN_BOUND, LORIGIN_CNT };

/* How far an attempt to connect had come when it failed. */
enum phase { PHASE_NONE, PHASE_LOCAL, PHASE_HANDSHAKE, PHASE_CANCELLED, PHASE_CNT };

enum close_reason {
	REASON_NONE,
	REASON_LOCAL, /* this end sent FIN first */
	REASON_REMOTE,
	REASON_RESET_SENT,
	REASON_RESET_RECEIVED,
	REASON_TIMEOUT,
	REASON_UNREACHABLE,
	REASON_NEVER_ACCEPTED,
	REASON_IDLE,   /* UDP: no datagram for --udp-idle */
	REASON_CLOSED, /* UDP: the socket was closed */
	REASON_CNT,
};

/* Why an event was lost. */
enum lost_reason {
	LOST_BUFFER, /* the ring buffer had no room */
	LOST_MAP,    /* a map was full */
	LOST_NESTED, /* the hook's program was interrupted by itself, so the kernel skipped a run */
	LOST_REASON_CNT,
};

#define LOSS_CNT (EVENT_KIND_CNT * LOST_REASON_CNT) /* counters, one for each kind and reason */

#define EVENT_F_MAPPED 1 /* the socket is AF_INET6, the addresses are IPv4 */
#define EVENT_F_REMOTE 2 /* there is a remote side */
#define EVENT_F_LOCAL 4	 /* the local address and port are known */
#define EVENT_F_MPTCP 8	 /* of MPTCP: its first path, with the id of the process's socket */
#define EVENT_F_RULE 16	 /* port: made of a rule, which knows names and no numbers of its owner */
#define EVENT_F_LATE 32	 /* existing: who holds it is still looked for. Not outside the tracer */

/*
 * A process as the connection's owner, in the initial pid namespace. pid 0: nobody known.
 * exe_key names the struct exe_record that was sent before, 0 if there was none.
 */
struct owner {
	__u64 cgroup_id; /* of the v2 hierarchy */
	__u64 exe_key;
	__u32 pid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	char comm[COMM_LEN]; /* the thread-group leader's; chosen by the process */
};

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/*
 * Where a socket is: both ends and the namespace. Addresses are in network byte order, an IPv4 address
 * in the first four bytes; ports are in host byte order. What is not known is zero.
 */
#define TUPLE_MEMBERS                                                                              \
	__u8 laddr[ADDR_LEN] __attribute__((aligned(8)));                                          \
	__u8 raddr[ADDR_LEN];                                                                      \
	__u32 netns; /* inode of the socket's network namespace */                                 \
	__u16 lport;                                                                               \
	__u16 rport;                                                                               \
	__u8 ipv;	     /* 4 or 6: of the addresses */                                        \
	__u8 proto;	     /* IPPROTO_TCP or IPPROTO_UDP */                                      \
	__u8 lorigin;	     /* enum lorigin */                                                    \
	__u8 flags;	     /* EVENT_F_* */                                                       \
	__u32 bound_ifindex; /* without a remote side: of SO_BINDTODEVICE, else 0 */

struct tuple {
	TUPLE_MEMBERS
};

/*
 * One line of the log. Only `close` and `existing` are sent whole; the others end at EVENT_HEAD_SIZE.
 * What a kind of event does not have is zero.
 */
struct event {
	__u32 kind;  /* enum event_kind */
	__u32 error; /* fail, send: errno */
	__u64 ts_ns; /* CLOCK_MONOTONIC: when it happened */
	__u64 id;    /* socket cookie */
	struct owner owner;
	union {
		struct tuple tuple;
		struct {
			TUPLE_MEMBERS
		};
	};
	__u32 handshake_us; /* established, close: SYN to ESTABLISHED */
	__u32 retrans;	    /* fail, close: segments */
	union {
		__u32 backlog; /* listen, existing; of TCP's listeners */
		__u32 bytes;   /* send: payload of the datagram */
	};
	__u32 peer_pid; /* accept, established, close: the other end, when it is here */
	char peer_comm[COMM_LEN];
	__u8 attr;	/* enum attr */
	__u8 direction; /* enum direction */
	__u8 phase;	/* fail: enum phase */
	__u8 reason;	/* close: enum close_reason */
	__u8 old_state; /* state: the kernel's TCP_* */
	__u8 new_state; /* existing too */
	__u8 reserved[2];
	/* EVENT_HEAD_SIZE: from here on only in close and existing */
	__u64 duration_us; /* established, or first datagram, to closed */
	__u64 tx_bytes;	   /* payload */
	__u64 rx_bytes;
	__u64 tx_packets; /* segments or datagrams */
	__u64 rx_packets;
	__u32 rtt_us; /* smoothed */
	union {
		struct {		  /* close */
			__u32 closer_pid; /* who closed it, where that is not the owner; else 0 */
			char closer_comm[COMM_LEN];
		};
		struct {		      /* existing */
			__u32 rx_queue_bytes; /* received, and not read yet */
			__u32 tx_queue_bytes; /* written, and not acknowledged yet; of UDP, not sent */
			__u32 accept_queue; /* of TCP's listeners: connections that wait for accept() */
			__u32 reserved_queues[2];
		};
	};
};

/*
 * The path of an executable, sent once for each process and exec before the first event that has
 * its key: components from the file up to the root, each ended by a NUL. Sent cut to its length.
 */
#define EXE_PATH_MAX 2048
struct exe_record {
	__u32 kind; /* RECORD_EXE */
	__u32 len;  /* bytes used of path */
	__u64 key;
	char path[EXE_PATH_MAX];
};

/*
 * One more process that holds a socket: not the one that its `existing` has as its owner. All of a
 * socket's come before that event.
 */
struct holder_record {
	__u32 kind; /* RECORD_HOLDER */
	__u32 pid;
	__u64 id; /* of the socket */
	char comm[COMM_LEN];
};

/*
 * By which way a socket sends, as its own cached route and options have it: before the event that it
 * belongs to, and the one of the same id that came last holds. What is not known is zero.
 */
#define LINK_F_TTL 1  /* ttl is known, and mc_ttl */
#define LINK_F_DSCP 2 /* dscp is known */
#define LINK_F_MAC 4  /* the device has a MAC address of 6 bytes */
#define LINK_F_TTL_DEFAULT                                                                         \
	8 /* ttl is that of the namespace: neither the socket nor a route has its own */
struct link_record {
	__u32 kind;		 /* RECORD_LINK */
	__u32 ifindex;		 /* 0: it has no route */
	__u64 id;		 /* of the socket */
	__u8 raddr[ADDR_LEN];	 /* to whom the route leads: as struct sock has it, see raddr_ipv */
	__u8 next_hop[ADDR_LEN]; /* the gateway */
	char ifname[IFNAME_LEN]; /* not ended by a NUL if it is that long */
	__u32 dev_flags;	 /* IFF_* */
	__u32 mtu;		 /* of the path */
	__u32 mss;		 /* TCP: of what is sent */
	__u32 bound_ifindex;	 /* SO_BINDTODEVICE */
	__u32 mark;		 /* SO_MARK, which rules of routing may look at */
	__u8 mac[MAC_LEN];
	__u8 next_hop_ipv; /* 4, 6; 0: no gateway */
	__u8 raddr_ipv;	   /* 4 or 6: the socket's, IPv4 may be mapped into it */
	__u8 ttl;
	__u8 mc_ttl; /* if the remote address is a multicast one */
	__u8 dscp;
	__u8 flags; /* LINK_F_* */
};

/*
 * The path of a cgroup, sent when it is made, before any event of a process in it; the loader tells those that
 * were there before. One that fills all the room that the kernel's tracepoints have is cut, and not sent.
 */
#define CGROUP_PATH_MAX 1024
struct cgroup_record {
	__u32 kind; /* RECORD_CGROUP */
	__u32 len;  /* of path, without the NUL behind it */
	__u64 id;
	char path[CGROUP_PATH_MAX];
};

/*
 * What came to a socket from port 53: a datagram, or a part of a stream of TCP; not looked at. Sent in
 * one of a few lengths.
 */
#define DNS_PAYLOAD_MAX 4096
struct dns_head {
	__u32 kind;   /* RECORD_DNS */
	__u32 len;    /* bytes used of payload */
	__u64 ts_ns;  /* CLOCK_MONOTONIC */
	__u64 id;     /* of the socket */
	__u64 offset; /* TCP: of the first byte, in all that this end of the connection receives */
	__u32 netns;
	__u32 pid;   /* the socket's owner, 0: not known */
	__u32 whole; /* length of the datagram; more than len: it is cut */
	__u8 proto;  /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 reserved[3];
};
struct dns_record {
	struct dns_head head;
	__u8 payload[DNS_PAYLOAD_MAX];
};

/*
 * What getaddrinfo() has told a process. All of it is from the memory of that process, which can have put there
 * what it likes.
 */
#define LIBC_NAME_SIZE 256
#define LIBC_ADDRESSES_MAX 16
struct libc_record {
	__u32 kind;    /* RECORD_LIBC */
	__u32 pid;     /* and, as these are used again, struct owner.exe_key */
	__u64 exe_key; /* 0: not known */
	__u64 ts_ns; /* CLOCK_MONOTONIC: when it was asked, before any answer of a name server to that */
	__u32 netns;
	__u32 cnt;			   /* of addresses */
	__u8 families[LIBC_ADDRESSES_MAX]; /* AF_INET, AF_INET6 */
	__u8 addresses[LIBC_ADDRESSES_MAX][ADDR_LEN];
	char name[LIBC_NAME_SIZE]; /* with a NUL */
};

/* When a UDP socket with several flows was closed, and by whom: its flows end with it. */
struct udp_end {
	__u64 ts_ns;
	__u32 closer_pid;
	char closer_comm[COMM_LEN];
	__u32 reserved;
};

#pragma GCC diagnostic pop

#define EVENT_HEAD_SIZE __builtin_offsetof(struct event, duration_us)
#define EXE_HEAD_SIZE __builtin_offsetof(struct exe_record, path)
#define CGROUP_HEAD_SIZE __builtin_offsetof(struct cgroup_record, path)

_Static_assert(sizeof(struct owner) == 48, "struct owner has changed its size");
_Static_assert(EVENT_HEAD_SIZE == 160, "the head of struct event has changed its size");
_Static_assert(sizeof(struct event) == EVENT_HEAD_SIZE + 64, "struct event has changed its size");

#endif
