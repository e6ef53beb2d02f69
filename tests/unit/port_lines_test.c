// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lines of open ports: since when, for whom, and what only the machine knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "port_lines.h"
#include "ports.h"
#include "resolve.h"
#include "samples.h"
#include "services.h"
#include "started.h"

#define TICK_NS 10000000

static struct services *services;
static struct resolver *resolver;
static struct port_lines *lines;
static struct port_row row;
static struct line l;

static uint32_t own_netns(void)
{
	struct stat ns;

	if (stat("/proc/1/ns/net", &ns) && stat("/proc/self/ns/net", &ns))
		fail_msg("no /proc");
	return ns.st_ino;
}

static int setup(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	row = (struct port_row){ .event = *s.e, .connections = 3 };
	row.key.proto = row.event.proto;
	row.event.netns = own_netns();
	row.event.owner.pid = getpid();
	row.facts.accepted = 5;
	sample_free(&s);
	if (services_load(&services) || resolver_open(&resolver, services))
		return -1;
	lines = port_lines_new(resolver, true);
	return lines ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	port_lines_free(lines);
	resolver_close(resolver);
	services_free(services);
	return 0;
}

static void test_listener(void **state)
{
	(void)state;
	port_line(lines, &row, &l);
	assert_ptr_equal(l.e, &row.event);
	assert_ptr_equal(l.port, &row.facts);
	assert_string_equal(l.port->scope, "every-interface");
	assert_true(l.port->has_connections && l.port->has_accepted);
	assert_int_equal(l.port->connections, 3);
	assert_int_equal(l.port->accepted, 5);
	assert_null(l.port->unexpected);
	assert_string_equal(l.lservice.ptr, "https");
	row.event.lport = 22;
	port_line(lines, &row, &l);
	assert_string_equal(l.port->unexpected, "not-ssh"); /* it is curl */
	row.event.lport = 8443;
	port_line(lines, &row, &l);
	assert_null(l.port->unexpected); /* nothing of the line before */
}

/* Connections are TCP's, and of one that goes out nobody accepts any. */
static void test_without_connections(void **state)
{
	(void)state;
	row.key.proto = row.event.proto = IPPROTO_UDP;
	port_line(lines, &row, &l);
	assert_false(l.port->has_connections || l.port->has_accepted);
	row.key.proto = row.event.proto = IPPROTO_TCP;
	row.key.outbound = true;
	port_line(lines, &row, &l);
	assert_false(l.port->has_connections || l.port->has_accepted);
	row.key.outbound = false;
	port_lines_free(lines);
	lines = port_lines_new(resolver, false); /* nobody watches */
	port_line(lines, &row, &l);
	assert_true(l.port->has_connections);
	assert_false(l.port->has_accepted);
	port_lines_free(NULL);
}

static void test_namespaces(void **state)
{
	(void)state;
	row.event.netns++;
	port_line(lines, &row, &l);
	assert_string_equal(l.port->scope, "container");
	row.event.netns = 0; /* not known: then the address tells */
	port_line(lines, &row, &l);
	assert_string_equal(l.port->scope, "every-interface");
	row.event.flags &= ~EVENT_F_LOCAL;
	port_line(lines, &row, &l);
	assert_null(l.port->scope);
}

/* What was seen opening is so old, all else as old as its process. */
static void test_since(void **state)
{
	uint64_t begin = started_utc(getpid()); /* each time to a tick, up or down */

	(void)state;
	row.event.ts_ns = 1000;
	port_complete(lines, &row);
	assert_true(row.complete);
	assert_in_range(row.facts.since_ns, begin ? begin - TICK_NS : 0,
			begin ? begin + TICK_NS : 0);
	row.facts.since_ns = 7; /* and is looked at once */
	port_complete(lines, &row);
	assert_int_equal(row.facts.since_ns, 7);
	row.seen_opening = true;
	port_complete(lines, &row);
	assert_int_equal(row.facts.since_ns, resolver_utc(resolver, 1000));
	row.event.ts_ns = 2000; /* given up, and opened again */
	port_complete(lines, &row);
	assert_int_equal(row.facts.since_ns, resolver_utc(resolver, 2000));
}

static void test_since_of_nobody(void **state)
{
	(void)state;
	row.event.owner.pid = 0;
	port_complete(lines, &row);
	assert_int_equal(row.facts.since_ns, 0);
	row.complete = false;
	row.event.owner.pid = UINT32_MAX; /* no process has this number */
	port_complete(lines, &row);
	assert_int_equal(row.facts.since_ns, 0);
}

static void test_numeric(void **state)
{
	(void)state;
	row.event.owner.uid = 0;
	port_line(lines, &row, &l);
	assert_string_equal(l.user.ptr, "root");
	port_line_leave_names(&l);
	assert_int_equal(l.user.len + l.lservice.len + l.rservice.len, 0);
	assert_string_equal(l.port->scope, "every-interface"); /* no name, but what it means */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listener), TEST(test_without_connections), TEST(test_namespaces),
		TEST(test_since),    TEST(test_since_of_nobody),     TEST(test_numeric),
	};

	return cmocka_run_group_tests_name("port_lines", tests, NULL, NULL);
}
