// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The mix: conversations, each a template of two ends, many of them open at the same time. */
#include "mix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define OPEN_CNT 16   /* conversations at a time */
#define EVENTS_MAX 8  /* of a conversation */
#define CLIENT_CNT 24 /* processes that stay; every eighth conversation has a new one */
#define START_NS 1000000000000000ULL /* CLOCK_MONOTONIC of the first event */
#define STEP_NS 10000		     /* as at 100 000 events a second */
#define PRIVATE_FIRST 32768

const char *const mix_cgroups[MIX_CGROUP_CNT] = {
	"/system.slice/nginx.service",
	"/user.slice/user-1000.slice/session-3.scope",
	"/system.slice/docker-"
	"4f1c2b7a9d3e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcd.scope",
	"/system.slice/postgresql@15-main.service",
};

struct program {
	const char *comm;
	const char *path; /* as a struct exe_record has it, but with '/' for the NULs */
	uint32_t uid;
	uint32_t cgroup;
};

enum { NGINX, POSTGRES, NODE, DNSMASQ, SERVER_CNT };
static const struct program servers[] = {
	[NGINX] = { "nginx", "nginx/sbin/usr/", 33, 0 },
	[POSTGRES] = { "postgres", "postgres/bin/15/postgresql/lib/usr/", 113, 3 },
	[NODE] = { "node", "node/bin/local/usr/", 1000, 2 },
	[DNSMASQ] = { "dnsmasq", "dnsmasq/sbin/usr/", 101, 0 },
};
static const struct program clients[] = {
	{ "curl", "curl/bin/usr/", 1000, 1 },
	{ "python3", "python3.11/bin/usr/", 1000, 1 },
	{ "node", "node/bin/local/usr/", 1000, 2 },
	{ "Socket Thread", "firefox-esr/firefox-esr/lib/usr/", 1000, 1 },
};

enum shape { LOOPBACK, OUTGOING, INCOMING, REFUSED, FLOW };

struct template
{
	enum shape shape;
	uint8_t server; /* of servers[], where it is here */
	uint16_t port;
	const char *local;
	const char *remote;
};

static const struct template templates[] = {
	{ LOOPBACK, NGINX, 80, "127.0.0.1", "127.0.0.1" },
	{ OUTGOING, 0, 443, "10.0.2.15", "93.184.216.34" },
	{ LOOPBACK, POSTGRES, 5432, "127.0.0.1", "127.0.0.1" },
	{ INCOMING, NGINX, 443, "198.51.100.7", "203.0.113.129" },
	{ LOOPBACK, NODE, 8080, "::1", "::1" },
	{ OUTGOING, 0, 443, "2001:db8:0:12::a0f", "2606:2800:220:1:248:1893:25c8:1946" },
	{ LOOPBACK, NGINX, 80, "127.0.0.1", "127.0.0.1" },
	{ INCOMING, NODE, 8080, "2001:db8:0:12::a0f", "2001:db8:fffe:4021::17" },
	{ FLOW, DNSMASQ, 53, "127.0.0.1", "127.0.0.1" },
	{ LOOPBACK, POSTGRES, 5432, "127.0.0.1", "127.0.0.1" },
	{ REFUSED, 0, 8443, "10.0.2.15", "10.0.2.16" },
	{ FLOW, DNSMASQ, 53, "10.0.2.15", "10.0.2.3" },
};

struct conversation {
	struct event events[EVENTS_MAX];
	uint32_t cnt;
	uint32_t next;
};

struct maker {
	struct mix *m;
	size_t cap;
	uint64_t now_ns;
	uint64_t id;
	uint64_t exe_key;
	uint32_t random;
	uint32_t pid;
	uint32_t begun; /* conversations */
	struct owner servers[SERVER_CNT];
	struct owner clients[CLIENT_CNT];
	struct conversation open[OPEN_CNT];
};

/* The same numbers everywhere, unlike rand(). */
static uint32_t draw(struct maker *k, uint32_t below)
{
	k->random = k->random * 1664525 + 1013904223;
	return (uint64_t)(k->random >> 8) * below >> 24;
}

static int add_record(struct maker *k, const void *data, size_t size)
{
	size_t need = sizeof(struct record) + ((size + 7) & ~7ULL);
	struct record *r;

	if (k->cap - k->m->len < need) {
		size_t cap = 2 * k->cap + 65536;
		char *records = realloc(k->m->records, cap);

		if (!records)
			return -ENOMEM;
		k->m->records = records;
		k->cap = cap;
	}
	r = (struct record *)(k->m->records + k->m->len);
	r->size = size;
	memcpy(r->data, data, size);
	k->m->len += need;
	return 0;
}

static int add_process(struct maker *k, struct owner *o, const struct program *p)
{
	struct exe_record r = { .kind = RECORD_EXE, .len = strlen(p->path), .key = ++k->exe_key };

	memset(o, 0, sizeof(*o));
	o->cgroup_id = MIX_CGROUP_FIRST + p->cgroup;
	o->exe_key = r.key;
	k->pid += 1 + draw(k, 9);
	o->pid = k->pid;
	o->tid = k->pid;
	o->ppid = 1 + draw(k, 2000);
	o->uid = p->uid;
	strcpy(o->comm, p->comm);
	for (uint32_t i = 0; i < r.len; i++)
		r.path[i] = p->path[i] == '/' ? '\0' : p->path[i];
	return add_record(k, &r, EXE_HEAD_SIZE + r.len);
}

static struct event *add_event(struct maker *k, struct conversation *c, const struct template *t,
			       enum event_kind kind, const struct owner *o)
{
	struct event *e = &c->events[c->cnt++];
	bool six = strchr(t->local, ':');

	e->kind = kind;
	e->netns = 4026531840;
	e->owner = *o;
	e->ipv = six ? 6 : 4;
	e->flags = EVENT_F_LOCAL | EVENT_F_REMOTE;
	e->proto = t->shape == FLOW ? IPPROTO_UDP : IPPROTO_TCP;
	inet_pton(six ? AF_INET6 : AF_INET, t->local, e->laddr);
	inet_pton(six ? AF_INET6 : AF_INET, t->remote, e->raddr);
	e->id = k->id;
	return e;
}

static void set_side(struct event *e, const struct template *t, bool server, uint16_t port)
{
	e->direction = server ? DIRECTION_IN : DIRECTION_OUT;
	e->attr = e->proto == IPPROTO_UDP ? server ? ATTR_RECV : ATTR_SEND :
		  server		  ? ATTR_ACCEPT :
					    ATTR_CONNECT;
	e->lorigin = server ? LORIGIN_BOUND : LORIGIN_DYNAMIC;
	e->lport = server ? t->port : port;
	e->rport = server ? port : t->port;
}

static void set_peer(struct event *e, const struct owner *peer)
{
	e->peer_pid = peer->pid;
	memcpy(e->peer_comm, peer->comm, COMM_LEN);
}

static void set_totals(struct maker *k, struct event *e, enum close_reason reason)
{
	e->duration_us = 40 + draw(k, draw(k, 4) ? 900 : 9000000);
	e->tx_bytes = 60 + draw(k, 2000);
	e->rx_bytes = draw(k, draw(k, 4) ? 4000 : 9000000);
	e->tx_packets = 3 + draw(k, 5);
	e->rx_packets = 3 + e->rx_bytes / 1400;
	e->reason = reason;
	if (e->proto == IPPROTO_UDP)
		return;
	e->rtt_us = 15 + draw(k, 30000);
	if (e->direction == DIRECTION_OUT)
		e->handshake_us = e->rtt_us + 9;
}

static void opening_end(struct maker *k, struct conversation *c, const struct template *t,
			const struct owner *o, uint16_t port)
{
	const struct owner *peer = t->shape == LOOPBACK ? &k->servers[t->server] : NULL;
	struct event *e;

	k->id++;
	e = add_event(k, c, t, EVENT_CONNECT, o);
	set_side(e, t, false, port);
	if (t->shape == REFUSED) {
		e = add_event(k, c, t, EVENT_FAIL, o);
		e->error = ECONNREFUSED;
		e->phase = PHASE_HANDSHAKE;
		set_side(e, t, false, port);
		return;
	}
	e = add_event(k, c, t, EVENT_ESTABLISHED, o);
	e->handshake_us = 30 + draw(k, 40000);
	set_side(e, t, false, port);
	e = add_event(k, c, t, EVENT_CLOSE, o);
	set_side(e, t, false, port);
	set_totals(k, e, REASON_LOCAL);
	if (peer)
		set_peer(e, peer);
}

static void accepting_end(struct maker *k, struct conversation *c, const struct template *t,
			  const struct owner *peer, uint16_t port)
{
	const struct owner *o = &k->servers[t->server];

	k->id++;
	for (int i = 0; i < 2; i++) {
		struct event *e = add_event(k, c, t, i ? EVENT_CLOSE : EVENT_ACCEPT, o);

		set_side(e, t, true, port);
		if (i)
			set_totals(k, e, REASON_REMOTE);
		if (peer)
			set_peer(e, peer);
	}
}

static void flow(struct maker *k, struct conversation *c, const struct template *t,
		 const struct owner *o, uint16_t port)
{
	k->id++;
	for (int i = 0; i < 2; i++) {
		struct event *e = add_event(k, c, t, i ? EVENT_CLOSE : EVENT_FLOW, o);

		set_side(e, t, false, port);
		if (i)
			set_totals(k, e, REASON_CLOSED);
	}
}

static int begin(struct maker *k, struct conversation *c)
{
	const struct template *t = &templates[k->begun % ARRAY_SIZE(templates)];
	uint16_t port = PRIVATE_FIRST + draw(k, 65536 - PRIVATE_FIRST);
	struct owner *o = &k->clients[draw(k, CLIENT_CNT)];

	if (++k->begun % 8 == 0) {
		int err = add_process(k, o, &clients[draw(k, ARRAY_SIZE(clients))]);

		if (err)
			return err;
	}
	memset(c, 0, sizeof(*c));
	if (t->shape == FLOW)
		flow(k, c, t, o, port);
	else if (t->shape != INCOMING)
		opening_end(k, c, t, o, port);
	if (t->shape == LOOPBACK || t->shape == INCOMING)
		accepting_end(k, c, t, t->shape == LOOPBACK ? o : NULL, port);
	return 0;
}

static int tell_one(struct maker *k)
{
	struct conversation *c = &k->open[draw(k, OPEN_CNT)];
	struct event *e;
	int err = c->next == c->cnt ? begin(k, c) : 0;

	if (err)
		return err;
	e = &c->events[c->next++];
	k->now_ns += STEP_NS / 2 + draw(k, STEP_NS);
	e->ts_ns = k->now_ns;
	k->m->event_cnt++;
	return add_record(k, e, e->kind == EVENT_CLOSE ? sizeof(*e) : EVENT_HEAD_SIZE);
}

int mix_make(struct mix *m, size_t event_cnt)
{
	struct maker *k = calloc(1, sizeof(*k));
	int err = k ? 0 : -ENOMEM;

	memset(m, 0, sizeof(*m));
	if (!k)
		return err;
	k->m = m;
	k->now_ns = START_NS;
	k->id = 700000;
	k->pid = 18000;
	for (int i = 0; i < SERVER_CNT && !err; i++)
		err = add_process(k, &k->servers[i], &servers[i]);
	for (int i = 0; i < CLIENT_CNT && !err; i++)
		err = add_process(k, &k->clients[i], &clients[i % ARRAY_SIZE(clients)]);
	while (!err && m->event_cnt < event_cnt)
		err = tell_one(k);
	free(k);
	return err;
}

void mix_free(struct mix *m)
{
	free(m->records);
	memset(m, 0, sizeof(*m));
}
