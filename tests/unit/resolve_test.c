// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From events and records, which are input, to lines: each name where it belongs, and nothing of the line before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture.h"
#include "clock.h"
#include "resolve.h"
#include "samples.h"
#include "services.h"

static struct services *services;
static struct resolver *named, *numeric;
static struct sample s;
static struct line l;

static int setup(void **state)
{
	(void)state;
	s = sample_new(EVENT_EXISTING);
	s.e->owner.uid = 0;
	memset(&l, 0xff, sizeof(l)); /* all of it is filled */
	if (services_load(&services) || resolver_open(&named, services))
		return -1;
	return resolver_open(&numeric, NULL);
}

static int teardown(void **state)
{
	(void)state;
	resolver_close(named);
	resolver_close(numeric);
	services_free(services);
	sample_free(&s);
	return 0;
}

static void add_exe(struct resolver *r, uint64_t key, const char *components, size_t len)
{
	struct exe_record record = { .kind = RECORD_EXE, .key = key, .len = len };

	memcpy(record.path, components, len);
	resolver_add_exe(r, &record, EXE_HEAD_SIZE + len);
}

static void add_holder(struct resolver *r, uint64_t id, uint32_t pid)
{
	struct holder_record record = { .kind = RECORD_HOLDER, .id = id, .pid = pid };

	memcpy(record.comm, "other", 6);
	resolver_add_holder(r, &record, sizeof(record));
}

static void test_services(void **state)
{
	(void)state;
	s.e->lport = 22;
	s.e->lorigin = LORIGIN_BOUND;
	resolver_line(named, s.e, &l);
	assert_string_equal(l.lservice.ptr, "ssh");
	assert_string_equal(l.rservice.ptr, "https");
	s.e->lport = 0; /* not known, or none */
	s.e->rport = 0;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.lservice.len, 0);
	assert_int_equal(l.rservice.len, 0);
	s.e->lport = 53;
	s.e->proto = IPPROTO_UDP;
	resolver_line(named, s.e, &l);
	assert_string_equal(l.lservice.ptr, "domain");
	resolver_line(numeric, s.e, &l);
	assert_int_equal(l.lservice.len, 0);
}

/* A name is not told of a port that the kernel drew, but where others came to it. */
static void test_chosen_port(void **state)
{
	/* clang-format off */
	static const struct {
		enum lorigin origin;
		enum direction direction;
		const char *name;
	} cases[] = {
		{ LORIGIN_DYNAMIC, DIRECTION_OUT, "" },
		{ LORIGIN_DYNAMIC, DIRECTION_NONE, "" },
		{ LORIGIN_DYNAMIC, DIRECTION_IN, "bacnet" },
		{ LORIGIN_BOUND, DIRECTION_OUT, "bacnet" },
		{ LORIGIN_BOUND, DIRECTION_NONE, "bacnet" },
		{ LORIGIN_NONE, DIRECTION_OUT, "bacnet" },
	};
	/* clang-format on */

	(void)state;
	s.e->lport = 47808;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].name);

		s.e->lorigin = cases[i].origin;
		s.e->direction = cases[i].direction;
		resolver_line(named, s.e, &l);
		assert_int_equal(l.lservice.len, len);
		if (len)
			assert_string_equal(l.lservice.ptr, cases[i].name);
		assert_string_equal(l.rservice.ptr, "https");
	}
}

/* Of the commands that show one: of the events of a trace it is not looked for. */
static void test_users(void **state)
{
	(void)state;
	resolver_line(named, s.e, &l);
	assert_string_equal(l.user.ptr, "root");
	s.e->kind = EVENT_PORT;
	resolver_line(named, s.e, &l);
	assert_string_equal(l.user.ptr, "root");
	resolver_line(numeric, s.e, &l);
	assert_int_equal(l.user.len, 0);
	s.e->owner.pid = 0; /* nobody, and not root */
	resolver_line(named, s.e, &l);
	assert_int_equal(l.user.len, 0);
	s.e->owner.pid = 1;
	s.e->owner.uid = 4294967294;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.user.len, 0);
	s.e->owner.uid = 0;
	s.e->kind = EVENT_CLOSE;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.user.len, 0);
}

static void test_paths(void **state)
{
	(void)state;
	add_exe(named, 7, "nginx\0sbin", 11);
	s.e->owner.exe_key = 7;
	resolver_line(named, s.e, &l);
	assert_string_equal(l.exe.ptr, "/sbin/nginx");
	assert_int_equal(l.cgroup.len, 0); /* of no id */
	s.e->owner.exe_key = 8;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.exe.len, 0);
	resolver_leave_paths(named);
	s.e->owner.exe_key = 7;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.exe.len, 0);
	add_exe(named, 7, "x", 2);
}

static void test_holders(void **state)
{
	static const uint32_t kinds[] = { EVENT_EXISTING, EVENT_PORT };

	(void)state;
	add_holder(named, s.e->id, 5);
	add_holder(named, s.e->id + 1, 6);
	for (size_t i = 0; i < 2; i++) {
		s.e->kind = kinds[i];
		resolver_line(named, s.e, &l);
		assert_int_equal(l.holder_cnt, 2);
		assert_int_equal(l.holders[0].pid, s.e->owner.pid);
		assert_int_equal(l.holders[1].pid, 5);
		assert_string_equal(l.holders[1].comm, "other");
	}
	s.e->kind = EVENT_CLOSE;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.holder_cnt, 0);
	s.e->kind = EVENT_EXISTING;
	resolver_forget_holders(named);
	resolver_line(named, s.e, &l);
	assert_int_equal(l.holder_cnt, 0);
	assert_null(l.holders);
}

/* They are none; what is lost with them is no reason to end. */
static void test_short_records(void **state)
{
	struct exe_record exe = { .kind = RECORD_EXE, .key = 7, .len = EXE_PATH_MAX };
	struct holder_record holder = { .kind = RECORD_HOLDER, .id = s.e->id, .pid = 5 };
	static struct capture err;

	(void)state;
	capture_begin(&err, STDERR_FILENO);
	for (size_t size = 0; size < sizeof(exe); size++)
		resolver_add_exe(named, &exe, size);
	for (size_t size = 0; size < sizeof(holder); size++)
		resolver_add_holder(named, &holder, size);
	capture_end(&err);
	assert_string_equal(err.text, "");
	s.e->owner.exe_key = 7;
	resolver_line(named, s.e, &l);
	assert_int_equal(l.exe.len, 0);
	assert_int_equal(l.holder_cnt, 0);
}

/* None unless they are asked for; then they are there with everything else. */
static void test_hosts(void **state)
{
	(void)state;
	assert_null(resolver_hosts(named));
	assert_int_equal(resolver_name_hosts(named, false), 0);
	assert_non_null(resolver_hosts(named));
	resolver_line(named, s.e, &l); /* nobody has named it */
	assert_int_equal(l.rname.len, 0);
	assert_int_equal(l.rname_source, RNAME_NONE);
	assert_string_equal(l.rservice.ptr, "https");
}

static void test_line_is_whole(void **state)
{
	(void)state;
	s.e->ts_ns = clock_monotonic_ns();
	resolver_line(named, s.e, &l);
	assert_ptr_equal(l.e, s.e);
	assert_int_equal(l.utc_ns, resolver_utc(named, s.e->ts_ns));
	assert_true(l.utc_ns > 1600000000000000000); /* of the day, not since boot */
	assert_int_equal(l.rname.len, 0);
	assert_int_equal(l.container.len, 0);
	assert_int_equal(l.change, CHANGE_NONE);
	assert_null(l.port);
	assert_int_equal(l.lost_count, 0);
	resolver_clock_was_set(named); /* it was not: nothing changes */
	assert_true(resolver_clock_fd(named) >= 0);
	resolver_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_services),	  TEST(test_chosen_port), TEST(test_users),
		TEST(test_paths),	  TEST(test_holders),	  TEST(test_short_records),
		TEST(test_line_is_whole), TEST(test_hosts),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
