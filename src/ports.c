// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Open ports, by where they are and whose; their sockets by id, so that each is counted once. */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "filters.h"
#include "hash.h"
#include "incoming.h"

struct row {
	struct port_row row;	  /* first: callers have a pointer to it */
	struct row *next_of_port; /* in struct ports, listeners */
	UT_hash_handle hh;
};

/* A socket that holds a port open. */
struct open_socket {
	struct socket_key {
		uint64_t id;
		uint64_t proto;
	} key;
	struct row *row;
	UT_hash_handle hh;
};

struct ports {
	struct row *rows;
	/* of TCP, by port: with 10 000 an accepted connection costs 9 us in place of 240 */
	struct row *listeners[PORT_CNT];
	struct row *gone; /* what ports_add_event() gave last: to be freed */
	struct open_socket *sockets;
	struct incoming *incoming;
	bool outbound, keep_closed;
};

struct ports *ports_new(void)
{
	return calloc(1, sizeof(struct ports));
}

void ports_want_outbound(struct ports *p)
{
	p->outbound = true;
}

void ports_keep_closed(struct ports *p)
{
	p->keep_closed = true;
}

void ports_forget_connections(struct ports *p)
{
	incoming_forget(&p->incoming);
}

void ports_free(struct ports *p)
{
	struct open_socket *s, *next_socket;
	struct row *r, *next_row;

	if (!p)
		return;
	HASH_ITER(hh, p->sockets, s, next_socket) {
		HASH_DEL(p->sockets, s);
		free(s);
	}
	ports_forget_connections(p);
	HASH_ITER(hh, p->rows, r, next_row) {
		HASH_DEL(p->rows, r);
		free(r);
	}
	free(p->gone);
	free(p);
}

/* --- keys ----------------------------------------------------------------------------------------- */

static bool is_outbound(const struct event *e)
{
	return e->direction == DIRECTION_OUT && e->flags & EVENT_F_REMOTE;
}

/* FNV-1a. Keys of the kernel's side are of one process each. */
static uint64_t hash_of(struct str s)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (uint8_t)s.ptr[i]) * 0x100000001b3;
	return hash;
}

static struct port_key key_of(const struct event *e, struct str exe)
{
	struct port_key key;

	memset(&key, 0, sizeof(key));
	key.netns = e->netns;
	key.proto = e->proto;
	key.outbound = is_outbound(e);
	key.port = key.outbound ? e->rport : e->lport;
	if (key.outbound) {
		key.exe = exe.len ? hash_of(exe) : 0;
		key.pid = exe.len ? 0 : e->owner.pid;
		return key;
	}
	key.pid = e->owner.pid;
	key.ipv = e->ipv;
	memcpy(key.addr, e->laddr, sizeof(key.addr));
	return key;
}

static struct row *find_row(struct ports *p, const struct event *e, struct str exe)
{
	struct port_key key = key_of(e, exe);
	struct row *r;

	HASH_FIND(hh, p->rows, &key, sizeof(key), r);
	return r;
}

static struct row *add_row(struct ports *p, const struct event *e, struct str exe)
{
	struct row *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->row.key = key_of(e, exe);
	r->row.event = *e;
	r->row.event.kind = EVENT_PORT;
	if (r->row.key.outbound)
		r->row.event.flags &= ~EVENT_F_LOCAL; /* a port of the moment */
	else
		r->row.event.direction = DIRECTION_NONE;
	HASH_ADD(hh, p->rows, row.key, sizeof(r->row.key), r);
	if (port_listens(&r->row.key)) {
		r->next_of_port = p->listeners[r->row.key.port];
		p->listeners[r->row.key.port] = r;
	}
	return r;
}

/* Out of the tables, not freed. */
static void remove_row(struct ports *p, struct row *r)
{
	struct row **at = &p->listeners[r->row.key.port];

	while (*at && *at != r)
		at = &(*at)->next_of_port;
	if (*at)
		*at = r->next_of_port;
	HASH_DEL(p->rows, r);
}

/* --- sockets -------------------------------------------------------------------------------------- */

static struct open_socket *find_socket(struct ports *p, const struct event *e)
{
	struct socket_key key = { .id = e->id, .proto = e->proto };
	struct open_socket *s;

	HASH_FIND(hh, p->sockets, &key, sizeof(key), s);
	return s;
}

static int add_socket(struct ports *p, const struct event *e, struct row *r)
{
	struct open_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->key = (struct socket_key){ .id = e->id, .proto = e->proto };
	s->row = r;
	r->row.socket_cnt++;
	HASH_ADD(hh, p->sockets, key, sizeof(s->key), s);
	return 0;
}

/* A port is open that @e tells of; *@is_new: its row is. */
static int open_port(struct ports *p, const struct event *e, struct row **row, bool *is_new)
{
	struct row *r = find_row(p, e, STR(""));

	*is_new = !r || r->row.closed;
	if (!r)
		r = add_row(p, e, STR(""));
	if (!r)
		return -ENOMEM;
	r->row.closed = false;
	*row = r;
	return add_socket(p, e, r);
}

/* --- incoming connections -------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *addr)
{
	static const uint8_t zero[ADDR_LEN];

	return !memcmp(addr, zero, ADDR_LEN);
}

/* Does somebody listen at just that address, so that a connection to it is not for all of them? */
static bool is_taken(struct ports *p, const struct incoming_key *key, unsigned int ipv)
{
	for (struct row *r = p->listeners[key->port]; r; r = r->next_of_port) {
		const struct port_key *k = &r->row.key;

		if (!r->row.closed && k->netns == key->netns && k->ipv == ipv &&
		    !memcmp(k->addr, key->addr, ADDR_LEN))
			return true;
	}
	return false;
}

/*
 * Is the connection at @key one of those that the row, of its port, gets? One at every address gets what no row at the
 * very address does; of IPv6 also IPv4's, unless IPv4 has one of its own.
 */
static bool gets(struct ports *p, const struct port_key *row, const struct incoming_key *key)
{
	struct incoming_key any = *key;

	if (row->netns != key->netns)
		return false;
	if (row->ipv == key->ipv && !memcmp(row->addr, key->addr, ADDR_LEN))
		return true;
	if (!is_zero(row->addr) || is_taken(p, key, key->ipv))
		return false;
	memset(any.addr, 0, sizeof(any.addr));
	return row->ipv == key->ipv || (row->ipv == 6 && !is_taken(p, &any, 4));
}

static void count_connections(struct ports *p)
{
	struct row *r;

	for (r = p->rows; r; r = r->hh.next)
		r->row.connections = 0;
	for (struct incoming *in = p->incoming; in; in = in->hh.next)
		for (r = p->listeners[in->key.port]; r; r = r->next_of_port)
			r->row.connections += gets(p, &r->row.key, &in->key) ? in->cnt : 0;
}

/* --- what comes ------------------------------------------------------------------------------------ */

static bool is_open_port(const struct event *e)
{
	if (!(e->flags & EVENT_F_LOCAL) || e->flags & EVENT_F_REMOTE || !e->lport)
		return false;
	/* of UDP not what a client got, where that is known: by BPF */
	return e->proto == IPPROTO_TCP ? e->new_state == TCP_LISTEN : e->lorigin != LORIGIN_DYNAMIC;
}

static int add_outbound(struct ports *p, const struct event *e, struct str exe, struct row **row)
{
	*row = NULL;
	if (!p->outbound || !is_outbound(e) || find_row(p, e, exe))
		return 0;
	*row = add_row(p, e, exe);
	return *row ? 0 : -ENOMEM;
}

int ports_add_socket(struct ports *p, const struct event *e, struct str exe)
{
	struct row *row;
	bool is_new;

	if (is_open_port(e))
		return find_socket(p, e) ? 0 : open_port(p, e, &row, &is_new);
	if (e->proto == IPPROTO_TCP && e->direction == DIRECTION_IN)
		return incoming_count(&p->incoming, e);
	return add_outbound(p, e, exe, &row);
}

/* One more listener: of a snapshot that has it already, only the time is new. */
static int on_listen(struct ports *p, const struct event *e, enum change *change, struct row **row)
{
	struct open_socket *s = find_socket(p, e);
	struct row *r;
	bool is_new;
	int err;

	if (s) {
		s->row->row.event.ts_ns = e->ts_ns;
		s->row->row.seen_opening = true;
		return 0;
	}
	err = open_port(p, e, &r, &is_new);
	if (err || !is_new)
		return err;
	r->row.seen_opening = true;
	r->row.event.ts_ns = e->ts_ns;
	r->row.event.new_state = TCP_LISTEN;
	*row = r;
	*change = CHANGE_NEW;
	return 0;
}

static void on_unlisten(struct ports *p, const struct event *e, enum change *change,
			struct row **row)
{
	struct open_socket *s = find_socket(p, e);
	struct row *r = s ? s->row : NULL;

	if (!s)
		return;
	HASH_DEL(p->sockets, s);
	free(s);
	if (--r->row.socket_cnt)
		return;
	*row = r;
	*change = CHANGE_GONE;
	if (p->keep_closed) {
		r->row.closed = true;
		return;
	}
	remove_row(p, r);
	p->gone = r;
}

static void on_accept(struct ports *p, const struct event *e)
{
	struct incoming_key key = incoming_key(e);

	for (struct row *r = p->listeners[key.port]; r; r = r->next_of_port)
		r->row.facts.accepted += !r->row.closed && gets(p, &r->row.key, &key);
}

int ports_add_event(struct ports *p, const struct event *e, struct str exe, enum change *change,
		    struct port_row **out)
{
	struct row *row = NULL;
	int err = 0;

	free(p->gone);
	p->gone = NULL;
	*change = CHANGE_NONE;
	if (e->kind == EVENT_LISTEN) {
		err = on_listen(p, e, change, &row);
	} else if (e->kind == EVENT_UNLISTEN) {
		on_unlisten(p, e, change, &row);
	} else if (e->kind == EVENT_ACCEPT) {
		on_accept(p, e);
	} else if (e->kind == EVENT_CONNECT || e->kind == EVENT_FLOW) {
		err = add_outbound(p, e, exe, &row);
		*change = row ? CHANGE_NEW : CHANGE_NONE;
	}
	*out = row ? &row->row : NULL;
	return err;
}

/* --- telling --------------------------------------------------------------------------------------- */

static int compare(const struct row *a, const struct row *b)
{
	const struct port_key *k = &a->row.key, *l = &b->row.key;
	int addresses;

	if (k->outbound != l->outbound)
		return k->outbound < l->outbound ? -1 : 1;
	if (k->proto != l->proto)
		return k->proto < l->proto ? -1 : 1;
	if (k->port != l->port)
		return k->port < l->port ? -1 : 1;
	if (k->ipv != l->ipv)
		return k->ipv < l->ipv ? -1 : 1;
	addresses = memcmp(k->addr, l->addr, ADDR_LEN);
	if (addresses)
		return addresses;
	if (k->netns != l->netns)
		return k->netns < l->netns ? -1 : 1;
	return a->row.event.owner.pid < b->row.event.owner.pid ? -1 :
	       a->row.event.owner.pid > b->row.event.owner.pid ? 1 :
								 0;
}

int ports_each(struct ports *p, int (*fn)(void *ctx, struct port_row *row), void *ctx)
{
	int err = 0;

	HASH_SORT(p->rows, compare);
	count_connections(p);
	for (struct row *r = p->rows; r && !err; r = r->hh.next)
		err = fn(ctx, &r->row);
	return err;
}
