// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names by address: of each the latest answers, the newest first. */
#include "dns_names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"

#define NS_PER_S 1000000000ULL

/* A name, shared by the addresses of an answer. */
struct name {
	uint32_t refs;
	uint32_t len;
	char text[]; /* with a NUL */
};

/* One answer; or several that said the same, with no other between them. */
struct known {
	struct known *older;
	struct name *name;
	uint64_t first_ns; /* when it was told, for the first and the last time */
	uint64_t last_ns;
	uint64_t expires_ns;
	struct dns_client client;
};

/* The secret first: who chooses the addresses of answers must not choose their places in the hash. */
struct key {
	uint64_t secret;  /* and which version it is of */
	uint64_t process; /* DNS_ITS_OWN: whose */
	uint8_t bytes[ADDR_LEN];
};

struct place {
	struct key key;
	struct known *newest; /* never NULL */
	uint32_t cnt;
	bool used;	   /* since it last was the first in the order */
	UT_hash_handle hh; /* the first is the next to go, unless it was used */
};

struct dns_names {
	struct place *places;
	size_t cnt;   /* answers */
	size_t bytes; /* of names */
	size_t cnt_max, bytes_max;
	uint64_t secret;
	enum dns_scope scope;
};

struct dns_names *dns_names_new(enum dns_scope scope)
{
	struct dns_names *t = calloc(1, sizeof(*t));
	size_t divisor = scope == DNS_ITS_OWN ? DNS_ITS_OWN_DIVISOR : 1;

	if (!t)
		return NULL;
	t->scope = scope;
	t->cnt_max = DNS_NAMES_MAX / divisor;
	t->bytes_max = DNS_NAMES_BYTES_MAX / divisor;
	if (getrandom(&t->secret, sizeof(t->secret), GRND_NONBLOCK) < 0)
		t->secret = 0; /* early in the boot: as good as none */
	return t;
}

static void name_unref(struct dns_names *t, struct name *name)
{
	if (--name->refs)
		return;
	t->bytes -= sizeof(*name) + name->len + 1;
	free(name);
}

static struct name *name_new(struct dns_names *t, const struct dns_answer *a)
{
	struct name *name = malloc(sizeof(*name) + a->name_len + 1);

	if (!name)
		return NULL;
	name->refs = 1;
	name->len = a->name_len;
	memcpy(name->text, a->name, a->name_len);
	name->text[a->name_len] = '\0';
	t->bytes += sizeof(*name) + name->len + 1;
	return name;
}

static bool same_name(const struct name *a, const struct name *b)
{
	return a == b || (a->len == b->len && !memcmp(a->text, b->text, a->len));
}

static void known_drop(struct dns_names *t, struct place *p, struct known **at)
{
	struct known *k = *at;

	*at = k->older;
	p->cnt--;
	t->cnt--;
	name_unref(t, k->name);
	free(k);
}

static void place_drop(struct dns_names *t, struct place *p)
{
	while (p->newest)
		known_drop(t, p, &p->newest);
	HASH_DEL(t->places, p);
	free(p);
}

void dns_names_free(struct dns_names *t)
{
	struct place *p, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->places, p, next)
		place_drop(t, p);
	free(t);
}

/* Keys of executables are much larger than pids, which stand in for them. */
static uint64_t process_of(const struct dns_client *client)
{
	return client->exe_key ? client->exe_key : client->pid;
}

static struct key key_of(const struct dns_names *t, const uint8_t *addr, unsigned int ipv,
			 const struct dns_client *client)
{
	struct key key = { .secret = t->secret ^ ipv };

	if (t->scope == DNS_ITS_OWN)
		key.process = process_of(client);
	memcpy(key.bytes, addr, ipv == 4 ? 4 : ADDR_LEN);
	return key;
}

static void place_touch(struct dns_names *t, struct place *p)
{
	HASH_DEL(t->places, p);
	HASH_ADD(hh, t->places, key, sizeof(p->key), p);
}

/* Make room: those that were looked for since they were last here get another turn. */
static void evict(struct dns_names *t, const struct place *but)
{
	while (t->places && (t->cnt > t->cnt_max || t->bytes > t->bytes_max)) {
		struct place *p = t->places;

		if (!p->used && p != but) {
			place_drop(t, p);
			continue;
		}
		if (p == but && HASH_COUNT(t->places) == 1)
			return;
		p->used = false;
		place_touch(t, p);
	}
}

static struct place *place_get(struct dns_names *t, const struct key *key)
{
	struct place *p;

	HASH_FIND(hh, t->places, key, sizeof(*key), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = *key;
	HASH_ADD(hh, t->places, key, sizeof(p->key), p);
	return p;
}

/* The oldest goes; if another says the same, that is known for as long. */
static void drop_oldest(struct dns_names *t, struct place *p)
{
	struct known **at = &p->newest, *same = NULL;

	for (; (*at)->older; at = &(*at)->older)
		;
	for (struct known *k = p->newest; k != *at; k = k->older) {
		if (same_name(k->name, (*at)->name) && k->client.netns == (*at)->client.netns)
			same = k;
	}
	if (same && (*at)->first_ns < same->first_ns)
		same->first_ns = (*at)->first_ns;
	known_drop(t, p, at);
}

static bool same_answer(const struct known *k, const struct known *new)
{
	return k->client.netns == new->client.netns &&
	       k->client.pid == new->client.pid &&same_name(k->name, new->name);
}

static bool place_add(struct dns_names *t, struct place *p, const struct known *new)
{
	struct known *k = p->newest;

	if (k && same_answer(k, new) &&
	    new->first_ns <= k->expires_ns &&new->first_ns >= k->last_ns) {
		k->last_ns = new->last_ns;
		if (new->expires_ns > k->expires_ns)
			k->expires_ns = new->expires_ns;
		return true;
	}
	k = malloc(sizeof(*k));
	if (!k)
		return false;
	*k = *new;
	k->name->refs++;
	k->older = p->newest;
	p->newest = k;
	t->cnt++;
	if (++p->cnt > DNS_NAMES_PER_ADDRESS)
		drop_oldest(t, p);
	return true;
}

static bool add_address(struct dns_names *t, const struct dns_address *a, struct known *new)
{
	struct key key = key_of(t, a->bytes, a->ipv, &new->client);
	struct place *p = place_get(t, &key);
	bool ok = p;

	new->expires_ns = new->first_ns + a->ttl_s *NS_PER_S + DNS_GRACE_NS;
	if (p)
		ok = place_add(t, p, new);
	if (p && !p->newest)
		place_drop(t, p);
	else if (p)
		evict(t, p);
	return ok;
}

bool dns_names_add(struct dns_names *t, const struct dns_client *client, uint64_t now_ns,
		   const struct dns_answer *answer)
{
	struct known new = { .client = *client, .first_ns = now_ns, .last_ns = now_ns };
	bool ok;

	new.name = name_new(t, answer);
	ok = new.name;
	for (size_t i = 0; ok && i < answer->cnt; i++)
		ok = add_address(t, &answer->addresses[i], &new);
	if (new.name)
		name_unref(t, new.name);
	return ok;
}

static enum dns_rank rank_of(const struct dns_names *t, const struct known *k,
			     const struct dns_client *client)
{
	if (t->scope == DNS_ITS_OWN)
		return client->pid && k->client.pid == client->pid &&
				       k->client.netns == client->netns ?
			       DNS_PROCESS :
			       DNS_UNKNOWN;
	if (k->client.netns != client->netns)
		return DNS_OTHER_NETNS;
	return client->pid && k->client.pid == client->pid ? DNS_PROCESS : DNS_NETNS;
}

/* When it was told last before the connection began; 0: not before it. */
static uint64_t told_ns(const struct known *k, struct dns_time when)
{
	if (k->first_ns > when.begin_ns || (k->expires_ns < when.begin_ns && !when.or_before))
		return 0;
	return k->last_ns <= when.begin_ns ? k->last_ns : k->first_ns;
}

enum dns_rank dns_names_find(struct dns_names *t, const uint8_t *addr, unsigned int ipv,
			     const struct dns_client *client, struct dns_time when,
			     struct dns_found *found)
{
	struct key key = key_of(t, addr, ipv, client);
	enum dns_rank best = DNS_UNKNOWN;
	struct place *p;

	*found = (struct dns_found){ 0 };
	HASH_FIND(hh, t->places, &key, sizeof(key), p);
	for (const struct known *k = p ? p->newest : NULL; k; k = k->older) {
		uint64_t ns = told_ns(k, when);
		enum dns_rank rank = rank_of(t, k, client);

		if (!ns || rank < best || (rank == best && ns <= found->told_ns))
			continue;
		best = rank;
		*found = (struct dns_found){ { k->name->text, k->name->len }, ns };
	}
	if (best)
		p->used = true;
	return best;
}

size_t dns_names_count(const struct dns_names *t)
{
	return t->cnt;
}
