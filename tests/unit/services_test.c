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

static void assert_port(const struct services *s, const char *name, int err, uint16_t tcp,
			uint16_t udp)
{
	uint16_t t = 1, u = 1;

	assert_int_equal(services_port(s, name, &t, &u), err);
	assert_int_equal(t, tcp);
	assert_int_equal(u, udp);
}

static void assert_valid(const struct service_def *d)
{
	size_t len = strnlen(d->name, sizeof(d->name));

	assert_in_range(d->port, 1, 65535);
	assert_in_range(d->proto, TCP, BOTH);
	assert_in_range(len, 1, 15);
	if (strspn(d->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		fail_msg("%s: bad character", d->name);
	if (strspn(d->name, "0123456789") == len)
		fail_msg("%s: looks like a port", d->name);
}

static void assert_sorted(const struct service_def *def, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		assert_valid(&def[i]);
		if (!i || def[i - 1].port < def[i].port)
			continue;
		if (def[i - 1].port > def[i].port || def[i - 1].proto >= def[i].proto)
			fail_msg("%u %s: not in order", def[i].port, def[i].name);
		if (def[i - 1].proto & def[i].proto)
			fail_msg("%u %s: twice", def[i].port, def[i].name);
	}
}

static void test_table_is_sorted(void **state)
{
	(void)state;
	assert_sorted(services_iana, ARRAY_LEN(services_iana));
	assert_sorted(services_de_facto, ARRAY_LEN(services_de_facto));
	for (size_t i = 0; i < ARRAY_LEN(services_aliases); i++) {
		assert_valid(&services_aliases[i]);
		if (i && strcmp(services_aliases[i - 1].name, services_aliases[i].name) >= 0)
			fail_msg("%s: not in order", services_aliases[i].name);
	}
}

static size_t count(const struct service_def *def, size_t nr)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		n += def[i].proto == BOTH ? 2 : 1;
	return n;
}

/* Nothing is dropped as a duplicate when the arrays are merged: not a port, not a name. */
static void test_table_has_no_duplicates(void **state)
{
	size_t ports = count(services_iana, ARRAY_LEN(services_iana)) +
		       count(services_de_facto, ARRAY_LEN(services_de_facto));
	size_t aliases = count(services_aliases, ARRAY_LEN(services_aliases));
	struct services *s = build_without_file();

	(void)state;
	assert_int_equal(s->ports.nr, ports);
	assert_int_equal(s->names.nr, ports + aliases);
	for (size_t i = 1; i < s->names.nr; i++) {
		const struct entry *a = &s->names.v[i - 1], *b = &s->names.v[i];

		if (!strcmp(s->text + a->name, s->text + b->name) &&
		    key_port(a->key) != key_port(b->key))
			fail_msg("%s: two ports", s->text + a->name);
	}
	services_free(s);
}

static void test_aliases_point_into_table(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(services_aliases); i++) {
		const struct service_def *d = &services_aliases[i];

		if (d->proto & TCP && !services_name(s, IPPROTO_TCP, d->port))
			fail_msg("%s: %u/tcp has no name", d->name, d->port);
		if (d->proto & UDP && !services_name(s, IPPROTO_UDP, d->port))
			fail_msg("%s: %u/udp has no name", d->name, d->port);
	}
	services_free(s);
}

static void test_every_name_leads_back(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	for (size_t i = 0; i < s->ports.nr; i++) {
		uint32_t key = s->ports.v[i].key;
		const char *name = services_name(s, key_proto(key), key_port(key));
		uint16_t tcp, udp;

		assert_ptr_equal(name, s->text + s->ports.v[i].name);
		assert_int_equal(services_port(s, name, &tcp, &udp), 0);
		assert_int_equal(key_proto(key) == IPPROTO_TCP ? tcp : udp, key_port(key));
	}
	services_free(s);
}

static void test_names_without_file(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_UDP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_TCP, 22), "ssh");
	assert_string_equal(services_name(s, IPPROTO_UDP, 53), "domain");
	assert_string_equal(services_name(s, IPPROTO_TCP, 9092), "kafka");
	assert_string_equal(services_name(s, IPPROTO_UDP, 51820), "wireguard");
	services_free(s);
}

static void test_protocols_are_apart(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_string_equal(services_name(s, IPPROTO_TCP, 514), "shell");
	assert_string_equal(services_name(s, IPPROTO_UDP, 514), "syslog");
	assert_null(services_name(s, IPPROTO_UDP, 22));
	assert_null(services_name(s, IPPROTO_TCP, 51820));
	assert_null(services_name(s, IPPROTO_SCTP, 443));
	assert_null(services_name(s, 0, 443));
	services_free(s);
}

static void test_unknown_and_edge_ports(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_null(services_name(s, IPPROTO_TCP, 0));
	assert_null(services_name(s, IPPROTO_UDP, 0));
	assert_null(services_name(s, IPPROTO_TCP, 65535));
	assert_null(services_name(s, IPPROTO_UDP, 65535));
	assert_null(services_name(s, IPPROTO_TCP, 3000));
	assert_string_equal(services_name(s, IPPROTO_TCP, 1), "tcpmux");
	services_free(s);
}

static void test_file_wins(void **state)
{
	char *aliases[] = { "intranet", "kafka", NULL };
	struct servent file[] = {
		line("portal", 443, "tcp", aliases), line("late", 443, "tcp", NULL),
		line("ours", 3000, "udp", NULL),     line("last", 65535, "tcp", NULL),
		line("ssh", 2222, "tcp", NULL),	     { 0 },
	};
	struct services *s = build(file);

	(void)state;
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "portal");
	assert_string_equal(services_name(s, IPPROTO_UDP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_UDP, 3000), "ours");
	assert_null(services_name(s, IPPROTO_TCP, 3000));
	assert_string_equal(services_name(s, IPPROTO_TCP, 65535), "last");

	assert_port(s, "portal", 0, 443, 0);
	assert_port(s, "intranet", 0, 443, 0);
	assert_port(s, "late", 0, 443, 0);
	/* The file gives a compiled name to another port, as an alias or as the name. */
	assert_port(s, "kafka", 0, 443, 0);
	assert_string_equal(services_name(s, IPPROTO_TCP, 9092), "kafka");
	assert_port(s, "ssh", 0, 2222, 0);
	assert_string_equal(services_name(s, IPPROTO_TCP, 22), "ssh");
	/* Its own name for 443 does not take https from the user. */
	assert_port(s, "https", 0, 443, 443);
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
	assert_port(s, "zero", -ENOENT, 0, 0);
	assert_port(s, "other", -ENOENT, 0, 0);
	assert_string_equal(services_name(s, IPPROTO_TCP, 443), "https");
	assert_string_equal(services_name(s, IPPROTO_TCP, 80), "http");
	assert_port(s, "a\tb", -ENOENT, 0, 0);
	assert_port(s, "fine", 0, 443, 0);
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
	assert_port(s, "service-1", 0, 1, 0);
	services_free(s);
}

static void test_reverse(void **state)
{
	struct services *s = build_without_file();

	(void)state;
	assert_port(s, "https", 0, 443, 443);
	assert_port(s, "ssh", 0, 22, 0);
	assert_port(s, "wireguard", 0, 0, 51820);
	assert_port(s, "syslog", 0, 0, 514);
	assert_port(s, "postgres", 0, 5432, 0);
	assert_port(s, "imap2", 0, 143, 0);
	assert_port(s, "no-such-service", -ENOENT, 0, 0);
	assert_port(s, "HTTPS", -ENOENT, 0, 0);
	assert_port(s, "http", 0, 80, 0);
	assert_port(s, "htt", -ENOENT, 0, 0);
	assert_port(s, "", -ENOENT, 0, 0);
	assert_port(s, "~", -ENOENT, 0, 0);
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
	assert_port(s, "https", 0, 443, 443);
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
		cmocka_unit_test(test_table_has_no_duplicates),
		cmocka_unit_test(test_aliases_point_into_table),
		cmocka_unit_test(test_every_name_leads_back),
		cmocka_unit_test(test_names_without_file),
		cmocka_unit_test(test_protocols_are_apart),
		cmocka_unit_test(test_unknown_and_edge_ports),
		cmocka_unit_test(test_file_wins),
		cmocka_unit_test(test_file_lines_that_do_not_count),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_free_null),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
