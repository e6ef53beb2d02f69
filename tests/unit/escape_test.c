// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Strings of others made UTF-8, or harmless; put_text() and put_json() are in put_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "escape.h"

typedef size_t (*escape_fn)(char *out, const char *text, size_t len);

static size_t words(char *out, const char *text, size_t len)
{
	return escape_text(out, text, len, true);
}

static size_t sentences(char *out, const char *text, size_t len)
{
	return escape_text(out, text, len, false);
}

/* In memory of the very sizes: the sanitizer sees who reads or writes on. */
static void expect(escape_fn escape, size_t growth, const char *text, size_t len, const char *want)
{
	char *copy = malloc(len + !len), *out = malloc(growth * len + !len);
	size_t n;

	assert_true(copy && out);
	memcpy(copy, text, len);
	n = escape(out, copy, len);
	assert_true(n <= growth * len);
	if (n != strlen(want) || memcmp(out, want, n) != 0)
		fail_msg("'%.*s', not '%s'", (int)n, out, want);
	free(copy);
	free(out);
}

#define UTF8(text, want) expect(escape_utf8, ESCAPE_UTF8_MAX, text, sizeof(text) - 1, want)
#define WORD(text, want) expect(words, ESCAPE_TEXT_MAX, text, sizeof(text) - 1, want)
#define SENTENCE(text, want) expect(sentences, ESCAPE_TEXT_MAX, text, sizeof(text) - 1, want)
#define FFFD "\xef\xbf\xbd"

static void test_utf8_stays(void **state)
{
	(void)state;
	UTF8("", "");
	UTF8("plain \n\033\\\"", "plain \n\033\\\"");
	UTF8("\x7f\xc2\x80\xdf\xbf", "\x7f\xc2\x80\xdf\xbf");
	UTF8("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
	UTF8("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

/* Each byte its own, as JSON has them. */
static void test_no_utf8(void **state)
{
	(void)state;
	UTF8("\xff", FFFD);
	UTF8("a\x80z", "a" FFFD "z");
	UTF8("\xc0\xaf", FFFD FFFD);		       /* overlong */
	UTF8("\xe0\x80\xaf", FFFD FFFD FFFD);	       /* overlong */
	UTF8("\xed\xa0\x80", FFFD FFFD FFFD);	       /* a surrogate */
	UTF8("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD); /* too large */
	UTF8("\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD); /* too large */
	UTF8("\xe2\x82", FFFD FFFD);		       /* cut */
	UTF8("\xe2\x82z", FFFD FFFD "z");	       /* broken off */
	UTF8("\xc3\xc3\xa9", FFFD "\xc3\xa9");
}

static void test_text(void **state)
{
	(void)state;
	WORD("a b\\", "a\\x20b\\\\");
	SENTENCE("a b\\", "a b\\\\");
	SENTENCE("\n\r\t\x7f\xff", "\\x0a\\x0d\\x09\\x7f\\xff");
	WORD("\xc3\xa9", "\xc3\xa9");
	WORD("\xc2\x9b", "\\xc2\\x9b");		 /* a terminal's CSI */
	WORD("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* from right to left */
	WORD("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* the end of a line */
	WORD("\xef\xbb\xbf", "\\xef\\xbb\\xbf");
	WORD("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_stays),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
