// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which of the names that an address has is the one that a connection meant. */
#include "rnames.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dns.h"
#include "dns_names.h"
#include "dns_stream.h"
#include "held.h"
#include "hostnames.h"
#include "hosts.h"
#include "libc_answer.h"
#include "log.h"

#define HOSTS_FILE "/etc/hosts"
#define NS_PER_US 1000ULL
#define LOOKUPS_MAX 64 /* at a time */

struct rnames {
	struct dns_names *names;
	struct dns_names *libc; /* what processes were told by it */
	struct dns_streams *streams;
	struct held *held; /* names from answers, of connections that are open */
	struct hosts *hosts;
	struct hostnames *lookups; /* NULL: nobody is asked */
	uint32_t netns;		   /* our own, whose hosts those are */
	/* messages that are answers, of these those that could not be read */
	uint64_t answers, malformed;
	uint64_t libc_answers;
};

struct rnames *rnames_new(bool lookups)
{
	struct rnames *r = calloc(1, sizeof(*r));
	struct stat st;

	if (!r)
		return NULL;
	r->names = dns_names_new(DNS_ANYONE);
	r->libc = dns_names_new(DNS_ITS_OWN);
	r->streams = dns_streams_new();
	r->held = held_new();
	r->hosts = hosts_new(HOSTS_FILE);
	r->lookups = lookups ? hostnames_new() : NULL;
	r->netns = stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
	if (r->names && r->libc && r->streams && r->held && r->hosts && (r->lookups || !lookups))
		return r;
	rnames_free(r);
	return NULL;
}

void rnames_free(struct rnames *r)
{
	if (!r)
		return;
	dns_names_free(r->names);
	dns_names_free(r->libc);
	dns_streams_free(r->streams);
	held_free(r->held);
	hosts_free(r->hosts);
	hostnames_free(r->lookups);
	free(r);
}

/* --- what is learned ---------------------------------------------------------------------------- */

struct source {
	struct rnames *r;
	const struct dns_head *head;
};

static void on_message(void *ctx, const uint8_t *message, size_t len, size_t whole)
{
	const struct source *source = ctx;
	const struct dns_client client = { .netns = source->head->netns, .pid = source->head->pid };
	struct rnames *r = source->r;
	struct dns_answer answer;
	enum dns_result result = dns_parse(message, len, len < whole, &answer);

	r->answers++;
	r->malformed += result == DNS_MALFORMED;
	if (result == DNS_NAMES && !dns_names_add(r->names, &client, source->head->ts_ns, &answer))
		log_debug("a name is lost: out of memory");
}

void rnames_add(struct rnames *r, const struct dns_record *record, size_t size)
{
	const struct dns_head *head = &record->head;
	struct source source = { r, head };

	if (size < sizeof(*head) || head->len > size - sizeof(*head))
		return;
	if (head->proto == IPPROTO_UDP)
		on_message(&source, record->payload, head->len, head->whole);
	else
		dns_streams_add(r->streams, head->id, head->offset, record->payload, head->len,
				head->ts_ns, on_message, &source);
}

void rnames_add_libc(struct rnames *r, const struct libc_record *record, size_t size)
{
	struct dns_client client;
	struct dns_answer answer;

	if (!libc_answer(record, size, &answer))
		return;
	client = (struct dns_client){ record->netns, record->pid, record->exe_key };
	r->libc_answers++;
	if (!dns_names_add(r->libc, &client, record->ts_ns, &answer))
		log_debug("a name is lost: out of memory");
}

/* --- what is asked for ----------------------------------------------------------------------------- */

/* In every network namespace the same host. */
static bool is_global(const uint8_t *a, unsigned int ipv)
{
	if (ipv == 6)
		return (a[0] & 0xe0) == 0x20; /* RFC 4291: 2000::/3 */
	return a[0] != 0 && a[0] != 10 && a[0] != 127 && a[0] < 224 &&
	       !(a[0] == 100 && (a[1] & 0xc0) == 64) && /* RFC 6598 */
	       !(a[0] == 169 && a[1] == 254) && !(a[0] == 172 && (a[1] & 0xf0) == 16) &&
	       !(a[0] == 192 && a[1] == 168);
}

static bool is_loopback(const uint8_t *a, unsigned int ipv)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	return ipv == 4 ? a[0] == 127 : !memcmp(a, &loopback, sizeof(loopback));
}

/* When the connection began of which @e tells, as far as that can be known. */
static struct dns_time begin_of(const struct event *e)
{
	struct dns_time when = { .begin_ns = e->ts_ns };

	switch (e->kind) {
	case EVENT_CLOSE:
		when.begin_ns -= (e->duration_us + e->handshake_us) * NS_PER_US;
		break;
	case EVENT_ESTABLISHED:
		when.begin_ns -= e->handshake_us * NS_PER_US;
		break;
	case EVENT_FAIL:
		when.or_before = e->phase != PHASE_LOCAL;
		break;
	case EVENT_STATE:
	case EVENT_SEND:
		when.or_before = true;
		break;
	default:
		break;
	}
	return when;
}

static void set_name(struct line *l, struct str name, enum rname_source source)
{
	l->rname = name;
	l->rname_source = name.len ? source : RNAME_NONE;
}

/*
 * The last that the process was told, by a name server or libc. An answer that came while libc looked for it is
 * younger than what libc was asked: it has the whole name.
 */
static bool find_own_name(struct rnames *r, struct line *l, const struct dns_client *client,
			  const struct dns_found *answer, enum dns_rank rank)
{
	const struct event *e = l->e;
	struct dns_found libc;

	if (dns_names_count(r->libc) &&
	    dns_names_find(r->libc, e->raddr, e->ipv, client, begin_of(e), &libc) &&
	    (rank < DNS_PROCESS || answer->told_ns < libc.told_ns))
		set_name(l, libc.name, RNAME_LIBC);
	else if (rank == DNS_PROCESS)
		set_name(l, answer->name, RNAME_DNS);
	return l->rname.len;
}

/* What another namespace was told, and our own hosts, are names of addresses that mean the same there. */
static void find_name(struct rnames *r, struct line *l)
{
	const struct event *e = l->e;
	const struct dns_client client = { e->netns, e->owner.pid, e->owner.exe_key };
	bool global = is_global(e->raddr, e->ipv);
	struct dns_found told;
	enum dns_rank rank =
		dns_names_find(r->names, e->raddr, e->ipv, &client, begin_of(e), &told);

	if (find_own_name(r, l, &client, &told, rank))
		return;
	if (e->netns == r->netns || is_loopback(e->raddr, e->ipv) || global)
		set_name(l, hosts_find(r->hosts, e->raddr, e->ipv, e->ts_ns), RNAME_HOSTS);
	if (!l->rname.len && (rank >= DNS_NETNS || (rank && global)))
		set_name(l, told.name, RNAME_DNS);
}

/* Has the connection only begun, so that what is found now is its name for good? */
static bool is_first(enum event_kind kind)
{
	return kind == EVENT_CONNECT || kind == EVENT_ESTABLISHED || kind == EVENT_ACCEPT ||
	       kind == EVENT_FLOW;
}

static void look_up(struct rnames *r, struct line *l)
{
	const struct event *e = l->e;

	if (e->netns != r->netns && !is_global(e->raddr, e->ipv))
		return;
	set_name(l, hostnames_get(r->lookups, e->raddr, e->ipv), RNAME_LOOKUP);
	if (!l->rname.len && hostnames_pending(r->lookups) < LOOKUPS_MAX)
		hostnames_ask(r->lookups, e->raddr, e->ipv);
}

void rnames_line(struct rnames *r, struct line *l)
{
	const struct event *e = l->e;

	if (!(e->flags & EVENT_F_REMOTE) || (e->ipv != 4 && e->ipv != 6))
		return;
	l->rname = held_get(r->held, e, &l->rname_source);
	if (l->rname.len)
		return;
	find_name(r, l);
	if (is_first(e->kind) && (l->rname_source == RNAME_DNS || l->rname_source == RNAME_LIBC))
		held_set(r->held, e, l->rname, l->rname_source);
	if (!l->rname.len && r->lookups)
		look_up(r, l);
}

bool rnames_poll(struct rnames *r)
{
	if (!r->lookups)
		return false;
	hostnames_poll(r->lookups);
	hostnames_trim(r->lookups);
	return hostnames_pending(r->lookups);
}

bool rnames_owns(const struct rnames *r, uint64_t id)
{
	return r->lookups && hostnames_owns(r->lookups, id);
}

static void print_count(FILE *f, const char *what, uint64_t cnt)
{
	fprintf(f, "%-32s %12" PRIu64 "\n", what, cnt);
}

void rnames_print(const struct rnames *r, uint64_t lost, FILE *f)
{
	print_count(f, "answers of name servers", r->answers);
	print_count(f, "malformed answers", r->malformed);
	print_count(f, "answers of libc", r->libc_answers);
	print_count(f, "lost answers, or parts of them", lost + dns_streams_lost(r->streams));
	print_count(f, "names known at the end",
		    dns_names_count(r->names) + dns_names_count(r->libc));
}
