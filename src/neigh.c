// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RTM_GETNEIGH, and a cache in which each neighbour has one place where it can be. */
#include "neigh.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "rtask.h"

#define PLACE_CNT 1024
#define KEEP_NS 1000000000ULL
#define KNOWN (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

_Static_assert(sizeof(struct neigh_key) == 12 + ADDR_LEN, "it has no padding");

struct place {
	struct neigh_key key;
	uint64_t asked_ns; /* 0: empty */
	uint8_t mac[MAC_LEN];
};

struct neighs {
	struct place places[PLACE_CNT];
};

struct neighs *neighs_new(void)
{
	return calloc(1, sizeof(struct neighs));
}

void neighs_free(struct neighs *n)
{
	free(n);
}

static size_t place_of(const struct neigh_key *key)
{
	return hash_bytes(key, sizeof(*key)) % PLACE_CNT;
}

const uint8_t *neigh_kept(const struct neighs *n, const struct neigh_key *key, uint64_t now_ns)
{
	const struct place *p = &n->places[place_of(key)];

	if (!p->asked_ns || memcmp(&p->key, key, sizeof(*key)) != 0 ||
	    now_ns - p->asked_ns >= KEEP_NS)
		return NULL;
	return p->mac;
}

bool neigh_parse(uint8_t mac[MAC_LEN], const struct nlmsghdr *h)
{
	struct attrs attrs = attrs_of(h, sizeof(struct ndmsg));
	const struct nlattr *a;
	struct ndmsg m;

	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(m))
		return false;
	memcpy(&m, mnl_nlmsg_get_payload(h), sizeof(m));
	if (!(m.ndm_state & KNOWN))
		return false;
	while ((a = attrs_next(&attrs))) {
		if (mnl_attr_get_type(a) == NDA_LLADDR)
			return attr_get(a, mac, MAC_LEN);
	}
	return false;
}

void neigh_keep(struct neighs *n, const struct neigh_key *key, const uint8_t mac[MAC_LEN],
		uint64_t now_ns)
{
	struct place *p = &n->places[place_of(key)];

	p->key = *key;
	p->asked_ns = now_ns;
	memcpy(p->mac, mac, MAC_LEN);
}

const uint8_t *neigh_get(struct neighs *n, struct rtask *t, struct mnl_socket *nl,
			 const struct neigh_key *key, uint64_t now_ns)
{
	struct ndmsg m = { .ndm_family = key->ipv == 4 ? AF_INET : AF_INET6,
			   .ndm_ifindex = (int)key->ifindex };
	const struct nlmsghdr *answer;
	uint8_t mac[MAC_LEN];
	struct nlmsghdr *h;

	h = rtask_begin(t, RTM_GETNEIGH, &m, sizeof(m));
	mnl_attr_put(h, NDA_DST, key->ipv == 4 ? 4 : ADDR_LEN, key->addr);
	if (rtask_ask(t, nl, RTM_NEWNEIGH, &answer) || !neigh_parse(mac, answer))
		return NULL;
	neigh_keep(n, key, mac, now_ns);
	return neigh_kept(n, key, now_ns);
}
