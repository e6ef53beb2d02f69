// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of ports: the compiled table by itself, and /etc/services over it. */
#include "../../src/services.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct servent *lines; /* what getservent() would yield; ends with a NULL name */

static struct servent *next_line(void)
{
	return lines->s_name ? lines++ : NULL;
}

/* As getservent() gives it: the port in network byte order, in an int. */
static struct servent line(char *name, int port, char *proto, char **aliases)
{
	return (struct servent){
		.s_name = name,
		.s_port = htons(port),
		.s_proto = proto,
		.s_aliases = aliases,
	};
}

static struct services *build(struct servent *file)
{
	struct services *s = NULL;

	lines = file;
	assert_int_equal(services_build(next_line, &s), 0);
	assert_non_null(s);
	return s;
}

static struct services *build_without_file(void)
{
	struct servent none = { 0 };

	return build(&none);
}

/* The ports that a name leads to, of each protocol. */
struct found {
	unsigned int tcp_cnt, udp_cnt;
	uint16_t tcp, udp; /* the last */
	uint32_t sum;	   /* of all */
};

static void add_found(void *ctx, uint8_t ipproto, uint16_t port)
{
	struct found *f = ctx;

	if (ipproto == IPPROTO_TCP) {
		f->tcp_cnt++;
		f->tcp = port;
	} else {
		assert_int_equal(ipproto, IPPROTO_UDP);
		f->udp_cnt++;
		f->udp = port;
	}
	f->sum += port;
}

static struct found find(const struct services *s, const char *name)
{
	struct found f = { 0 };
	int err = services_ports(s, name, add_found, &f);

	assert_int_equal(err, f.tcp_cnt + f.udp_cnt ? 0 : -ENOENT);
	return f;
}

/* At most one port of each protocol, 0: none. */
static void assert_port(const struct services *s, const char *name, uint16_t tcp, uint16_t udp)
{
	struct found f = find(s, name);

	assert_int_equal(f.tcp_cnt, tcp != 0);
	assert_int_equal(f.udp_cnt, udp != 0);
	assert_int_equal(f.tcp, tcp);
	assert_int_equal(f.udp, udp);
}

static void assert_shown(const struct services *s, uint16_t port, const char *tcp, const char *udp)
{
	const char *const wanted[] = { tcp, udp };
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (int i = 0; i < 2; i++) {
		struct str name = services_str(s, protos[i], port);

		if (!wanted[i]) {
			assert_int_equal(name.len, 0);
			assert_null(services_name(s, protos[i], port));
			continue;
		}
		assert_string_equal(name.ptr, wanted[i]);
		assert_int_equal(name.len, strlen(wanted[i]));
	}
}

/* --- the table ------------------------------------------------------------------------------------ */

/* All fields of a row as the data files have them, in their order. */
struct source_row {
	uint16_t first, last;
	const char *tcp, *udp;
	bool alias;
};

#define NAME_IF(protos, proto, name) ((protos) & (proto) ? (name) : NULL)
#define PORT(port, protos, name) RANGE(port, port, protos, name)
#define RANGE(first, last, protos, name)                                                           \
	{ first, last, NAME_IF(protos, TCP, name), NAME_IF(protos, UDP, name), false },
#define APART(port, tcp, udp) { port, port, tcp, udp, false },
#define ALIAS(port, protos, name)                                                                  \
	{ port, port, NAME_IF(protos, TCP, name), NAME_IF(protos, UDP, name), true },
static const struct source_row iana_rows[] = {
#include "../../src/services_iana.h"
};
static const struct source_row de_facto_rows[] = {
#include "../../src/services_de_facto.h"
};

static void assert_name(const char *name)
{
	size_t len = strlen(name);

	assert_in_range(len, 1, 15);
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ',')
			fail_msg("%s: bad character", name);
	}
	if (strspn(name, "0123456789-") == len)
		fail_msg("%s: looks like a port", name);
}

static void assert_sorted(const struct source_row *rows, size_t nr)
{
	unsigned int last[2] = { 0, 0 }; /* of the shown, of the aliases */

	for (const struct source_row *r = rows; r < rows + nr; r++) {
		if (r->tcp)
			assert_name(r->tcp);
		if (r->udp)
			assert_name(r->udp);
		if (!r->first || r->first > r->last || !(r->tcp || r->udp))
			fail_msg("%u: not a row", r->first);
		if (r->first < last[r->alias] + !r->alias)
			fail_msg("%u: not in order", r->first);
		last[r->alias] = r->last;
	}
}

static void test_table_is_sorted(void **state)
{
	(void)state;
	assert_sorted(iana_rows, ARRAY_LEN(iana_rows));
	assert_sorted(de_facto_rows, ARRAY_LEN(de_facto_rows));
}

/* One of the ports that @name has in a protocol is @port. */
struct wanted_port {
	uint8_t ipproto;
	uint16_t port;
	bool found;
};

static void want_port(void *ctx, uint8_t ipproto, uint16_t port)
{
	struct wanted_port *w = ctx;

	w->found |= ipproto == w->ipproto && port == w->port;
}

static void assert_leads(const struct services *s, const char *name, uint8_t ipproto, uint16_t port)
{
	struct wanted_port w = { .ipproto = ipproto, .port = port };

	if (services_ports(s, name, want_port, &w) || !w.found)
		fail_msg("%s does not lead to %u of protocol %u", name, port, ipproto);
}

static void assert_rows(const struct services *s, const struct source_row *rows, size_t nr)
{
	for (const struct source_row *r = rows; r < rows + nr; r++) {
		for (unsigned int port = r->first; port <= r->last; port++) {
			if (!r->alias)
				assert_shown(s, port, r->tcp, r->udp);
			if (r->tcp)
				assert_leads(s, r->tcp, IPPROTO_TCP, port);
			if (r->udp)
				assert_leads(s, r->udp, IPPROTO_UDP, port);
		}
	}
}

/* Each row is shown as it is written, and each name leads back to its ports: none is hidden by another. */
static void test_every_row_counts(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_rows(s, iana_rows, ARRAY_LEN(iana_rows));
	assert_rows(s, de_facto_rows, ARRAY_LEN(de_facto_rows));
	services_free(s);
}

/* What the registry held when the table was made: a lost or doubled row shows here. */
static void test_whole_registry(void **state)
{
	unsigned int tcp = 0, udp = 0;

	(void)state;
	for (const struct source_row *r = iana_rows; r < iana_rows + ARRAY_LEN(iana_rows); r++) {
		unsigned int ports = r->alias ? 0 : r->last - r->first + 1;

		tcp += r->tcp ? ports : 0;
		udp += r->udp ? ports : 0;
	}
	assert_int_equal(tcp, 5958);
	assert_int_equal(udp, 5566);
}

/* Of all over the registry, in the words of the registry. */
static void test_spots(void **state)
{
	static const struct {
		uint16_t port;
		const char *tcp, *udp;
	} spots[] = {
		{ 7, "echo", "echo" },
		{ 22, "ssh", "ssh" },
		{ 53, "domain", "domain" },
		{ 80, "http", "http" },
		{ 123, "ntp", "ntp" },
		{ 300, "tacacss", NULL },
		{ 389, "ldap", "ldap" },
		{ 443, "https", "https" },
		{ 465, "submissions", "igmpv3lite" },
		{ 512, "exec", "biff" },
		{ 513, "login", "who" },
		{ 853, "domain-s", "domain-s" },
		{ 1433, "ms-sql-s", "ms-sql-s" },
		{ 2049, "nfs", "nfs" },
		{ 2379, "etcd-client", NULL },
		{ 3306, "mysql", "mysql" },
		{ 4789, NULL, "vxlan" },
		{ 5353, "mdns", "mdns" },
		{ 5432, "postgresql", "postgresql" },
		{ 6379, "redis", NULL },
		{ 8080, "http-alt", "http-alt" },
		{ 9092, "XmlIpcRegSvc", "XmlIpcRegSvc" },
		{ 9418, "git", "git" },
		{ 11211, "memcache", "memcache" },
		{ 19999, "dnp-sec", "dnp-sec" },
		{ 27017, "mongodb", NULL },
		{ 34962, "profinet-rt", "profinet-rt" },
		{ 47808, "bacnet", "bacnet" },
		{ 48619, "iqobject", "iqobject" },
	};
	struct services *s = build_without_file();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spots); i++)
		assert_shown(s, spots[i].port, spots[i].tcp, spots[i].udp);
	services_free(s);
}

static void test_ranges(void **state)
{
	struct services *s = build_without_file();
	struct found f = find(s, "x11");

	(void)state;
	for (unsigned int port = 6000; port <= 6063; port++)
		assert_shown(s, port, "x11", "x11");
	assert_int_equal(f.tcp_cnt, 64);
	assert_int_equal(f.udp_cnt, 64);
	assert_int_equal(f.sum, 64 * (6000 + 6063));
	for (unsigned int port = 6665; port <= 6669; port++)
		assert_shown(s, port, "ircu", NULL);
	f = find(s, "ircu");
	assert_int_equal(f.tcp_cnt, 5);
	assert_int_equal(f.udp_cnt, 0);
	services_free(s);
}

/* From 49152 on the kernel and programs take what is free: no name is known of any. */
static void test_dynamic_ports_say_nothing(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	for (unsigned int port = 49152; port <= 65535; port++)
		assert_shown(s, port, NULL, NULL);
	assert_shown(s, 49151, NULL, NULL); /* reserved */
	services_free(s);
}

static void test_names_without_file(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_shown(s, 10250, "kubelet", NULL);
	assert_shown(s, 24224, "fluentd", "fluentd");
	assert_shown(s, 41641, NULL, "tailscale");
	services_free(s);
}

static void test_protocols_are_apart(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_shown(s, 514, "shell", "syslog");
	assert_shown(s, 853, "domain-s", "domain-s");
	assert_shown(s, 3868, "diameter", NULL);
	assert_shown(s, 4500, "ipsec-nat-t", "ipsec-nat-t");
	assert_null(services_name(s, IPPROTO_SCTP, 443));
	assert_null(services_name(s, 0, 443));
	services_free(s);
}

static void test_unknown_and_edge_ports(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_shown(s, 0, NULL, NULL);
	assert_shown(s, 1, "tcpmux", "tcpmux");
	assert_shown(s, 4, NULL, NULL);
	assert_shown(s, 1023, NULL, NULL);
	assert_shown(s, 1024, NULL, NULL);
	services_free(s);
}

static void test_file_wins(void **state)
{
	char *aliases[] = { "intranet", "kafka", NULL };
	struct servent file[] = {
		line("portal", 443, "tcp", aliases), line("late", 443, "tcp", NULL),
		line("ours", 4, "udp", NULL),	     line("last", 65535, "tcp", NULL),
		line("ssh", 2222, "tcp", NULL),	     { 0 },
	};
	struct services *s = build(file);

	(void)state;
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "portal");
	assert_string_equal(services_name(s, IPPROTO_UDP, 443), "https");
	assert_shown(s, 4, NULL, "ours");
	assert_string_equal(services_name(s, IPPROTO_TCP, 65535), "last");

	assert_port(s, "portal", 443, 0);
	assert_port(s, "intranet", 443, 0);
	assert_port(s, "late", 443, 0);
	/* The file gives a compiled name to another port, as an alias or as the name. */
	assert_port(s, "kafka", 443, 0);
	assert_shown(s, 9092, "XmlIpcRegSvc", "XmlIpcRegSvc");
	/* All ports that are shown by the name. */
	assert_leads(s, "ssh", IPPROTO_TCP, 22);
	assert_leads(s, "ssh", IPPROTO_TCP, 2222);
	assert_leads(s, "ssh", IPPROTO_UDP, 22);
	assert_int_equal(find(s, "ssh").tcp_cnt, 2);
	assert_string_equal(services_name(s, IPPROTO_TCP, 22), "ssh");
	/* Its own name for 443 does not take https from the user. */
	assert_port(s, "https", 443, 443);
	services_free(s);
}

static void test_file_lines_that_do_not_count(void **state)
{
	char *aliases[] = { "", "a\tb", "fine", NULL };
	struct servent file[] = {
		line("zero", 0, "tcp", NULL),
		line("other", 443, "sctp", NULL),
		line("\033[2Jhttps", 443, "tcp", aliases),
		line("caf\303\251", 80, "tcp", NULL),
		{ 0 },
	};
	struct services *s = build(file);

	(void)state;
	assert_null(services_name(s, IPPROTO_TCP, 0));
	assert_port(s, "zero", 0, 0);
	assert_port(s, "other", 0, 0);
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_TCP, 80), "http");
	assert_port(s, "a\tb", 0, 0);
	assert_port(s, "fine", 443, 0);
	services_free(s);
}

/* Some distributions ship the whole registry: more than the first allocations hold. */
static void test_large_file(void **state)
{
	enum { NR = 20000 };
	struct servent *file = calloc(NR + 1, sizeof(*file));
	char(*names)[24] = calloc(NR, sizeof(*names));
	struct services *s;

	(void)state;
	assert_non_null(file);
	assert_non_null(names);
	for (int i = 0; i < NR; i++) {
		snprintf(names[i], sizeof(names[i]), "service-%d", NR - i);
		file[i] = line(names[i], NR - i, i % 2 ? "tcp" : "udp", NULL);
	}
	s = build(file);
	free(file);
	free(names);
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "service-443");
	assert_string_equal(services_name(s, IPPROTO_UDP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_UDP, 20000), "service-20000");
	assert_port(s, "service-1", 1, 0);
	services_free(s);
}

static void test_reverse(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_port(s, "https", 443, 443);
	assert_port(s, "ssh", 22, 22);
	assert_port(s, "www", 80, 80);
	assert_port(s, "XmlIpcRegSvc", 9092, 9092);
	assert_port(s, "kafka", 9092, 0);
	assert_port(s, "914c/g", 211, 211);
	assert_port(s, "wireguard", 0, 51820);
	assert_port(s, "syslog", 0, 514);
	assert_port(s, "postgres", 5432, 0);
	assert_port(s, "imap2", 143, 0);
	assert_port(s, "no-such-service", 0, 0);
	assert_port(s, "HTTPS", 0, 0);
	assert_port(s, "http", 80, 80);
	assert_port(s, "htt", 0, 0);
	assert_port(s, "", 0, 0);
	assert_port(s, "~", 0, 0);
	services_free(s);
}

static void test_reverse_many_ports(void **state)
{
	struct services *s = build_without_file();
	struct found f = find(s, "http-alt");

	(void)state;
	assert_int_equal(f.tcp_cnt, 3);
	assert_int_equal(f.udp_cnt, 3);
	assert_int_equal(f.sum, 2 * (591 + 8008 + 8080));
	assert_port(s, "raid-am", 2013, 2007);
	/* A name of the registry in one protocol, of our own in the other. */
	assert_port(s, "oracle", 1521, 2005);
	services_free(s);
}

/* Those of the file and those of the table, which are shown by that name too. */
static void test_reverse_file_lines(void **state)
{
	struct servent file[] = {
		line("http-alt", 8000, "tcp", NULL),
		line("http-alt", 8001, "tcp", NULL),
		{ 0 },
	};
	struct services *s = build(file);
	struct found f = find(s, "http-alt");

	(void)state;
	assert_int_equal(f.tcp_cnt, 2 + 3);
	assert_int_equal(f.udp_cnt, 3);
	assert_int_equal(f.sum, 8000 + 8001 + 2 * (591 + 8008 + 8080));
	services_free(s);
}

static void see_name(void *ctx, const char *name)
{
	const char **wanted = ctx;

	for (; wanted[0] && strcmp(wanted[0], name) != 0; wanted++)
		;
	if (wanted[0])
		wanted[0] = "";
}

static void test_each_name(void **state)
{
	const char *wanted[] = {
		"ours", "short", "https", "syslog", "kubelet", "kafka", "x11", NULL
	};
	char *aliases[] = { "short", NULL };
	struct servent file[] = { line("ours", 3, "tcp", aliases), { 0 } };
	struct services *s = build(file);

	(void)state;
	services_each_name(s, see_name, wanted);
	for (const char **w = wanted; *w; w++)
		assert_string_equal(*w, "");
	services_free(s);
}

/* This machine's own file, whatever it says. */
static void test_load(void **state)
{
	struct services *s = NULL;
	struct servent *se;

	(void)state;
	assert_int_equal(services_load(&s), 0);
	assert_non_null(services_name(s, IPPROTO_TCP, 443));
	assert_leads(s, "https", IPPROTO_TCP, 443);
	assert_leads(s, "https", IPPROTO_UDP, 443);
	se = getservbyport(htons(22), "tcp");
	if (se)
		assert_string_equal(services_name(s, IPPROTO_TCP, 22), se->s_name);
	services_free(s);
}

static void test_free_null(void **state)
{
	(void)state;
	services_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sorted),
		cmocka_unit_test(test_every_row_counts),
		cmocka_unit_test(test_whole_registry),
		cmocka_unit_test(test_spots),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_dynamic_ports_say_nothing),
		cmocka_unit_test(test_names_without_file),
		cmocka_unit_test(test_protocols_are_apart),
		cmocka_unit_test(test_unknown_and_edge_ports),
		cmocka_unit_test(test_file_wins),
		cmocka_unit_test(test_file_lines_that_do_not_count),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_reverse_many_ports),
		cmocka_unit_test(test_reverse_file_lines),
		cmocka_unit_test(test_each_name),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_free_null),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
