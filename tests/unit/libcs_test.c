// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lines of /proc/PID/maps, and heads of files: processes choose both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libcs.h"

static void test_line(void **state)
{
	struct libc_map map;

	(void)state;
	assert_true(libcs_map_parse(
		"7f3c2a028000-7f3c2a1bd000 r-xp 00028000 fe:1f 4242                   "
		"/usr/lib/x86_64-linux-gnu/libc.so.6\n",
		&map));
	assert_int_equal(map.start, 0x7f3c2a028000);
	assert_int_equal(map.end, 0x7f3c2a1bd000);
	assert_int_equal(map.dev, 0xfeULL << 32 | 0x1f);
	assert_int_equal(map.ino, 4242);
}

static bool is_libc(const char *path, const char *perms)
{
	struct libc_map map;
	char line[256];

	snprintf(line, sizeof(line), "1000-2000 %s 0 00:1 7 %s", perms, path);
	return libcs_map_parse(line, &map);
}

static void test_names(void **state)
{
	static const char *const libcs[] = {
		"/lib/libc.so.6",
		"/a b/libc.so.6",
		"/lib/libc.so.6 (deleted)",
		"/lib/libc-2.31.so",
		"/lib/ld-musl-x86_64.so.1",
		"/lib/libc.musl-aarch64.so.1",
		"/usr/lib/x86_64-linux-musl/libc.so",
	};
	static const char *const others[] = {
		"",
		"/",
		"libc.so.6",
		"[vdso]",
		"/lib/libcurl.so.4",
		"/libc.so.6/x",
		"/lib/libc.so.61",
		"/lib/libc.so.6.bak",
		"/lib/my-libc.so.6",
		"/lib/libc.so.6 (deleted)x/",
		"/lib/libc++.so.1",
		"/memfd:libc.so.7 (deleted)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(libcs) / sizeof(*libcs); i++) {
		assert_true(is_libc(libcs[i], "r-xp"));
		assert_false(is_libc(libcs[i], "r--p"));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(is_libc(others[i], "r-xp"));
}

static void test_broken_lines(void **state)
{
	static const char *const lines[] = {
		"/libc.so.6",
		"1000-2000 /libc.so.6",
		"1000 2000 r-xp 0 00:1 7 /libc.so.6",
		"1000-2000 r-xp 0 001 7 /libc.so.6",
		"x-2000 r-xp 0 00:1 7 /libc.so.6",
		"1000-2000 r-xprwx 0 00:1 7 /libc.so.6",
		"1000-2000 rx 0 00:1 7 /libc.so.6",
	};
	struct libc_map map;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_false(libcs_map_parse(lines[i], &map));
}

static void test_native(void **state)
{
	uint8_t own[LIBCS_HEAD] = {
		0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, [18] = EM_X86_64
	};
	uint8_t head[LIBCS_HEAD];

	(void)state;
	memcpy(head, own, sizeof(head));
	assert_true(libcs_is_native(head, own, sizeof(head)));
	assert_false(libcs_is_native(head, own, sizeof(head) - 1));
	for (size_t i = 0; i < sizeof(head); i++) {
		bool matters = i <= EI_DATA || i >= 18;

		head[i] ^= 1;
		assert_int_equal(libcs_is_native(head, own, sizeof(head)), !matters);
		head[i] ^= 1;
	}
	head[EI_CLASS] = own[EI_CLASS] = ELFCLASS32; /* we ourselves: nobody is */
	assert_false(libcs_is_native(head, own, sizeof(head)));
}

/* Our own at least, and none twice. */
static void test_find(void **state)
{
	struct stat st[LIBCS_MAX];
	struct libcs l;

	(void)state;
	libcs_find(&l);
	assert_in_range(l.cnt, 1, LIBCS_MAX);
	for (size_t i = 0; i < l.cnt; i++) {
		assert_int_equal(fstat(l.fds[i], &st[i]), 0);
		assert_true(S_ISREG(st[i].st_mode));
		for (size_t j = 0; j < i; j++)
			assert_true(st[i].st_dev != st[j].st_dev || st[i].st_ino != st[j].st_ino);
	}
	libcs_close(&l);
	assert_int_equal(l.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),	     cmocka_unit_test(test_names),
		cmocka_unit_test(test_broken_lines), cmocka_unit_test(test_native),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
