// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The file of hosts, well and badly written, and read again when it is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "hosts.h"

#define S 1000000000ULL

static char path[] = "/tmp/connsnoop-hosts-XXXXXX";
static struct hosts *h;

static void write_file(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(strrchr(path, '-') + 1, "XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	h = hosts_new(path);
	return h ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	hosts_free(h);
	unlink(path);
	return 0;
}

static const char *name_of(const char *address, uint64_t now_ns)
{
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	uint8_t bytes[ADDR_LEN] = { 0 };
	struct str name;

	inet_pton(family, address, bytes);
	name = hosts_find(h, bytes, family == AF_INET ? 4 : 6, now_ns);
	assert_int_equal(name.len, name.ptr ? strlen(name.ptr) : 0);
	return name.ptr ?: "";
}

static void test_lines(void **state)
{
	(void)state;
	write_file("127.0.0.1\tlocalhost other\n"
		   "# 192.0.2.1 no\n"
		   "\n   192.0.2.2   two  # it is\n"
		   "192.0.2.3\n"
		   "nonsense name\n"
		   "300.1.1.1 name\n"
		   "127.0.0.1 second\n"
		   "2001:db8::1 six\r\n"
		   "192.0.2.4#four\n"
		   "192.0.2.5 last");
	assert_string_equal(name_of("127.0.0.1", S), "localhost");
	assert_string_equal(name_of("192.0.2.1", S), "");
	assert_string_equal(name_of("192.0.2.2", S), "two");
	assert_string_equal(name_of("192.0.2.3", S), "");
	assert_string_equal(name_of("192.0.2.4", S), "");
	assert_string_equal(name_of("192.0.2.5", S), "last");
	assert_string_equal(name_of("2001:db8::1", S), "six");
	assert_string_equal(name_of("::1", S), "");
}

static void test_changes(void **state)
{
	(void)state;
	write_file("192.0.2.1 one\n");
	assert_string_equal(name_of("192.0.2.1", S), "one");
	write_file("192.0.2.1 another\n");
	assert_string_equal(name_of("192.0.2.1", S + S / 2), "one"); /* not looked at each time */
	assert_string_equal(name_of("192.0.2.1", 2 * S), "another");
	unlink(path);
	assert_string_equal(name_of("192.0.2.1", 3 * S), "");
	write_file("192.0.2.1 back\n");
	assert_string_equal(name_of("192.0.2.1", 4 * S), "back");
	hosts_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_lines), TEST(test_changes) };

	return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
