// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The filters, decided in user space. */
#include "pass.h"

#include <netinet/in.h>
#include <string.h>

#include "cgroup2.h"
#include "config.h"
#include "log.h"

int pass_init(struct pass *p, const struct filters *f)
{
	int err;

	*p = (struct pass){ .f = f };
	if (!(f->set & FILTER_CGROUP))
		return 0;
	err = cgroup2_lookup(f->cgroup, &p->cgroup_id, &p->cgroup_level);
	if (err)
		log_err("cannot find the cgroup %s: %s; give a directory of cgroup v2", f->cgroup,
			strerror(-err));
	return err;
}

/* --- where it is ----------------------------------------------------------------------------- */

static bool ports_pass(const struct filters *f, const struct tuple *t)
{
	if (f->set & FILTER_PORT && !((f->ports[t->lport] | f->ports[t->rport]) & PORT_SET_ANY))
		return false;
	if (f->set & FILTER_LPORT && !(f->ports[t->lport] & PORT_SET_LOCAL))
		return false;
	if (f->set & FILTER_RPORT && !(f->ports[t->rport] & PORT_SET_REMOTE))
		return false;
	return true;
}

static bool net_has(const struct net *n, uint8_t ipv, const uint8_t *addr)
{
	unsigned int whole = n->prefix_len / 8, rest = n->prefix_len % 8;

	if (n->ipv != ipv || memcmp(n->addr, addr, whole))
		return false;
	return !rest || !((n->addr[whole] ^ addr[whole]) >> (8 - rest));
}

static bool net_passes(const struct filters *f, const struct tuple *t)
{
	const struct net *longest = NULL;

	if (!(f->set & (FILTER_NET | FILTER_NET_NOT)))
		return true;
	if (!(t->flags & EVENT_F_REMOTE))
		return false;
	for (size_t i = 0; i < f->net_cnt; i++) {
		const struct net *n = &f->nets[i];

		if (net_has(n, t->ipv, t->raddr) &&
		    (!longest || n->prefix_len > longest->prefix_len))
			longest = n;
	}
	return longest ? !longest->exclude : f->set & FILTER_NET_NOT;
}

static bool direction_passes(const struct filters *f, const struct tuple *t, uint8_t direction)
{
	uint16_t server_port = direction == DIRECTION_OUT ? t->rport : t->lport;

	if (f->set & (FILTER_IN | FILTER_OUT) &&
	    !(f->set & FILTER_IN && direction == DIRECTION_IN) &&
	    !(f->set & FILTER_OUT && direction == DIRECTION_OUT))
		return false;
	if (!(f->set & FILTER_CLASS))
		return true;
	/* a listener has no direction, but its port is the server's */
	if (direction == DIRECTION_NONE && t->flags & EVENT_F_REMOTE)
		return false;
	return f->classes & 1u << port_class_of(server_port);
}

/* Of a pair of filters of which either means: not the other. */
static bool either_passes(const struct filters *f, uint32_t one, uint32_t other, bool is_one)
{
	return !(f->set & (one | other)) || f->set & (is_one ? one : other);
}

bool pass_tuple(const struct pass *p, const struct tuple *t, uint8_t direction)
{
	const struct filters *f = p->f;

	if (f->set & FILTER_NETNS && t->netns != f->netns)
		return false;
	return either_passes(f, FILTER_IPV4, FILTER_IPV6, t->ipv == 4) &&
	       either_passes(f, FILTER_TCP, FILTER_UDP, t->proto == IPPROTO_TCP) &&
	       ports_pass(f, t) && net_passes(f, t) && direction_passes(f, t, direction);
}

/* --- whose it is ----------------------------------------------------------------------------- */

static bool number_in(uint32_t n, const uint32_t *list, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (list[i] == n)
			return true;
	return false;
}

static bool comm_in(const char *comm, const struct filters *f)
{
	for (size_t i = 0; i < f->comm_cnt; i++)
		if (!strncmp(f->comms[i], comm, COMM_LEN))
			return true;
	return false;
}

bool pass_owner(const struct pass *p, const struct owner *o, uint64_t cgroup_ancestor)
{
	const struct filters *f = p->f;

	if (!(f->set & FILTER_OWNER))
		return true;
	if (!o->pid)
		return false;
	if (f->set & FILTER_CGROUP && cgroup_ancestor != p->cgroup_id)
		return false;
	if (f->set & FILTER_PID && !number_in(o->pid, f->pids, f->pid_cnt))
		return false;
	if (f->set & FILTER_UID && !number_in(o->uid, f->uids, f->uid_cnt))
		return false;
	return !(f->set & FILTER_COMM) || comm_in(o->comm, f);
}

bool pass_filters(const struct pass *p, const struct event *e, uint64_t cgroup_ancestor)
{
	return pass_tuple(p, &e->tuple, e->direction) && pass_owner(p, &e->owner, cgroup_ancestor);
}
