// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Diagnostics: one line each, with nothing in it that a terminal would act on. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "capture.h"
#include "log.h"

static struct capture c;

static void test_severities(void **state)
{
	(void)state;
	capture_begin(&c, STDERR_FILENO);
	log_err("cannot open '%s': %s", "a b", "no");
	log_warn("%d is odd", 3);
	log_debug("unheard");
	log_verbose = true;
	log_debug("heard");
	log_verbose = false;
	capture_end(&c);
	assert_string_equal(c.text, "connsnoop: cannot open 'a b': no\n"
				    "connsnoop: warning: 3 is odd\n"
				    "connsnoop: debug: heard\n");
}

static void test_hostile(void **state)
{
	(void)state;
	capture_begin(&c, STDERR_FILENO);
	log_err("%s", "x\nconnsnoop: forged\033[2J\xc2\x9b\xff\\");
	capture_end(&c);
	assert_true(capture_is_one_sentence(&c));
	assert_string_equal(c.text, "connsnoop: x\\x0aconnsnoop: forged\\x1b[2J\\xc2\\x9b\\xff"
				    "\\\\\n");
}

static void test_long(void **state)
{
	char *text = malloc(100001);

	(void)state;
	memset(text, '\n', 100000);
	text[100000] = '\0';
	capture_begin(&c, STDERR_FILENO);
	log_err("%s", text);
	capture_end(&c);
	assert_true(capture_is_one_sentence(&c));
	free(text);
}

static void test_keeps_errno(void **state)
{
	(void)state;
	capture_begin(&c, STDERR_FILENO);
	errno = ENOSPC;
	log_err("x");
	assert_int_equal(errno, ENOSPC);
	capture_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_keeps_errno),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
