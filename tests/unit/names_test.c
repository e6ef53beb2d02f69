// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every enumerator has a word of its own, and what is out of range has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>

#include "config.h"
#include "event.h"
#include "line.h"
#include "names.h"

struct table {
	const char *(*name)(unsigned int i);
	unsigned int cnt;
	bool none; /* 0 is "none of them" and has no word */
};

static const struct table tables[] = {
	{ names_kind, EVENT_KIND_CNT, false },
	{ names_attr, ATTR_CNT, false },
	{ names_direction, DIRECTION_CNT, true },
	{ names_lorigin, LORIGIN_CNT, true },
	{ names_phase, PHASE_CNT, true },
	{ names_close_reason, REASON_CNT, true },
	{ names_lost_reason, LOST_REASON_CNT, false },
	{ names_lost_text, LOST_REASON_CNT, false },
	{ names_class, CLASS_CNT, false },
};

static void check_table(const struct table *t)
{
	for (unsigned int i = 0; i < t->cnt; i++) {
		if (t->none && !i) {
			assert_null(t->name(i));
			continue;
		}
		assert_non_null(t->name(i));
		for (unsigned int j = t->none; j < i; j++)
			assert_string_not_equal(t->name(i), t->name(j));
	}
	assert_null(t->name(t->cnt));
	assert_null(t->name(255));
	assert_null(t->name(UINT32_MAX));
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		check_table(&tables[i]);
}

static void test_tcp_states(void **state)
{
	(void)state;
	assert_null(names_tcp_state(0));
	assert_string_equal(names_tcp_state(1), "ESTAB");
	assert_string_equal(names_tcp_state(3), "SYN-RECV");
	assert_string_equal(names_tcp_state(4), "FIN-WAIT-1");
	assert_string_equal(names_tcp_state(7), "CLOSE");
	assert_string_equal(names_tcp_state(11), "CLOSING");
	assert_string_equal(names_tcp_state(12), "SYN-RECV");
	assert_null(names_tcp_state(14));
	assert_null(names_tcp_state(255));
}

static void test_others(void **state)
{
	(void)state;
	assert_string_equal(names_proto(IPPROTO_TCP), "tcp");
	assert_string_equal(names_proto(IPPROTO_UDP), "udp");
	assert_null(names_proto(0));
	assert_string_equal(names_errno(ECONNREFUSED), "ECONNREFUSED");
	assert_string_equal(names_errno(ECANCELED), "ECANCELED");
	assert_null(names_errno(0));
	assert_null(names_errno(-1));
	assert_null(names_errno(524));
}

static void test_back(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KIND_CNT; i++)
		assert_int_equal(names_event_kind(names_kind(i)), i);
	for (int i = 0; i < CLASS_CNT; i++)
		assert_int_equal(names_port_class(names_class(i)), i);
	assert_int_equal(names_event_kind("connec"), -1);
	assert_int_equal(names_event_kind(""), -1);
	assert_int_equal(names_port_class("Private"), -1);
}

/* In any case, and by the words that netstat has. */
static void test_states_back(void **state)
{
	(void)state;
	for (int i = TCP_ESTABLISHED; i <= TCP_CLOSING; i++)
		if (i != TCP_CLOSE)
			assert_int_equal(names_state(names_tcp_state(i)), i);
	assert_int_equal(names_state("estab"), TCP_ESTABLISHED);
	assert_int_equal(names_state("Established"), TCP_ESTABLISHED);
	assert_int_equal(names_state("listening"), TCP_LISTEN);
	assert_int_equal(names_state("unconn"), TCP_CLOSE);
	assert_int_equal(names_state("UNCONN"), TCP_CLOSE);
	assert_int_equal(names_state("syn-recv"), TCP_SYN_RECV);
	assert_int_equal(names_state(""), -1);
	assert_int_equal(names_state("esta"), -1);
	assert_int_equal(names_state("time_wait"), -1);
}

static void test_changes(void **state)
{
	(void)state;
	assert_null(word_of(&names_changes, CHANGE_NONE));
	for (unsigned int i = CHANGE_NEW; i < CHANGE_CNT; i++)
		assert_non_null(word_of(&names_changes, i));
	assert_null(word_of(&names_changes, CHANGE_CNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),	    cmocka_unit_test(test_tcp_states),
		cmocka_unit_test(test_others),	    cmocka_unit_test(test_back),
		cmocka_unit_test(test_states_back), cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
