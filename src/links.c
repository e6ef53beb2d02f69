// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ways of sockets, by their ids, and what rtnetlink adds. */
#include "links.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "hash.h"
#include "neigh.h"
#include "netns_sockets.h"
#include "route.h"
#include "rtask.h"

#define MTU4_MAX 65535 /* lo has more, which a packet of IPv4 cannot */

struct known {
	struct link_record record; /* record.id is the key */
	uint8_t next_hop_mac[MAC_LEN];
	bool has_next_hop_mac; /* when it was last asked for */
	UT_hash_handle hh;     /* in order of use: the first is the one to forget */
};

struct links {
	struct known *table;
	size_t max;
	struct netns_sockets *sockets;
	struct neighs *neighs;
	struct rtask task;
	struct link_facts facts; /* of the last line */
};

struct links *links_new(size_t max)
{
	struct links *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->max = max;
	l->sockets = netns_sockets_new(NETLINK_ROUTE);
	l->neighs = neighs_new();
	if (l->sockets && l->neighs)
		return l;
	links_free(l);
	return NULL;
}

static void forget(struct links *l, struct known *k)
{
	HASH_DEL(l->table, k);
	free(k);
}

void links_free(struct links *l)
{
	struct known *k, *next;

	if (!l)
		return;
	HASH_ITER(hh, l->table, k, next)
		forget(l, k);
	netns_sockets_free(l->sockets);
	neighs_free(l->neighs);
	free(l);
}

void links_rest(struct links *l)
{
	netns_sockets_rest(l->sockets);
}

/* --- what sockets say ----------------------------------------------------------------------------- */

/* Last in the order of use from now on. */
static void put_last(struct links *l, struct known *k)
{
	HASH_ADD(hh, l->table, record.id, sizeof(k->record.id), k);
}

static struct known *find(struct links *l, uint64_t id)
{
	struct known *k;

	HASH_FIND(hh, l->table, &id, sizeof(id), k);
	if (k && k->hh.next) {
		HASH_DEL(l->table, k);
		put_last(l, k);
	}
	return k;
}

int links_add(struct links *l, const struct link_record *record, size_t size)
{
	struct known *k;

	if (size < sizeof(*record))
		return -EINVAL;
	k = find(l, record->id);
	if (k) {
		k->record = *record;
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->record = *record;
	if (HASH_COUNT(l->table) >= l->max)
		forget(l, l->table);
	put_last(l, k);
	return 0;
}

/* The addresses of an event are IPv4 where those of its socket are mapped into IPv6. */
static bool leads_to_remote(const struct link_record *r, const struct event *e)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!r->ifindex)
		return false;
	if (r->raddr_ipv == e->ipv)
		return !memcmp(r->raddr, e->raddr, e->ipv == 4 ? 4 : ADDR_LEN);
	return e->ipv == 4 && !memcmp(r->raddr, mapped, sizeof(mapped)) &&
	       !memcmp(r->raddr + sizeof(mapped), e->raddr, 4);
}

/* --- from both to the facts ----------------------------------------------------------------------- */

static bool is_multicast(const struct event *e)
{
	return e->ipv == 4 ? (e->raddr[0] & 0xf0) == 0xe0 : e->raddr[0] == 0xff;
}

static void put_mac(char text[MAC_TEXT_LEN], const uint8_t mac[MAC_LEN])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < MAC_LEN; i++) {
		*text++ = hex[mac[i] >> 4];
		*text++ = hex[mac[i] & 15];
		*text++ = i < MAC_LEN - 1 ? ':' : '\0';
	}
}

/* The device, and by the gateway of that family, 0: none. */
static void set_way(struct link_facts *f, const struct event *e, uint32_t dev_flags,
		    const uint8_t *next_hop, uint8_t next_hop_ipv)
{
	bool is_remote =
		next_hop_ipv == e->ipv && !memcmp(next_hop, e->raddr, e->ipv == 4 ? 4 : ADDR_LEN);

	if (dev_flags & IFF_LOOPBACK) {
		f->way = WAY_LOOPBACK;
		return;
	}
	if ((next_hop_ipv == 4 || next_hop_ipv == 6) && !is_remote) {
		f->way = WAY_GATEWAY;
	} else if (dev_flags & IFF_POINTOPOINT) {
		f->way = WAY_POINT_TO_POINT;
		return;
	} else {
		f->way = WAY_ON_LINK;
		next_hop = e->raddr;
		next_hop_ipv = e->ipv;
	}
	f->next_hop_ipv = next_hop_ipv;
	memcpy(f->next_hop, next_hop, ADDR_LEN);
}

static void set_device(struct link_facts *f, uint32_t ifindex, const char name[IFNAME_LEN],
		       const uint8_t *mac)
{
	static const uint8_t none[MAC_LEN];

	f->ifindex = ifindex;
	memcpy(f->ifname, name, IFNAME_LEN);
	if (mac && memcmp(mac, none, MAC_LEN) != 0)
		put_mac(f->mac, mac);
}

static void set_options(struct link_facts *f, const struct link_record *r, const struct event *e)
{
	f->has_ttl = r->flags & LINK_F_TTL;
	f->ttl = is_multicast(e) ? r->mc_ttl : r->ttl;
	f->has_dscp = r->flags & LINK_F_DSCP;
	f->dscp = r->dscp & 63;
	f->mtu = r->mtu;
	f->mss = r->mss;
}

/* Its flags, when the socket's own route has told. */
static uint32_t set_by_record(struct link_facts *f, const struct link_record *r,
			      const struct event *e)
{
	set_device(f, r->ifindex, r->ifname, r->flags & LINK_F_MAC ? r->mac : NULL);
	set_way(f, e, r->dev_flags, r->next_hop, r->next_hop_ipv);
	return r->dev_flags;
}

/* The same, asked of the kernel. @r: NULL, or what the socket says. */
static uint32_t set_by_netlink(struct links *l, struct mnl_socket *nl, const struct link_record *r,
			       const struct event *e)
{
	struct route_hints hints = { .bound_ifindex = r ? r->bound_ifindex : e->bound_ifindex,
				     .mark = r ? r->mark : 0 };
	struct link_facts *f = &l->facts;
	struct device d;
	struct route way;

	if (route_get(&l->task, nl, e, &hints, &way) || device_get(&l->task, nl, way.ifindex, &d))
		return 0;
	set_device(f, way.ifindex, d.name, d.has_mac ? d.mac : NULL);
	set_way(f, e, d.flags, way.next_hop, way.next_hop_ipv);
	if (!r || !r->mtu)
		f->mtu = way.mtu ?: e->ipv == 4 && d.mtu > MTU4_MAX ? MTU4_MAX : d.mtu;
	if (r && r->flags & LINK_F_TTL_DEFAULT && way.hop_limit && !is_multicast(e))
		f->ttl = way.hop_limit;
	return d.flags;
}

/* --- the neighbour -------------------------------------------------------------------------------- */

static bool is_end(const struct event *e)
{
	return e->kind == EVENT_CLOSE || e->kind == EVENT_FAIL;
}

static const uint8_t *ask_neighbour(struct links *l, const struct event *e, uint64_t now_ns)
{
	struct neigh_key key = { .netns = e->netns,
				 .ifindex = l->facts.ifindex,
				 .ipv = l->facts.next_hop_ipv };
	const uint8_t *mac;
	struct mnl_socket *nl;

	memcpy(key.addr, l->facts.next_hop, ADDR_LEN);
	mac = neigh_kept(l->neighs, &key, now_ns);
	if (mac)
		return mac;
	nl = netns_sockets_get(l->sockets, e->netns, e->owner.pid);
	return nl ? neigh_get(l->neighs, &l->task, nl, &key, now_ns) : NULL;
}

/* When a connection ends, its namespace may have gone: then what was known before holds. */
static void set_neighbour(struct links *l, struct known *k, const struct event *e, uint64_t now_ns)
{
	bool kept = k && k->has_next_hop_mac;
	const uint8_t *mac = kept && is_end(e) ? k->next_hop_mac : ask_neighbour(l, e, now_ns);

	if (mac && k) {
		memmove(k->next_hop_mac, mac, MAC_LEN);
		k->has_next_hop_mac = true;
	} else if (!mac && kept) {
		mac = k->next_hop_mac;
	}
	if (mac)
		put_mac(l->facts.next_hop_mac, mac);
}

/* --- lines ---------------------------------------------------------------------------------------- */

static void set_facts(struct links *l, struct known *k, const struct event *e, uint64_t now_ns)
{
	const struct link_record *r = k ? &k->record : NULL;
	struct mnl_socket *nl;
	uint32_t dev_flags = 0;

	if (r)
		set_options(&l->facts, r, e);
	if (r && leads_to_remote(r, e)) {
		dev_flags = set_by_record(&l->facts, r, e);
	} else {
		nl = netns_sockets_get(l->sockets, e->netns, e->owner.pid);
		dev_flags = nl ? set_by_netlink(l, nl, r, e) : 0;
	}
	if (l->facts.next_hop_ipv && !(dev_flags & IFF_NOARP))
		set_neighbour(l, k, e, now_ns);
}

void links_line(struct links *links, struct line *l, uint64_t now_ns)
{
	const struct event *e = l->e;
	struct known *k;

	if (!(e->flags & EVENT_F_REMOTE) || (e->ipv != 4 && e->ipv != 6) || e->kind == EVENT_LOST ||
	    e->kind == EVENT_PORT)
		return;
	memset(&links->facts, 0, sizeof(links->facts));
	k = find(links, e->id);
	set_facts(links, k, e, now_ns);
	l->link = &links->facts;
	/* a UDP socket may have more flows */
	if (k && is_end(e) && e->proto == IPPROTO_TCP)
		forget(links, k);
}
