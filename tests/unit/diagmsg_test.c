// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages of sock_diag, made up: whole, strange, and cut at every byte. */
#include "diagmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NETNS 4026531840u

static struct inet_diag_msg m;
static struct tcp_info info;
static size_t info_len; /* 0: the message has none */
static bool classes;
static struct diag_socket s;

/* An accepted connection, 10.0.0.1:80 <- 10.0.0.2:40000. */
static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	memset(&info, 0, sizeof(info));
	info_len = sizeof(info);
	classes = false;
	m.idiag_family = AF_INET;
	m.idiag_state = BPF_TCP_ESTABLISHED;
	m.id.idiag_sport = htons(80);
	m.id.idiag_dport = htons(40000);
	m.id.idiag_src[0] = htonl(0x0a000001);
	m.id.idiag_dst[0] = htonl(0x0a000002);
	m.id.idiag_cookie[0] = 0x89abcdef;
	m.id.idiag_cookie[1] = 0x12345;
	m.idiag_inode = 777;
	return 0;
}

/* The message in memory of its very size, @cut bytes shorter, so that the sanitizer sees who reads on. */
static int parse_cut(uint8_t proto, size_t cut)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf), *exact;
	int err;

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	memcpy(mnl_nlmsg_put_extra_header(h, sizeof(m)), &m, sizeof(m));
	mnl_attr_put_u8(h, INET_DIAG_SHUTDOWN, 0);
	if (classes) {
		mnl_attr_put_u8(h, INET_DIAG_TOS, 0xb8);
		mnl_attr_put_u8(h, INET_DIAG_TCLASS, 0x28);
	}
	if (info_len)
		mnl_attr_put(h, INET_DIAG_INFO, info_len, &info);
	mnl_attr_put_u8(h, INET_DIAG_SKV6ONLY, 1);
	h->nlmsg_len -= cut;
	exact = malloc(h->nlmsg_len);
	assert_non_null(exact);
	memcpy(exact, h, h->nlmsg_len);
	memset(&s, 0x55, sizeof(s));
	err = diagmsg_parse(&s, exact, proto, NETNS);
	free(exact);
	return err;
}

static const struct event *parse(uint8_t proto)
{
	assert_int_equal(parse_cut(proto, 0), 0);
	return &s.event;
}

static void addr6(uint32_t *addr, const char *text)
{
	m.idiag_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
}

static void assert_addr(const uint8_t *addr, int family, const char *text)
{
	uint8_t expected[ADDR_LEN] = { 0 };

	assert_int_equal(inet_pton(family, text, expected), 1);
	assert_memory_equal(addr, expected, ADDR_LEN);
}

static void test_whole(void **state)
{
	const struct event *e = parse(IPPROTO_TCP);

	(void)state;
	assert_int_equal(e->kind, EVENT_EXISTING);
	assert_true(e->id == 0x1234589abcdefull);
	assert_int_equal(s.inode, 777);
	assert_int_equal(e->netns, NETNS);
	assert_int_equal(e->proto, IPPROTO_TCP);
	assert_int_equal(e->ipv, 4);
	assert_addr(e->laddr, AF_INET, "10.0.0.1");
	assert_addr(e->raddr, AF_INET, "10.0.0.2");
	assert_int_equal(e->lport, 80);
	assert_int_equal(e->rport, 40000);
	assert_int_equal(e->flags, EVENT_F_LOCAL | EVENT_F_REMOTE);
	assert_int_equal(e->new_state, BPF_TCP_ESTABLISHED);
	assert_int_equal(e->owner.pid | e->attr | e->lorigin | e->error, 0);
}

static void test_ipv6(void **state)
{
	const struct event *e;

	(void)state;
	addr6(m.id.idiag_src, "2001:db8::1");
	addr6(m.id.idiag_dst, "2001:db8::2");
	e = parse(IPPROTO_TCP);
	assert_int_equal(e->ipv, 6);
	assert_addr(e->laddr, AF_INET6, "2001:db8::1");
	assert_addr(e->raddr, AF_INET6, "2001:db8::2");
	assert_int_equal(e->flags, EVENT_F_LOCAL | EVENT_F_REMOTE);
}

static void test_mapped(void **state)
{
	const struct event *e;

	(void)state;
	addr6(m.id.idiag_src, "::ffff:10.0.0.1");
	addr6(m.id.idiag_dst, "::ffff:10.0.0.2");
	e = parse(IPPROTO_TCP);
	assert_int_equal(e->ipv, 4);
	assert_addr(e->laddr, AF_INET, "10.0.0.1");
	assert_addr(e->raddr, AF_INET, "10.0.0.2");
	assert_int_equal(e->flags, EVENT_F_LOCAL | EVENT_F_REMOTE | EVENT_F_MAPPED);
	/* its remote end decides, while its local one is not chosen yet */
	addr6(m.id.idiag_src, "::");
	e = parse(IPPROTO_TCP);
	assert_int_equal(e->ipv, 4);
	assert_addr(e->laddr, AF_INET, "0.0.0.0");
}

/* Bound to nothing, it is for both versions; bound to an IPv4 address, for that. */
static void test_dual_stack(void **state)
{
	const struct event *e;

	(void)state;
	m.idiag_state = BPF_TCP_CLOSE;
	m.id.idiag_dport = 0;
	addr6(m.id.idiag_src, "::");
	addr6(m.id.idiag_dst, "::");
	e = parse(IPPROTO_UDP);
	assert_int_equal(e->ipv, 6);
	assert_int_equal(e->flags, EVENT_F_LOCAL);
	addr6(m.id.idiag_src, "::ffff:10.0.0.1");
	e = parse(IPPROTO_UDP);
	assert_int_equal(e->ipv, 4);
	assert_addr(e->laddr, AF_INET, "10.0.0.1");
	assert_addr(e->raddr, AF_INET, "0.0.0.0");
	assert_int_equal(e->flags, EVENT_F_LOCAL | EVENT_F_MAPPED);
}

static void test_listener(void **state)
{
	const struct event *e;

	(void)state;
	m.idiag_state = BPF_TCP_LISTEN;
	m.idiag_rqueue = 3;
	m.idiag_wqueue = 128;
	info.tcpi_bytes_sent = 99;
	e = parse(IPPROTO_TCP);
	assert_int_equal(e->flags, EVENT_F_LOCAL);
	assert_int_equal(e->rport, 0);
	assert_addr(e->raddr, AF_INET, "0.0.0.0");
	assert_int_equal(e->accept_queue, 3);
	assert_int_equal(e->backlog, 128);
	assert_int_equal(e->rx_queue_bytes | e->tx_queue_bytes, 0);
	assert_int_equal(e->direction, DIRECTION_NONE);
	assert_true(!e->tx_bytes);
}

static void test_udp(void **state)
{
	const struct event *e;

	(void)state;
	info_len = 0;
	m.idiag_rqueue = 832;
	m.idiag_wqueue = 2304;
	e = parse(IPPROTO_UDP);
	assert_int_equal(e->direction, DIRECTION_OUT);
	assert_int_equal(e->rx_queue_bytes, 832);
	assert_int_equal(e->tx_queue_bytes, 2304);
	assert_int_equal(e->backlog, 0);
	m.id.idiag_dst[0] = 0;
	m.id.idiag_dport = 0;
	m.idiag_state = BPF_TCP_CLOSE;
	assert_int_equal(parse(IPPROTO_UDP)->direction, DIRECTION_NONE);
}

static void test_totals(void **state)
{
	const struct event *e;

	(void)state;
	m.idiag_rqueue = 5;
	m.idiag_wqueue = 300;
	info.tcpi_bytes_sent = 1500;
	info.tcpi_bytes_retrans = 500;
	info.tcpi_bytes_acked = 800;
	info.tcpi_notsent_bytes = 100;
	info.tcpi_bytes_received = 70;
	info.tcpi_segs_out = 11;
	info.tcpi_segs_in = 12;
	info.tcpi_total_retrans = 2;
	info.tcpi_rtt = 250;
	e = parse(IPPROTO_TCP);
	assert_true(e->tx_bytes == 1000 && e->rx_bytes == 70);
	assert_true(e->tx_packets == 11 && e->rx_packets == 12);
	assert_int_equal(e->retrans, 2);
	assert_int_equal(e->rtt_us, 250);
	assert_int_equal(e->rx_queue_bytes, 5);
	assert_int_equal(e->tx_queue_bytes, 300);
	assert_int_equal(e->direction, DIRECTION_IN);
}

/* It counts as a byte received, in each state that follows it. */
static void test_fin_received(void **state)
{
	static const uint8_t with[] = { BPF_TCP_CLOSE_WAIT, BPF_TCP_LAST_ACK, BPF_TCP_CLOSING };
	static const uint8_t without[] = { BPF_TCP_ESTABLISHED, BPF_TCP_FIN_WAIT1,
					   BPF_TCP_FIN_WAIT2 };

	(void)state;
	info.tcpi_bytes_received = 71;
	for (size_t i = 0; i < sizeof(with); i++) {
		m.idiag_state = with[i];
		assert_true(parse(IPPROTO_TCP)->rx_bytes == 70);
	}
	for (size_t i = 0; i < sizeof(without); i++) {
		m.idiag_state = without[i];
		assert_true(parse(IPPROTO_TCP)->rx_bytes == 71);
	}
	info.tcpi_bytes_received = 0;
	m.idiag_state = BPF_TCP_CLOSE_WAIT;
	assert_true(parse(IPPROTO_TCP)->rx_bytes == 0);
}

static uint8_t direction(uint8_t tcp_state, uint64_t acked, uint32_t queue, uint32_t notsent)
{
	m.idiag_state = tcp_state;
	m.idiag_wqueue = queue;
	info.tcpi_bytes_acked = acked;
	info.tcpi_notsent_bytes = notsent;
	return parse(IPPROTO_TCP)->direction;
}

/* By the sequence numbers, of which 1000 were payload. */
static void test_direction(void **state)
{
	(void)state;
	info.tcpi_bytes_sent = 1000;
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 1000, 0, 0), DIRECTION_IN);
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 1001, 0, 0), DIRECTION_OUT);
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 600, 400, 0), DIRECTION_IN);
	assert_int_equal(direction(BPF_TCP_CLOSE_WAIT, 601, 400, 0), DIRECTION_OUT);
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 601, 5400, 5000), DIRECTION_OUT);
	/* the FIN was sent, or waits behind the data */
	assert_int_equal(direction(BPF_TCP_FIN_WAIT2, 1001, 0, 0), DIRECTION_IN);
	assert_int_equal(direction(BPF_TCP_FIN_WAIT2, 1002, 0, 0), DIRECTION_OUT);
	assert_int_equal(direction(BPF_TCP_LAST_ACK, 600, 401, 0), DIRECTION_IN);
	assert_int_equal(direction(BPF_TCP_FIN_WAIT1, 601, 5400, 5000), DIRECTION_OUT);
	/* neither: it has changed between the two looks */
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 900, 0, 0), DIRECTION_NONE);
	assert_int_equal(direction(BPF_TCP_ESTABLISHED, 1002, 0, 0), DIRECTION_NONE);
	assert_int_equal(direction(BPF_TCP_SYN_SENT, 0, 1, 0), DIRECTION_OUT);
	assert_int_equal(direction(BPF_TCP_SYN_RECV, 0, 0, 0), DIRECTION_IN);
}

/* Of old kernels it is shorter, of new ones longer. */
static void test_info_lengths(void **state)
{
	const size_t enough = offsetof(struct tcp_info, tcpi_bytes_retrans) + 8;

	(void)state;
	info.tcpi_bytes_received = 70;
	info_len = enough;
	assert_true(parse(IPPROTO_TCP)->rx_bytes == 70);
	info_len = enough - 1;
	assert_true(parse(IPPROTO_TCP)->rx_bytes == 0);
	assert_int_equal(s.event.direction, DIRECTION_NONE);
	info_len = 0;
	assert_true(parse(IPPROTO_TCP)->rx_bytes == 0);
}

/* Nothing but its addresses, and no file. */
static void test_time_wait(void **state)
{
	const struct event *e;

	(void)state;
	info_len = 0;
	m.idiag_inode = 0;
	m.idiag_state = BPF_TCP_TIME_WAIT;
	e = parse(IPPROTO_TCP);
	assert_int_equal(s.inode, 0);
	assert_int_equal(e->direction, DIRECTION_NONE);
	assert_int_equal(e->rport, 40000);
}

/* Whatever is missing at the end: refused, unless it is a whole attribute or the padding behind one. */
static void test_cut(void **state)
{
	const size_t pad = 3, last = 8, two = last + 4 + sizeof(info), all = two + 8;

	(void)state;
	for (size_t cut = 1; cut <= all + sizeof(m); cut++) {
		bool whole =
			cut <= pad || cut == last || (cut >= two && cut <= two + pad) || cut == all;

		assert_int_equal(parse_cut(IPPROTO_TCP, cut), whole ? 0 : -EBADMSG);
	}
}

static void test_refused(void **state)
{
	static const uint8_t families[] = { 0, AF_UNIX, AF_INET6 + 1, 255 };
	static const uint8_t states[] = { 0, BPF_TCP_NEW_SYN_RECV, 31, 32, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof(families); i++) {
		m.idiag_family = families[i];
		assert_int_equal(parse_cut(IPPROTO_TCP, 0), -EBADMSG);
	}
	m.idiag_family = AF_INET;
	for (size_t i = 0; i < sizeof(states); i++) {
		m.idiag_state = states[i];
		assert_int_equal(parse_cut(IPPROTO_TCP, 0), -EBADMSG);
	}
}

/* An attribute that says that it is longer than the message, or shorter than its own head. */
static void test_attribute_lengths(void **state)
{
	static const uint16_t lengths[] = { 0, 3, 9, UINT16_MAX };
	struct {
		struct nlmsghdr h;
		struct inet_diag_msg m;
		struct nlattr a;
		uint32_t value;
	} msg = { .h = { .nlmsg_len = sizeof(msg) } };

	(void)state;
	msg.m = m;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		msg.a = (struct nlattr){ .nla_len = lengths[i], .nla_type = INET_DIAG_INFO };
		assert_int_equal(diagmsg_parse(&s, &msg.h, IPPROTO_TCP, NETNS), -EBADMSG);
	}
	msg.a.nla_len = 8;
	assert_int_equal(diagmsg_parse(&s, &msg.h, IPPROTO_TCP, NETNS), 0);
}

/* For --link: the class is that of the version that travels. */
static void test_link(void **state)
{
	(void)state;
	m.id.idiag_if = 4;
	info.tcpi_snd_mss = 1348;
	parse(IPPROTO_TCP);
	assert_int_equal(s.bound_ifindex, 4);
	assert_int_equal(s.mss, 0); /* as long as nothing was sent, no MTU is known either */
	assert_false(s.has_dscp);
	info.tcpi_pmtu = 1400;
	classes = true;
	parse(IPPROTO_TCP);
	assert_int_equal(s.mtu, 1400);
	assert_int_equal(s.mss, 1348);
	assert_true(s.has_dscp);
	assert_int_equal(s.dscp, 46);
	m.idiag_family = AF_INET6;
	addr6(m.id.idiag_src, "2001:db8::1");
	addr6(m.id.idiag_dst, "2001:db8::2");
	parse(IPPROTO_TCP);
	assert_int_equal(s.dscp, 10);
	addr6(m.id.idiag_src, "::ffff:10.0.0.1");
	addr6(m.id.idiag_dst, "::ffff:10.0.0.2");
	parse(IPPROTO_TCP);
	assert_int_equal(s.dscp, 46);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),     TEST(test_ipv6),
		TEST(test_mapped),    TEST(test_dual_stack),
		TEST(test_listener),  TEST(test_udp),
		TEST(test_totals),    TEST(test_fin_received),
		TEST(test_direction), TEST(test_info_lengths),
		TEST(test_time_wait), TEST(test_cut),
		TEST(test_refused),   TEST(test_attribute_lengths),
		TEST(test_link),
	};

	return cmocka_run_group_tests_name("diagmsg", tests, NULL, NULL);
}
