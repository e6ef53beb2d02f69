// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From what a socket says of its way to the facts of a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "event.h"
#include "links.h"

#define SOME_MAX 4

static struct links *links;
static struct link_record r;
static struct event e;
static struct line l;

/* A connection to 192.0.2.1 by eth0, whose namespace nobody finds. */
static int setup(void **state)
{
	(void)state;
	links = links_new(SOME_MAX);
	memset(&r, 0, sizeof(r));
	memset(&e, 0, sizeof(e));
	e.kind = EVENT_ESTABLISHED;
	e.proto = IPPROTO_TCP;
	e.ipv = 4;
	e.id = r.id = 7;
	e.netns = 1;
	e.flags = EVENT_F_REMOTE;
	inet_pton(AF_INET, "192.0.2.1", e.raddr);
	r.kind = RECORD_LINK;
	r.ifindex = 3;
	r.raddr_ipv = 4;
	memcpy(r.raddr, e.raddr, 4);
	memcpy(r.ifname, "eth0", 4);
	memcpy(r.mac, "\2\0\0\0\0\xaf", MAC_LEN);
	r.mtu = 1400;
	r.mss = 1348;
	r.ttl = 64;
	r.mc_ttl = 1;
	r.dscp = 46;
	r.flags = LINK_F_TTL | LINK_F_DSCP | LINK_F_MAC;
	return links ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	links_free(links);
	return 0;
}

static const struct link_facts *facts(void)
{
	l = (struct line){ .e = &e };
	links_line(links, &l, 1);
	return l.link;
}

static const struct link_facts *facts_of_record(void)
{
	assert_int_equal(links_add(links, &r, sizeof(r)), 0);
	return facts();
}

static void expect_next_hop(const struct link_facts *f, const char *text)
{
	char addr[INET6_ADDRSTRLEN];

	assert_int_equal(f->next_hop_ipv, strchr(text, ':') ? 6 : 4);
	inet_ntop(f->next_hop_ipv == 4 ? AF_INET : AF_INET6, f->next_hop, addr, sizeof(addr));
	assert_string_equal(addr, text);
}

static void test_on_link(void **state)
{
	const struct link_facts *f = facts_of_record();

	(void)state;
	assert_int_equal(f->ifindex, 3);
	assert_string_equal(f->ifname, "eth0");
	assert_string_equal(f->mac, "02:00:00:00:00:af");
	assert_int_equal(f->way, WAY_ON_LINK);
	expect_next_hop(f, "192.0.2.1");
	assert_string_equal(f->next_hop_mac, "");
	assert_int_equal(f->mtu, 1400);
	assert_int_equal(f->mss, 1348);
	assert_true(f->has_ttl && f->has_dscp);
	assert_int_equal(f->ttl, 64);
	assert_int_equal(f->dscp, 46);
}

static void test_gateway(void **state)
{
	const struct link_facts *f;

	(void)state;
	r.next_hop_ipv = 4;
	inet_pton(AF_INET, "10.0.0.1", r.next_hop);
	f = facts_of_record();
	assert_int_equal(f->way, WAY_GATEWAY);
	expect_next_hop(f, "10.0.0.1");
	r.next_hop_ipv = 6;
	inet_pton(AF_INET6, "fe80::1", r.next_hop);
	f = facts_of_record();
	assert_int_equal(f->way, WAY_GATEWAY);
	expect_next_hop(f, "fe80::1");
	/* an exception of a route has the remote itself there */
	r.next_hop_ipv = 4;
	memcpy(r.next_hop, e.raddr, ADDR_LEN);
	f = facts_of_record();
	assert_int_equal(f->way, WAY_ON_LINK);
	expect_next_hop(f, "192.0.2.1");
}

static void test_loopback(void **state)
{
	const struct link_facts *f;

	(void)state;
	r.dev_flags = IFF_LOOPBACK;
	memset(r.mac, 0, MAC_LEN);
	f = facts_of_record();
	assert_int_equal(f->way, WAY_LOOPBACK);
	assert_int_equal(f->next_hop_ipv, 0);
	assert_string_equal(f->mac, "");
}

static void test_point_to_point(void **state)
{
	const struct link_facts *f;

	(void)state;
	r.dev_flags = IFF_POINTOPOINT | IFF_NOARP;
	r.flags &= ~LINK_F_MAC;
	f = facts_of_record();
	assert_int_equal(f->way, WAY_POINT_TO_POINT);
	assert_int_equal(f->next_hop_ipv, 0);
	assert_string_equal(f->mac, "");
	r.next_hop_ipv = 4;
	inet_pton(AF_INET, "10.0.0.1", r.next_hop);
	assert_int_equal(facts_of_record()->way, WAY_GATEWAY);
}

static void test_mapped(void **state)
{
	(void)state;
	e.flags |= EVENT_F_MAPPED;
	r.raddr_ipv = 6;
	inet_pton(AF_INET6, "::ffff:192.0.2.1", r.raddr);
	assert_int_equal(facts_of_record()->ifindex, 3);
	inet_pton(AF_INET6, "::ffff:192.0.2.2", r.raddr);
	assert_int_equal(facts_of_record()->ifindex, 0);
}

/* The route of a connected UDP socket is not that of a datagram to somebody else. */
static void test_another_remote(void **state)
{
	const struct link_facts *f;

	(void)state;
	e.proto = IPPROTO_UDP;
	e.raddr[3]++;
	f = facts_of_record();
	assert_int_equal(f->ifindex, 0);
	assert_int_equal(f->way, WAY_NONE);
	assert_int_equal(f->dscp, 46);
	assert_int_equal(f->ttl, 64);
	e.raddr[0] = 224;
	assert_int_equal(facts()->ttl, 1);
}

static void test_nothing_known(void **state)
{
	const struct link_facts *f = facts();

	(void)state;
	assert_int_equal(f->ifindex, 0);
	assert_false(f->has_ttl || f->has_dscp);
	assert_int_equal(f->mtu, 0);
}

static void test_no_remote(void **state)
{
	(void)state;
	e.flags = 0;
	assert_null(facts_of_record());
	e.flags = EVENT_F_REMOTE;
	e.kind = EVENT_LOST;
	assert_null(facts());
}

static void test_last_record_holds(void **state)
{
	(void)state;
	facts_of_record();
	r.mtu = 1200;
	assert_int_equal(facts_of_record()->mtu, 1200);
}

static void test_dropped_with_the_connection(void **state)
{
	(void)state;
	links_add(links, &r, sizeof(r));
	e.kind = EVENT_CLOSE;
	assert_int_equal(facts()->mtu, 1400);
	assert_int_equal(facts()->mtu, 0);
	/* of UDP there may be more flows */
	e.proto = IPPROTO_UDP;
	links_add(links, &r, sizeof(r));
	assert_int_equal(facts()->mtu, 1400);
	assert_int_equal(facts()->mtu, 1400);
}

static void test_least_recently_used_goes(void **state)
{
	(void)state;
	for (r.id = 1; r.id <= SOME_MAX; r.id++)
		links_add(links, &r, sizeof(r));
	e.id = 1;
	assert_int_equal(facts()->mtu, 1400); /* 2 is the oldest now */
	links_add(links, &r, sizeof(r));
	assert_int_equal(facts()->mtu, 1400);
	e.id = 2;
	assert_int_equal(facts()->mtu, 0);
	e.id = 3;
	assert_int_equal(facts()->mtu, 1400);
}

static void test_hostile(void **state)
{
	const struct link_facts *f;

	(void)state;
	assert_int_equal(links_add(links, &r, sizeof(r) - 1), -EINVAL);
	assert_int_equal(links_add(links, &r, 0), -EINVAL);
	memset((char *)&r.raddr, 0xff, sizeof(r) - offsetof(struct link_record, raddr));
	memset(e.raddr, 0xff, ADDR_LEN);
	for (e.ipv = 4; e.ipv <= 6; e.ipv += 2) {
		for (int ipv = 0; ipv < 256; ipv++) {
			r.raddr_ipv = e.ipv;
			r.next_hop_ipv = ipv;
			f = facts_of_record();
			assert_true(f->next_hop_ipv == 0 || f->next_hop_ipv == 4 ||
				    f->next_hop_ipv == 6);
			assert_true(f->way < WAY_CNT && f->dscp < 64);
		}
	}
	e.ipv = 5;
	assert_null(facts());
}

/* What no socket says is asked of the kernel. */
static void test_kernel(void **state)
{
	const struct link_facts *f;

	(void)state;
	e.netns = 0; /* our own */
	inet_pton(AF_INET, "127.0.0.1", e.raddr);
	f = facts();
	assert_string_equal(f->ifname, "lo");
	assert_int_equal(f->way, WAY_LOOPBACK);
	assert_int_equal(f->mtu, 65535);
	links_rest(links);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_on_link),
		TEST(test_gateway),
		TEST(test_loopback),
		TEST(test_point_to_point),
		TEST(test_mapped),
		TEST(test_another_remote),
		TEST(test_nothing_known),
		TEST(test_no_remote),
		TEST(test_last_record_holds),
		TEST(test_dropped_with_the_connection),
		TEST(test_least_recently_used_goes),
		TEST(test_hostile),
		TEST(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
