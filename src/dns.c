// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers of name servers: c-ares reads the names, which is the hard part; what is between has a fixed size. */
#include "dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#define RECORDS_MAX 128 /* of one answer; the rest is passed over */
#define ALIASES_MAX 16	/* as far as resolvers follow them */
#define FLAGS_AT 2
#define COUNTS_AT 4 /* questions, answers */
#define RCODE_MASK 0xf
#define OPCODE_MASK 0x78
#define FLAG_RESPONSE 0x80
#define FLAG_TRUNCATED 0x02

/* Where the reading is. Once something is missing, nothing more is read. */
struct reader {
	const uint8_t *bytes;
	size_t len;
	size_t at;
	bool bad;
};

/* An address of a name, or another name of it. */
struct record {
	char *owner;
	char *alias_of; /* NULL: an address */
	struct dns_address address;
};

static uint16_t number16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static const uint8_t *read_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->bytes + r->at;

	if (r->bad || len > r->len - r->at) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	return p;
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = tolower((unsigned char)*s);
}

/* For ares_free_string(); NULL: there is none. One that is too long ends it all, before it costs more. */
static char *read_name(struct reader *r)
{
	char *name = NULL;
	long used = 0;

	if (r->bad || r->at >= r->len ||
	    ares_expand_name(r->bytes + r->at, r->bytes, r->len, &name, &used)) {
		r->bad = true;
		return NULL;
	}
	if (used <= 0 || (size_t)used > r->len - r->at || strlen(name) > DNS_NAME_MAX) {
		ares_free_string(name);
		r->bad = true;
		return NULL;
	}
	r->at += used;
	lower(name);
	return name;
}

static bool is_mapped(const uint8_t *addr)
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)addr);
}

void dns_address_set(struct dns_address *a, const uint8_t *data, size_t len)
{
	struct in6_addr aligned;

	if (len == ADDR_LEN) {
		memcpy(&aligned, data, ADDR_LEN);
		if (is_mapped((const uint8_t *)&aligned)) {
			data += ADDR_LEN - 4;
			len = 4;
		}
	}
	memcpy(a->bytes, data, len);
	a->ipv = len == 4 ? 4 : 6;
}

/* RFC 2181, 8: a TTL with the highest bit is none. */
static uint32_t ttl_of(const uint8_t *p)
{
	uint32_t ttl = (uint32_t)number16(p) << 16 | number16(p + 2);

	return ttl > INT32_MAX ? 0 : ttl > DNS_TTL_MAX ? DNS_TTL_MAX : ttl;
}

/* What is behind a record's owner; true: it is one that tells of names. */
static bool read_data(struct reader *r, struct record *record)
{
	const uint8_t *fixed = read_bytes(r, NS_RRFIXEDSZ), *data;
	size_t len = fixed ? number16(fixed + 8) : 0;
	struct reader inside = *r;
	uint16_t type;

	data = read_bytes(r, len);
	if (!fixed || !data || number16(fixed + 2) != ns_c_in)
		return false;
	type = number16(fixed);
	record->address.ttl_s = ttl_of(fixed + 4);
	if (type == ns_t_cname) {
		record->alias_of = read_name(&inside);
		r->bad |= inside.bad || inside.at != r->at;
		return record->alias_of;
	}
	if (type == ns_t_a || type == ns_t_aaaa) {
		r->bad |= len != (type == ns_t_a ? NS_INADDRSZ : NS_IN6ADDRSZ);
		if (!r->bad)
			dns_address_set(&record->address, data, len);
		return !r->bad;
	}
	return false;
}

static void record_free(struct record *record)
{
	ares_free_string(record->owner);
	ares_free_string(record->alias_of);
}

/* As many as there are room for; their number. */
static size_t read_records(struct reader *r, size_t cnt, struct record *records)
{
	size_t n = 0;

	while (cnt-- && n < RECORDS_MAX && !r->bad) {
		struct record *record = &records[n];

		*record = (struct record){ .owner = read_name(r) };
		if (record->owner && read_data(r, record))
			n++;
		else
			record_free(record);
	}
	return n;
}

static const struct record *find_alias(const struct record *records, size_t cnt, const char *name)
{
	for (size_t i = 0; i < cnt; i++) {
		if (records[i].alias_of && !strcmp(records[i].owner, name))
			return &records[i];
	}
	return NULL;
}

/* The addresses that the name leads to, by whatever aliases, in whatever order these come. */
static void collect(const struct record *records, size_t cnt, const char *name,
		    struct dns_answer *out)
{
	uint32_t ttl_s = DNS_TTL_MAX;

	for (int i = 0; i < ALIASES_MAX; i++) {
		const struct record *alias = find_alias(records, cnt, name);

		if (!alias)
			break;
		if (alias->address.ttl_s < ttl_s)
			ttl_s = alias->address.ttl_s;
		name = alias->alias_of;
	}
	for (size_t i = 0; i < cnt && out->cnt < DNS_ADDRESSES_MAX; i++) {
		struct dns_address *a = &out->addresses[out->cnt];

		if (records[i].alias_of || strcmp(records[i].owner, name))
			continue;
		*a = records[i].address;
		if (ttl_s < a->ttl_s)
			a->ttl_s = ttl_s;
		out->cnt++;
	}
}

/* The question, of which there is one; NULL: there is none that asks for a name of the Internet. */
static char *read_question(struct reader *r)
{
	char *name = read_name(r);
	const uint8_t *fixed = read_bytes(r, NS_QFIXEDSZ);

	if (name && fixed && number16(fixed + 2) == ns_c_in)
		return name;
	ares_free_string(name);
	return NULL;
}

static enum dns_result parse_answers(struct reader *r, size_t cnt, bool cut, struct dns_answer *out)
{
	struct record records[RECORDS_MAX];
	char *name = read_question(r);
	size_t n = name ? read_records(r, cnt, records) : 0;

	if (name) {
		out->name_len = strlen(name);
		memcpy(out->name, name, out->name_len + 1);
		if (!r->bad || cut)
			collect(records, n, name, out);
	}
	for (size_t i = 0; i < n; i++)
		record_free(&records[i]);
	ares_free_string(name);
	if (r->bad && !cut)
		return DNS_MALFORMED;
	return out->cnt && out->name_len ? DNS_NAMES : DNS_NOTHING;
}

enum dns_result dns_parse(const uint8_t *bytes, size_t len, bool cut, struct dns_answer *out)
{
	struct reader r = { .bytes = bytes, .len = len };
	const uint8_t *header = read_bytes(&r, NS_HFIXEDSZ), *flags;

	out->cnt = 0;
	out->name_len = 0;
	if (!header)
		return DNS_MALFORMED;
	flags = header + FLAGS_AT;
	if (!(flags[0] & FLAG_RESPONSE) || flags[0] & OPCODE_MASK || flags[1] & RCODE_MASK)
		return DNS_NOTHING;
	if (number16(header + COUNTS_AT) != 1)
		return DNS_MALFORMED;
	cut |= flags[0] & FLAG_TRUNCATED;
	return parse_answers(&r, number16(header + COUNTS_AT + 2), cut, out);
}
