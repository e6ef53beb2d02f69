// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes and devices as rtnetlink describes them: made up, cut, and the kernel's own of loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include "answers.h"
#include "route.h"
#include "rtask.h"

static const uint8_t gateway4[ADDR_LEN] = { 10, 0, 0, 1 };
static const uint8_t gateway6[ADDR_LEN] = { 0xfe, 0x80, [15] = 1 };
static struct answer a;
static struct route r;
static struct device d;

static void begin_route(void)
{
	const struct rtmsg m = { .rtm_family = AF_INET };

	answer_begin(&a, RTM_NEWROUTE, &m, sizeof(m));
}

static int parse_route(void)
{
	struct nlmsghdr *h = answer_cut(&a, a.h->nlmsg_len);
	int err = route_parse(&r, h);

	free(h);
	return err;
}

static void put_via(uint16_t family, size_t len)
{
	struct {
		uint16_t family;
		uint8_t addr[ADDR_LEN];
	} via = { .family = family };

	memcpy(via.addr, gateway6, ADDR_LEN);
	mnl_attr_put(a.h, RTA_VIA, sizeof(via.family) + len, &via);
}

static void test_on_link(void **state)
{
	(void)state;
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.ifindex, 5);
	assert_int_equal(r.next_hop_ipv, 0);
	assert_int_equal(r.mtu, 0);
	begin_route();
	assert_int_equal(parse_route(), -EBADMSG); /* no device */
}

static void test_gateways(void **state)
{
	(void)state;
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	mnl_attr_put(a.h, RTA_GATEWAY, 4, gateway4);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.next_hop_ipv, 4);
	assert_memory_equal(r.next_hop, gateway4, ADDR_LEN);
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	mnl_attr_put(a.h, RTA_GATEWAY, ADDR_LEN, gateway6);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.next_hop_ipv, 6);
	assert_memory_equal(r.next_hop, gateway6, ADDR_LEN);
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	mnl_attr_put(a.h, RTA_GATEWAY, 5, gateway6);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.next_hop_ipv, 0);
}

static void test_via(void **state)
{
	(void)state;
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	put_via(AF_INET6, ADDR_LEN);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.next_hop_ipv, 6);
	assert_memory_equal(r.next_hop, gateway6, ADDR_LEN);
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	put_via(AF_INET6, 7);
	put_via(99, ADDR_LEN);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.next_hop_ipv, 0);
}

static void test_metrics(void **state)
{
	struct nlattr *nest;

	(void)state;
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	nest = mnl_attr_nest_start(a.h, RTA_METRICS);
	mnl_attr_put_u32(a.h, RTAX_MTU, 1300);
	mnl_attr_put_u32(a.h, RTAX_HOPLIMIT, 77);
	mnl_attr_put(a.h, RTAX_HOPLIMIT, 2, "xx");
	mnl_attr_nest_end(a.h, nest);
	assert_int_equal(parse_route(), 0);
	assert_int_equal(r.mtu, 1300);
	assert_int_equal(r.hop_limit, 77);
}

static void take_route(const struct nlmsghdr *h)
{
	if (!route_parse(&r, h))
		assert_true(r.next_hop_ipv == 0 || r.next_hop_ipv == 4 || r.next_hop_ipv == 6);
}

static void test_hostile_route(void **state)
{
	struct nlattr *nest;

	(void)state;
	begin_route();
	mnl_attr_put_u32(a.h, RTA_OIF, 5);
	mnl_attr_put(a.h, RTA_GATEWAY, 4, gateway4);
	put_via(AF_INET6, ADDR_LEN);
	nest = mnl_attr_nest_start(a.h, RTA_METRICS);
	mnl_attr_put_u32(a.h, RTAX_MTU, 1300);
	mnl_attr_nest_end(a.h, nest);
	answer_torment(&a, take_route);
}

static void begin_device(const char *name, size_t name_len)
{
	const struct ifinfomsg m = { .ifi_flags = IFF_UP | IFF_NOARP };

	answer_begin(&a, RTM_NEWLINK, &m, sizeof(m));
	mnl_attr_put(a.h, IFLA_IFNAME, name_len, name);
	mnl_attr_put_u32(a.h, IFLA_MTU, 1400);
}

static int parse_device(void)
{
	struct nlmsghdr *h = answer_cut(&a, a.h->nlmsg_len);
	int err = device_parse(&d, h);

	free(h);
	return err;
}

static void test_device(void **state)
{
	(void)state;
	begin_device("eth0", sizeof("eth0"));
	mnl_attr_put(a.h, IFLA_ADDRESS, MAC_LEN, "\2\0\0\0\0\1");
	assert_int_equal(parse_device(), 0);
	assert_int_equal(d.flags, IFF_UP | IFF_NOARP);
	assert_int_equal(d.mtu, 1400);
	assert_string_equal(d.name, "eth0");
	assert_true(d.has_mac);
	assert_memory_equal(d.mac, "\2\0\0\0\0\1", MAC_LEN);
	begin_device("ipip0", sizeof("ipip0"));
	mnl_attr_put(a.h, IFLA_ADDRESS, 4, gateway4);
	assert_int_equal(parse_device(), 0);
	assert_false(d.has_mac);
}

static void test_device_name(void **state)
{
	(void)state;
	begin_device("a name that is much too long", 28);
	assert_int_equal(parse_device(), 0);
	assert_memory_equal(d.name, "a name that is much too long", IFNAME_LEN);
	begin_device("", 0);
	assert_int_equal(parse_device(), -EBADMSG);
}

static void take_device(const struct nlmsghdr *h)
{
	device_parse(&d, h);
}

static void test_hostile_device(void **state)
{
	(void)state;
	begin_device("eth0", sizeof("eth0"));
	mnl_attr_put(a.h, IFLA_ADDRESS, MAC_LEN, "\2\0\0\0\0\1");
	answer_torment(&a, take_device);
}

static void test_kernel(void **state)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	const struct route_hints hints = { 0 };
	struct event e = { .proto = IPPROTO_TCP, .ipv = 4, .lport = 4000, .rport = 80 };
	static struct rtask t;

	(void)state;
	assert_non_null(nl);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	e.laddr[0] = e.raddr[0] = 127;
	e.laddr[3] = e.raddr[3] = 1;
	assert_int_equal(route_get(&t, nl, &e, &hints, &r), 0);
	assert_int_equal(r.ifindex, 1);
	assert_int_equal(device_get(&t, nl, r.ifindex, &d), 0);
	assert_string_equal(d.name, "lo");
	assert_true(d.flags & IFF_LOOPBACK);
	assert_int_equal(device_get(&t, nl, 0x7ffffff0, &d), -ENODEV);
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_link),	      cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_via),	      cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_hostile_route), cmocka_unit_test(test_device),
		cmocka_unit_test(test_device_name),   cmocka_unit_test(test_hostile_device),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
