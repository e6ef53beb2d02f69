// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What to ask conntrack about an event, and what it has said of sockets that are open. */
#include "nat.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* A UDP socket has many peers. No padding. */
struct nat_key {
	uint64_t id;
	uint8_t raddr[ADDR_LEN];
	uint16_t rport;
	uint16_t proto;
	uint32_t reserved;
};

struct nat_socket {
	struct nat_key key;
	struct nat_end end;
	bool is_translated;
	bool is_early; /* said before the first packet had passed everything, perhaps */
	UT_hash_handle hh;
};

struct nat {
	nat_ask_fn ask;
	void *ctx;
	uint32_t home;
	struct nat_socket *sockets; /* the one that was not asked for longest first */
	struct nat_end end;	    /* of the line that was made last, if */
	bool is_translated;
};

struct nat *nat_new(nat_ask_fn ask, void *ctx, uint32_t home)
{
	struct nat *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->ask = ask;
	n->ctx = ctx;
	n->home = home;
	return n;
}

static void forget(struct nat *n, struct nat_socket *s)
{
	HASH_DEL(n->sockets, s);
	free(s);
}

void nat_free(struct nat *n)
{
	struct nat_socket *s, *next;

	if (!n)
		return;
	HASH_ITER(hh, n->sockets, s, next)
		forget(n, s);
	free(n);
}

/* --- questions --------------------------------------------------------------------------------- */

static bool is_loopback(const uint8_t *a, unsigned int ipv)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	return ipv == 4 ? a[0] == 127 : !memcmp(a, &loopback, sizeof(loopback));
}

/* The packets that the socket sends. */
static struct path path_of(const struct event *e)
{
	struct path p = { .sport = e->lport, .dport = e->rport, .ipv = e->ipv, .proto = e->proto };

	memcpy(p.src, e->laddr, ADDR_LEN);
	memcpy(p.dst, e->raddr, ADDR_LEN);
	return p;
}

/* Packets that come back come from where those that are sent arrive, and go to where these came from. */
static struct path turned(const struct path *back)
{
	struct path p = *back;

	memcpy(p.src, back->dst, ADDR_LEN);
	memcpy(p.dst, back->src, ADDR_LEN);
	p.sport = back->dport;
	p.dport = back->sport;
	return p;
}

/*
 * Follow the packets that the socket sends to where they arrive, whichever end began: its own namespace may
 * translate them and, when they have left that, the host's. True: one of them knows the connection.
 */
static bool follow(struct nat *n, const struct event *e, struct path *sent)
{
	uint32_t own = e->netns ?: n->home;
	struct path back;
	bool known;

	known = !n->ask(n->ctx, own, e->owner.pid, sent, &back);
	if (known)
		*sent = turned(&back);
	/* what is for loopback does not leave */
	if (own == n->home || is_loopback(sent->dst, sent->ipv) ||
	    n->ask(n->ctx, n->home, 0, sent, &back))
		return known;
	*sent = turned(&back);
	return true;
}

/* --- what was said ----------------------------------------------------------------------------- */

static struct nat_key key_of(const struct event *e)
{
	struct nat_key key = { .id = e->id, .rport = e->rport, .proto = e->proto };

	memcpy(key.raddr, e->raddr, ADDR_LEN);
	return key;
}

/* NULL: nothing. It moves to the end of the order in which they go. */
static struct nat_socket *recall(struct nat *n, const struct nat_key *key)
{
	struct nat_socket *s;

	HASH_FIND(hh, n->sockets, key, sizeof(*key), s);
	if (!s)
		return NULL;
	HASH_DEL(n->sockets, s);
	HASH_ADD(hh, n->sockets, key, sizeof(s->key), s);
	return s;
}

static struct nat_socket *add(struct nat *n, const struct nat_key *key)
{
	struct nat_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL; /* it is asked for again */
	if (HASH_COUNT(n->sockets) >= NAT_SOCKETS_MAX)
		forget(n, n->sockets);
	s->key = *key;
	HASH_ADD(hh, n->sockets, key, sizeof(s->key), s);
	return s;
}

/*
 * Has the first packet passed all that could translate it, so that conntrack has it, if at all? It may be
 * the one that the event is made of; of UDP that is all that is known.
 */
static bool has_passed(const struct event *e)
{
	return e->proto == IPPROTO_TCP && e->kind != EVENT_CONNECT && e->kind != EVENT_STATE;
}

static bool can_be_asked(const struct event *e)
{
	static const uint8_t any[ADDR_LEN];

	return e->flags & EVENT_F_REMOTE && e->flags & EVENT_F_LOCAL && e->lport && e->rport &&
	       (e->ipv == 4 || e->ipv == 6) && memcmp(e->laddr, any, ADDR_LEN) != 0 &&
	       (e->proto == IPPROTO_TCP || e->proto == IPPROTO_UDP);
}

/* Ask, and remember the answer at @s, or where that is not known yet. */
static void look(struct nat *n, const struct event *e, struct nat_socket *s)
{
	struct path sent = path_of(e);
	bool known = follow(n, e, &sent), passed = has_passed(e);
	struct nat_key key = key_of(e);
	struct nat_end end = { .port = sent.dport };

	if (!known && (s || !passed))
		return;
	memcpy(end.addr, sent.dst, ADDR_LEN);
	n->is_translated = end.port != e->rport || memcmp(end.addr, e->raddr, ADDR_LEN) != 0;
	n->end = end;
	if (!n->is_translated && !passed)
		return;
	s = s ?: add(n, &key);
	if (!s)
		return;
	s->end = end;
	s->is_translated = n->is_translated;
	s->is_early = !passed;
}

void nat_line(struct nat *n, struct line *l)
{
	const struct event *e = l->e;
	struct nat_socket *s;
	struct nat_key key;

	if (!can_be_asked(e))
		return;
	key = key_of(e);
	s = recall(n, &key);
	if (s && e->kind == EVENT_CONNECT) { /* it connects once more */
		forget(n, s);
		s = NULL;
	}
	n->is_translated = s && s->is_translated;
	if (s)
		n->end = s->end;
	if (!s || (s->is_early && has_passed(e)))
		look(n, e, s);
	if (n->is_translated)
		l->nat = &n->end;
	if (e->kind == EVENT_CLOSE || e->kind == EVENT_FAIL) {
		s = recall(n, &key);
		if (s)
			forget(n, s);
	}
}
