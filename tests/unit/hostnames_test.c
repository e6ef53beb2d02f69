// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of hosts: from /etc/hosts, and without waiting for a resolver that does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hostnames.h"

static const uint8_t loopback[16] = { 127, 0, 0, 1 };
static const uint8_t nobody[16] = { 192, 0, 2, 1 }; /* RFC 5737: of no host */

/* The first name of 127.0.0.1 there; false: none. */
static bool name_in_hosts(char name[64])
{
	char line[512], address[64];
	FILE *f = fopen("/etc/hosts", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63s %63s", address, name) == 2 &&
			!strcmp(address, "127.0.0.1");
	if (f)
		fclose(f);
	return found;
}

static void test_hosts(void **state)
{
	struct hostnames *h = hostnames_new();
	char name[64];

	(void)state;
	assert_non_null(h);
	assert_int_equal(hostnames_get(h, loopback, 4).len, 0);
	if (!name_in_hosts(name)) {
		hostnames_free(h);
		skip();
	}
	hostnames_ask(h, loopback, 4);
	hostnames_ask(h, loopback, 4);
	hostnames_wait(h, 10000);
	assert_string_equal(hostnames_get(h, loopback, 4).ptr, name);
	assert_int_equal(hostnames_get(h, loopback, 4).len, strlen(name));
	assert_int_equal(hostnames_get(h, loopback, 6).len, 0);
	hostnames_free(h);
}

/* In a network namespace where nobody is to answer. */
static struct hostnames *new_alone(void)
{
	struct hostnames *h;

	if (unshare(CLONE_NEWNET))
		skip();
	h = hostnames_new();
	assert_non_null(h);
	return h;
}

/* What is still pending goes with the rest. */
static void test_no_answer(void **state)
{
	struct hostnames *h = new_alone();

	(void)state;
	hostnames_ask(h, nobody, 4);
	hostnames_wait(h, 1);
	assert_int_equal(hostnames_get(h, nobody, 4).len, 0);
	hostnames_ask(h, nobody, 5); /* no address */
	hostnames_free(h);
	hostnames_free(NULL);
}

/* Asked again and again for other addresses, it does not remember them all. */
static void test_trim(void **state)
{
	struct hostnames *h = new_alone();
	uint8_t addr[16] = { 127 };

	(void)state;
	hostnames_ask(h, loopback, 4);
	hostnames_wait(h, 10000);
	hostnames_trim(h);
	if (!hostnames_get(h, loopback, 4).len) {
		hostnames_free(h);
		skip();
	}
	for (unsigned int i = 2; i < (1u << 14) + 3; i++) {
		addr[2] = i >> 8;
		addr[3] = i;
		hostnames_ask(h, addr, 4);
	}
	hostnames_wait(h, 10000);
	hostnames_trim(h);
	assert_int_equal(hostnames_get(h, loopback, 4).len, 0);
	hostnames_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
