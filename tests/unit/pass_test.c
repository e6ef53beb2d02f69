// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Each filter, on both sides of its border. */
#include "pass.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"

static struct filters f;
static struct pass p;
static struct event e;

/* What the filters are given: 10.1.2.3:40000 -> 192.0.2.7:443, of nginx. */
static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	memset(&e, 0, sizeof(e));
	p = (struct pass){ .f = &f };
	e.ipv = 4;
	e.proto = IPPROTO_TCP;
	e.netns = 4026531840;
	e.lport = 40000;
	e.rport = 443;
	e.flags = EVENT_F_LOCAL | EVENT_F_REMOTE;
	e.direction = DIRECTION_OUT;
	e.owner = (struct owner){ .pid = 77, .tid = 77, .ppid = 1, .uid = 33, .comm = "nginx" };
	assert_int_equal(inet_pton(AF_INET, "10.1.2.3", e.laddr), 1);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", e.raddr), 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	filters_free(&f);
	return 0;
}

static bool passes(void)
{
	return pass_filters(&p, &e, 0);
}

static void listening(void)
{
	memset(e.raddr, 0, ADDR_LEN);
	e.rport = 0;
	e.flags = EVENT_F_LOCAL;
	e.direction = DIRECTION_NONE;
}

/* With no filters but these networks. */
static bool nets_pass(const char *list, const char *raddr)
{
	bool passed;

	filters_free(&f);
	memset(&f, 0, sizeof(f));
	assert_int_equal(filters_add_nets(&f, list), 0);
	memset(e.raddr, 0, ADDR_LEN);
	e.ipv = strchr(raddr, ':') ? 6 : 4;
	assert_int_equal(inet_pton(e.ipv == 4 ? AF_INET : AF_INET6, raddr, e.raddr), 1);
	passed = passes();
	assert_int_equal(pass_tuple(&p, &e.tuple, e.direction), passed);
	return passed;
}

static void test_none(void **state)
{
	(void)state;
	assert_true(passes());
	memset(&e.owner, 0, sizeof(e.owner));
	assert_true(passes());
	listening();
	assert_true(passes());
}

static bool ports_pass(uint8_t set, const char *list)
{
	bool passed;

	filters_free(&f);
	memset(&f, 0, sizeof(f));
	assert_int_equal(filters_add_ports(&f, NULL, set, list), 0);
	passed = passes();
	return passed;
}

static void test_ports(void **state)
{
	(void)state;
	assert_true(ports_pass(PORT_SET_ANY, "443"));
	assert_true(ports_pass(PORT_SET_ANY, "39999-40000"));
	assert_false(ports_pass(PORT_SET_ANY, "442,444,39999,40001"));
	assert_true(ports_pass(PORT_SET_LOCAL, "40000"));
	assert_false(ports_pass(PORT_SET_LOCAL, "443"));
	assert_true(ports_pass(PORT_SET_REMOTE, "443"));
	assert_false(ports_pass(PORT_SET_REMOTE, "40000"));
}

/* They are combined with AND, also those of one table. */
static void test_ports_combined(void **state)
{
	(void)state;
	assert_int_equal(filters_add_ports(&f, NULL, PORT_SET_LOCAL, "40000"), 0);
	assert_int_equal(filters_add_ports(&f, NULL, PORT_SET_REMOTE, "80"), 0);
	assert_false(passes());
	assert_int_equal(filters_add_ports(&f, NULL, PORT_SET_REMOTE, "443"), 0);
	assert_true(passes());
}

static void test_nets(void **state)
{
	(void)state;
	assert_true(nets_pass("192.0.2.0/24", "192.0.2.7"));
	assert_true(nets_pass("192.0.2.7", "192.0.2.7"));
	assert_false(nets_pass("192.0.2.6", "192.0.2.7"));
	assert_true(nets_pass("192.0.2.0/25", "192.0.2.127"));
	assert_false(nets_pass("192.0.2.0/25", "192.0.2.128"));
	assert_true(nets_pass("0.0.0.0/0", "192.0.2.7"));
	assert_false(nets_pass("0.0.0.0/0", "2001:db8::1"));
	assert_false(nets_pass("::/0", "192.0.2.7"));
	assert_true(nets_pass("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(nets_pass("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(nets_pass("2001:db8::1", "2001:db8::1"));
	assert_false(nets_pass("2001:db8::1", "2001:db8::2"));
}

/* The longest prefix decides, whatever the order; with only excluded ones the rest is wanted. */
static void test_nets_longest(void **state)
{
	(void)state;
	assert_false(nets_pass("10.0.0.0/8,!10.1.0.0/16", "10.1.2.3"));
	assert_false(nets_pass("!10.1.0.0/16,10.0.0.0/8", "10.1.2.3"));
	assert_true(nets_pass("!10.1.0.0/16,10.0.0.0/8", "10.2.2.3"));
	assert_true(nets_pass("!10.1.0.0/16,10.1.2.0/24,10.0.0.0/8", "10.1.2.3"));
	assert_false(nets_pass("!10.1.0.0/16", "10.1.2.3"));
	assert_true(nets_pass("!10.1.0.0/16", "10.2.2.3"));
	assert_true(nets_pass("!10.1.0.0/16", "2001:db8::1"));
}

/* What has no remote side is in no network, and not outside of one either. */
static void test_nets_listener(void **state)
{
	(void)state;
	listening();
	assert_int_equal(filters_add_nets(&f, "!10.0.0.0/8"), 0);
	assert_false(passes());
}

static void test_direction(void **state)
{
	(void)state;
	f.set = FILTER_OUT;
	assert_true(passes());
	e.direction = DIRECTION_IN;
	assert_false(passes());
	f.set = FILTER_IN;
	assert_true(passes());
	e.direction = DIRECTION_NONE;
	assert_false(passes());
	listening();
	assert_false(passes());
}

/* Of the port of the side that did not begin; a listener's is that. */
static void test_class(void **state)
{
	(void)state;
	assert_int_equal(filters_add_classes(&f, "well-known"), 0);
	assert_true(passes());
	e.direction = DIRECTION_IN;
	assert_false(passes());
	e.lport = 1023;
	assert_true(passes());
	e.lport = 1024;
	assert_false(passes());
	e.lport = 22;
	e.direction = DIRECTION_NONE;
	assert_false(passes());
	listening();
	assert_true(passes());
	e.lport = 50000;
	assert_false(passes());
	assert_int_equal(filters_add_classes(&f, "private"), 0);
	assert_true(passes());
}

static void test_version_and_protocol(void **state)
{
	(void)state;
	f.set = FILTER_IPV4 | FILTER_TCP;
	assert_true(passes());
	f.set = FILTER_IPV6;
	assert_false(passes());
	f.set = FILTER_UDP;
	assert_false(passes());
	e.ipv = 6;
	e.proto = IPPROTO_UDP;
	assert_true(passes());
	f.set = FILTER_IPV6 | FILTER_UDP;
	assert_true(passes());
	f.set = FILTER_TCP;
	assert_false(passes());
	f.set = FILTER_IPV4;
	assert_false(passes());
}

static void test_netns(void **state)
{
	(void)state;
	f.set = FILTER_NETNS;
	f.netns = e.netns;
	assert_true(passes());
	f.netns++;
	assert_false(passes());
}

static void test_pid(void **state)
{
	(void)state;
	assert_int_equal(filters_add_pids(&f, "76,78"), 0);
	assert_false(passes());
	assert_int_equal(filters_add_pids(&f, "77"), 0);
	assert_true(passes());
}

static void test_uid(void **state)
{
	(void)state;
	assert_int_equal(filters_add_users(&f, "0"), 0);
	assert_false(passes());
	assert_int_equal(filters_add_users(&f, "33"), 0);
	assert_true(passes());
}

static void test_comm(void **state)
{
	(void)state;
	assert_int_equal(filters_add_comm(&f, "ngin"), 0);
	assert_int_equal(filters_add_comm(&f, "nginxx"), 0);
	assert_false(passes());
	assert_int_equal(filters_add_comm(&f, "nginx"), 0);
	assert_true(passes());
	/* longer than a process's name can be: cut as the kernel cuts it */
	strcpy(e.owner.comm, "fifteen-letters");
	assert_false(passes());
	assert_int_equal(filters_add_comm(&f, "fifteen-letters-and-more"), 0);
	assert_true(passes());
}

static void test_cgroup(void **state)
{
	(void)state;
	f.set = FILTER_CGROUP;
	p.cgroup_id = 1234;
	p.cgroup_level = 2;
	e.owner.cgroup_id = 99; /* some way below */
	assert_true(pass_filters(&p, &e, 1234));
	assert_false(pass_filters(&p, &e, 1235));
	e.owner.cgroup_id = 1234;
	assert_false(pass_filters(&p, &e, 0));
}

/* That is uid 0, too. */
static void test_nobody(void **state)
{
	(void)state;
	memset(&e.owner, 0, sizeof(e.owner));
	assert_int_equal(filters_add_users(&f, "0"), 0);
	assert_false(passes());
	e.owner.pid = 1;
	assert_true(passes());
}

static void test_owner_combined(void **state)
{
	(void)state;
	assert_int_equal(filters_add_pids(&f, "77"), 0);
	assert_int_equal(filters_add_comm(&f, "redis"), 0);
	assert_false(passes());
	assert_true(pass_tuple(&p, &e.tuple, e.direction));
	assert_false(pass_owner(&p, &e.owner, 0));
}

static void test_init(void **state)
{
	struct capture err;
	int ret;

	(void)state;
	assert_int_equal(pass_init(&p, &f), 0);
	assert_ptr_equal(p.f, &f);
	f.set = FILTER_CGROUP;
	f.cgroup = strdup("/no such cgroup");
	capture_begin(&err, STDERR_FILENO);
	ret = pass_init(&p, &f);
	capture_end(&err);
	assert_true(ret < 0);
	assert_true(capture_is_one_sentence(&err));
	assert_non_null(strstr(err.text, "/no such cgroup"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),	   TEST(test_ports),	    TEST(test_ports_combined),
		TEST(test_nets),	   TEST(test_nets_longest), TEST(test_nets_listener),
		TEST(test_direction),	   TEST(test_class),	    TEST(test_version_and_protocol),
		TEST(test_netns),	   TEST(test_pid),	    TEST(test_uid),
		TEST(test_comm),	   TEST(test_cgroup),	    TEST(test_nobody),
		TEST(test_owner_combined), TEST(test_init),
	};

	return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
