// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of formats: what is bound in it works, whatever it does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "format.h"
#include "samples.h"

static void test_find(void **state)
{
	(void)state;
	assert_string_equal(format_find("text")->name, "text");
	assert_string_equal(format_find("json")->name, "json");
	assert_null(format_find("xml"));
	assert_null(format_find(""));
}

static void test_every_format(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	const struct summary sum = { .events = { 1 } };
	struct buf b = { 0 };

	(void)state;
	for (unsigned int i = 0; i < format_cnt; i++) {
		const struct format *f = &formats[i];
		void *own = f->open ? f->open(NULL, false) : NULL;

		assert_true(!f->open || own);
		if (f->header)
			f->header(own, &b);
		f->line(own, &b, &s.line);
		if (f->summary)
			f->summary(own, &b, SAMPLE_UTC_NS, &sum);
		assert_int_equal(b.data[b.len - 1], '\n');
		if (f->close)
			f->close(own);
	}
	sample_free(&s);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_every_format),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
