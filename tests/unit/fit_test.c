// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which names are marked on which ports, and which are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fit.h"
#include "samples.h"

static const char *fit(const char *comm, uint16_t port, const char *addr, uint8_t proto,
		       const char *exe)
{
	struct sample s = sample_new(EVENT_PORT);
	const char *result;

	memset(s.e->owner.comm, 0, COMM_LEN);
	memcpy(s.e->owner.comm, comm, strnlen(comm, COMM_LEN - 1));
	s.line.exe = (struct str){ exe, strlen(exe) };
	s.e->lport = port;
	s.e->proto = proto;
	memset(s.e->laddr, 0, ADDR_LEN);
	sample_endpoints(s.e, addr, NULL);
	result = fit_unexpected(&s.line);
	sample_free(&s);
	return result;
}

static const struct {
	const char *comm;
	uint16_t port;
	const char *addr;
	uint8_t proto;
	const char *exe;
	const char *unexpected; /* NULL: it fits */
} cases[] = {
	{ "sshd", 22, "0.0.0.0", IPPROTO_TCP, "/usr/sbin/sshd", NULL },
	{ "sshd", 443, "0.0.0.0", IPPROTO_TCP, "/usr/sbin/sshd", "ssh-elsewhere" },
	{ "sshd", 6010, "127.0.0.1", IPPROTO_TCP, "/usr/sbin/sshd", NULL }, /* X11 */
	{ "sshd", 6010, "0.0.0.0", IPPROTO_TCP, "/usr/sbin/sshd", "ssh-elsewhere" },
	{ "python3", 22, "0.0.0.0", IPPROTO_TCP, "/usr/bin/python3", "not-ssh" },
	{ "python3", 22, "0.0.0.0", IPPROTO_UDP, "/usr/bin/python3", NULL },
	{ "systemd", 22, "::", IPPROTO_TCP, "/usr/lib/systemd/systemd", NULL }, /* activation */
	{ "docker-proxy", 5432, "0.0.0.0", IPPROTO_TCP, "/usr/bin/docker-proxy", NULL },
	{ "main", 5432, "0.0.0.0", IPPROTO_TCP, "/usr/lib/postgresql/15/bin/postgres", NULL },
	{ "postgres", 5433, "0.0.0.0", IPPROTO_TCP, "/usr/bin/postgres", NULL },
	{ "systemd-resolve", 53, "127.0.0.53", IPPROTO_UDP, "", NULL },
	{ "nc", 53, "0.0.0.0", IPPROTO_UDP, "/bin/nc", "not-domain" },
	{ "anything", 443, "0.0.0.0", IPPROTO_TCP, "/bin/x", NULL },
	{ "anything", 8080, "0.0.0.0", IPPROTO_TCP, "", NULL },
	{ "ssh", 22, "0.0.0.0", IPPROTO_TCP, "", "not-ssh" }, /* a part of a name is none */
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = fit(cases[i].comm, cases[i].port, cases[i].addr, cases[i].proto,
				      cases[i].exe);

		if ((got && !cases[i].unexpected) || (!got && cases[i].unexpected) ||
		    (got && strcmp(got, cases[i].unexpected) != 0))
			fail_msg("%s on %u: %s", cases[i].comm, cases[i].port, got ? got : "fits");
	}
}

static void test_any_holder(void **state)
{
	static const struct holder holders[] = { { 1, "curl" }, { 8, "dropbear" } };
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.e->lport = 22;
	assert_string_equal(fit_unexpected(&s.line), "not-ssh");
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	assert_null(fit_unexpected(&s.line));
	sample_free(&s);
}

static void test_nobody_known(void **state)
{
	struct sample s = sample_new(EVENT_PORT);

	(void)state;
	s.e->lport = 22;
	s.e->owner.pid = 0;
	assert_null(fit_unexpected(&s.line));
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_any_holder),
		cmocka_unit_test(test_nobody_known),
	};

	return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
