// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names, times and meanings of open ports. */
#include "port_lines.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fit.h"
#include "ports.h"
#include "resolve.h"
#include "scope.h"
#include "started.h"

struct port_lines {
	struct resolver *resolver;
	uint32_t netns; /* the machine's own; 0: not known */
	bool accepts;
};

/* That of the first process: of the machine, unless /proc is that of a container. */
static uint32_t own_netns(void)
{
	struct stat ns;

	if (!stat("/proc/1/ns/net", &ns) || !stat("/proc/self/ns/net", &ns))
		return ns.st_ino;
	return 0;
}

struct port_lines *port_lines_new(struct resolver *r, bool accepts)
{
	struct port_lines *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->resolver = r;
	p->netns = own_netns();
	p->accepts = accepts;
	return p;
}

void port_lines_free(struct port_lines *p)
{
	free(p);
}

void port_complete(struct port_lines *p, struct port_row *row)
{
	struct line l;

	if (row->seen_opening)
		row->facts.since_ns = resolver_utc(p->resolver, row->event.ts_ns);
	else if (!row->complete)
		row->facts.since_ns = started_utc(row->event.owner.pid);
	if (!row->complete)
		resolver_line(p->resolver, &row->event, &l); /* it keeps the names that it finds */
	row->complete = true;
}

void port_line(struct port_lines *p, struct port_row *row, struct line *l)
{
	const struct event *e = &row->event;
	bool listens = port_listens(&row->key);

	resolver_line(p->resolver, e, l);
	row->facts.scope = scope_of(e, p->netns && e->netns && e->netns != p->netns);
	row->facts.unexpected = fit_unexpected(l);
	row->facts.connections = row->connections;
	row->facts.has_connections = listens;
	row->facts.has_accepted = listens && p->accepts;
	l->port = &row->facts;
}

void port_line_leave_names(struct line *l)
{
	l->lservice = l->rservice = l->user = STR("");
}
