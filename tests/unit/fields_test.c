// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of fields: every row can be produced, and what does not apply is absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "fields.h"
#include "samples.h"

static bool get(const struct sample *s, const char *name, struct value *v)
{
	for (size_t i = 0; i < field_cnt; i++) {
		if (!strcmp(fields[i].name, name))
			return field_get(&fields[i], &s->line, v);
	}
	fail_msg("no field %s", name);
	return false;
}

static bool has(const struct sample *s, const char *name)
{
	struct value v;

	return get(s, name, &v);
}

static void expect_word(const struct sample *s, const char *name, const char *text)
{
	struct value v;

	assert_true(get(s, name, &v));
	assert_true(v.type == VALUE_WORD || v.type == VALUE_STRING);
	assert_int_equal(v.string.len, strlen(text));
	assert_memory_equal(v.string.ptr, text, v.string.len);
}

/* The rows against each other and against what their getters give. */
static void check_value(const struct field *f, const struct value *v)
{
	if (f->type == FIELD_NUMBER)
		assert_int_equal(v->type, VALUE_NUMBER);
	else if (f->type == FIELD_BOOLEAN)
		assert_int_equal(v->type, VALUE_BOOLEAN);
	else
		assert_true(v->type >= VALUE_WORD);
	if (v->type == VALUE_WORD || v->type == VALUE_STRING)
		assert_true(v->string.len > 0);
}

static void note_fields(const struct line *l, bool *seen)
{
	for (size_t i = 0; i < field_cnt; i++) {
		struct value v;

		if (!field_get(&fields[i], l, &v))
			continue;
		check_value(&fields[i], &v);
		seen[i] = true;
	}
}

static void test_every_field_is_produced(void **state)
{
	static const struct nat_end end = { .addr = { 10, 2, 0, 2 }, .port = 8080 };
	static const struct holder holders[] = { { 1, "init" }, { 2, "sh" } };
	static const struct link_facts link = {
		.ifindex = 2,
		.ifname = "eth0",
		.mac = "02:00:00:00:00:01",
		.next_hop_mac = "02:00:00:00:00:02",
		.way = WAY_GATEWAY,
		.next_hop = { 10, 0, 0, 1 },
		.next_hop_ipv = 4,
		.has_ttl = true,
		.has_dscp = true,
		.mtu = 1500,
		.mss = 1448,
	};
	bool seen[FIELD_CNT_MAX] = { false };

	(void)state;
	assert_true(field_cnt <= sizeof(seen));
	for (int kind = 0; kind < EVENT_SUMMARY; kind++) {
		struct sample s = sample_new(kind);

		if (kind != EVENT_LOST)
			s.e->flags |= EVENT_F_MAPPED | EVENT_F_MPTCP;
		s.line.container = STR("web");
		s.line.runtime = STR("lxc");
		s.line.pod = STR("1234abcd-12ab-34cd-56ef-1234567890ab");
		s.line.unit = STR("app.service");
		s.line.rname = STR("example.org");
		s.line.rname_source = RNAME_DNS;
		s.line.link = &link;
		s.line.nat = &end;
		note_fields(&s.line, seen);
		if (kind == EVENT_EXISTING) { /* a listener has others than a connection */
			s.e->new_state = TCP_LISTEN;
			s.line.holders = holders;
			s.line.holder_cnt = 2;
			note_fields(&s.line, seen);
		}
		sample_free(&s);
	}
	for (size_t i = 0; i < field_cnt; i++) {
		if (!seen[i])
			fail_msg("no sample has %s", fields[i].name);
	}
}

/* What is not known is absent, and without --link all of it is. */
static void test_link(void **state)
{
	struct link_facts link = { .mtu = 1500, .ifname = { [0 ... IFNAME_LEN - 1] = 'x' } };
	static const char *const unknown[] = { "ifindex",      "mac", "link", "next_hop",
					       "next_hop_mac", "ttl", "mss",  "dscp" };
	struct sample s = sample_new(EVENT_CONNECT);
	struct value v;

	(void)state;
	assert_false(has(&s, "ifname") || has(&s, "mtu"));
	s.line.link = &link;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_false(has(&s, unknown[i]));
	assert_true(has(&s, "mtu"));
	assert_true(get(&s, "ifname", &v));
	assert_int_equal(v.string.len, IFNAME_LEN);
	link.has_dscp = true; /* 0 is a class as others */
	assert_true(has(&s, "dscp"));
	sample_free(&s);
}

/* A number is read as eight bytes: they are in every event that has it. */
static void check_number(const struct field *f)
{
	uint32_t whole = 1u << EVENT_CLOSE | 1u << EVENT_EXISTING | 1u << EVENT_PORT;
	size_t size = f->kinds & ~whole ? EVENT_HEAD_SIZE : sizeof(struct event);

	assert_true(f->mask && f->offset + sizeof(uint64_t) <= size);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_cnt; i++) {
		const struct field *f = &fields[i];
		char key[64];

		snprintf(key, sizeof(key), ",\"%s\":", f->name);
		assert_string_equal(f->key, key);
		assert_int_equal(f->key_len, strlen(key));
		assert_true(f->width > 0 && f->kinds && f->help[0]);
		assert_true(f->width <= PUT_SLACK);
		assert_true(f->from != FROM_GET || f->get);
		assert_true(f->from != FROM_WORD || f->words);
		if (f->from == FROM_NUMBER)
			check_number(f);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(f->name, fields[j].name);
	}
}

/* One list of a format holds all of them. */
static void test_kept_rows_follow_each_other(void **state)
{
	int runs = 0;

	(void)state;
	for (size_t i = 1; i < field_cnt; i++)
		runs += (fields[i].needs & FIELD_KEPT) && !(fields[i - 1].needs & FIELD_KEPT);
	assert_int_equal(runs, 1);
}

static void test_lost_has_no_socket(void **state)
{
	static const char *const names[] = { "ts", "event", "kind", "reason", "count" };
	struct sample s = sample_new(EVENT_LOST);
	size_t cnt = 0;
	struct value v;

	(void)state;
	for (size_t i = 0; i < field_cnt; i++)
		cnt += field_get(&fields[i], &s.line, &v);
	assert_int_equal(cnt, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < cnt; i++)
		assert_true(has(&s, names[i]));
	expect_word(&s, "reason", "buffer");
	expect_word(&s, "kind", "close");
	sample_free(&s);
}

static void test_unknown_owner(void **state)
{
	static const char *const names[] = { "pid", "tid", "ppid", "uid", "comm", "exe", "cgroup" };
	struct sample s = sample_new(EVENT_CLOSE);

	(void)state;
	s.e->owner.pid = 0;
	s.e->attr = ATTR_NONE;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(has(&s, names[i]));
	expect_word(&s, "attr", "none");
	sample_free(&s);
}

static void test_sides(void **state)
{
	static const char *const local[] = { "laddr", "lport", "lclass", "lorigin", "lservice" };
	static const char *const remote[] = { "raddr", "rport", "rclass", "rservice", "service" };
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	s.line.lservice = STR("x");
	for (int i = 0; i < 5; i++)
		assert_true(has(&s, local[i]) && has(&s, remote[i]));
	s.e->flags = EVENT_F_REMOTE;
	for (int i = 0; i < 5; i++)
		assert_true(!has(&s, local[i]) && has(&s, remote[i]));
	s.e->flags = EVENT_F_LOCAL;
	for (int i = 0; i < 5; i++)
		assert_true(has(&s, local[i]) && !has(&s, remote[i]));
	s.e->lport = 0;
	for (int i = 0; i < 5; i++)
		assert_true(!has(&s, local[i]) && !has(&s, remote[i]));
	sample_free(&s);
}

static void test_port_edges(void **state)
{
	static const struct {
		uint16_t port;
		const char *class;
	} edges[] = {
		{ 0, "well-known" },	{ 1, "well-known" },	 { 1023, "well-known" },
		{ 1024, "registered" }, { 49151, "registered" }, { 49152, "private" },
		{ 65535, "private" },
	};
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		struct value v;

		s.e->rport = s.e->lport = edges[i].port;
		expect_word(&s, "rclass", edges[i].class);
		assert_true(get(&s, "rport", &v));
		assert_int_equal(v.number, edges[i].port);
		assert_int_equal(has(&s, "lport"), edges[i].port != 0);
		if (edges[i].port)
			expect_word(&s, "lclass", edges[i].class);
	}
	sample_free(&s);
}

static void test_server_side(void **state)
{
	struct sample out = sample_new(EVENT_CONNECT), in = sample_new(EVENT_ACCEPT);
	struct sample listener = sample_new(EVENT_UNLISTEN);

	(void)state;
	out.line.lservice = in.line.rservice = listener.line.rservice = STR("wrong");
	expect_word(&out, "service", "https");
	expect_word(&in, "service", "https");
	expect_word(&listener, "service", "https");
	out.line.rservice = STR(""); /* -n */
	assert_false(has(&out, "service"));
	out.line.rservice = STR("x");
	out.e->direction = DIRECTION_NONE;
	assert_false(has(&out, "service"));
	sample_free(&out);
	sample_free(&in);
	sample_free(&listener);
}

static void test_udp_has_no_tcp_numbers(void **state)
{
	static const char *const names[] = { "handshake_us", "retrans", "rtt_us" };
	struct sample s = sample_new(EVENT_CLOSE);

	(void)state;
	s.e->proto = IPPROTO_UDP;
	for (int i = 0; i < 3; i++)
		assert_false(has(&s, names[i]));
	assert_true(has(&s, "tx_bytes"));
	sample_free(&s);
}

static void test_zeros(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	struct value v;

	(void)state;
	s.e->handshake_us = s.e->rtt_us = s.e->closer_pid = s.e->retrans = 0;
	s.e->tx_bytes = 0;
	assert_false(has(&s, "handshake_us"));
	assert_false(has(&s, "rtt_us"));
	assert_false(has(&s, "closer_pid"));
	assert_false(has(&s, "closer_comm"));
	assert_false(has(&s, "peer_pid"));
	assert_false(has(&s, "peer_comm"));
	assert_true(get(&s, "tx_bytes", &v) && v.number == 0);
	assert_true(get(&s, "retrans", &v) && v.number == 0);
	sample_free(&s);
}

static void test_out_of_range(void **state)
{
	static const char *const names[] = { "proto",	"ipv",	 "attr",  "direction",
					     "lorigin", "laddr", "raddr", "reason" };
	struct sample s = sample_new(EVENT_CLOSE);
	struct value v;

	(void)state;
	s.e->proto = s.e->ipv = s.e->attr = s.e->direction = s.e->lorigin = 255;
	s.e->phase = s.e->reason = s.e->old_state = s.e->new_state = 255;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(has(&s, names[i]));
	s.e->kind = EVENT_FAIL;
	assert_false(has(&s, "phase"));
	s.e->error = UINT32_MAX;
	expect_word(&s, "error", "4294967295");
	s.e->error = 524;
	expect_word(&s, "error", "524");
	s.e->kind = EVENT_STATE;
	assert_false(has(&s, "old_state") || has(&s, "new_state"));
	s.e->kind = EVENT_KIND_CNT;
	for (size_t i = 0; i < field_cnt; i++)
		assert_false(field_get(&fields[i], &s.line, &v));
	s.e->kind = UINT32_MAX;
	assert_false(field_get(&fields[0], &s.line, &v));
	s.e->kind = EVENT_LOST;
	s.line.lost_kind = EVENT_KIND_CNT;
	s.line.lost_reason = LOST_REASON_CNT;
	assert_false(has(&s, "kind") || has(&s, "reason"));
	sample_free(&s);
}

/* What waits: bytes of what can be read and written, connections of what listens. */
static void test_queues(void **state)
{
	static const uint8_t without[] = { TCP_TIME_WAIT, TCP_SYN_RECV };
	struct sample s = sample_new(EVENT_EXISTING);

	(void)state;
	assert_true(has(&s, "rx_queue_bytes") && has(&s, "tx_queue_bytes"));
	assert_false(has(&s, "accept_queue") || has(&s, "backlog"));
	for (size_t i = 0; i < sizeof(without); i++) {
		s.e->new_state = without[i];
		assert_false(has(&s, "rx_queue_bytes") || has(&s, "tx_queue_bytes"));
		assert_false(has(&s, "accept_queue") || has(&s, "backlog"));
	}
	s.e->new_state = TCP_LISTEN;
	assert_true(has(&s, "accept_queue") && has(&s, "backlog"));
	assert_false(has(&s, "rx_queue_bytes") || has(&s, "tx_queue_bytes"));
	s.e->proto = IPPROTO_UDP;
	s.e->new_state = TCP_CLOSE;
	assert_true(has(&s, "rx_queue_bytes") && has(&s, "tx_queue_bytes"));
	assert_false(has(&s, "accept_queue") || has(&s, "backlog"));
	sample_free(&s);
}

static void test_holders_and_change(void **state)
{
	static const struct holder holders[2] = { { .pid = 1 }, { .pid = 2 } };
	struct sample s = sample_new(EVENT_EXISTING);
	struct value v;

	(void)state;
	assert_false(has(&s, "owners") || has(&s, "change"));
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	s.line.change = CHANGE_NEW;
	assert_true(get(&s, "owners", &v));
	assert_int_equal(v.type, VALUE_HOLDERS);
	assert_ptr_equal(v.holders.first, holders);
	assert_int_equal(v.holders.cnt, 2);
	expect_word(&s, "change", "new");
	s.line.change = CHANGE_CNT;
	assert_false(has(&s, "change"));
	sample_free(&s);
}

static void test_comm_without_nul(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);

	(void)state;
	memcpy(s.e->owner.comm, "0123456789abcdef", COMM_LEN);
	memcpy(s.e->closer_comm, "fedcba9876543210", COMM_LEN);
	expect_word(&s, "comm", "0123456789abcdef");
	expect_word(&s, "closer_comm", "fedcba9876543210");
	s.e->owner.comm[0] = '\0';
	assert_false(has(&s, "comm"));
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_produced),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_kept_rows_follow_each_other),
		cmocka_unit_test(test_lost_has_no_socket),
		cmocka_unit_test(test_unknown_owner),
		cmocka_unit_test(test_sides),
		cmocka_unit_test(test_port_edges),
		cmocka_unit_test(test_server_side),
		cmocka_unit_test(test_udp_has_no_tcp_numbers),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_holders_and_change),
		cmocka_unit_test(test_comm_without_nul),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
