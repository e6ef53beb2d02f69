// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of hooks. */
#include "hooks.h"

#include <string.h>

#define BIT(kind) (1u << (kind))

#define TCP_EVENTS                                                                                 \
	(BIT(EVENT_CONNECT) | BIT(EVENT_ESTABLISHED) | BIT(EVENT_ACCEPT) | BIT(EVENT_FAIL) |       \
	 BIT(EVENT_CLOSE) | BIT(EVENT_LISTEN) | BIT(EVENT_UNLISTEN) | BIT(EVENT_STATE))

/* clang-format off: a table is read by its lines */
const struct hook hooks[HOOK_CNT] = {
	[HOOK_TCP_STATE] = {
		.name = "tcp-state",
		.missed_kind = EVENT_STATE,
		.missed_by = "inet_sock_set_state_again_tp",
		.events = TCP_EVENTS,
		.required = true,
		.ways = {
			{ BACKEND_TRACEPOINT, "tp_btf/inet_sock_set_state, twice",
			  { "inet_sock_set_state_tp", "inet_sock_set_state_again_tp" }, NULL },
			{ BACKEND_TRACEPOINT, "tp_btf/inet_sock_set_state", { "inet_sock_set_state_tp" }, NULL },
			{ BACKEND_FENTRY, "fentry/tcp_set_state", { "tcp_set_state_fentry" },
			  "--states: no change to LISTEN" },
			{ BACKEND_KPROBE, "kprobe/tcp_set_state", { "tcp_set_state_kprobe" },
			  "--states: no change to LISTEN" },
		},
	},
	[HOOK_TCP_CONNECT] = {
		.name = "tcp-connect",
		.missed_kind = EVENT_CONNECT,
		.events = BIT(EVENT_CONNECT) | BIT(EVENT_ESTABLISHED) | BIT(EVENT_FAIL) | BIT(EVENT_CLOSE),
		.ways = {
			{ BACKEND_FENTRY, "fentry/tcp_connect", { "tcp_connect_fentry" }, NULL },
			{ BACKEND_KPROBE, "kprobe/tcp_connect", { "tcp_connect_kprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "sockops/tcp_connect", { "tcp_connect_sockops" }, NULL },
			{ BACKEND_TRACEPOINT, "tp_btf/inet_sock_set_state", { NULL },
			  "connect is told together with its outcome" },
		},
	},
	[HOOK_TCP_CONNECT_RETURN] = {
		.name = "tcp-connect-return",
		.missed_kind = EVENT_FAIL,
		.events = BIT(EVENT_FAIL),
		.lost = "phase local",
		.ways = {
			{ BACKEND_FENTRY, "fexit/tcp_v{4,6}_{,pre_}connect",
			  { "tcp_v4_connect_fexit", "tcp_v6_connect_fexit",
			    "tcp_v4_pre_connect_fexit", "tcp_v6_pre_connect_fexit" }, NULL },
			{ BACKEND_KPROBE, "kretprobe/tcp_v{4,6}_{,pre_}connect",
			  { "tcp_v4_connect_kprobe", "tcp_v4_connect_kretprobe",
			    "tcp_v6_connect_kprobe", "tcp_v6_connect_kretprobe",
			    "tcp_v4_pre_connect_kprobe", "tcp_v4_pre_connect_kretprobe",
			    "tcp_v6_pre_connect_kprobe", "tcp_v6_pre_connect_kretprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "syscalls/sys_exit_connect", { "connect_exit_tp" },
			  "not of io_uring and 32-bit programs" },
			{ BACKEND_TRACEPOINT, "tp_btf/sys_exit", { "sys_exit_tp" },
			  "not of io_uring and 32-bit programs" },
		},
	},
	[HOOK_TCP_ACCEPT] = {
		.name = "tcp-accept",
		.missed_kind = EVENT_ACCEPT,
		.missed_by = "sys_exit_again_tp",
		.events = BIT(EVENT_ACCEPT) | BIT(EVENT_CLOSE),
		.ways = {
			{ BACKEND_FENTRY, "fentry/security_sock_graft",
			  { "security_sock_graft_fentry", "inet_csk_accept_fexit" }, NULL },
			{ BACKEND_KPROBE, "kprobe/security_sock_graft", { "security_sock_graft_kprobe" }, NULL },
			{ BACKEND_FENTRY, "fexit/inet_csk_accept", { "inet_csk_accept_fexit" },
			  "not of an accept() that waited before the trace began" },
			{ BACKEND_KPROBE, "kretprobe/inet_csk_accept", { "inet_csk_accept_kretprobe" },
			  "not of an accept() that waited before the trace began" },
			{ BACKEND_TRACEPOINT, "syscalls/sys_exit_accept, io_uring_complete",
			  { "accept_exit_tp", "accept4_exit_tp", "io_uring_complete_tp" },
			  "not of 32-bit programs" },
			{ BACKEND_TRACEPOINT, "syscalls/sys_exit_accept", { "accept_exit_tp", "accept4_exit_tp" },
			  "not of io_uring and 32-bit programs" },
			{ BACKEND_TRACEPOINT, "tp_btf/sys_exit, io_uring_complete",
			  { "sys_exit_tp", "sys_exit_again_tp", "io_uring_complete_tp" },
			  "not of 32-bit programs" },
			{ BACKEND_TRACEPOINT, "tp_btf/sys_exit", { "sys_exit_tp", "sys_exit_again_tp" },
			  "not of io_uring and 32-bit programs" },
		},
	},
	[HOOK_TCP_LISTEN] = {
		.name = "tcp-listen",
		.missed_kind = EVENT_LISTEN,
		.events = BIT(EVENT_LISTEN) | BIT(EVENT_UNLISTEN) | BIT(EVENT_CLOSE),
		.lost = "attr listener",
		.ways = {
			{ BACKEND_FENTRY, "fexit/inet_csk_listen_start", { "inet_csk_listen_start_fexit" }, NULL },
			{ BACKEND_KPROBE, "kretprobe/inet_csk_listen_start",
			  { "inet_csk_listen_start_kprobe", "inet_csk_listen_start_kretprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "sockops/inet_listen", { "tcp_connect_sockops" }, NULL },
			{ BACKEND_TRACEPOINT, "tp_btf/inet_sock_set_state", { NULL },
			  "told before the kernel has confirmed it, and a port that it chooses is missing" },
		},
	},
	[HOOK_TCP_DESTROY] = {
		.name = "tcp-destroy",
		.missed_kind = EVENT_CLOSE,
		.events = BIT(EVENT_CLOSE),
		.lost = "close of what was reset before accept()",
		.ways = {
			{ BACKEND_TRACEPOINT, "tp_btf/tcp_destroy_sock", { "tcp_destroy_sock_tp" }, NULL },
			{ BACKEND_FENTRY, "fentry/tcp_v4_destroy_sock", { "tcp_v4_destroy_sock_fentry" }, NULL },
			{ BACKEND_KPROBE, "kprobe/tcp_v4_destroy_sock", { "tcp_v4_destroy_sock_kprobe" }, NULL },
		},
	},
	[HOOK_UDP_SEND] = {
		.name = "udp-send",
		.missed_kind = EVENT_FLOW,
		.events = BIT(EVENT_FLOW) | BIT(EVENT_SEND) | BIT(EVENT_CLOSE),
		.ways = {
			{ BACKEND_FENTRY, "fexit/udp{,v6}_sendmsg",
			  { "udp_sendmsg_fexit", "udpv6_sendmsg_fexit" }, NULL },
			{ BACKEND_KPROBE, "kretprobe/udp{,v6}_sendmsg",
			  { "udp_sendmsg_kprobe", "udp_sendmsg_kretprobe",
			    "udpv6_sendmsg_kprobe", "udpv6_sendmsg_kretprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "cgroup_skb/egress", { "udp_egress_cgroup" }, NULL },
		},
	},
	[HOOK_UDP_SEND_ERROR] = {
		.name = "udp-send-error",
		.missed_kind = EVENT_SEND,
		.events = BIT(EVENT_SEND),
		.lost = "datagrams that could not be sent",
		.ways = {
			{ BACKEND_FENTRY, "fexit/udp{,v6}_sendmsg",
			  { "udp_sendmsg_fexit", "udpv6_sendmsg_fexit" }, NULL },
			{ BACKEND_KPROBE, "kretprobe/udp{,v6}_sendmsg",
			  { "udp_sendmsg_kprobe", "udp_sendmsg_kretprobe",
			    "udpv6_sendmsg_kprobe", "udpv6_sendmsg_kretprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "tp_btf/sys_exit", { "sys_exit_send_tp" },
			  "not of io_uring and 32-bit programs" },
		},
	},
	[HOOK_UDP_UNCORK] = {
		.name = "udp-uncork",
		.missed_kind = EVENT_SEND,
		.events = BIT(EVENT_FLOW) | BIT(EVENT_SEND) | BIT(EVENT_CLOSE),
		.lost = "datagrams that setsockopt(UDP_CORK) sends, as packets",
		.ways = {
			{ BACKEND_FENTRY, "fentry/udp_{,v6_}push_pending_frames",
			  { "udp_push_pending_frames_fentry", "udp_v6_push_pending_frames_fentry" }, NULL },
			{ BACKEND_KPROBE, "kprobe/udp_{,v6_}push_pending_frames",
			  { "udp_push_pending_frames_kprobe", "udp_v6_push_pending_frames_kprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "cgroup_skb/egress", { NULL }, NULL },
		},
	},
	[HOOK_UDP_RECEIVE] = {
		.name = "udp-receive",
		.missed_kind = EVENT_FLOW,
		.events = BIT(EVENT_FLOW) | BIT(EVENT_CLOSE),
		.ways = {
			{ BACKEND_FENTRY, "fentry/skb_consume_udp", { "skb_consume_udp_fentry" }, NULL },
			{ BACKEND_KPROBE, "kprobe/skb_consume_udp", { "skb_consume_udp_kprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "cgroup_skb/ingress", { "udp_ingress_cgroup" },
			  "counted when they arrive, read or not; the reader is not known" },
		},
	},
	[HOOK_UDP_BIND] = {
		.name = "udp-bind",
		.missed_kind = EVENT_LISTEN,
		.events = BIT(EVENT_LISTEN) | BIT(EVENT_UNLISTEN),
		.ways = {
			{ BACKEND_FENTRY, "fexit/udp_lib_get_port", { "udp_lib_get_port_fexit" }, NULL },
			{ BACKEND_KPROBE, "kretprobe/udp_lib_get_port",
			  { "udp_lib_get_port_kprobe", "udp_lib_get_port_kretprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "syscalls/sys_exit_bind", { "bind_exit_tp" },
			  "not of io_uring and 32-bit programs" },
			{ BACKEND_TRACEPOINT, "tp_btf/sys_exit", { "sys_exit_tp" },
			  "not of io_uring and 32-bit programs" },
		},
	},
	[HOOK_UDP_CLOSE] = {
		.name = "udp-close",
		.missed_kind = EVENT_CLOSE,
		.events = BIT(EVENT_CLOSE) | BIT(EVENT_UNLISTEN),
		.lost = "reason closed: flows end when they are idle",
		.ways = {
			{ BACKEND_FENTRY, "fentry/udp{,v6}_destroy_sock",
			  { "udp_destroy_sock_fentry", "udpv6_destroy_sock_fentry" }, NULL },
			{ BACKEND_KPROBE, "kprobe/udp{,v6}_destroy_sock",
			  { "udp_destroy_sock_kprobe", "udpv6_destroy_sock_kprobe" }, NULL },
			{ BACKEND_TRACEPOINT, "cgroup/sock_release", { "sock_release_cgroup" }, NULL },
		},
	},
	[HOOK_COOKIE] = {
		.name = "socket-cookie",
		.missed_kind = EVENT_CONNECT,
		.lost = "id equal to that of ss -e",
		.ways = {
			{ BACKEND_AUTO, "cgroup/sock_create", { "sock_create_cgroup" },
			  "not of sockets that were there before" },
		},
	},
	[HOOK_CHILD_COOKIE] = {
		.name = "child-cookie",
		.missed_kind = EVENT_ACCEPT,
		.lost = "id equal to that of ss -e, of accepted sockets",
		.ways = {
			{ BACKEND_AUTO, "sockops/tcp_init_transfer", { "cookie_sockops" }, NULL },
		},
	},
	[HOOK_MPTCP_COOKIE] = {
		.name = "mptcp-cookie",
		.missed_kind = EVENT_CONNECT,
		.lost = "id of MPTCP connections equal to that of the process's socket",
		.ways = {
			{ BACKEND_AUTO, "tp_btf/inet_sock_set_state", { "mptcp_cookie_tp" }, NULL },
		},
	},
	[HOOK_SCAN_FILES] = {
		.name = "scan-files",
		.missed_kind = EVENT_EXISTING,
		.events = BIT(EVENT_EXISTING),
		.lost = "owners of the sockets that were there before",
		.ways = {
			{ BACKEND_AUTO, "iter/task_file", { "scan_files_typed" }, NULL },
			{ BACKEND_AUTO, "iter/task_file", { "scan_files_probed" }, NULL },
		},
	},
	[HOOK_SCAN_TABLES] = {
		.name = "scan-tables",
		.missed_kind = EVENT_EXISTING,
		.events = BIT(EVENT_EXISTING),
		.lost = "sockets that no process holds",
		.ways = {
			{ BACKEND_AUTO, "iter/tcp, iter/udp", { "scan_tcp", "scan_udp" }, NULL },
		},
	},
	[HOOK_LIST_FILES] = {
		.name = "list-files",
		.missed_kind = EVENT_EXISTING,
		.lost = "list and ports: the processes, else by /proc",
		.ways = {
			{ BACKEND_AUTO, "iter/task_file", { "list_files_typed" }, NULL },
			{ BACKEND_AUTO, "iter/task_file", { "list_files_probed" }, NULL },
		},
	},
	[HOOK_LIST_TABLES] = {
		.name = "list-tables",
		.missed_kind = EVENT_EXISTING,
		.lost = "list and ports: the sockets, else by netlink",
		.ways = {
			{ BACKEND_AUTO, "iter/tcp, iter/udp", { "list_tcp", "list_udp" }, NULL },
		},
	},
	[HOOK_TREE] = {
		.name = "process-tree",
		.missed_kind = EVENT_CONNECT,
		.missed_by = "sched_process_fork_again_tp",
		.lost = "running a command to trace it and its descendants",
		.required = true,
		.ways = {
			{ BACKEND_AUTO, "tp_btf/sched_process_fork, exit",
			  { "sched_process_fork_tp", "sched_process_fork_again_tp",
			    "sched_process_exit_tp", "sched_process_exit_again_tp" }, NULL },
		},
	},
	[HOOK_CGROUP] = {
		.name = "cgroup-mkdir",
		.missed_kind = EVENT_KIND_CNT,
		.lost = "cgroup, container and the like, where the cgroup ends before the line is made",
		.ways = {
			{ BACKEND_AUTO, "raw_tp/cgroup_mkdir", { "cgroup_mkdir_raw" }, NULL },
		},
	},
	[HOOK_DNS] = {
		.name = "dns-answer",
		.missed_kind = EVENT_CONNECT,
		.lost = "rname, but of what /etc/hosts names",
		.ways = {
			{ BACKEND_AUTO, "cgroup_skb/ingress", { "dns_ingress_cgroup" }, NULL },
		},
	},
	[HOOK_LIBC] = {
		.name = "libc-names",
		.missed_kind = EVENT_KIND_CNT,
		.lost = "rname, where no answer of a name server was seen",
		.optional = true,
		.ways = {
			{ BACKEND_AUTO, "uprobe/getaddrinfo",
			  { "getaddrinfo_uprobe", "getaddrinfo_uretprobe" }, NULL },
		},
	},
};
/* clang-format on */

bool way_is_allowed(const struct way *way, enum backend backend)
{
	return backend == BACKEND_AUTO || way->backend == BACKEND_AUTO || way->backend == backend;
}

bool way_has(const struct way *way, const char *program)
{
	for (int i = 0; i < WAY_PROGRAMS_MAX && way->programs[i]; i++)
		if (!strcmp(way->programs[i], program))
			return true;
	return false;
}
