// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which sockets are one open port, and which connections are its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "ports.h"
#include "samples.h"

static struct event listener(uint64_t id, const char *addr, uint16_t port, uint32_t pid)
{
	struct event e = { .kind = EVENT_EXISTING,
			   .id = id,
			   .proto = IPPROTO_TCP,
			   .lport = port,
			   .netns = 1,
			   .new_state = TCP_LISTEN,
			   .lorigin = LORIGIN_BOUND };

	e.owner.pid = pid;
	sample_endpoints(&e, addr, NULL);
	return e;
}

static struct event connection(const char *local, uint16_t lport, uint8_t direction)
{
	struct event e = { .kind = EVENT_EXISTING,
			   .id = 1000 + lport,
			   .proto = IPPROTO_TCP,
			   .lport = lport,
			   .rport = 4000,
			   .netns = 1,
			   .direction = direction,
			   .new_state = TCP_ESTABLISHED };

	e.owner.pid = 9;
	sample_endpoints(&e, local, strchr(local, ':') ? "::2" : "10.0.0.9");
	return e;
}

struct seen {
	struct port_row rows[16];
	size_t cnt;
};

static int see(void *ctx, struct port_row *row)
{
	struct seen *seen = ctx;

	assert_true(seen->cnt < 16);
	seen->rows[seen->cnt++] = *row;
	return 0;
}

static struct seen all(struct ports *p)
{
	struct seen seen = { .cnt = 0 };

	assert_int_equal(ports_each(p, see, &seen), 0);
	return seen;
}

static void add(struct ports *p, struct event e)
{
	assert_int_equal(ports_add_socket(p, &e, STR("/bin/a")), 0);
}

static enum change tell(struct ports *p, struct event e, uint32_t kind)
{
	struct port_row *row;
	enum change change;

	e.kind = kind;
	assert_int_equal(ports_add_event(p, &e, STR("/bin/a"), &change, &row), 0);
	assert_int_equal(!row, change == CHANGE_NONE);
	return change;
}

static void test_rows(void **state)
{
	struct ports *p = ports_new();
	struct event udp = listener(5, "0.0.0.0", 53, 4), client = udp;
	struct seen seen;

	(void)state;
	udp.proto = client.proto = IPPROTO_UDP;
	udp.new_state = client.new_state = TCP_CLOSE;
	client.id = 6;
	client.lport = 54321;
	client.lorigin = LORIGIN_DYNAMIC;
	add(p, listener(1, "0.0.0.0", 443, 7));
	add(p, listener(2, "0.0.0.0", 443, 7)); /* SO_REUSEPORT */
	add(p, listener(3, "0.0.0.0", 443, 8));
	add(p, listener(4, "0.0.0.0", 80, 8));
	add(p, udp);
	add(p, client);
	seen = all(p);
	assert_int_equal(seen.cnt, 4);
	assert_int_equal(seen.rows[0].event.lport, 80);
	assert_int_equal(seen.rows[1].event.owner.pid, 7);
	assert_int_equal(seen.rows[1].socket_cnt, 2);
	assert_int_equal(seen.rows[2].event.owner.pid, 8);
	assert_int_equal(seen.rows[3].event.proto, IPPROTO_UDP);
	for (size_t i = 0; i < seen.cnt; i++)
		assert_int_equal(seen.rows[i].event.kind, EVENT_PORT);
	ports_free(p);
}

static void test_connections(void **state)
{
	struct ports *p = ports_new();
	struct event other = connection("10.0.0.1", 80, DIRECTION_IN);
	struct seen seen;

	(void)state;
	other.netns = 2;
	add(p, connection("10.0.0.1", 80, DIRECTION_IN)); /* in whatever order they come */
	add(p, listener(1, "::", 80, 1));
	add(p, listener(2, "10.0.0.2", 80, 1));
	add(p, connection("10.0.0.2", 80, DIRECTION_IN));
	add(p, connection("10.0.0.2", 80, DIRECTION_IN));
	add(p, connection("fd00::1", 80, DIRECTION_IN));
	add(p, connection("10.0.0.1", 81, DIRECTION_IN));
	add(p, connection("10.0.0.1", 80, DIRECTION_OUT));
	add(p, other);
	seen = all(p);
	assert_int_equal(seen.cnt, 2);
	assert_int_equal(seen.rows[0].event.ipv, 4);
	assert_int_equal(seen.rows[0].connections, 2);
	assert_int_equal(seen.rows[1].connections, 2);
	add(p, listener(3, "0.0.0.0", 80, 1)); /* takes IPv4's from that of IPv6 */
	seen = all(p);
	assert_int_equal(seen.rows[0].connections, 1);
	assert_int_equal(seen.rows[1].connections, 2);
	assert_int_equal(seen.rows[2].connections, 1);
	ports_forget_connections(p);
	assert_int_equal(all(p).rows[0].connections, 0);
	ports_free(p);
}

static void test_events(void **state)
{
	struct ports *p = ports_new();
	struct event old = listener(1, "0.0.0.0", 80, 1), new = listener(2, "0.0.0.0", 81, 1);
	struct event second = listener(3, "0.0.0.0", 81, 1);

	(void)state;
	add(p, old);
	assert_int_equal(tell(p, old, EVENT_LISTEN), CHANGE_NONE); /* both have told it */
	assert_int_equal(tell(p, new, EVENT_LISTEN), CHANGE_NEW);
	assert_int_equal(tell(p, second, EVENT_LISTEN), CHANGE_NONE);
	assert_int_equal(tell(p, new, EVENT_UNLISTEN), CHANGE_NONE);
	assert_int_equal(tell(p, connection("10.0.0.1", 81, DIRECTION_IN), EVENT_ACCEPT),
			 CHANGE_NONE);
	assert_int_equal(all(p).rows[1].facts.accepted, 1);
	assert_int_equal(all(p).rows[0].facts.accepted, 0);
	assert_int_equal(tell(p, second, EVENT_UNLISTEN), CHANGE_GONE);
	assert_int_equal(tell(p, second, EVENT_UNLISTEN), CHANGE_NONE); /* not known any more */
	assert_int_equal(all(p).cnt, 1);
	assert_int_equal(tell(p, old, EVENT_UNLISTEN), CHANGE_GONE);
	ports_free(p);
}

static void test_closed_ports_are_kept(void **state)
{
	struct ports *p = ports_new();
	struct event e = listener(1, "0.0.0.0", 80, 1), again = listener(2, "0.0.0.0", 80, 1);

	(void)state;
	ports_keep_closed(p);
	assert_int_equal(tell(p, e, EVENT_LISTEN), CHANGE_NEW);
	assert_int_equal(tell(p, e, EVENT_UNLISTEN), CHANGE_GONE);
	assert_true(all(p).rows[0].closed);
	assert_int_equal(tell(p, again, EVENT_LISTEN), CHANGE_NEW);
	assert_int_equal(all(p).cnt, 1);
	assert_false(all(p).rows[0].closed);
	ports_free(p);
}

static void test_outbound(void **state)
{
	struct ports *p = ports_new();
	struct event e = connection("10.0.0.1", 5000, DIRECTION_OUT);
	struct seen seen;

	(void)state;
	assert_int_equal(tell(p, e, EVENT_CONNECT), CHANGE_NONE); /* nobody has asked */
	ports_want_outbound(p);
	add(p, e);
	e.lport = 5001;
	e.owner.pid = 10; /* the same executable */
	assert_int_equal(tell(p, e, EVENT_CONNECT), CHANGE_NONE);
	e.rport = 4001;
	assert_int_equal(tell(p, e, EVENT_CONNECT), CHANGE_NEW);
	e.direction = DIRECTION_IN;
	e.rport = 4002;
	assert_int_equal(tell(p, e, EVENT_FLOW), CHANGE_NONE);
	seen = all(p);
	assert_int_equal(seen.cnt, 2);
	assert_int_equal(seen.rows[0].event.rport, 4000);
	assert_false(seen.rows[0].event.flags & EVENT_F_LOCAL);
	ports_free(p);
}

/* Told twice, or in another order than it was done. */
static void test_duplicates_and_disorder(void **state)
{
	struct ports *p = ports_new();
	struct event e = listener(1, "0.0.0.0", 80, 1), udp = listener(1, "0.0.0.0", 80, 1);
	struct seen seen;

	(void)state;
	assert_int_equal(tell(p, e, EVENT_UNLISTEN), CHANGE_NONE); /* of a port nobody knows */
	assert_int_equal(all(p).cnt, 0);
	add(p, e);
	add(p, e);
	assert_int_equal(tell(p, e, EVENT_LISTEN), CHANGE_NONE);
	assert_int_equal(tell(p, e, EVENT_LISTEN), CHANGE_NONE);
	udp.proto = IPPROTO_UDP;
	assert_int_equal(tell(p, udp, EVENT_LISTEN), CHANGE_NEW);
	assert_int_equal(tell(p, udp, EVENT_LISTEN), CHANGE_NONE);
	seen = all(p);
	assert_int_equal(seen.cnt, 2);
	assert_int_equal(seen.rows[0].socket_cnt, 1);
	assert_int_equal(seen.rows[1].socket_cnt, 1);
	assert_int_equal(tell(p, e, EVENT_UNLISTEN), CHANGE_GONE);
	assert_int_equal(tell(p, e, EVENT_UNLISTEN), CHANGE_NONE);
	assert_int_equal(tell(p, udp, EVENT_UNLISTEN), CHANGE_GONE);
	assert_int_equal(tell(p, e, EVENT_CLOSE), CHANGE_NONE);
	assert_int_equal(all(p).cnt, 0);
	ports_free(p);
}

/* A port that was given up accepts nothing any more, and takes nothing from others. */
static void test_accepted_after_closing(void **state)
{
	struct ports *p = ports_new();
	struct event old = listener(1, "0.0.0.0", 80, 1), new = listener(2, "0.0.0.0", 80, 2);
	struct event one = listener(3, "10.0.0.1", 80, 1);
	struct event accepted = connection("10.0.0.1", 80, DIRECTION_IN);
	struct seen seen;

	(void)state;
	ports_keep_closed(p);
	tell(p, old, EVENT_LISTEN);
	tell(p, accepted, EVENT_ACCEPT);
	tell(p, old, EVENT_UNLISTEN);
	tell(p, one, EVENT_LISTEN);
	tell(p, one, EVENT_UNLISTEN);
	tell(p, new, EVENT_LISTEN);
	tell(p, accepted, EVENT_ACCEPT);
	tell(p, accepted, EVENT_ACCEPT);
	seen = all(p);
	assert_int_equal(seen.cnt, 3);
	assert_int_equal(seen.rows[0].event.owner.pid, 1);
	assert_int_equal(seen.rows[0].facts.accepted, 1);
	assert_int_equal(seen.rows[1].event.owner.pid, 2);
	assert_int_equal(seen.rows[1].facts.accepted, 2);
	assert_int_equal(seen.rows[2].facts.accepted, 0);
	ports_free(p);
}

/* Of several at a port each can be given up, and comes back. */
static void test_one_of_several_at_a_port(void **state)
{
	static const char *const addresses[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };
	struct ports *p = ports_new();

	(void)state;
	for (int i = 0; i < 3; i++)
		tell(p, listener(i + 1, addresses[i], 80, 1), EVENT_LISTEN);
	for (int i = 0; i < 3; i++) {
		struct seen seen;

		assert_int_equal(tell(p, listener(i + 1, addresses[i], 80, 1), EVENT_UNLISTEN),
				 CHANGE_GONE);
		for (int k = 0; k < 3; k++)
			tell(p, connection(addresses[k], 80, DIRECTION_IN), EVENT_ACCEPT);
		seen = all(p);
		assert_int_equal(seen.cnt, 2);
		assert_int_equal(tell(p, listener(i + 1, addresses[i], 80, 1), EVENT_LISTEN),
				 CHANGE_NEW);
		assert_int_equal(all(p).rows[i].facts.accepted, 0);
		for (int k = 0; k < 2; k++)
			assert_int_equal(seen.rows[k].facts.accepted, k < i ? i - k : i + 1);
	}
	ports_free(p);
}

static int stop(void *ctx, struct port_row *row)
{
	(void)row;
	return ++*(int *)ctx == 2 ? -EPIPE : 0;
}

static int count(void *ctx, struct port_row *row)
{
	int *cnt = ctx;

	assert_int_equal(row->event.lport, ++*cnt);
	assert_int_equal(row->connections, 1);
	return 0;
}

/* One process with many ports, and a connection at each. */
static void test_many(void **state)
{
	struct ports *p = ports_new();
	int cnt = 0;

	(void)state;
	assert_int_equal(ports_each(p, stop, &cnt), 0); /* nothing */
	assert_int_equal(cnt, 0);
	for (int port = 2000; port > 0; port--)
		add(p, listener(port, "::", port, 1));
	for (int port = 1; port <= 2000; port++)
		add(p, connection("10.0.0.1", port, DIRECTION_IN));
	assert_int_equal(ports_each(p, count, &cnt), 0);
	assert_int_equal(cnt, 2000);
	cnt = 0;
	assert_int_equal(ports_each(p, stop, &cnt), -EPIPE);
	assert_int_equal(cnt, 2);
	ports_free(p);
	ports_free(NULL);
}

/* Without an address, or with another end, it is no open port. */
static void test_no_open_port(void **state)
{
	struct ports *p = ports_new();
	struct event e = listener(1, "0.0.0.0", 80, 1);

	(void)state;
	e.flags = 0;
	add(p, e);
	e = listener(1, "0.0.0.0", 0, 1);
	add(p, e);
	e = connection("10.0.0.1", 80, DIRECTION_OUT);
	e.new_state = TCP_LISTEN;
	add(p, e);
	e = listener(1, "0.0.0.0", 80, 1);
	e.new_state = TCP_CLOSE;
	add(p, e);
	assert_int_equal(all(p).cnt, 0);
	ports_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_closed_ports_are_kept),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_duplicates_and_disorder),
		cmocka_unit_test(test_accepted_after_closing),
		cmocka_unit_test(test_one_of_several_at_a_port),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_open_port),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
