// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The books balance: every loss is told once, and the summary holds what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "account.h"

static struct account a;
static struct losses now;

static int setup(void **state)
{
	(void)state;
	a = (struct account){ 0 };
	now = (struct losses){ 0 };
	return 0;
}

static void assert_next(uint64_t cnt, enum event_kind kind, enum lost_reason reason)
{
	enum event_kind k = EVENT_KIND_CNT;
	enum lost_reason r = LOST_REASON_CNT;

	assert_int_equal(account_next_loss(&a, &now, &k, &r), cnt);
	assert_int_equal(k, kind);
	assert_int_equal(r, reason);
}

/* Nothing to tell, and nothing written. */
static void assert_no_more(void)
{
	assert_next(0, EVENT_KIND_CNT, LOST_REASON_CNT);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_no_more();
	assert_int_equal(account_lost_total(&a), 0);
}

static void test_told_once(void **state)
{
	(void)state;
	now.cnt[EVENT_CLOSE][LOST_BUFFER] = 7;
	assert_next(7, EVENT_CLOSE, LOST_BUFFER);
	assert_no_more();
}

static void test_only_the_growth(void **state)
{
	(void)state;
	now.cnt[EVENT_FLOW][LOST_MAP] = 2;
	assert_next(2, EVENT_FLOW, LOST_MAP);
	now.cnt[EVENT_FLOW][LOST_MAP] = 5;
	assert_next(3, EVENT_FLOW, LOST_MAP);
	assert_no_more();
	assert_int_equal(account_lost_total(&a), 5);
}

/* The first and the last counter of the table included. */
static void test_each_kind_and_reason(void **state)
{
	const int last = EVENT_KIND_CNT - 1, rare = LOST_REASON_CNT - 1;

	(void)state;
	now.cnt[0][0] = 1;
	now.cnt[0][rare] = 2;
	now.cnt[last][0] = 3;
	now.cnt[last][rare] = 4;
	assert_next(1, 0, 0);
	assert_next(2, 0, rare);
	assert_next(3, last, 0);
	assert_next(4, last, rare);
	assert_no_more();
	assert_int_equal(account_lost_total(&a), 10);
}

static void test_beyond_32_bits(void **state)
{
	(void)state;
	now.cnt[EVENT_SEND][LOST_BUFFER] = 1ull << 40;
	assert_next(1ull << 40, EVENT_SEND, LOST_BUFFER);
	now.cnt[EVENT_SEND][LOST_BUFFER]++;
	assert_next(1, EVENT_SEND, LOST_BUFFER);
}

/* What no line has told yet is not in the summary either. */
static void test_summary(void **state)
{
	struct summary s = { .events[EVENT_STATE] = 99 };

	(void)state;
	a.printed[EVENT_CONNECT] = 3;
	now.cnt[EVENT_CONNECT][LOST_BUFFER] = 1;
	now.cnt[EVENT_CONNECT][LOST_NESTED] = 2;
	account_summary(&a, &s);
	assert_int_equal(s.events[EVENT_CONNECT], 3);
	assert_int_equal(s.events[EVENT_STATE], 0);
	assert_int_equal(s.lost[EVENT_CONNECT], 0);
	assert_next(1, EVENT_CONNECT, LOST_BUFFER);
	assert_next(2, EVENT_CONNECT, LOST_NESTED);
	account_summary(&a, &s);
	assert_int_equal(s.lost[EVENT_CONNECT], 3);
	assert_int_equal(s.lost[EVENT_CLOSE], 0);
}

static void test_some_kinds(void **state)
{
	const uint32_t kinds = 1u << EVENT_FLOW | 1u << EVENT_CLOSE;

	(void)state;
	now.cnt[EVENT_FLOW][LOST_MAP] = 2;
	now.cnt[EVENT_FLOW][LOST_BUFFER] = 3;
	now.cnt[EVENT_CLOSE][LOST_MAP] = 1ull << 40;
	now.cnt[EVENT_CLOSE][LOST_NESTED] = 3;
	now.cnt[EVENT_CONNECT][LOST_MAP] = 7;
	assert_int_equal(losses_total(&now), (1ull << 40) + 15);
	losses_forget(&now, kinds);
	assert_int_equal(losses_total(&now), 10);
	assert_next(7, EVENT_CONNECT, LOST_MAP);
	assert_next(3, EVENT_CLOSE, LOST_NESTED);
	assert_no_more();
}

static void test_print(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	a.printed[EVENT_ACCEPT] = 12;
	a.reported.cnt[EVENT_CLOSE][LOST_BUFFER] = 1ull << 33;
	account_print(&a, f);
	fclose(f);
	assert_string_equal(text, "event                                 printed\n"
				  "accept                                     12\n"
				  "lost           reason                   count\n"
				  "close          buffer              8589934592\n");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),	    TEST(test_told_once),
		TEST(test_only_the_growth), TEST(test_each_kind_and_reason),
		TEST(test_beyond_32_bits),  TEST(test_summary),
		TEST(test_some_kinds),	    TEST(test_print),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
