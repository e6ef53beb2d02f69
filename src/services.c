// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "services.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <nss.h>
#endif

#include "services_table.h"

#define PORT_CNT 65536
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A name of /etc/services. Offsets, not pointers: services::text moves as it grows. */
struct entry {
	uint32_t name; /* offset into services::text */
	uint32_t len;  /* of the name */
	uint16_t port;
	uint8_t ipproto;
};

struct services {
	struct entry *entries; /* in the order of the file, aliases too */
	size_t nr;
	size_t size;
	/*
	 * Of TCP, then of UDP: 1 + index into entries, 0: the file has no name. Asked for each port of
	 * each event; of its 512 KiB only the pages with names are ever there.
	 */
	uint32_t *by_port;
	char *text; /* all strings, each with its NUL */
	size_t text_len;
	size_t text_size;
};

static uint32_t port_slot(uint8_t ipproto, uint16_t port)
{
	return (ipproto == IPPROTO_UDP ? PORT_CNT : 0) + port;
}

static int entry_add(struct services *s, const struct entry *e)
{
	if (s->nr == s->size) {
		size_t size = s->size ? 2 * s->size : 1024;
		struct entry *v = realloc(s->entries, size * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->entries = v;
		s->size = size;
	}
	s->entries[s->nr++] = *e;
	return 0;
}

static int text_add(struct services *s, const char *name, uint32_t *offset)
{
	size_t len = strlen(name) + 1;

	if (len > UINT32_MAX - s->text_len)
		return -ENOMEM;
	if (len > s->text_size - s->text_len) {
		size_t size = 2 * (s->text_size + len) + 8192;
		char *text = realloc(s->text, size);

		if (!text)
			return -ENOMEM;
		s->text = text;
		s->text_size = size;
	}
	*offset = s->text_len;
	memcpy(s->text + s->text_len, name, len);
	s->text_len += len;
	return 0;
}

/* An alias is found by name, but is not what the port is called. Whoever names a port first wins. */
static int add_name(struct services *s, uint8_t ipproto, uint16_t port, const char *name,
		    bool alias)
{
	struct entry e = { .len = strlen(name), .port = port, .ipproto = ipproto };
	uint32_t *slot = &s->by_port[port_slot(ipproto, port)];
	int err;

	err = text_add(s, name, &e.name);
	if (!err)
		err = entry_add(s, &e);
	if (!err && !alias && !*slot)
		*slot = s->nr;
	return err;
}

/* Names end up on terminals: let nothing through that moves a cursor or splits a column. */
static bool name_ok(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if (*name <= ' ' || *name > '~')
			return false;
	}
	return true;
}

static int add_servent(struct services *s, const struct servent *se)
{
	uint16_t port = ntohs((uint16_t)se->s_port);
	uint8_t ipproto;
	int err = 0;

	if (!strcmp(se->s_proto, "tcp"))
		ipproto = IPPROTO_TCP;
	else if (!strcmp(se->s_proto, "udp"))
		ipproto = IPPROTO_UDP;
	else
		return 0;
	if (!port)
		return 0;

	if (name_ok(se->s_name))
		err = add_name(s, ipproto, port, se->s_name, false);
	for (char **alias = se->s_aliases; !err && alias && *alias; alias++) {
		if (name_ok(*alias))
			err = add_name(s, ipproto, port, *alias, true);
	}
	return err;
}

/* next() yields the lines of a services file, then NULL. */
static int services_build(struct servent *(*next)(void), struct services **out)
{
	struct services *s = calloc(1, sizeof(*s));
	const struct servent *se;
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->by_port = calloc(2 * PORT_CNT, sizeof(*s->by_port));
	if (!s->by_port)
		err = -ENOMEM;
	while (!err && (se = next()))
		err = add_servent(s, se);
	if (err) {
		services_free(s);
		return err;
	}
	*out = s;
	return 0;
}

int services_load(struct services **out)
{
	int err;

#ifdef __GLIBC__
	/* nsswitch.conf may name a directory server, and a tracer must not wait for one. */
	__nss_configure_lookup("services", "files");
#endif
	setservent(1);
	err = services_build(getservent, out);
	endservent();
	return err;
}

static const struct table_row *table_row(uint8_t proto, uint16_t port)
{
	const struct table_row *row = &table_rows[table_index[port]];

	if (row->bits & proto)
		return row;
	return row->bits & APART_NEXT ? row + 1 : NULL;
}

struct str services_str(const struct services *s, uint8_t ipproto, uint16_t port)
{
	const struct table_row *row = NULL;
	uint32_t i;

	if (ipproto != IPPROTO_TCP && ipproto != IPPROTO_UDP)
		return (struct str){ NULL, 0 };
	i = s->by_port[port_slot(ipproto, port)];
	if (i) {
		const struct entry *e = &s->entries[i - 1];

		return (struct str){ s->text + e->name, e->len };
	}
	if (port < TABLE_PORT_CNT)
		row = table_row(ipproto == IPPROTO_TCP ? TCP : UDP, port);
	return row ? (struct str){ row->name, row->bits & LEN_MASK } : (struct str){ NULL, 0 };
}

const char *services_name(const struct services *s, uint8_t ipproto, uint16_t port)
{
	return services_str(s, ipproto, port).ptr;
}

/* What is looked for. Protocols are TCP and UDP, as in rows. */
struct search {
	const char *name;
	size_t len;
	services_port_fn found;
	void *ctx;
	uint8_t done;
	uint8_t hits; /* protocols that were found */
};

static void search_hit(struct search *q, uint8_t protos, uint16_t port)
{
	protos &= ~q->done;
	if (protos & TCP)
		q->found(q->ctx, IPPROTO_TCP, port);
	if (protos & UDP)
		q->found(q->ctx, IPPROTO_UDP, port);
	q->hits |= protos;
}

static bool row_is(const struct table_row *row, const struct search *q)
{
	return (row->bits & LEN_MASK) == q->len && !memcmp(row->name, q->name, q->len);
}

static void search_file(struct search *q, const struct services *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		const struct entry *e = &s->entries[i];

		if (!strcmp(s->text + e->name, q->name))
			search_hit(q, e->ipproto == IPPROTO_TCP ? TCP : UDP, e->port);
	}
}

/* One pass over all ports takes 45 us; an index by name would cost each start more to fill. */
static void search_table(struct search *q)
{
	for (unsigned int port = 1; port < TABLE_PORT_CNT; port++) {
		const struct table_row *row = &table_rows[table_index[port]];

		if (row_is(row, q))
			search_hit(q, row->bits & BOTH, port);
		if (row->bits & APART_NEXT && row_is(row + 1, q))
			search_hit(q, UDP, port);
	}
}

static void search_aliases(struct search *q)
{
	for (size_t i = 0; i < ARRAY_LEN(table_aliases); i++) {
		const struct table_alias *a = &table_aliases[i];

		if (row_is(&a->row, q))
			search_hit(q, a->row.bits & BOTH, a->port);
	}
}

int services_ports(const struct services *s, const char *name, services_port_fn found, void *ctx)
{
	struct search q = { .name = name, .len = strlen(name), .found = found, .ctx = ctx };

	if (!q.len)
		return -ENOENT;
	search_file(&q, s);
	search_table(&q);
	q.done = q.hits;
	search_aliases(&q);
	return q.hits ? 0 : -ENOENT;
}

void services_each_name(const struct services *s, void (*each)(void *ctx, const char *name),
			void *ctx)
{
	for (size_t i = 0; i < s->nr; i++)
		each(ctx, s->text + s->entries[i].name);
	for (size_t i = ROW_NONE + 1; i < ARRAY_LEN(table_rows); i++)
		each(ctx, table_rows[i].name);
	for (size_t i = 0; i < ARRAY_LEN(table_aliases); i++)
		each(ctx, table_aliases[i].row.name);
}

void services_free(struct services *s)
{
	if (!s)
		return;
	free(s->entries);
	free(s->by_port);
	free(s->text);
	free(s);
}
