// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whose name an address has, when, and how many are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dns_names.h"

#define S 1000000000ULL

static struct dns_names *t;
static struct dns_found found;

static int setup(void **state)
{
	(void)state;
	t = dns_names_new(DNS_ANYONE);
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dns_names_free(t);
	return 0;
}

static void add(uint32_t netns, uint32_t pid, uint64_t now_ns, const char *name, uint32_t addr,
		uint32_t ttl_s)
{
	const struct dns_client client = { .netns = netns, .pid = pid };
	static struct dns_answer a;

	a.name_len = strlen(name);
	memcpy(a.name, name, a.name_len + 1);
	a.cnt = 1;
	memcpy(a.addresses[0].bytes, &addr, 4);
	a.addresses[0].ipv = 4;
	a.addresses[0].ttl_s = ttl_s;
	assert_true(dns_names_add(t, &client, now_ns, &a));
}

static enum dns_rank find_when(uint32_t netns, uint32_t pid, struct dns_time when, uint32_t addr)
{
	const struct dns_client client = { .netns = netns, .pid = pid };
	uint8_t bytes[ADDR_LEN] = { 0 };

	memcpy(bytes, &addr, 4);
	found = (struct dns_found){ 0 };
	return dns_names_find(t, bytes, 4, &client, when, &found);
}

static enum dns_rank find(uint32_t netns, uint32_t pid, uint64_t begin_ns, uint32_t addr)
{
	return find_when(netns, pid, (struct dns_time){ .begin_ns = begin_ns }, addr);
}

static void test_whose(void **state)
{
	(void)state;
	assert_int_equal(find(1, 10, S, 1), DNS_UNKNOWN);
	add(1, 10, 1 * S, "mine", 1, 60);
	add(1, 11, 2 * S, "theirs", 1, 60);
	add(2, 12, 3 * S, "elsewhere", 1, 60);
	assert_int_equal(find(1, 10, 4 * S, 1), DNS_PROCESS);
	assert_string_equal(found.name.ptr, "mine");
	assert_int_equal(found.name.len, 4);
	assert_int_equal(find(1, 13, 4 * S, 1), DNS_NETNS);
	assert_string_equal(found.name.ptr, "theirs");
	assert_int_equal(find(3, 10, 4 * S, 1), DNS_OTHER_NETNS);
	assert_string_equal(found.name.ptr, "elsewhere");
	add(1, 0, 4 * S, "nobody's", 1, 60);
	assert_int_equal(find(1, 0, 5 * S, 1), DNS_NETNS); /* two that are not known are not one */
	assert_string_equal(found.name.ptr, "nobody's");
	assert_int_equal(find(1, 10, 4 * S, 2), DNS_UNKNOWN);
}

static void test_when(void **state)
{
	const uint64_t end = 10 * S + 5 * S + DNS_GRACE_NS;
	const struct dns_time before = { .begin_ns = end + S, .or_before = true };

	(void)state;
	add(1, 10, 10 * S, "name", 1, 5);
	assert_int_equal(find(1, 10, 10 * S - 1, 1), DNS_UNKNOWN); /* begun before it was told */
	assert_int_equal(find(1, 10, 10 * S, 1), DNS_PROCESS);
	assert_int_equal(find(1, 10, end, 1), DNS_PROCESS);
	assert_int_equal(find(1, 10, end + 1, 1), DNS_UNKNOWN);
	assert_int_equal(find_when(1, 10, before, 1), DNS_PROCESS);
	add(1, 10, 12 * S, "name", 1, 50); /* told again, before it has expired */
	assert_int_equal(find(1, 10, 11 * S, 1), DNS_PROCESS);
	assert_int_equal(find(1, 10, end + 1, 1), DNS_PROCESS);
	assert_int_equal(dns_names_count(t), 1);
	add(1, 10, 200 * S, "name", 1, 50); /* and after */
	assert_int_equal(find(1, 10, 100 * S, 1), DNS_UNKNOWN);
	assert_int_equal(dns_names_count(t), 2);
}

/* A connection that is there has the name that its address had, whatever it is called later. */
static void test_renamed(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		add(1, 10, (10 + i) * S, i % 2 ? "odd" : "even", 1, 60);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(find(1, 10, (10 + i) * S + 1, 1), DNS_PROCESS);
		assert_string_equal(found.name.ptr, i % 2 ? "odd" : "even");
	}
}

/* Of the many who ask for the same name, the oldest go; the name is known for as long. */
static void test_many_clients(void **state)
{
	(void)state;
	for (uint32_t pid = 1; pid <= 100; pid++)
		add(1, pid, pid * S, "popular", 1, 3600);
	assert_int_equal(dns_names_count(t), DNS_NAMES_PER_ADDRESS);
	assert_int_equal(find(1, 100, 200 * S, 1), DNS_PROCESS);
	assert_int_equal(find(1, 1, 2 * S, 1), DNS_NETNS);
	assert_string_equal(found.name.ptr, "popular");
}

static void test_versions(void **state)
{
	static const struct dns_answer a = {
		.name = "six",
		.name_len = 3,
		.addresses = { { .bytes = { 1 }, .ipv = 6, .ttl_s = 60 } },
		.cnt = 1,
	};
	const struct dns_client client = { .netns = 1, .pid = 10 };
	const uint8_t bytes[ADDR_LEN] = { 1 };

	(void)state;
	assert_true(dns_names_add(t, &client, S, &a));
	assert_int_equal(find(1, 10, S, 1), DNS_UNKNOWN);
	assert_int_equal(
		dns_names_find(t, bytes, 6, &client, (struct dns_time){ .begin_ns = S }, &found),
		DNS_PROCESS);
	assert_string_equal(found.name.ptr, "six");
}

static enum dns_rank find_own(const struct dns_client *client)
{
	const uint8_t bytes[ADDR_LEN] = { 10, 0, 0, 1 };

	return dns_names_find(t, bytes, 4, client, (struct dns_time){ .begin_ns = 2 * S }, &found);
}

/* A process that makes names up neither gives them to another nor takes those of another. */
static void test_its_own(void **state)
{
	static struct dns_answer a = {
		.name = "mine", .name_len = 4, .addresses = { { { 10, 0, 0, 1 }, 60, 4 } }, .cnt = 1
	};
	const struct dns_client mine = { 1, 10, 500 }, others[] = {
		{ 2, 10, 500 }, { 1, 11, 501 }, { 1, 11, 500 }, { 1, 10, 501 },
		{ 1, 10, 0 },	{ 1, 0, 0 },	{ 1, 0, 500 },
	};

	dns_names_free(t);
	t = dns_names_new(DNS_ITS_OWN);
	(void)state;
	assert_true(dns_names_add(t, &mine, S, &a));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(find_own(&others[i]), DNS_UNKNOWN);
	for (uint32_t i = 0; i < 2 * DNS_NAMES_PER_ADDRESS; i++) {
		memcpy(a.name, &(uint32_t){ 0x20202020 + i }, 4);
		assert_true(dns_names_add(t, &others[1], S + i, &a));
	}
	assert_int_equal(find_own(&mine), DNS_PROCESS);
	assert_string_equal(found.name.ptr, "mine");
	assert_int_equal(found.told_ns, S);
	assert_int_equal(dns_names_count(t), 1 + DNS_NAMES_PER_ADDRESS);
	for (uint32_t i = 0; i < DNS_NAMES_MAX; i++) {
		const struct dns_client many = { 1, 20, 1000 + i };

		assert_true(dns_names_add(t, &many, S, &a));
	}
	assert_int_equal(dns_names_count(t), DNS_NAMES_MAX / DNS_ITS_OWN_DIVISOR);
}

/* One that is looked for again and again stays. */
static void test_bounds(void **state)
{
	char name[DNS_NAME_MAX + 1];

	(void)state;
	add(1, 10, S, "wanted", 1, 86400);
	for (uint32_t i = 0; i < DNS_NAMES_MAX + 5000; i++) {
		snprintf(name, sizeof(name), "host%u.example", i);
		add(1, 10, S, name, 1000 + i, 86400);
		if (!(i % 50000))
			assert_int_equal(find(1, 10, 2 * S, 1), DNS_PROCESS);
	}
	assert_int_equal(dns_names_count(t), DNS_NAMES_MAX);
	assert_int_equal(find(1, 10, 2 * S, 1), DNS_PROCESS);
	assert_int_equal(find(1, 10, 2 * S, 1000), DNS_UNKNOWN);
	assert_int_equal(find(1, 10, 2 * S, 1000 + DNS_NAMES_MAX + 4999), DNS_PROCESS);
	memset(name, 'x', DNS_NAME_MAX);
	name[DNS_NAME_MAX] = '\0';
	for (uint32_t i = 0; i < 20000; i++) {
		memcpy(name, &(uint32_t){ 0x20202020 + i }, 4);
		add(1, 10, S, name, 1000000 + i, 86400);
	}
	assert_in_range(dns_names_count(t), 1, DNS_NAMES_BYTES_MAX / DNS_NAME_MAX);
	dns_names_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whose),	 TEST(test_when),     TEST(test_renamed),
		TEST(test_many_clients), TEST(test_versions), TEST(test_many_clients),
		TEST(test_versions),	 TEST(test_bounds),   TEST(test_its_own),
	};

	return cmocka_run_group_tests_name("dns_names", tests, NULL, NULL);
}
