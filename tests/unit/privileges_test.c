// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this process may do: as root, and in a child that has given it up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileges.h"

/* CapEff of /proc, another way to the same. */
static bool proc_says(void)
{
	const uint64_t admin = 1ull << 21, both = 1ull << 38 | 1ull << 39;
	unsigned long long effective = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	fclose(f);
	return effective & admin || (effective & both) == both;
}

static void test_as_proc_says(void **state)
{
	(void)state;
	assert_int_equal(privileges_for_bpf(), proc_says());
}

static void test_given_up(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(setresuid(65534, 65534, 65534) ? 2 : privileges_for_bpf());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_proc_says),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
