/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets that were there before the trace. All hooks are attached when the scan begins, so a socket
 * has its record by one of the two, and is told by the one that made it. First the files of every
 * process, which know the owners in all network namespaces; then, where existing sockets are to be
 * printed, the tables of each namespace, for those that no process holds.
 */
#ifndef CONNSNOOP_SCAN_BPF_H
#define CONNSNOOP_SCAN_BPF_H

#include "state.bpf.h"
#include "udp.bpf.h"

/* The one scan that runs, and what it is about to write. */
struct scratch {
	struct event event;
	struct conn conn; /* the record it makes: too much for the stack, as deep as it is here */
	struct exe_buffer exe;
	struct link_record link;
	__u32 last_pid;	   /* whose exe_record was written last */
	__u32 event_flags; /* list: EVENT_F_LATE, or 0 */
	/* list: the process whose files are looked at, and whether the filters want it */
	__u32 holder_pid;
	__u32 holder_wanted;
	struct owner holder;
};

/* Written and read by the scan alone. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scan_scratch SEC(".maps");

static __always_inline struct scratch *scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scan_scratch, &zero);
}

/* --- owners ---------------------------------------------------------------------------------- */

/* Write the path of the process's executable, once for each process: the scan goes by process. */
SUBPROG __u64 scan_exe(struct seq_file *seq, struct task_struct *task, __u32 pid)
{
	struct file *exe_file = PROBE_LOAD(task, mm, exe_file);
	__u64 start_ns = PROBE_LOAD(task, group_leader, start_boottime);
	struct scratch *x = scratch();
	struct exe_sent sent = { .start_ns = start_ns, .exe_file = (__u64)exe_file };
	__u32 len;

	if (!exe_file || !x)
		return 0;
	if (!exe_was_sent(pid, &sent))
		sent.key = exe_key_make();
	if (x->last_pid == pid || exe_fill(&x->exe.record, exe_file, sent.key))
		return sent.key;
	len = x->exe.record.len;
	if (len > EXE_PATH_MAX || bpf_seq_write(seq, &x->exe.record, EXE_HEAD_SIZE + len))
		return sent.key; /* no room: the kernel will come again with the same file */
	x->last_pid = pid;
	bpf_map_update_elem(&exes, &pid, &sent, BPF_ANY);
	return sent.key;
}

/* The process as an owner; 0: the filters exclude it. */
SUBPROG int scan_owner(struct owner *o, struct seq_file *seq, struct task_struct *task)
{
	if (!o)
		return 0;
	__builtin_memset(o, 0, sizeof(*o));
	OWNER_FROM_TASK(o, task, PROBE_LOAD);
	o->tid = o->pid; /* a file is its process's, not a thread's */
	if (cfg.filters & FILTER_OWNER && !owner_passes(o, task))
		return 0;
	o->exe_key = scan_exe(seq, task, o->pid);
	return 1;
}

static __always_inline void existing_init(struct event *e, const struct tuple *t, __u64 id,
					  const struct owner *owner, __u8 attr, __u8 direction)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = EVENT_EXISTING;
	e->ts_ns = bpf_ktime_get_ns();
	event_set_tuple(e, t);
	event_set_socket(e, id, owner, attr, direction);
}

/* --link, of a socket that has somebody at its other end. */
static __always_inline void scan_link(struct scratch *x, struct sock *sk)
{
	if (cfg.link && x->event.flags & EVENT_F_REMOTE)
		link_fill(&x->link, sk, x->event.id, x->event.ipv, x->event.proto == IPPROTO_TCP);
}

/*
 * Write the event in the scratch; 0 unless there was no room. Then the kernel drops what this socket
 * has written, the path of the executable too, and comes again. Before the event comes what scan_link()
 * has put there, if it was called.
 */
static __always_inline long scan_write(struct seq_file *seq, struct scratch *x)
{
	long err = 0;

	x->event.flags |= x->event_flags;
	if (cfg.link && x->link.kind) {
		err = bpf_seq_write(seq, &x->link, sizeof(x->link));
		x->link.kind = 0;
	}
	err = err ?: bpf_seq_write(seq, &x->event, sizeof(x->event));
	if (err)
		x->last_pid = 0;
	return err;
}

/* --- TCP ------------------------------------------------------------------------------------- */

/*
 * Did this end send the SYN? Then the other end has acknowledged, or shall, one number more than there
 * were bytes and a FIN.
 */
static __always_inline bool scan_sent_syn(struct tcp_sock *tp)
{
	__u8 state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	__u32 snd_nxt = LOAD(tp, snd_nxt);
	__u32 numbers = LOAD(tp, bytes_acked) + (snd_nxt - LOAD(tp, snd_una));
	__u32 payload = LOAD(tp, bytes_sent) - LOAD(tp, bytes_retrans);
	bool closed = state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT;

	/* a FIN is the last that is sent */
	return numbers != payload + (closed && snd_nxt == LOAD(tp, write_seq));
}

/* Opened from here or accepted? A child keeps its listener's backlog, and never a port's lock. */
static __always_inline __u8 scan_direction(struct tcp_sock *tp)
{
	if (LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state) == TCP_SYN_SENT ||
	    LOAD_BITS((struct sock *)tp, sk_userlocks) & SOCK_BINDPORT_LOCK)
		return DIRECTION_OUT;
	if (LOAD(tp, inet_conn.icsk_inet.sk.sk_max_ack_backlog))
		return DIRECTION_IN;
	/* listen(0) is left, or bind() without a port */
	return scan_sent_syn(tp) ? DIRECTION_OUT : DIRECTION_IN;
}

/* A child that waits for accept() has no struct socket yet; one that was closed is dead. */
static __always_inline bool scan_is_accepted(struct tcp_sock *tp)
{
	return LOAD(tp, inet_conn.icsk_inet.sk.sk_socket) || sock_is_dead(tp);
}

/* Whom a connection belongs to that nobody has accepted: who listens on its port, if that is one. */
static __always_inline __u8 scan_listener(struct owner *owner, const struct tuple *t)
{
	struct listening_port key = { .netns = t->netns, .lport = t->lport };
	struct port_owner *l = bpf_map_lookup_elem(&listeners, &key);

	if (!l || !l->owner.pid)
		return ATTR_NONE;
	*owner = l->owner;
	return ATTR_LISTENER;
}

static __always_inline void scan_conn_init(struct conn *c, struct tcp_sock *tp, __u8 state)
{
	conn_from_sock(c, tp);
	c->e.attr = c->e.owner.pid ? ATTR_SCAN : ATTR_NONE;
	c->flags = CONN_F_SCANNED;
	c->state = state;
	if (state == TCP_LISTEN) {
		c->role = ROLE_LISTENER;
		tuple_set_listening(&c->e.tuple, (struct sock *)tp);
		c->e.lorigin = sock_lorigin((struct sock *)tp);
		return;
	}
	c->e.direction = scan_direction(tp);
	c->role = c->e.direction == DIRECTION_OUT ? ROLE_CLIENT : ROLE_CHILD;
	if (c->role == ROLE_CLIENT)
		c->e.lorigin = sock_lorigin((struct sock *)tp);
	else if (scan_is_accepted(tp))
		c->accepted = 1;
	if (state != TCP_SYN_SENT)
		c->flags |= CONN_F_OPEN;
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		c->flags |= CONN_F_FIN_RECEIVED;
}

/* Make the record of a socket that has none, if it is wanted. */
SUBPROG int scan_conn_make(struct tcp_sock *tp, const struct owner *owner)
{
	__u8 state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	struct scratch *x = scratch();
	struct conn *c;

	if (!owner || !x)
		return 0;
	c = &x->conn;
	__builtin_memset(c, 0, sizeof(*c));
	c->e.owner = *owner;
	scan_conn_init(c, tp, state);
	if (state == TCP_LISTEN) {
		listener_add(tp, c);
		return conn_insert(tp, c);
	}
	if (c->role == ROLE_CHILD && !(c->accepted))
		c->e.attr = scan_listener(&c->e.owner, &c->e.tuple);
	if (!conn_wanted(c))
		return 0;
	peer_expect(tp, c, client_isn(tp, c->e.direction));
	if (c->e.attr == ATTR_SCAN)
		peer_tell_owner(c);
	return conn_insert(tp, c);
}

/* What waits in it; of a listener, who waits. */
static __always_inline void event_set_queues(struct event *e, struct tcp_sock *tp, __u8 state)
{
	__s32 unread;

	if (state == TCP_LISTEN) {
		e->accept_queue = LOAD(tp, inet_conn.icsk_inet.sk.sk_ack_backlog);
		e->backlog = LOAD(tp, inet_conn.icsk_inet.sk.sk_max_ack_backlog);
		return;
	}
	unread = LOAD(tp, rcv_nxt) - LOAD(tp, copied_seq);
	e->rx_queue_bytes = unread > 0 ? unread : 0;
	e->tx_queue_bytes = LOAD(tp, write_seq) - LOAD(tp, snd_una);
}

/* Write the event of a scanned socket; 0 unless there was no room, and the kernel comes again. */
SUBPROG long scan_conn_tell(struct seq_file *seq, struct tcp_sock *tp, const struct conn *c,
			    __u8 state)
{
	struct scratch *x = scratch();
	struct event *e;

	if (!x || !c || !conn_wanted(c))
		return 0;
	e = &x->event;
	*e = c->e;
	e->kind = EVENT_EXISTING;
	e->ts_ns = bpf_ktime_get_ns();
	e->new_state = state;
	event_set_totals(e, tp, c);
	event_set_queues(e, tp, state);
	scan_link(x, (struct sock *)tp);
	return scan_write(seq, x);
}

/* A TCP socket, in a file of @owner or in the kernel's table. */
SUBPROG int scan_tcp_sock(struct seq_file *seq, struct tcp_sock *tp, const struct owner *owner)
{
	__u8 state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	struct conn *c;

	if (state == TCP_CLOSE || is_further_subflow(tp))
		return 0;
	c = conn_find(tp);
	if (!c) {
		scan_conn_make(tp, owner);
		c = conn_find(tp);
	}
	if (!c || !(c->flags & CONN_F_SCANNED))
		return 0; /* the live hooks have been here first, or the scan before */
	if (LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state) == TCP_CLOSE) {
		conn_drop(tp); /* closed meanwhile, and told without a record */
		return 0;
	}
	if (wants(EVENT_EXISTING) && scan_conn_tell(seq, tp, c, state))
		return 0;
	c->flags &= ~CONN_F_SCANNED;
	c->flags |= CONN_F_TOLD;
	return 0;
}

/*
 * What is left of a connection, or not one yet: TIME-WAIT, FIN-WAIT-2 that no process holds, and
 * SYN-RECV. @mini begins with a struct sock_common, as a struct sock does, and has no more than that
 * in common with it. 0 unless there was no room.
 */
SUBPROG int scan_mini_sock(struct seq_file *seq, struct sock *mini, __u64 id, __u8 state)
{
	struct scratch *x = scratch();
	struct owner owner = {};
	struct tuple t = {};
	__u8 attr = ATTR_NONE, direction = DIRECTION_NONE;

	/* what was closed since the trace began has had its close */
	if (!x || !wants(EVENT_EXISTING) || bpf_map_lookup_elem(&scan_closed, &id))
		return 0;
	tuple_from_sock(&t, mini, IPPROTO_TCP, LOAD(mini, __sk_common.skc_num));
	if (state == TCP_SYN_RECV) {
		direction = DIRECTION_IN;
		attr = scan_listener(&owner, &t);
	}
	if (!owner_wanted(&owner) || !tuple_wanted(&t, direction))
		return 0;
	existing_init(&x->event, &t, id, &owner, attr, direction);
	x->event.new_state = state;
	return scan_write(seq, x) != 0;
}

/* --- UDP ------------------------------------------------------------------------------------- */

/* Memory of datagrams that wait, as ss has it. */
static __always_inline void event_set_queues_udp(struct event *e, struct sock *sk)
{
	__s32 unread = LOAD(sk, sk_backlog.rmem_alloc.counter) -
		       PROBE_LOAD((struct udp_sock *)sk, forward_deficit);

	e->rx_queue_bytes = unread > 0 ? unread : 0;
	e->tx_queue_bytes = LOAD(sk, sk_wmem_alloc.refs.counter) - 1;
}

/* Write the event of a UDP socket; 0 unless there was no room. */
SUBPROG long scan_udp_tell(struct seq_file *seq, struct sock *sk, const struct owner *owner)
{
	struct scratch *x = scratch();
	struct tuple t = {};
	struct event *e;
	__u8 direction;

	if (!x || !owner)
		return 0;
	tuple_from_sock(&t, sk, IPPROTO_UDP, LOAD(sk, __sk_common.skc_num));
	t.lorigin = sock_lorigin(sk);
	direction = t.flags & EVENT_F_REMOTE ? DIRECTION_OUT : DIRECTION_NONE;
	if (direction == DIRECTION_NONE)
		tuple_set_listening(&t, sk);
	if (!owner_wanted(owner) || !tuple_wanted(&t, direction))
		return 0;
	e = &x->event;
	existing_init(e, &t, sock_cookie(sk), owner, owner->pid ? ATTR_SCAN : ATTR_NONE, direction);
	e->new_state = LOAD(sk, __sk_common.skc_state);
	event_set_queues_udp(e, sk);
	scan_link(x, sk);
	return scan_write(seq, x);
}

/* Note whose a UDP socket is, unless that is known; it may have flows already. */
SUBPROG long scan_udp_own(__u64 id, const struct owner *owner)
{
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &id);

	if (!owner)
		return -EINVAL;
	if (!s)
		return udp_socket_own(id, owner, ATTR_SCAN, false);
	if (!s->owner.pid) {
		s->owner = *owner;
		s->attr = ATTR_SCAN;
	}
	return 0;
}

/* A UDP socket, in a file of @owner or in the kernel's table. One without a port is not there yet. */
SUBPROG int scan_udp_sock(struct seq_file *seq, struct sock *sk, const struct owner *owner)
{
	__u64 id = sock_cookie(sk);
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &id);

	if (!LOAD(sk, __sk_common.skc_num) || (s && s->scan_done))
		return 0;
	/* without room, it is told when it is found once more: in the table, as nobody's */
	if (owner->pid && scan_udp_own(id, owner))
		return 0;
	if (wants(EVENT_EXISTING) && scan_udp_tell(seq, sk, owner))
		return 0;
	s = bpf_map_lookup_elem(&udp_sockets, &id);
	if (s)
		s->scan_done = 1;
	return 0;
}

/* An inet socket in a file of @task; @tp: the same if it is TCP's, else NULL. */
static __always_inline int scan_held(struct seq_file *seq, struct task_struct *task,
				     struct sock *sk, struct tcp_sock *tp)
{
	struct owner owner;

	if (!tp && LOAD(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	if (!scan_owner(&owner, seq, task))
		return 0;
	return tp ? scan_tcp_sock(seq, tp, &owner) : scan_udp_sock(seq, sk, &owner);
}

#endif
