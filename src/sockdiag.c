// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sockets of each network namespace, by sock_diag: requested, read, and given their owners. */
#include "sockdiag.h"

#include <errno.h>
#include <linux/bpf.h> /* BPF_TCP_*: the states, of which <netinet/tcp.h> lacks one */
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "diagdump.h"
#include "diagmsg.h"
#include "event.h"
#include "log.h"
#include "netns.h"
#include "opts.h"
#include "pass.h"
#include "processes.h"
#include "procfds.h"
#include "told.h"

#define ROUNDS_MAX 8

/* Who listens on a port of the present namespace, over all addresses. */
struct listening {
	uint32_t pid; /* 0: not known, or several */
	bool is_there;
};

struct dump {
	const struct opts *opts;
	int (*fn)(void *ctx, const void *record, size_t size);
	void *ctx;
	struct pass pass;
	struct procfds *procfds;
	struct processes *processes;
	uint32_t netns;
	uint8_t proto;	 /* of the present dump */
	uint32_t states; /* likewise: 1 << TCP_*, those to hand on */
	struct told told;
	size_t refused_cnt; /* namespaces that cannot be entered */
	bool no_proc;	    /* nor others found */
	bool hidden;	    /* there are processes whose namespace cannot be known */
	bool unowned; /* a process holds a socket that was listed, but it is not known which */
	bool stopped; /* by @fn */
	struct listening ports[PORT_CNT];
	struct exe_record exe;
	struct diagdump diag; /* in the present namespace */
};

/* --- owners ---------------------------------------------------------------------------------- */

static int hand_on(struct dump *d, const void *record, size_t size)
{
	int err = d->fn(d->ctx, record, size);

	d->stopped |= err != 0;
	return err;
}

/* The first of these processes that the filters want, NULL: none is. */
static const struct process *owner_choose(struct dump *d, const struct held *held, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		const struct process *p = processes_get(d->processes, held[i].pid);

		if (p && pass_owner(&d->pass, &p->owner, p->cgroup_ancestor))
			return p;
	}
	return NULL;
}

/* The listener's, where one process has all on that port: nobody has accepted the connection yet. */
static const struct process *listener_of(struct dump *d, const struct event *e)
{
	const struct listening *l = &d->ports[e->lport];
	const struct process *p = l->pid ? processes_get(d->processes, l->pid) : NULL;

	return p && pass_owner(&d->pass, &p->owner, p->cgroup_ancestor) ? p : NULL;
}

/* Open, and in no file: accept() makes one. What was closed is in no file either, in other states. */
static bool waits_for_accept(const struct event *e, uint32_t inode)
{
	return e->proto == IPPROTO_TCP && !inode &&
	       (e->new_state == BPF_TCP_ESTABLISHED || e->new_state == BPF_TCP_SYN_RECV ||
		e->new_state == BPF_TCP_CLOSE_WAIT);
}

static int holders_tell(struct dump *d, const struct event *e, const struct held *held, size_t cnt)
{
	int err = 0;

	for (size_t i = 0; !err && i < cnt; i++) {
		struct holder_record r = { .kind = RECORD_HOLDER, .id = e->id };
		const struct process *p = processes_get(d->processes, held[i].pid);

		if (!p || p->owner.pid == e->owner.pid ||
		    !pass_owner(&d->pass, &p->owner, p->cgroup_ancestor))
			continue;
		r.pid = p->owner.pid;
		memcpy(r.comm, p->owner.comm, COMM_LEN);
		err = hand_on(d, &r, sizeof(r));
	}
	return err;
}

/* The path of the owner's executable, unless it was told before, and the key that names it. */
static int exe_tell(struct dump *d, struct event *e)
{
	size_t size = processes_exe(d->processes, e->owner.pid, &d->exe);
	const struct process *p = processes_get(d->processes, e->owner.pid);

	e->owner.exe_key = p ? p->owner.exe_key : 0;
	return size ? hand_on(d, &d->exe, size) : 0;
}

/* --- sockets --------------------------------------------------------------------------------- */

static void listener_note(struct dump *d, const struct event *e, uint32_t pid)
{
	struct listening *l = &d->ports[e->lport];

	l->pid = !l->is_there || l->pid == pid ? pid : 0;
	l->is_there = true;
}

/* What the socket gives no proof of: with a listener on its port, it was accepted. */
static void direction_guess(const struct dump *d, struct event *e)
{
	if (e->proto != IPPROTO_TCP || e->new_state == BPF_TCP_LISTEN ||
	    e->direction != DIRECTION_NONE)
		return;
	e->direction = d->ports[e->lport].is_there ? DIRECTION_IN : DIRECTION_OUT;
}

/* What sock_diag says of it: the route is asked for elsewhere. */
static int link_tell(struct dump *d, const struct diag_socket *s)
{
	const struct link_record r = {
		.kind = RECORD_LINK,
		.id = s->event.id,
		.bound_ifindex = s->bound_ifindex,
		.mtu = s->mtu,
		.mss = s->mss,
		.dscp = s->dscp,
		.flags = s->has_dscp ? LINK_F_DSCP : 0,
	};

	return s->event.flags & EVENT_F_REMOTE ? hand_on(d, &r, sizeof(r)) : 0;
}

static int socket_tell(struct dump *d, struct diag_socket *s)
{
	struct event *e = &s->event;
	const struct held *held;
	size_t cnt = procfds_get(d->procfds, s->inode, &held);
	const struct process *p = owner_choose(d, held, cnt);
	int err = 0;

	e->attr = p ? ATTR_SCAN : ATTR_NONE;
	if (e->new_state == BPF_TCP_LISTEN)
		listener_note(d, e, p ? p->owner.pid : 0);
	if (!p && waits_for_accept(e, s->inode)) {
		p = listener_of(d, e);
		e->attr = p ? ATTR_LISTENER : ATTR_NONE;
	}
	if (p)
		e->owner = p->owner;
	if (!(d->states & 1u << e->new_state) ||
	    !pass_filters(&d->pass, e, p ? p->cgroup_ancestor : 0))
		return 0;
	d->unowned |= s->inode && !cnt;
	if (d->opts->link)
		err = link_tell(d, s);
	e->ts_ns = clock_monotonic_ns();
	if (!err && p)
		err = holders_tell(d, e, held, cnt) ?: exe_tell(d, e);
	return err ?: hand_on(d, e, sizeof(*e));
}

static int message_take(void *ctx, const struct nlmsghdr *h)
{
	struct dump *d = ctx;
	struct diag_socket s;
	int err = diagmsg_parse(&s, h, d->proto, d->netns);

	/* one that was closed between being found and being described is gone */
	if (err || (d->proto == IPPROTO_TCP && s.event.new_state == BPF_TCP_CLOSE))
		return err;
	err = told_add(&d->told, s.event.id);
	if (err)
		return err > 0 ? 0 : err;
	direction_guess(d, &s.event);
	return socket_tell(d, &s);
}

/* --- dumps ----------------------------------------------------------------------------------- */

/* --link */
static uint8_t classes_ext(const struct dump *d)
{
	return d->opts->link ? 1u << (INET_DIAG_TOS - 1) | 1u << (INET_DIAG_TCLASS - 1) : 0;
}

/* Both families, of the protocol and in the states; *cut: in more than one piece. */
static int dump_families(struct dump *d, uint8_t proto, uint32_t states, bool *cut)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int err = 0;

	d->proto = proto;
	*cut = false;
	for (size_t i = 0; !err && i < sizeof(families); i++) {
		/* an IPv6 socket may have IPv4 addresses, but not the other way round */
		if (families[i] == AF_INET && d->opts->filters.set & FILTER_IPV6)
			continue;
		err = diagdump_run(&d->diag, families[i], proto, states, message_take, d);
		*cut |= d->diag.chunk_cnt > 1;
	}
	return err;
}

/*
 * Where many sockets share a port, they are in one chain. When one is closed between two pieces of a
 * dump, the kernel skips the one that would have been next. Another round finds it: with messages of
 * another length the pieces end elsewhere.
 */
static int dump_chains(struct dump *d, uint8_t proto, uint32_t states)
{
	static const uint8_t lengths[] = { 0, 1u << (INET_DIAG_MEMINFO - 1),
					   1u << (INET_DIAG_SKMEMINFO - 1) };
	unsigned int before, round = 0;
	bool cut;
	int err;

	d->told.all = true;
	do {
		before = d->told.cnt;
		d->diag.more_ext = classes_ext(d) | lengths[round % sizeof(lengths)];
		err = dump_families(d, proto, states, &cut);
	} while (!err && cut && d->told.cnt != before && ++round < ROUNDS_MAX);
	d->diag.more_ext = classes_ext(d);
	told_forget(&d->told);
	return err;
}

/* The listeners first, also when they are not wanted: they tell of the others who has begun. */
static int dump_tcp(struct dump *d)
{
	uint32_t wanted = d->opts->states & ((1u << BPF_TCP_CLOSING) - 1 + (1u << BPF_TCP_CLOSING));
	uint32_t others = wanted & ~(1u << BPF_TCP_LISTEN | 1u << BPF_TCP_CLOSE);
	bool cut;
	int err;

	memset(d->ports, 0, sizeof(d->ports));
	d->states = wanted;
	err = dump_chains(d, IPPROTO_TCP, 1u << BPF_TCP_LISTEN);
	/* a connection that is being opened is in a state of its own within the kernel */
	if (others & 1u << BPF_TCP_SYN_RECV)
		others |= 1u << BPF_TCP_NEW_SYN_RECV;
	if (!err && others)
		err = dump_families(d, IPPROTO_TCP, others, &cut);
	return err;
}

static int dump_udp(struct dump *d)
{
	d->states = d->opts->states & (1u << BPF_TCP_ESTABLISHED | 1u << BPF_TCP_CLOSE);
	return d->states ? dump_chains(d, IPPROTO_UDP, d->states) : 0;
}

/* --- namespaces ------------------------------------------------------------------------------ */

static uint32_t netns_inode(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

static int dump_namespace(struct dump *d)
{
	uint32_t set = d->opts->filters.set;
	int err;

	d->netns = netns_inode();
	err = diagdump_open(&d->diag);
	d->diag.more_ext = classes_ext(d);
	if (!err && !(set & FILTER_UDP))
		err = dump_tcp(d);
	if (!err && !(set & FILTER_TCP))
		err = dump_udp(d);
	diagdump_close(&d->diag);
	return err;
}

static int visit(void *ctx, int refused)
{
	struct dump *d = ctx;

	if (!refused)
		return dump_namespace(d);
	if (refused == -ENOENT)
		d->no_proc = true;
	else if (refused == -EACCES)
		d->hidden = true;
	else
		d->refused_cnt++;
	return 0;
}

/* Say what could not be looked at. */
static void warn_unseen(const struct dump *d)
{
	if (d->no_proc)
		log_warn_once(
			"without /proc, only sockets of the own network namespace are listed, and "
			"without their owners");
	if (d->hidden)
		log_warn_once(
			"the network namespaces of some processes cannot be looked at: sockets in "
			"namespaces that are not listed may exist; it needs CAP_SYS_PTRACE");
	if (d->refused_cnt)
		log_warn_once(
			"the sockets in %zu other network namespaces are not listed: entering them "
			"needs CAP_SYS_ADMIN",
			d->refused_cnt);
	if (d->unowned && procfds_unreadable(d->procfds))
		log_warn_once(
			"sockets of other users' processes are listed without their owner: that needs "
			"root or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
	if (d->diag.interrupted)
		log_debug("the kernel's tables have changed while they were read");
}

static int list(struct dump *d)
{
	int err = procfds_new(&d->procfds);

	d->processes = processes_new(d->pass.cgroup_level);
	if (!d->processes)
		err = -ENOMEM;
	if (!err) {
		err = netns_for_each(d->opts->filters.netns, visit, d);
		warn_unseen(d);
	}
	processes_free(d->processes);
	procfds_free(d->procfds);
	if (err && !d->stopped)
		log_err("cannot list the sockets, by sock_diag: %s%s", strerror(-err),
			err == -ENOENT ? "; it needs the kernel's modules tcp_diag and udp_diag" :
					 "");
	return err;
}

int sockdiag_list(const struct opts *opts, int (*fn)(void *ctx, const void *record, size_t size),
		  void *ctx)
{
	struct dump *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		log_err("cannot list the sockets: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	d->opts = opts;
	d->fn = fn;
	d->ctx = ctx;
	err = pass_init(&d->pass, &opts->filters) ?: list(d);
	free(d);
	return err;
}
