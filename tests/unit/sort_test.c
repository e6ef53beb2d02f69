// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lines in the order of their fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "capture.h"
#include "samples.h"
#include "sort.h"

static struct capture err;
static uint64_t order[64];
static size_t order_cnt;
static uint64_t clock_ns;

static int note(void *ctx, const struct event *e)
{
	order[order_cnt++] = e->id;
	return ctx ? *(int *)ctx : 0;
}

static void add(struct sort *s, uint64_t id, void (*change)(struct sample *sample, uint64_t id))
{
	struct sample sample = sample_new(EVENT_EXISTING);

	sample.e->id = id;
	sample.e->ts_ns = ++clock_ns;
	change(&sample, id);
	assert_int_equal(sort_add(s, &sample.line), 0);
	sample_free(&sample);
}

/* Sockets 0, 1, ... @cnt - 1, each made so by @change, sorted by @fields: in the order of @wanted. */
static void expect(const char *fields, size_t cnt, void (*change)(struct sample *s, uint64_t id),
		   const char *wanted)
{
	struct sort *s = sort_new(fields);

	assert_non_null(s);
	for (int look = 0; look < 2; look++) { /* what was told is forgotten */
		order_cnt = 0;
		for (size_t id = 0; id < cnt; id++)
			add(s, id, change);
		assert_int_equal(sort_end(s, note, NULL), 0);
		assert_int_equal(order_cnt, cnt);
		for (size_t i = 0; i < cnt; i++)
			if (order[i] != (uint64_t)(wanted[i] - '0'))
				fail_msg("by %s: %c is not at %zu", fields, wanted[i], i);
	}
	sort_free(s);
}

static void set_ports(struct sample *s, uint64_t id)
{
	static const uint16_t ports[] = { 80, 9, 443, 80, 65535 };

	s->e->rport = ports[id];
	s->e->lport = 1000 + id;
}

static void test_numbers(void **state)
{
	(void)state;
	expect("rport", 5, set_ports, "10324"); /* equal ones as they came */
	expect("-rport", 5, set_ports, "42031");
	expect("rport,-lport", 5, set_ports, "13024");
	expect("-lport", 5, set_ports, "43210");
}

static void set_names(struct sample *s, uint64_t id)
{
	static const char *const names[] = { "nginx", "Nginx", "ng", "\xff", "a b" };

	memset(s->e->owner.comm, 0, COMM_LEN);
	strcpy(s->e->owner.comm, names[id]);
}

static void test_strings(void **state)
{
	(void)state;
	expect("comm", 5, set_names, "14203");
	expect("-comm", 5, set_names, "30241");
}

/* IPv4 first; by number, not by letter; zeros count. */
static void set_addresses(struct sample *s, uint64_t id)
{
	static const char *const addresses[] = { "10.0.0.1", "9.255.0.1", "::1", "10.0.0.0",
						 "2001:db8::" };

	memset(s->e->raddr, 0, ADDR_LEN);
	sample_endpoints(s->e, addresses[id], addresses[id]);
}

static void test_addresses(void **state)
{
	(void)state;
	expect("raddr", 5, set_addresses, "13024");
	expect("-raddr", 5, set_addresses, "42031");
}

static void set_absent(struct sample *s, uint64_t id)
{
	if (id % 2)
		s->e->owner.pid = 0;
	else
		s->e->owner.pid = 10 - id;
}

/* What has no such field is last, either way. */
static void test_absent(void **state)
{
	(void)state;
	expect("pid", 5, set_absent, "42013");
	expect("-pid", 5, set_absent, "02413");
}

static void set_holders(struct sample *s, uint64_t id)
{
	static const struct holder holders[4];

	s->line.holders = holders;
	s->line.holder_cnt = id;
	s->e->flags |= id == 2 ? EVENT_F_MAPPED : 0;
}

static void test_others(void **state)
{
	(void)state;
	expect("-owners", 4, set_holders, "3210");
	expect("owners", 4, set_holders, "1230");
	expect("mapped", 4, set_holders, "2013");
}

static void set_nothing(struct sample *s, uint64_t id)
{
	(void)s;
	(void)id;
}

/* More than there is room for at first, and an end before the last. */
static void test_many(void **state)
{
	struct sort *s = sort_new("-id");
	int stop = -32;

	(void)state;
	order_cnt = 0;
	for (uint64_t id = 0; id < 5000; id++)
		add(s, id, set_nothing);
	assert_int_equal(sort_end(s, note, &stop), -32);
	assert_int_equal(order_cnt, 1);
	assert_int_equal(order[0], 4999);
	order_cnt = 0;
	assert_int_equal(sort_end(s, note, NULL), 0); /* it has forgotten them */
	assert_int_equal(order_cnt, 0);
	add(s, 1, set_nothing);
	sort_free(s); /* with one in it */
	sort_free(NULL);
}

static void test_check(void **state)
{
	static const char *const good[] = { "rport", "-rport,comm", "laddr,lport,raddr,rport",
					    "owners", "-tx_queue_bytes,state" };
	static const char *const bad[] = { "",
					   ",",
					   "rport,",
					   "-",
					   "--rport",
					   "age",
					   "recvq",
					   "reason",
					   "rname",
					   "change",
					   "handshake_us",
					   "rport,rports",
					   "pid,pid,pid,pid,pid,pid,pid,pid,pid",
					   "\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(sort_check(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		capture_begin(&err, STDERR_FILENO);
		assert_int_equal(sort_check(bad[i]), -EINVAL);
		capture_end(&err);
		if (!capture_is_one_sentence(&err) || !strstr(err.text, "--sort"))
			fail_msg("'%s': %s", bad[i], err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	  cmocka_unit_test(test_strings),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_absent),
		cmocka_unit_test(test_others),	  cmocka_unit_test(test_many),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
