/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What others chose (process names, paths) made harmless; put_text() and put_json() are here too. */
#ifndef CONNSNOOP_ESCAPE_H
#define CONNSNOOP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_TEXT_MAX 4 /* bytes that escape_text() makes of one */

/* As put_text(), into @out; spaces stay unless @word. Returns the length, without a NUL. */
size_t escape_text(char *out, const char *text, size_t len, bool word);

#define ESCAPE_UTF8_MAX 3 /* bytes that escape_utf8() makes of one */

/* Bytes that are not UTF-8 become U+FFFD, each its own, as in JSON; the rest stays. Returns the length. */
size_t escape_utf8(char *out, const char *text, size_t len);

#endif
