// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records of what getaddrinfo() has told: all of it is from the memory of a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "libc_answer.h"

static struct libc_record r;
static struct dns_answer a;

static void add(int family, const char *address)
{
	r.families[r.cnt] = family;
	inet_pton(family, address, r.addresses[r.cnt++]);
}

static int setup(void **state)
{
	(void)state;
	memset(&r, 0x5a, sizeof(r)); /* what is not used is not set */
	r.kind = RECORD_LIBC;
	r.cnt = 0;
	add(AF_INET, "192.0.2.1");
	strcpy(r.name, "host.example");
	return 0;
}

static bool parse(const char *name)
{
	strcpy(r.name, name);
	return libc_answer(&r, sizeof(r), &a);
}

static void test_answer(void **state)
{
	static const uint8_t first[] = { 192, 0, 2, 1 }, third[] = { 192, 0, 2, 3 };

	(void)state;
	add(AF_INET6, "2001:db8::2");
	add(AF_INET6, "::ffff:192.0.2.3");
	assert_true(parse("Host.Example."));
	assert_string_equal(a.name, "host.example");
	assert_int_equal(a.name_len, strlen(a.name));
	assert_int_equal(a.cnt, 3);
	assert_int_equal(a.addresses[0].ipv, 4);
	assert_memory_equal(a.addresses[0].bytes, first, 4);
	assert_int_equal(a.addresses[1].ipv, 6);
	assert_memory_equal(a.addresses[1].bytes, r.addresses[1], ADDR_LEN);
	assert_int_equal(a.addresses[2].ipv, 4); /* as it travels */
	assert_memory_equal(a.addresses[2].bytes, third, 4);
	for (size_t i = 0; i < a.cnt; i++)
		assert_in_range(a.addresses[i].ttl_s, 1, DNS_TTL_MAX);
}

static void test_no_name(void **state)
{
	static const char *const names[] = { "",  ".",		"192.0.2.1", "192.513",
					     "1", "0x7f000001", "::1",	     "fe80::1%eth0" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_false(parse(names[i]));
}

static void test_no_address(void **state)
{
	(void)state;
	r.families[0] = AF_UNIX;
	assert_false(parse("host.example"));
	r.cnt = 0;
	assert_false(parse("host.example"));
}

static void test_short(void **state)
{
	uint8_t *copy;

	(void)state;
	for (size_t size = 0; size < sizeof(r); size++) {
		copy = malloc(size ? size : 1); /* to the end of which the sanitizer looks */
		memcpy(copy, &r, size);
		assert_false(libc_answer((struct libc_record *)copy, size, &a));
		free(copy);
	}
}

static void test_wrong_count(void **state)
{
	static const uint32_t counts[] = { LIBC_ADDRESSES_MAX, LIBC_ADDRESSES_MAX + 1, UINT32_MAX };

	(void)state;
	memset(r.families, AF_INET, sizeof(r.families));
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		r.cnt = counts[i];
		assert_true(parse("host.example"));
		assert_int_equal(a.cnt, LIBC_ADDRESSES_MAX);
	}
}

static void test_no_nul(void **state)
{
	(void)state;
	memset(r.name, 'a', sizeof(r.name));
	assert_false(libc_answer(&r, sizeof(r), &a));
}

/* Whatever the bytes are, of as many as there can be: text, and one name is never another. */
static void test_hostile_name(void **state)
{
	(void)state;
	assert_true(parse("a\tb\x1b[31m\\032\xff\xc3\xa9 \x7f"));
	assert_string_equal(a.name, "a\\009b\\027[31m\\092032\\255\\195\\169\\032\\127");
	memset(r.name, 0xff, sizeof(r.name));
	r.name[sizeof(r.name) - 1] = '\0';
	assert_true(libc_answer(&r, sizeof(r), &a));
	assert_int_equal(a.name_len, 4 * (LIBC_NAME_SIZE - 1));
	assert_int_equal(strlen(a.name), a.name_len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_answer, setup),
		cmocka_unit_test_setup(test_no_name, setup),
		cmocka_unit_test_setup(test_no_address, setup),
		cmocka_unit_test_setup(test_short, setup),
		cmocka_unit_test_setup(test_wrong_count, setup),
		cmocka_unit_test_setup(test_no_nul, setup),
		cmocka_unit_test_setup(test_hostile_name, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
