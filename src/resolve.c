// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From an event to a line: time, executable, cgroup, services. */
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_paths.h"
#include "clock.h"
#include "conntrack.h"
#include "exes.h"
#include "holders.h"
#include "links.h"
#include "log.h"
#include "nat.h"
#include "rnames.h"
#include "services.h"
#include "users.h"

struct resolver {
	const struct services *services;
	struct clock clock;
	struct exes *exes;
	struct holders *holders;
	struct users *users;
	struct cgroup_paths *cgroups;
	struct rnames *hosts;	     /* NULL: no names of hosts */
	struct links *links;	     /* NULL: no --link */
	struct conntrack *conntrack; /* NULL: not wanted, nor is nat */
	struct nat *nat;
	bool no_paths;
};

int resolver_open(struct resolver **out, const struct services *services)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		goto no_memory;
	r->services = services;
	err = clock_init(&r->clock);
	if (err) {
		free(r);
		return err;
	}
	r->exes = exes_new();
	r->holders = holders_new();
	r->users = users_new();
	if (!r->exes || !r->holders || !r->users || cgroup_paths_new(&r->cgroups))
		goto no_memory;
	*out = r;
	return 0;
no_memory:
	log_err("cannot begin: out of memory");
	resolver_close(r);
	return -ENOMEM;
}

void resolver_close(struct resolver *r)
{
	if (!r)
		return;
	clock_close(&r->clock);
	exes_free(r->exes);
	holders_free(r->holders);
	users_free(r->users);
	cgroup_paths_free(r->cgroups);
	rnames_free(r->hosts);
	links_free(r->links);
	nat_free(r->nat);
	conntrack_free(r->conntrack);
	free(r);
}

void resolver_leave_paths(struct resolver *r)
{
	r->no_paths = true;
}

int resolver_clock_fd(const struct resolver *r)
{
	return clock_fd(&r->clock);
}

void resolver_clock_was_set(struct resolver *r)
{
	clock_was_set(&r->clock);
}

uint64_t resolver_utc(const struct resolver *r, uint64_t monotonic_ns)
{
	return clock_utc(&r->clock, monotonic_ns);
}

void resolver_add_exe(struct resolver *r, const struct exe_record *record, size_t size)
{
	int err = r->no_paths ? 0 : exes_add(r->exes, record, size);

	if (err)
		log_debug("a record of an executable is lost: %s", strerror(-err));
}

void resolver_add_cgroup(struct resolver *r, const struct cgroup_record *record, size_t size)
{
	int err = r->no_paths ? 0 : cgroup_paths_add(r->cgroups, record, size);

	if (err)
		log_debug("a record of a cgroup is lost: %s", strerror(-err));
}

void resolver_add_holder(struct resolver *r, const struct holder_record *record, size_t size)
{
	int err = holders_add(r->holders, record, size);

	if (err)
		log_debug("a process that holds a socket is lost: %s", strerror(-err));
}

void resolver_add_link(struct resolver *r, const struct link_record *record, size_t size)
{
	int err = r->links ? links_add(r->links, record, size) : 0;

	if (err)
		log_debug("a record of a socket's route is lost: %s", strerror(-err));
}

int resolver_tell_links(struct resolver *r, bool all)
{
	r->links = links_new(all ? LINKS_LIST_MAX : LINKS_TRACE_MAX);
	if (r->links)
		return 0;
	log_err("cannot begin: out of memory");
	return -ENOMEM;
}

void resolver_forget_holders(struct resolver *r)
{
	holders_forget(r->holders);
}

int resolver_name_hosts(struct resolver *r, bool lookups)
{
	r->hosts = rnames_new(lookups);
	if (r->hosts)
		return 0;
	log_err("cannot begin: %s",
		lookups ? "nobody can be asked for names: try without --resolve" : "out of memory");
	return -ENOMEM;
}

struct rnames *resolver_hosts(struct resolver *r)
{
	return r->hosts;
}

static int ask_conntrack(void *ctx, uint32_t netns, uint32_t pid, const struct path *sent,
			 struct path *back)
{
	return conntrack_ask(ctx, netns, pid, sent, back);
}

int resolver_find_nat(struct resolver *r)
{
	r->conntrack = conntrack_new();
	if (r->conntrack)
		r->nat = nat_new(ask_conntrack, r->conntrack, conntrack_home(r->conntrack));
	if (!r->nat) {
		log_err("cannot begin: out of memory");
		return -ENOMEM;
	}
	if (conntrack_missing(r->conntrack))
		log_warn("--nat finds nothing: %s", conntrack_missing(r->conntrack));
	return 0;
}

void resolver_rest(struct resolver *r)
{
	if (r->conntrack)
		conntrack_rest(r->conntrack);
	if (r->links)
		links_rest(r->links);
}

static void find_paths(struct resolver *r, const struct owner *o, struct line *l)
{
	const struct cgroup_names *cgroup = cgroup_paths_get(r->cgroups, o->cgroup_id);

	l->exe = exes_get(r->exes, o->exe_key);
	l->cgroup = cgroup->path;
	l->container = cgroup->container;
	l->runtime = cgroup->runtime;
	l->pod = cgroup->pod;
	l->unit = cgroup->unit;
}

/*
 * A port that the kernel chose says nothing of a service, whoever else has it registered. What comes
 * in came to a server's port, even if its listener left the choice to the kernel.
 */
static bool lport_chosen(const struct event *e)
{
	return e->lorigin == LORIGIN_DYNAMIC && e->direction != DIRECTION_IN;
}

void resolver_line(struct resolver *r, const struct event *e, struct line *l)
{
	*l = (struct line){ .e = e, .utc_ns = clock_utc(&r->clock, e->ts_ns) };
	if (!r->no_paths)
		find_paths(r, &e->owner, l);
	if (e->kind == EVENT_EXISTING || e->kind == EVENT_PORT)
		holders_line(r->holders, l);
	if (r->hosts)
		rnames_line(r->hosts, l);
	if (r->links)
		links_line(r->links, l, clock_monotonic_ns());
	if (r->nat)
		nat_line(r->nat, l);
	if (!r->services)
		return;
	if ((e->kind == EVENT_EXISTING || e->kind == EVENT_PORT) && e->owner.pid)
		l->user = users_name(r->users, e->owner.uid);
	if (e->lport && !lport_chosen(e))
		l->lservice = services_str(r->services, e->proto, e->lport);
	if (e->rport)
		l->rservice = services_str(r->services, e->proto, e->rport);
}
