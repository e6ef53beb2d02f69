/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets that exist, for `list`: no hook is attached. The files of every process say who holds
 * which socket, then the tables of each network namespace tell the sockets. See enum list_phase.
 */
#ifndef CONNSNOOP_LIST_BPF_H
#define CONNSNOOP_LIST_BPF_H

#include "scan.bpf.h"

/* --- who holds what ---------------------------------------------------------------------------- */

/* The files of another process begin: is it wanted, and who is it? */
SUBPROG int list_process(struct seq_file *seq, struct task_struct *task, __u32 pid)
{
	struct scratch *x = scratch();

	if (!x)
		return 0;
	x->holder_wanted = scan_owner(&x->holder, seq, task);
	if (x->holder_wanted)
		bpf_map_update_elem(&holders, &pid, &x->holder, BPF_ANY);
	/* without room for its path the kernel comes again */
	x->holder_pid = x->holder.exe_key && x->last_pid != pid ? 0 : pid;
	return 0;
}

/* One more process that holds a socket. */
static __always_inline void list_write_holder(struct seq_file *seq, struct scratch *x,
					      struct holding *h, __u64 id)
{
	struct holder_record r = { .kind = RECORD_HOLDER, .pid = x->holder.pid, .id = id };

	__builtin_memcpy(r.comm, x->holder.comm, COMM_LEN);
	if (!bpf_seq_write(seq, &r, sizeof(r))) {
		h->last_pid = r.pid;
		return;
	}
	x->last_pid = 0; /* what was written before goes with it, and comes again */
	x->holder_pid = 0;
}

/* False: it is there already. @shown: it is to be told, and not only a listener that children have. */
static __always_inline bool list_insert(__u64 id, __u32 pid, bool shown)
{
	struct holding h = { .pid = pid, .last_pid = pid, .told = !shown };
	int err = bpf_map_update_elem(&holdings, &id, &h, BPF_NOEXIST);

	if (err == -EEXIST)
		return false;
	shared.list_noted += shown;
	return true;
}

/* A socket in a file of @task, which the filters may exclude. */
SUBPROG int list_note(struct seq_file *seq, struct task_struct *task, __u64 id, bool shown)
{
	__u32 pid = PROBE_LOAD(task, tgid);
	struct scratch *x = scratch();
	struct holding *h;

	if (!x || (shared.list_phase == LIST_FILES_LEFT && !bpf_map_lookup_elem(&holdings, &id)))
		return 0;
	if (x->holder_pid != pid)
		list_process(seq, task, pid);
	if (!x->holder_wanted)
		return 0;
	/* most have one holder: to look first takes as long again */
	if (shared.list_phase == LIST_FILES && list_insert(id, pid, shown))
		return 0;
	h = bpf_map_lookup_elem(&holdings, &id);
	if (!h || h->last_pid == pid)
		return 0;
	if (!h->pid)
		h->pid = h->last_pid = pid;
	else if (shared.list_phase == LIST_FILES)
		list_write_holder(seq, x, h, id);
	return 0;
}

/* Whose are the connections that nobody has accepted yet: nobody's, where others listen there too. */
SUBPROG int list_note_listener(struct sock *sk, __u64 id)
{
	struct port_owner *known, l = { .socket_cnt = 1 };
	struct holding *h = bpf_map_lookup_elem(&holdings, &id);
	struct listening_port key;
	struct scratch *x = scratch();

	/* who holds the same socket is no other */
	if (!x || !x->holder_wanted || !h || h->pid != x->holder.pid)
		return 0;
	key.netns = LOAD(sk, __sk_common.skc_net.net, ns.inum);
	key.lport = LOAD(sk, __sk_common.skc_num);
	l.owner = x->holder;
	known = bpf_map_lookup_elem(&listeners, &key);
	if (!known)
		bpf_map_update_elem(&listeners, &key, &l, BPF_NOEXIST);
	else if (known->owner.pid != l.owner.pid)
		known->owner.pid = 0;
	return 0;
}

static __always_inline bool list_wants_state(__u8 state)
{
	return cfg.states & 1u << (state & 31);
}

/* --- telling ------------------------------------------------------------------------------------ */

/*
 * May a socket of the table be told now? One that processes hold and that nobody has noted came after
 * the files were looked at, or its process is not to be seen from here: it is told as late, and once more
 * if its owner is found. @h: NULL if it is not noted.
 */
static __always_inline bool list_is_due(struct scratch *x, const struct holding *h, struct sock *sk)
{
	x->event_flags = 0;
	if (h)
		return !h->told && (!h->late || h->pid);
	if (!LOAD(sk, sk_socket, file))
		return shared.list_phase == LIST_TABLES;
	if (shared.list_phase != LIST_TABLES)
		return true;
	if (cfg.filters & FILTER_OWNER)
		return false; /* nearly all are the others' */
	x->event_flags = EVENT_F_LATE;
	return true;
}

static __always_inline void list_was_late(struct sock *sk, __u64 id)
{
	struct holding h = { .late = 1 };
	__u64 file = (__u64)LOAD(sk, sk_socket, file);
	__u8 none = 0;

	shared.list_noted++;
	/* without room, all that is left is looked for */
	if (!bpf_map_update_elem(&holdings, &id, &h, BPF_NOEXIST) &&
	    !bpf_map_update_elem(&late_files, &file, &none, BPF_ANY))
		shared.list_late++;
}

/* @h: NULL if nobody holds it; then it is noted only so that it is not told again as what is left of it. */
static __always_inline void list_was_told(struct holding *h, __u64 id)
{
	struct holding told = { .told = 1 };

	if (!h) {
		bpf_map_update_elem(&holdings, &id, &told, BPF_NOEXIST);
		return;
	}
	h->told = 1;
	shared.list_told++;
}

static __always_inline void list_end_sock(const struct scratch *x, struct holding *h,
					  struct sock *sk, __u64 id)
{
	if (x->event_flags)
		list_was_late(sk, id);
	else
		list_was_told(h, id);
}

static __always_inline void list_set_owner(struct owner *owner, const struct holding *h)
{
	struct owner *known;
	__u32 pid;

	if (!h)
		return;
	pid = h->pid;
	known = bpf_map_lookup_elem(&holders, &pid);
	if (known)
		*owner = *known;
}

SUBPROG int list_tcp_sock(struct seq_file *seq, struct tcp_sock *tp)
{
	__u8 state = LOAD(tp, inet_conn.icsk_inet.sk.__sk_common.skc_state);
	struct scratch *x = scratch();
	struct holding *h;
	struct conn *c;
	__u64 id;

	if (!x || state == TCP_CLOSE || !list_wants_state(state) || is_further_subflow(tp))
		return 0;
	id = conn_id(tp);
	h = bpf_map_lookup_elem(&holdings, &id);
	if (!h && shared.list_phase == LIST_TABLES && state == TCP_LISTEN && is_subflow(tp)) {
		/* whatever the filters: only now can its process be found */
		list_insert(id, 0, true);
		return 0;
	}
	if (!list_is_due(x, h, (struct sock *)tp))
		return 0;
	c = &x->conn;
	__builtin_memset(c, 0, sizeof(*c));
	list_set_owner(&c->e.owner, h);
	scan_conn_init(c, tp, state);
	if (c->role == ROLE_CHILD && !c->accepted)
		c->e.attr = scan_listener(&c->e.owner, &c->e.tuple);
	if (!scan_conn_tell(seq, tp, c, state))
		list_end_sock(x, h, (struct sock *)tp, id);
	return 0;
}

SUBPROG int list_udp_sock(struct seq_file *seq, struct sock *sk)
{
	struct scratch *x = scratch();
	struct owner owner = {};
	struct holding *h;
	__u64 id;

	if (!x || !LOAD(sk, __sk_common.skc_num) ||
	    !list_wants_state(LOAD(sk, __sk_common.skc_state)))
		return 0;
	id = sock_cookie(sk);
	h = bpf_map_lookup_elem(&holdings, &id);
	if (!list_is_due(x, h, sk))
		return 0;
	list_set_owner(&owner, h);
	if (!scan_udp_tell(seq, sk, &owner))
		list_end_sock(x, h, sk, id);
	return 0;
}

/*
 * What is left of a connection, or none yet: nobody holds it, so the first look tells it. It has the id
 * of the socket that it was, which may have been held and told a moment ago.
 */
static __always_inline int list_mini_sock(struct seq_file *seq, struct sock *mini, __u64 id,
					  __u8 state)
{
	struct scratch *x;
	struct holding *h;

	if (shared.list_phase != LIST_TABLES || !list_wants_state(state))
		return 0;
	h = bpf_map_lookup_elem(&holdings, &id);
	x = scratch();
	if (!x || (h && h->told))
		return 0;
	x->event_flags = 0;
	if (!scan_mini_sock(seq, mini, id, state) && h)
		list_was_told(h, id); /* the others are too many, and do not change */
	return 0;
}

/* --- files --------------------------------------------------------------------------------------- */

/* Is it worth to look into a file? Called before anything of it is read. */
static __always_inline bool list_wants_file(struct file *file)
{
	__u64 key = (__u64)file;

	return !shared.list_late_only || bpf_map_lookup_elem(&late_files, &key);
}

/* A socket of MPTCP: what is told is its first path, under this id. */
static __always_inline void list_held_mptcp(struct seq_file *seq, struct task_struct *task,
					    struct sock *sk)
{
	__u8 state = LOAD(sk, __sk_common.skc_state);
	bool listens = state == TCP_LISTEN;
	__u64 id = LOAD(sk, __sk_common.skc_cookie.counter);

	/* a listener is not asked for its own, see conn_id(); its path has been when the table was read */
	if (!id && listens && bpf_core_type_exists(struct mptcp_sock))
		id = PROBE_LOAD((struct mptcp_sock *)sk, first, __sk_common.skc_cookie.counter);
	else if (!id)
		id = sock_cookie(sk);
	if (!id)
		return;
	list_note(seq, task, id, list_wants_state(state));
	if (listens)
		list_note_listener(sk, id);
}

/*
 * The tables have passed over a socket that a process holds: it has come since, or its namespace cannot
 * be entered, for want of a process in it.
 */
SUBPROG int list_tell_held(struct seq_file *seq, struct sock *sk, struct tcp_sock *tp, __u64 id)
{
	struct holding *h = bpf_map_lookup_elem(&holdings, &id);
	struct scratch *x = scratch();

	if (!x || !h || !h->pid || h->told)
		return 0;
	if (tp)
		list_tcp_sock(seq, tp);
	else
		list_udp_sock(seq, sk);
	if (!h->told)
		x->holder_pid = 0; /* without room for it the path that was written goes too */
	return 0;
}

/* Do the filters exclude it, whoever holds it? The tables would not tell it, so it is not noted either. */
static __always_inline bool list_is_excluded(struct sock *sk, __u16 proto)
{
	if (cfg.filters & FILTER_NETNS && LOAD(sk, __sk_common.skc_net.net, ns.inum) != cfg.netns)
		return true;
	return !proto_wanted(proto == IPPROTO_UDP ? IPPROTO_UDP : IPPROTO_TCP);
}

/* An inet socket in a file of @task; @tp: the same if it is TCP's, else NULL. */
static __always_inline int list_held(struct seq_file *seq, struct task_struct *task,
				     struct sock *sk, struct tcp_sock *tp)
{
	__u8 state = LOAD(sk, __sk_common.skc_state);
	__u16 proto = LOAD(sk, sk_protocol);
	__u64 id;

	if (list_is_excluded(sk, proto))
		return 0;
	if (!tp && proto != IPPROTO_UDP) {
		if (proto == IPPROTO_MPTCP)
			list_held_mptcp(seq, task, sk);
		return 0;
	}
	if (tp ? state == TCP_CLOSE : !LOAD(sk, __sk_common.skc_num))
		return 0;
	if (!list_wants_state(state) && !(tp && state == TCP_LISTEN))
		return 0;
	id = tp ? conn_id(tp) : sock_cookie(sk);
	list_note(seq, task, id, list_wants_state(state));
	if (tp && state == TCP_LISTEN)
		list_note_listener((struct sock *)tp, id);
	if (shared.list_phase == LIST_FILES_LEFT)
		list_tell_held(seq, sk, tp, id);
	return 0;
}

#endif
