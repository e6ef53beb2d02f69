// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The values of the filter options: what each parser takes, and what it says about the rest. */
#define _GNU_SOURCE 1 /* memfd_create() */
#include "filters.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "capture.h"
#include "parse.h"
#include "services.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct filters f;
static struct services *services;
static struct capture err;

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	filters_free(&f);
	return 0;
}

static int add_ports(const char *list)
{
	return filters_add_ports(&f, services, PORT_SET_ANY, list);
}

/* clang-format off */
static int pids(const char *s) { return filters_add_pids(&f, s); }
static int comm(const char *s) { return filters_add_comm(&f, s); }
static int users(const char *s) { return filters_add_users(&f, s); }
static int nets(const char *s) { return filters_add_nets(&f, s); }
static int classes(const char *s) { return filters_add_classes(&f, s); }
static int netns(const char *s) { return filters_set_netns(&f, s); }
/* clang-format on */

/* Refused with one sentence that holds @option, and @shown unless that is NULL. */
static void assert_refused(int (*parser)(const char *), const char *value, const char *option,
			   const char *shown)
{
	int ret;

	capture_begin(&err, STDERR_FILENO);
	ret = parser(value);
	capture_end(&err);
	if (ret != -EINVAL || !capture_is_one_sentence(&err) || !strstr(err.text, option) ||
	    (shown && !strstr(err.text, shown)))
		fail_msg("%s '%.100s' gave %d and said: %s", option, value, ret, err.text);
}

static void assert_all_refused(int (*parser)(const char *), const char *option,
			       const char *const *values, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		assert_refused(parser, values[i], option, NULL);
		filters_free(&f);
	}
}

/* What no parser may take, however it is called. */
static void assert_hostile_refused(int (*parser)(const char *), const char *option)
{
	/* clang-format off */
	static const char *const values[] = {
		",", ",,", "1,", ",1", "1,,2", " ", " 1", "1 ", "1\n", "-1", "+1", "0x1", "1e1",
		"18446744073709551616", "99999999999999999999999999", "%s%n", "\x1b[31m",
		"\xff\xfe", "1;2", "\x07", "1.5.5", "-", "--", "1--2", "!", "!!", "/", "١",
	};
	/* clang-format on */
	char *big = malloc(100001);

	assert_all_refused(parser, option, values, ARRAY_SIZE(values));
	assert_non_null(big);
	memset(big, 'a', 100000);
	big[100000] = '\0';
	assert_refused(parser, big, option, NULL);
	memset(big, '9', 100000);
	assert_refused(parser, big, option, NULL);
	free(big);
}

static void test_pids(void **state)
{
	(void)state;
	assert_int_equal(pids("1,4194304"), 0);
	assert_int_equal(pids("0042"), 0);
	assert_int_equal(f.set, FILTER_PID);
	assert_int_equal(f.pid_cnt, 3);
	assert_int_equal(f.pids[0], 1);
	assert_int_equal(f.pids[1], 4194304);
	assert_int_equal(f.pids[2], 42);
}

static void test_bad_pids(void **state)
{
	(void)state;
	assert_refused(pids, "1,abc", "--pid", "'abc'");
	assert_refused(pids, "0", "--pid", "'0'");
	assert_refused(pids, "4194305", "--pid", "4194304");
	assert_refused(pids, "", "--pid", "empty");
	assert_hostile_refused(pids, "--pid");
}

static void test_many_pids(void **state)
{
	char list[8 * 2000], *p = list;

	(void)state;
	for (int i = 1; i <= 2000; i++)
		p += sprintf(p, i > 1 ? ",%d" : "%d", i);
	assert_int_equal(pids(list), 0);
	assert_int_equal(f.pid_cnt, 2000);
	assert_int_equal(f.pids[1999], 2000);
}

static void test_comm(void **state)
{
	static const char zero[COMM_LEN];

	(void)state;
	assert_int_equal(comm("a,b"), 0);
	assert_int_equal(comm("exactly-15-byte"), 0);
	assert_int_equal(comm("longer-than-15-bytes"), 0);
	assert_int_equal(comm("\x1b[2J\n"), 0);
	assert_int_equal(f.set, FILTER_COMM);
	assert_int_equal(f.comm_cnt, 4);
	assert_string_equal(f.comms[0], "a,b");
	assert_memory_equal(f.comms[0] + 3, zero, COMM_LEN - 3);
	assert_string_equal(f.comms[1], "exactly-15-byte");
	assert_string_equal(f.comms[2], "longer-than-15-");
	assert_string_equal(f.comms[3], "\x1b[2J\n");
	assert_refused(comm, "", "--comm", "empty");
}

static void test_users(void **state)
{
	(void)state;
	assert_int_equal(users("root,1000"), 0);
	assert_int_equal(users("4294967294"), 0);
	assert_int_equal(f.set, FILTER_UID);
	assert_int_equal(f.uid_cnt, 3);
	assert_int_equal(f.uids[0], 0);
	assert_int_equal(f.uids[1], 1000);
	assert_int_equal(f.uids[2], 4294967294u);
}

static void test_bad_users(void **state)
{
	(void)state;
	assert_refused(users, "no-such-user-here", "--user", "'no-such-user-here'");
	assert_refused(users, "4294967295", "--user", "4294967294");
	assert_refused(users, "", "--user", "empty");
	assert_hostile_refused(users, "--user");
}

static void test_ports(void **state)
{
	(void)state;
	assert_int_equal(add_ports("1,80,8000-8002,65535"), 0);
	assert_int_equal(f.set, FILTER_PORT);
	assert_int_equal(f.ports[1], PORT_SET_ANY);
	assert_int_equal(f.ports[80], PORT_SET_ANY);
	assert_int_equal(f.ports[7999], 0);
	assert_int_equal(f.ports[8000], PORT_SET_ANY);
	assert_int_equal(f.ports[8002], PORT_SET_ANY);
	assert_int_equal(f.ports[8003], 0);
	assert_int_equal(f.ports[65535], PORT_SET_ANY);
	assert_int_equal(f.ports[0], 0);
	assert_int_equal(add_ports("1-65535"), 0);
	assert_int_equal(f.ports[30000], PORT_SET_ANY);
	assert_int_equal(f.ports[0], 0);
}

static void test_port_sets(void **state)
{
	(void)state;
	assert_int_equal(filters_add_ports(&f, NULL, PORT_SET_LOCAL, "53"), 0);
	assert_int_equal(filters_add_ports(&f, NULL, PORT_SET_REMOTE, "53-53,54"), 0);
	assert_int_equal(f.set, FILTER_LPORT | FILTER_RPORT);
	assert_int_equal(f.ports[53], PORT_SET_LOCAL | PORT_SET_REMOTE);
	assert_int_equal(f.ports[54], PORT_SET_REMOTE);
}

/* A name stands for its ports of both protocols: 512/tcp is exec, 512/udp is not. */
static void test_port_names(void **state)
{
	(void)state;
	assert_int_equal(add_ports("https,ftp-data,22"), 0);
	assert_int_equal(f.ports[443], PORT_SET_ANY);
	assert_int_equal(f.ports[20], PORT_SET_ANY);
	assert_int_equal(f.ports[22], PORT_SET_ANY);
	assert_int_equal(f.ports[0], 0);
	assert_int_equal(add_ports("exec"), 0); /* has no UDP port: that must not set port 0 */
	assert_int_equal(f.ports[512], PORT_SET_ANY);
	assert_int_equal(f.ports[0], 0);
}

/* All ports of a name: a range, one of TCP and another of UDP, one that is shown as something else. */
static void test_many_ports_of_a_name(void **state)
{
	unsigned int cnt = 0;

	(void)state;
	assert_int_equal(add_ports("ircu,raid-am,kafka"), 0);
	for (unsigned int port = 0; port < 65536; port++)
		cnt += f.ports[port] != 0;
	assert_int_equal(cnt, 5 + 2 + 1);
	for (unsigned int port = 6665; port <= 6669; port++)
		assert_int_equal(f.ports[port], PORT_SET_ANY);
	assert_int_equal(f.ports[2013], PORT_SET_ANY);
	assert_int_equal(f.ports[2007], PORT_SET_ANY);
	assert_int_equal(f.ports[9092], PORT_SET_ANY);
}

static void test_nearest_service(void **state)
{
	(void)state;
	assert_refused(add_ports, "htps", "--port", "did you mean 'https'?");
	assert_refused(add_ports, "HTTPS", "--port", "did you mean 'https'?");
	assert_refused(add_ports, "kafak", "--port", "did you mean 'kafka'?");
	assert_refused(add_ports, "no-such-service", "--port", "of /etc/services or IANA");
}

static int ports_without_names(const char *list)
{
	return filters_add_ports(&f, NULL, PORT_SET_LOCAL, list);
}

static int remote_ports(const char *list)
{
	return filters_add_ports(&f, NULL, PORT_SET_REMOTE, list);
}

static void test_bad_ports(void **state)
{
	static const char *const values[] = {
		"0",	     "0-80",  "65536",		 "1-65536", "90-80",  "80-",	"-80",
		"80-90-100", "80:90", "no-such-service", "80,0",    "000080", "1-http",
	};

	(void)state;
	assert_all_refused(add_ports, "--port", values, ARRAY_SIZE(values));
	assert_refused(add_ports, "80,no-such", "--port", "'no-such'");
	assert_refused(ports_without_names, "https", "--lport", "'https'");
	assert_refused(remote_ports, "x", "--rport", "'x'");
	assert_hostile_refused(add_ports, "--port");
}

static void assert_net(size_t i, int ipv, const char *addr, int prefix_len, bool exclude)
{
	uint8_t want[ADDR_LEN] = { 0 };

	assert_true(i < f.net_cnt);
	assert_int_equal(inet_pton(ipv == 4 ? AF_INET : AF_INET6, addr, want), 1);
	assert_int_equal(f.nets[i].ipv, ipv);
	assert_memory_equal(f.nets[i].addr, want, sizeof(want));
	assert_int_equal(f.nets[i].prefix_len, prefix_len);
	assert_int_equal(f.nets[i].exclude, exclude);
}

static void test_nets(void **state)
{
	(void)state;
	assert_int_equal(nets("10.0.0.0/8,!10.1.2.3,fd00::/8,2001:db8::1,!fe80::/10"), 0);
	assert_int_equal(f.set, FILTER_NET);
	assert_int_equal(f.net_cnt, 5);
	assert_net(0, 4, "10.0.0.0", 8, false);
	assert_net(1, 4, "10.1.2.3", 32, true);
	assert_net(2, 6, "fd00::", 8, false);
	assert_net(3, 6, "2001:db8::1", 128, false);
	assert_net(4, 6, "fe80::", 10, true);
}

static void test_nets_are_masked(void **state)
{
	(void)state;
	assert_int_equal(nets("10.1.2.3/8,192.168.255.255/23,2001:db8:ffff::1/33,255.255.255.255/0,"
			      "ffff::/0"),
			 0);
	assert_net(0, 4, "10.0.0.0", 8, false);
	assert_net(1, 4, "192.168.254.0", 23, false);
	assert_net(2, 6, "2001:db8:8000::", 33, false);
	assert_net(3, 4, "0.0.0.0", 0, false);
	assert_net(4, 6, "::", 0, false);
}

/* Connections to mapped addresses are IPv4, so networks of such addresses must be too. */
static void test_mapped_nets(void **state)
{
	(void)state;
	assert_int_equal(nets("::ffff:10.1.2.3,::ffff:10.1.2.3/104,!::ffff:0:0/96,::ffff:0:0/95,"
			      "::10.1.2.3"),
			 0);
	assert_net(0, 4, "10.1.2.3", 32, false);
	assert_net(1, 4, "10.0.0.0", 8, false);
	assert_net(2, 4, "0.0.0.0", 0, true);
	assert_net(3, 6, "::fffe:0:0", 95, false);
	assert_net(4, 6, "::10.1.2.3", 128, false);
}

static void test_excluded_nets_only(void **state)
{
	(void)state;
	assert_int_equal(nets("!10.0.0.0/8"), 0);
	assert_int_equal(f.set, FILTER_NET | FILTER_NET_NOT);
	assert_int_equal(nets("!::/0"), 0);
	assert_int_equal(f.set, FILTER_NET | FILTER_NET_NOT);
	assert_int_equal(nets("10.1.0.0/16"), 0);
	assert_int_equal(f.set, FILTER_NET);
	assert_int_equal(nets("!127.0.0.0/8"), 0);
	assert_int_equal(f.set, FILTER_NET);
}

static void test_nets_given_twice(void **state)
{
	(void)state;
	assert_int_equal(nets("10.0.0.0/8,10.9.9.9/8"), 0);
	assert_int_equal(f.net_cnt, 1);
	assert_refused(nets, "!10.0.0.0/8", "--net", "!10.0.0.0/8");
	assert_int_equal(nets("10.0.0.0/9"), 0);
	assert_int_equal(f.net_cnt, 2);
}

static void test_bad_nets(void **state)
{
	/* clang-format off */
	static const char *const values[] = {
		"10.0.0.0/33", "fd00::/129", "10/8", "10.0.0/24", "10.0.0.0/", "10.0.0.0/8/8", "/8",
		"10.0.0.0/-1", "10.0.0.0/255.0.0.0", "10.0.0.0/ 8", "010.0.0.1", "1.2.3.4.5",
		"256.0.0.1", "fd00:::1", ":", "[::1]", "fe80::1%eth0", "localhost", "example.com/8",
		"!!10.0.0.1", "! 10.0.0.1", "10.0.0.1!", "::ffff:10.0.0.1/129", "0x0a.0.0.1",
		"1111:2222:3333:4444:5555:6666:255.255.255.2555",
	};
	/* clang-format on */

	(void)state;
	assert_all_refused(nets, "--net", values, ARRAY_SIZE(values));
	assert_refused(nets, "10.0.0.0/8,nowhere", "--net", "'nowhere'");
	assert_hostile_refused(nets, "--net");
}

static void test_classes(void **state)
{
	(void)state;
	assert_int_equal(classes("well-known"), 0);
	assert_int_equal(f.classes, 1u << CLASS_WELL_KNOWN);
	assert_int_equal(classes("private,registered,private"), 0);
	assert_int_equal(f.classes, (1u << CLASS_CNT) - 1);
	assert_int_equal(f.set, FILTER_CLASS);
}

static void test_bad_classes(void **state)
{
	static const char *const values[] = { "wellknown", "Private", "private ", "system" };

	(void)state;
	assert_all_refused(classes, "--class", values, ARRAY_SIZE(values));
	assert_refused(classes, "private,system", "--class", "'system'");
	assert_refused(classes, "x", "--class", "well-known, registered, private");
	assert_hostile_refused(classes, "--class");
}

static void test_netns(void **state)
{
	char pid[16];
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(netns("/proc/self/ns/net"), 0);
	assert_int_equal(f.set, FILTER_NETNS);
	assert_int_equal(f.netns, (uint32_t)st.st_ino);
	f.netns = 0;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(netns(pid), 0);
	assert_int_equal(f.netns, (uint32_t)st.st_ino);
}

static void test_bad_netns(void **state)
{
	(void)state;
	assert_refused(netns, "no-such-name", "--netns", "/run/netns/no-such-name");
	assert_refused(netns, "4194304", "--netns", "/proc/4194304/ns/net");
	assert_refused(netns, "/no/such/path", "--netns", "No such file");
	assert_refused(netns, "/proc/self/ns/mnt", "--netns", "not a network namespace");
	assert_refused(netns, "/etc/passwd", "--netns", "not a network namespace");
	assert_refused(netns, "/dev/null", "--netns", "not a network namespace");
	assert_refused(netns, "/", "--netns", "not a network namespace");
	assert_refused(netns, "", "--netns", NULL);
	assert_hostile_refused(netns, "--netns");
	assert_int_equal(f.set, 0);
}

static void test_parse_numbers(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(parse_uint("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_uint("18446744073709551616", 0, UINT64_MAX, &v), -EINVAL);
	assert_int_equal(parse_uint("", 0, 9, &v), -EINVAL);
	assert_int_equal(parse_uint("9", 0, 5, &v), -EINVAL);
	assert_int_equal(parse_size("1G", 1u << 30, &v), 0);
	assert_int_equal(v, 1u << 30);
	assert_int_equal(parse_size("2G", 1u << 30, &v), -EINVAL);
	assert_int_equal(parse_size("16k", 1u << 30, &v), 0);
	assert_int_equal(v, 16384);
	assert_int_equal(parse_size("16KB", 1u << 30, &v), -EINVAL);
	assert_int_equal(parse_size("16 ", 1u << 30, &v), -EINVAL);
	assert_int_equal(parse_size("K", 1u << 30, &v), -EINVAL);
	assert_int_equal(v, 16384);
}

static void test_parse_seconds(void **state)
{
	/* clang-format off */
	static const struct {
		const char *s;
		uint64_t ns;
	} cases[] = {
		{ "1", 1000000000 }, { "0.5", 500000000 }, { ".5", 500000000 },
		{ "0.000000001", 1 }, { "1.9999999999", 1999999999 }, { "10", 10000000000ull },
		{ "0", 0 }, { "0.0", 0 }, { "0.0000000001", 0 }, { "10.1", 0 }, { "11", 0 },
		{ ".", 0 }, { "", 0 }, { "-1", 0 }, { "+1", 0 }, { "1s", 0 }, { "1e0", 0 },
		{ "nan", 0 }, { "inf", 0 }, { "1.0.0", 0 }, { "1,5", 0 }, { " 1", 0 }, { "0x1", 0 },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = 0;
		int ret = parse_seconds(cases[i].s, 10, &ns);

		if (ns != cases[i].ns || ret != (ns ? 0 : -EINVAL))
			fail_msg("'%s' gave %d, %llu ns", cases[i].s, ret, (unsigned long long)ns);
	}
}

static int load(void **state)
{
	(void)state;
	return services_load(&services);
}

static int unload(void **state)
{
	(void)state;
	services_free(services);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		TEST(test_pids), TEST(test_bad_pids), TEST(test_many_pids), TEST(test_comm),
		TEST(test_users), TEST(test_bad_users), TEST(test_ports), TEST(test_port_sets),
		TEST(test_port_names), TEST(test_many_ports_of_a_name), TEST(test_nearest_service), TEST(test_bad_ports), TEST(test_nets),
		TEST(test_nets_are_masked), TEST(test_mapped_nets), TEST(test_excluded_nets_only),
		TEST(test_nets_given_twice), TEST(test_bad_nets), TEST(test_classes),
		TEST(test_bad_classes), TEST(test_netns), TEST(test_bad_netns),
		TEST(test_parse_numbers), TEST(test_parse_seconds),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("filters", tests, load, unload);
}
