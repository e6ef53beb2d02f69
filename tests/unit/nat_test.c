// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which questions an event asks, and what is remembered of the answers of a made-up conntrack. */
#include "nat.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOME 1
#define OWN 2
#define PID 77

/* Addresses are 10.0.0.N here, or 127.0.0.N from LOOPBACK on. */
#define LOOPBACK 200

enum { CLIENT = 1, SERVICE, POD, ROUTER, OTHER };

struct connection {
	uint32_t netns;
	struct path original, reply;
};

static struct connection known[4];
static size_t known_cnt;
static struct {
	uint32_t netns, pid;
} asked[16];
static size_t asked_cnt;
static struct nat *nat;
static struct event e;

static void addr(uint8_t *a, unsigned int n)
{
	memset(a, 0, ADDR_LEN);
	a[0] = n < LOOPBACK ? 10 : 127;
	a[3] = n;
}

static struct path path(unsigned int src, uint16_t sport, unsigned int dst, uint16_t dport)
{
	struct path p = { .sport = sport, .dport = dport, .ipv = 4, .proto = e.proto };

	addr(p.src, src);
	addr(p.dst, dst);
	return p;
}

static void track(uint32_t netns, struct path original, struct path reply)
{
	known[known_cnt++] = (struct connection){ netns, original, reply };
}

static int ask(void *ctx, uint32_t netns, uint32_t pid, const struct path *sent, struct path *back)
{
	assert_null(ctx);
	asked[asked_cnt % 16].netns = netns;
	asked[asked_cnt++ % 16].pid = pid;
	for (size_t i = 0; i < known_cnt; i++) {
		if (known[i].netns != netns)
			continue;
		if (!memcmp(&known[i].original, sent, sizeof(*sent)))
			*back = known[i].reply;
		else if (!memcmp(&known[i].reply, sent, sizeof(*sent)))
			*back = known[i].original;
		else
			continue;
		return 0;
	}
	return -ENOENT;
}

static int setup(void **state)
{
	(void)state;
	known_cnt = asked_cnt = 0;
	e = (struct event){
		.kind = EVENT_ESTABLISHED,
		.id = 5,
		.owner.pid = PID,
		.netns = OWN,
		.lport = 40000,
		.rport = 80,
		.ipv = 4,
		.proto = IPPROTO_TCP,
		.flags = EVENT_F_LOCAL | EVENT_F_REMOTE,
	};
	addr(e.laddr, CLIENT);
	addr(e.raddr, SERVICE);
	nat = nat_new(ask, NULL, HOME);
	return !nat;
}

static int teardown(void **state)
{
	(void)state;
	nat_free(nat);
	return 0;
}

static const struct nat_end *line(enum event_kind kind)
{
	struct line l = { .e = &e };

	e.kind = kind;
	asked_cnt = 0;
	nat_line(nat, &l);
	return l.nat;
}

static void assert_end(enum event_kind kind, unsigned int n, uint16_t port)
{
	const struct nat_end *end = line(kind);
	uint8_t wanted[ADDR_LEN];

	addr(wanted, n);
	assert_non_null(end);
	assert_memory_equal(end->addr, wanted, ADDR_LEN);
	assert_int_equal(end->port, port);
}

static void assert_none(enum event_kind kind)
{
	assert_null(line(kind));
}

/* The service's address is that of a pod, as the host knows: it is asked after the socket's own namespace. */
static void test_service(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	assert_int_equal(asked_cnt, 2);
	assert_int_equal(asked[0].netns, OWN);
	assert_int_equal(asked[0].pid, PID);
	assert_int_equal(asked[1].netns, HOME);
	assert_int_equal(asked[1].pid, 0);
}

/* The pod sees the router; the client is who opened it. */
static void test_masquerade(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	addr(e.laddr, POD);
	e.lport = 8080;
	addr(e.raddr, ROUTER);
	e.rport = 50000;
	assert_end(EVENT_ACCEPT, CLIENT, 40000);
}

static void test_own_namespace(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, CLIENT, 40000));
	e.netns = HOME;
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	assert_int_equal(asked_cnt, 1);
	e.id++;
	e.netns = 0; /* not known: it is taken for ours */
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	assert_int_equal(asked_cnt, 1);
	assert_int_equal(asked[0].netns, HOME);
}

/* First in the client's namespace, then at home, where the packets come with other ends. */
static void test_two_in_a_row(void **state)
{
	(void)state;
	track(OWN, path(CLIENT, 40000, SERVICE, 80), path(OTHER, 81, ROUTER, 30000));
	track(HOME, path(ROUTER, 30000, OTHER, 81), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	addr(e.laddr, POD); /* and the other way round */
	e.lport = 8080;
	addr(e.raddr, ROUTER);
	e.rport = 50000;
	e.netns = OTHER;
	assert_end(EVENT_ACCEPT, ROUTER, 30000);
}

/* There and back again: that is who the socket says. */
static void test_back_again(void **state)
{
	(void)state;
	track(OWN, path(CLIENT, 40000, SERVICE, 80), path(OTHER, 81, CLIENT, 40000));
	track(HOME, path(CLIENT, 40000, OTHER, 81), path(SERVICE, 80, CLIENT, 40000));
	assert_none(EVENT_ESTABLISHED);
}

static void test_port_alone(void **state)
{
	(void)state;
	track(OWN, path(CLIENT, 40000, SERVICE, 80), path(SERVICE, 8080, CLIENT, 40000));
	assert_end(EVENT_ESTABLISHED, SERVICE, 8080);
}

/* A redirection to loopback, and what was for loopback from the beginning: the host has another one. */
static void test_loopback(void **state)
{
	(void)state;
	track(OWN, path(CLIENT, 40000, SERVICE, 80), path(LOOPBACK, 8080, CLIENT, 40000));
	assert_end(EVENT_ESTABLISHED, LOOPBACK, 8080);
	assert_int_equal(asked_cnt, 1);
	e.id++;
	addr(e.raddr, LOOPBACK);
	track(HOME, path(CLIENT, 40000, LOOPBACK, 80), path(POD, 8080, CLIENT, 40000));
	assert_none(EVENT_ESTABLISHED);
	assert_int_equal(asked_cnt, 1);
	memset(e.raddr, 0, ADDR_LEN);
	e.raddr[ADDR_LEN - 1] = 1;
	e.ipv = 6;
	assert_none(EVENT_ESTABLISHED);
	assert_int_equal(asked_cnt, 1);
}

static void test_what_cannot_be_asked(void **state)
{
	(void)state;
	e.flags = EVENT_F_LOCAL;
	assert_none(EVENT_LISTEN);
	e.flags = EVENT_F_REMOTE;
	assert_none(EVENT_FAIL);
	e.flags |= EVENT_F_LOCAL;
	e.lport = 0;
	assert_none(EVENT_FAIL);
	e.lport = 40000;
	e.ipv = 0;
	assert_none(EVENT_FAIL);
	e.ipv = 4;
	memset(e.laddr, 0, ADDR_LEN);
	assert_none(EVENT_FLOW);
	e.proto = 132;
	addr(e.laddr, CLIENT);
	assert_none(EVENT_FLOW);
	assert_int_equal(asked_cnt, 0);
}

/* Conntrack's entry is gone when the connection closes. */
static void test_remembered_until_close(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	known_cnt = 0;
	assert_end(EVENT_STATE, POD, 8080);
	assert_end(EVENT_CLOSE, POD, 8080);
	assert_int_equal(asked_cnt, 0);
	assert_none(EVENT_CLOSE); /* and no longer */
}

/* Nor is it there yet when it is being opened. */
static void test_asked_again_after_connect(void **state)
{
	(void)state;
	assert_none(EVENT_CONNECT);
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
}

/* What only one of two has said when it is being opened may be half of it. */
static void test_half_at_connect(void **state)
{
	(void)state;
	track(OWN, path(CLIENT, 40000, SERVICE, 80), path(OTHER, 81, CLIENT, 40000));
	assert_end(EVENT_CONNECT, OTHER, 81);
	track(HOME, path(CLIENT, 40000, OTHER, 81), path(POD, 8080, CLIENT, 40000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	known_cnt = 0;
	assert_end(EVENT_CLOSE, POD, 8080);
}

/* A refused connection is forgotten by conntrack with the refusal. */
static void test_refused(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_CONNECT, POD, 8080);
	known_cnt = 0;
	assert_end(EVENT_FAIL, POD, 8080);
	assert_none(EVENT_FAIL);
}

static void test_no_translation_is_remembered(void **state)
{
	(void)state;
	assert_none(EVENT_ACCEPT);
	assert_int_equal(asked_cnt, 2);
	assert_none(EVENT_CLOSE);
	assert_int_equal(asked_cnt, 0);
	assert_none(EVENT_ACCEPT);
	assert_int_equal(asked_cnt, 2);
}

/* The socket connects again: the service may be another pod by now. */
static void test_connected_again(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	assert_end(EVENT_ESTABLISHED, POD, 8080);
	known_cnt = 0;
	assert_none(EVENT_CONNECT);
	assert_none(EVENT_CLOSE);
}

/* A flow has no answer that is final but a translation, and a socket one for each peer. */
static void test_udp(void **state)
{
	(void)state;
	e.proto = IPPROTO_UDP;
	assert_none(EVENT_FLOW);
	track(HOME, path(CLIENT, 40000, SERVICE, 53), path(POD, 5353, ROUTER, 50000));
	assert_none(EVENT_SEND);
	assert_int_equal(asked_cnt, 2);
	e.rport = 53;
	assert_end(EVENT_FLOW, POD, 5353);
	known_cnt = 0;
	e.rport = 80;
	assert_none(EVENT_CLOSE);
	e.rport = 53;
	assert_end(EVENT_SEND, POD, 5353);
	assert_end(EVENT_CLOSE, POD, 5353);
}

/* The table is bounded: those that nobody has asked for longest go. */
static void test_many(void **state)
{
	(void)state;
	track(HOME, path(CLIENT, 40000, SERVICE, 80), path(POD, 8080, ROUTER, 50000));
	for (e.id = 1; e.id <= NAT_SOCKETS_MAX; e.id++)
		assert_end(EVENT_ESTABLISHED, POD, 8080);
	e.id = 1;
	assert_end(EVENT_STATE, POD, 8080);
	known_cnt = 0;
	e.id = NAT_SOCKETS_MAX + 1;
	assert_none(EVENT_ESTABLISHED);
	e.id = 1;
	assert_end(EVENT_CLOSE, POD, 8080);
	e.id = 2;
	assert_none(EVENT_CLOSE);
	e.id = 3;
	assert_end(EVENT_CLOSE, POD, 8080);
	nat_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_service),
		TEST(test_masquerade),
		TEST(test_own_namespace),
		TEST(test_two_in_a_row),
		TEST(test_back_again),
		TEST(test_port_alone),
		TEST(test_loopback),
		TEST(test_what_cannot_be_asked),
		TEST(test_remembered_until_close),
		TEST(test_asked_again_after_connect),
		TEST(test_half_at_connect),
		TEST(test_refused),
		TEST(test_no_translation_is_remembered),
		TEST(test_connected_again),
		TEST(test_udp),
		TEST(test_many),
	};

	return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
