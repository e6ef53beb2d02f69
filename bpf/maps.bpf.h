/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings, maps and the records in them: what each maps, who inserts, who deletes, who reads. */
#ifndef CONNSNOOP_MAPS_BPF_H
#define CONNSNOOP_MAPS_BPF_H

#include "load.bpf.h"

enum role { ROLE_CLIENT = 1, ROLE_LISTENER, ROLE_CHILD };

#define CONN_F_TOLD 1	      /* its `connect` or `listen` was emitted */
#define CONN_F_OPEN 2	      /* its `established` or `accept` is due or out, its `close` is due */
#define CONN_F_FIN_RECEIVED 4 /* the other end's FIN was the first */
#define CONN_F_CLOSED 8	      /* its `close` was emitted, or waits in late_closes */
#define CONN_F_PEER_HERE 16   /* the other end may be on this machine */
#define CONN_F_SCANNED 32     /* found by the scan, which has not told it yet */

/*
 * What is remembered of a TCP socket, from its first event to its last. What its events have in common
 * is kept as they are sent: an event is one copy and what its kind adds.
 */
struct conn {
	struct event e; /* id, owner, tuple, attr, direction, peer; of `close`, who closes it */
	__u64 start_ns; /* connect: the SYN */
	__u64 established_ns;
	__u32 handshake_us;
	__u32 client_isn;   /* CONN_F_PEER_HERE: see peer.bpf.h */
	__u32 data_segs_in; /* received when this end sent its FIN */
	__u8 role;
	__u8 flags;    /* CONN_F_* */
	__u8 state;    /* TCP_*: what its last change was to */
	__u8 accepted; /* its `accept` was told; no flag, for its close may come on another CPU */
};

/* A UDP flow: one socket and one peer. */
struct flow_key {
	__u64 id; /* of the socket */
	__u8 raddr[ADDR_LEN];
	__u16 rport;
	__u8 ipv;
	__u8 reserved[5];
};

/* First what each datagram needs, in two cache lines with header and key: saves 4 of 45 ns, with 8192 flows. */
struct flow {
	__u64 last_ns; /* of its last datagram, perhaps a tick before it */
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 rx_packets;
	__u16 corked_bytes; /* of the datagram that is being put together */
	__u8 corked;	    /* enum corked */
	__u8 local_known;   /* tuple.laddr is set */
	__u8 shown;	    /* enum shown */
	__u8 attr;
	__u8 direction;
	__u8 reserved;
	struct tuple tuple;
	struct owner owner;
	__u64 start_ns;
};

/*
 * A flow that a filter excludes is remembered if it would be wanted with another direction or
 * owner: its next datagram would look like the first of one.
 */
enum shown { SHOWN, HIDDEN, UNDECIDED /* until its owner is known */ };

/* Datagrams that are put together by MSG_MORE or UDP_CORK. */
enum corked { NOT_CORKED, CORKED, UNCORKED /* by a push that sendmsg() may have made */ };

/* A UDP socket that was bound or found by the scan, or has flows. */
struct udp_socket {
	struct owner owner;	/* pid 0: not known */
	struct flow_key first;	/* its first flow */
	struct flow_key corked; /* the flow that was last sent a part of a datagram */
	__u64 flow_cnt;		/* flows ever opened, those that went idle included */
	__u8 attr;		/* how the owner is known */
	__u8 scan_done;		/* opened since the trace began, or told by the scan */
	__u8 reserved[6];
};

SHARED const volatile struct config cfg;
SHARED struct shared shared;

/* Everything for the loader. Written by event_end(), exe_send() and handle_cgroup(), read by src/tracer.c. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

/*
 * (event_kind * LOST_REASON_CNT + lost_reason) -> events lost on this CPU since the start. Only
 * grows. Written by lost(), read by src/tracer.c.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_CNT);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

/*
 * Address of a TCP socket -> struct conn. Inserted by conn_insert(); deleted by conn_drop() when the
 * socket is closed, and by handle_destroy() in any case, before its address can be used again. Not
 * socket storage: making and freeing that, outside of our programs too, costs 1.4 us more a connection.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct conn);
} conns SEC(".maps");

/*
 * A listening port -> who listens, for the children until they are accepted. Inserted by
 * listener_add(), deleted when its last listener is closed.
 */
struct listening_port {
	__u32 netns;
	__u32 lport;
};
struct port_owner {
	struct owner owner;
	__u64 socket_cnt;
	__u8 lorigin;
	__u8 reserved[7];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct listening_port);
	__type(value, struct port_owner);
} listeners SEC(".maps");

/*
 * Where listeners of several processes share a port, only the kernel knows whose a child is: each
 * listener but the first has its owner in its storage, and its children inherit that.
 * Inserted by listener_add() and by the kernel (BPF_F_CLONE), deleted by the kernel with the socket.
 */
struct inherited {
	struct owner owner;
	__u8 lorigin;
	__u8 reserved[7];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct inherited);
} inherited SEC(".maps");

/*
 * Address of a child that was reset while it waited for accept() -> its `close`, to follow the
 * `accept` that may still come. Inserted by close_defer(), deleted by handle_accept() and
 * handle_destroy().
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct event);
} late_closes SEC(".maps");

/*
 * A connection inside this machine -> the processes at its ends, for each other to print. Inserted by
 * peer_tell(), by the client as a rule; deleted by the end that needs it last. If that is never seen,
 * the least recently used go.
 */
struct peer_key {
	__u64 addrs;	  /* both addresses, folded: ports and number leave hardly a doubt */
	__u32 client_isn; /* sequence number of the client's SYN */
	__u16 client_port;
	__u16 server_port;
};
struct peer_end {
	__u32 pid; /* 0: not known */
	char comm[COMM_LEN];
	__u32 done; /* it will not ask who the other is */
};
struct peer {
	struct peer_end client;
	struct peer_end server;
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct peer_key);
	__type(value, struct peer);
} peers SEC(".maps");

/*
 * pid -> which exe_record was sent for it. Inserted by exe_key(); the least recently used go, and
 * are sent again.
 */
struct exe_sent {
	__u64 start_ns; /* of the process: pids are used again */
	__u64 exe_file; /* address: another one after exec */
	__u64 key;
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct exe_sent);
} exes SEC(".maps");

/*
 * Arguments of a function between its kprobe and its kretprobe: tid and function -> arguments.
 * Inserted by the kprobe, deleted by the kretprobe; the least recently used go, so that a missed
 * kretprobe leaves nothing for ever.
 */
struct call_key {
	__u64 pid_tgid;
	__u64 function; /* enum function */
};
struct call {
	__u64 arg[3];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

/*
 * Address of a socket whose attempt has failed after its SYN -> its id. The connect() that returns this
 * error, the same or the next, is no local failure. Inserted by connect_error_waits(), deleted by the
 * exit of connect(). Only with accept_by_syscall.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} failed_connects SEC(".maps");

/*
 * UDP flows. Inserted by flow_open(), deleted by flow_close(): idle, or the socket is gone, or the
 * least recently used when there are many.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* Socket cookie -> UDP socket. Inserted by flow_open(), handle_udp_bind(), udp_socket_is_new(),
 * scan_udp_own(); deleted by handle_udp_destroy(). */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps");

/*
 * Cookie of a UDP socket with several flows that was closed -> when and by whom. Inserted by
 * handle_udp_destroy(), read by the sweep, deleted by src/tracer.c after it.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct udp_end);
} dead_udp_sockets SEC(".maps");

/*
 * Ids of the connections that were closed while the scan ran, which must not come upon what is left of
 * them. Inserted by handle_closed(), read by scan_mini_sock(); the least recently used go.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} scan_closed SEC(".maps");

/*
 * FILTER_TREE: the processes (tgid) that descend from the loader's command. The first enters by
 * tree_enter(), its descendants by handle_fork(); deleted by handle_exit(), and by src/tracer.c if
 * that was missed. The loader makes it as large as the kernel lets processes be.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8);
} tree SEC(".maps");

/*
 * list: the id of a socket that processes hold -> the first of them. Inserted and read by list.bpf.h;
 * as large as there are open files.
 */
struct holding {
	__u32 pid; /* 0: not found yet */
	__u32 last_pid;
	__u8 told;
	__u8 late; /* told without an owner, as nobody had noted it */
	__u8 reserved[6];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct holding);
} holdings SEC(".maps");

/*
 * list: the struct file of a socket that is late -> nothing. Inserted and read by list.bpf.h. To look for
 * one here takes a tenth of the time of reading the file's socket.
 */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u8);
} late_files SEC(".maps");

/* list: pid -> the process as an owner. Inserted and read by list.bpf.h; as large as there are processes. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner);
} holders SEC(".maps");

/* The values of the filters, written once by src/tracer.c, read by filter.bpf.h. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} filter_pids SEC(".maps");

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} filter_uids SEC(".maps");

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, char[COMM_LEN]);
	__type(value, __u8);
} filter_comms SEC(".maps");

/* port -> PORT_SET_* */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} filter_ports SEC(".maps");

/* Networks -> NET_INCLUDE or NET_EXCLUDE: the longest prefix decides. */
struct net4_key {
	__u32 prefix_len;
	__u8 addr[4];
};
struct net6_key {
	__u32 prefix_len;
	__u8 addr[ADDR_LEN];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct net4_key);
	__type(value, __u8);
} filter_nets4 SEC(".maps");

SHARED struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct net6_key);
	__type(value, __u8);
} filter_nets6 SEC(".maps");

#endif
