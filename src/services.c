// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r() */
#endif
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

/* Offsets, not pointers: services::text moves as it grows. */
struct entry {
	uint32_t key;  /* see port_key() */
	uint32_t name; /* offset into services::text */
	uint32_t len;  /* of the name */
};

struct list {
	struct entry *v;
	size_t nr;
	size_t size;
};

struct services {
	struct list ports; /* names to show, by key */
	struct list names; /* names and aliases, by name and protocol */
	uint32_t *by_port; /* of TCP, then of UDP: 1 + index into ports, 0: no name */
	char *text;	   /* all strings, each with its NUL */
	size_t text_len;
	size_t text_size;
};

/* Protocol above port, so that one number is compared. */
static uint32_t port_key(uint8_t ipproto, uint16_t port)
{
	return (uint32_t)ipproto << 16 | port;
}

static uint8_t key_proto(uint32_t key)
{
	return key >> 16;
}

static uint16_t key_port(uint32_t key)
{
	return key & 0xffff;
}

static int list_add(struct list *l, uint32_t key, uint32_t name, uint32_t len)
{
	if (l->nr == l->size) {
		size_t size = l->size ? 2 * l->size : 1024;
		struct entry *v = realloc(l->v, size * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->size = size;
	}
	l->v[l->nr++] = (struct entry){ .key = key, .name = name, .len = len };
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

/* An alias is found by name, but is not what the port is called. */
static int add_name(struct services *s, uint32_t key, const char *name, bool alias)
{
	size_t len = strlen(name);
	uint32_t offset;
	int err;

	err = text_add(s, name, &offset);
	if (!err)
		err = list_add(&s->names, key, offset, len);
	if (!err && !alias)
		err = list_add(&s->ports, key, offset, len);
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
	uint32_t key;
	int err;

	if (!port)
		return 0;
	if (!strcmp(se->s_proto, "tcp"))
		key = port_key(IPPROTO_TCP, port);
	else if (!strcmp(se->s_proto, "udp"))
		key = port_key(IPPROTO_UDP, port);
	else
		return 0;

	if (name_ok(se->s_name)) {
		err = add_name(s, key, se->s_name, false);
		if (err)
			return err;
	}
	for (char **alias = se->s_aliases; alias && *alias; alias++) {
		if (!name_ok(*alias))
			continue;
		err = add_name(s, key, *alias, true);
		if (err)
			return err;
	}
	return 0;
}

static int add_table(struct services *s, const struct service_def *def, size_t nr, bool alias)
{
	for (const struct service_def *d = def; d < def + nr; d++) {
		int err = 0;

		if (d->proto & TCP)
			err = add_name(s, port_key(IPPROTO_TCP, d->port), d->name, alias);
		if (!err && d->proto & UDP)
			err = add_name(s, port_key(IPPROTO_UDP, d->port), d->name, alias);
		if (err)
			return err;
	}
	return 0;
}

/* The text offset grows with each addition: as the last criterion it makes the first one win. */
static int by_age(const struct entry *a, const struct entry *b)
{
	return (a->name > b->name) - (a->name < b->name);
}

static int by_key(const struct entry *a, const struct entry *b)
{
	return (a->key > b->key) - (a->key < b->key);
}

static int by_name(const struct entry *a, const struct entry *b, const char *text)
{
	int cmp = strcmp(text + a->name, text + b->name);

	return cmp ? cmp : key_proto(a->key) - key_proto(b->key);
}

static int sort_ports(const void *a, const void *b, void *text)
{
	int cmp = by_key(a, b);

	(void)text;
	return cmp ? cmp : by_age(a, b);
}

static int sort_names(const void *a, const void *b, void *text)
{
	int cmp = by_name(a, b, text);

	return cmp ? cmp : by_age(a, b);
}

static void finish_ports(struct list *l, char *text)
{
	size_t nr = 0;

	qsort_r(l->v, l->nr, sizeof(*l->v), sort_ports, text);
	for (size_t i = 0; i < l->nr; i++) {
		if (!nr || by_key(&l->v[nr - 1], &l->v[i]))
			l->v[nr++] = l->v[i];
	}
	l->nr = nr;
}

static uint32_t port_slot(uint8_t ipproto, uint16_t port)
{
	return (ipproto == IPPROTO_UDP ? PORT_CNT : 0) + port;
}

/*
 * A look into a table in place of 10 steps of a search: saves 220 instructions of an event with two
 * ports. Of its 512 KiB only the pages that have names are ever there.
 */
static int index_ports(struct services *s)
{
	s->by_port = calloc(2 * PORT_CNT, sizeof(*s->by_port));
	if (!s->by_port)
		return -ENOMEM;
	for (size_t i = 0; i < s->ports.nr; i++) {
		uint32_t key = s->ports.v[i].key;

		s->by_port[port_slot(key_proto(key), key_port(key))] = i + 1;
	}
	return 0;
}

static void finish_names(struct list *l, char *text)
{
	size_t nr = 0;

	qsort_r(l->v, l->nr, sizeof(*l->v), sort_names, text);
	for (size_t i = 0; i < l->nr; i++) {
		if (!nr || by_name(&l->v[nr - 1], &l->v[i], text))
			l->v[nr++] = l->v[i];
	}
	l->nr = nr;
}

/* next() yields the lines of a services file, then NULL.  Whoever names a port first wins. */
static int services_build(struct servent *(*next)(void), struct services **out)
{
	struct services *s = calloc(1, sizeof(*s));
	const struct servent *se;
	int err = 0;

	if (!s)
		return -ENOMEM;
	while (!err && (se = next()))
		err = add_servent(s, se);
	if (!err)
		err = add_table(s, services_iana, ARRAY_LEN(services_iana), false);
	if (!err)
		err = add_table(s, services_de_facto, ARRAY_LEN(services_de_facto), false);
	if (!err)
		err = add_table(s, services_aliases, ARRAY_LEN(services_aliases), true);
	if (!err) {
		finish_ports(&s->ports, s->text);
		finish_names(&s->names, s->text);
		err = index_ports(s);
	}
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

struct str services_str(const struct services *s, uint8_t ipproto, uint16_t port)
{
	const struct entry *e;
	uint32_t i;

	if (ipproto != IPPROTO_TCP && ipproto != IPPROTO_UDP)
		return (struct str){ NULL, 0 };
	i = s->by_port[port_slot(ipproto, port)];
	if (!i)
		return (struct str){ NULL, 0 };
	e = &s->ports.v[i - 1];
	return (struct str){ s->text + e->name, e->len };
}

const char *services_name(const struct services *s, uint8_t ipproto, uint16_t port)
{
	return services_str(s, ipproto, port).ptr;
}

int services_port(const struct services *s, const char *name, uint16_t *tcp, uint16_t *udp)
{
	size_t lo = 0, hi = s->names.nr;

	*tcp = 0;
	*udp = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->text + s->names.v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->names.nr; lo++) {
		const struct entry *e = &s->names.v[lo];

		if (strcmp(s->text + e->name, name))
			break;
		if (key_proto(e->key) == IPPROTO_TCP)
			*tcp = key_port(e->key);
		else
			*udp = key_port(e->key);
	}
	return *tcp || *udp ? 0 : -ENOENT;
}

void services_free(struct services *s)
{
	if (!s)
		return;
	free(s->ports.v);
	free(s->names.v);
	free(s->by_port);
	free(s->text);
	free(s);
}
