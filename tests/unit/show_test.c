// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the options to an output: columns, header, colour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "capture.h"
#include "opts.h"
#include "output.h"
#include "samples.h"
#include "show.h"

static struct capture out;

/* What one line of a failed attempt looks like with these options. */
static const char *shown(const struct opts *opts, const char *columns)
{
	struct sample s = sample_new(EVENT_FAIL);
	struct output *output;

	capture_begin(&out, STDOUT_FILENO);
	assert_int_equal(show_open(&output, opts, columns, NULL), 0);
	assert_int_equal(output_line(output, &s.line), 0);
	assert_int_equal(output_close(output), 0);
	capture_end(&out);
	sample_free(&s);
	return out.text;
}

static void test_columns(void **state)
{
	struct opts o = { .header = true, .color = COLOR_NEVER };
	char mine[] = "lport";

	(void)state;
	assert_string_equal(shown(&o, "pid"), "   PID\n  1234\n");
	o.header = false;
	assert_string_equal(shown(&o, "pid"), "  1234\n");
	o.columns = mine;
	assert_string_equal(shown(&o, "pid"), "54321\n");
	o.columns = NULL;
	assert_non_null(strstr(shown(&o, NULL), "ECONNREFUSED")); /* the format's own */
	o.json = true;
	assert_non_null(strstr(shown(&o, "pid"), "{\"ts\":"));
}

static void test_color(void **state)
{
	struct opts o = { .color = COLOR_ALWAYS };

	(void)state;
	setenv("TERM", "xterm", 1);
	assert_non_null(strstr(shown(&o, "event"), "\033["));
	setenv("NO_COLOR", "1", 1); /* what was asked for is more */
	assert_non_null(strstr(shown(&o, "event"), "\033["));
	unsetenv("NO_COLOR");
	o.color = COLOR_AUTO; /* no terminal */
	assert_null(strstr(shown(&o, "event"), "\033["));
	o.color = COLOR_NEVER;
	assert_null(strstr(shown(&o, "event"), "\033["));
}

static void test_file_that_cannot_be(void **state)
{
	char path[] = "/no/such/directory/x";
	struct opts o = { .output = path };
	struct output *output = NULL;
	static struct capture err;

	(void)state;
	capture_begin(&err, STDERR_FILENO);
	assert_true(show_open(&output, &o, "pid", NULL) < 0);
	capture_end(&err);
	assert_true(capture_is_one_sentence(&err));
	assert_null(output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_file_that_cannot_be),
	};

	return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
