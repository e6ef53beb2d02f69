// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Diagnostics to stderr, each written whole so that sentences of two processes do not mix. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

#define LOG_MAX 1024 /* a longer sentence is cut */

bool log_verbose;

/* Each format comes from a checked caller. */
static __attribute__((format(printf, 2, 0))) void log_vprint(const char *severity, const char *fmt,
							     va_list ap)
{
	char text[LOG_MAX], line[64 + LOG_MAX * ESCAPE_TEXT_MAX];
	int saved = errno;
	size_t len;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	len = snprintf(line, 64, "connsnoop: %s", severity);
	len += escape_text(line + len, text, strlen(text), false);
	line[len++] = '\n';
	/* That stderr itself fails can be told nobody. */
	(void)!write(STDERR_FILENO, line, len);
	errno = saved;
}

void log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint("warning: ", fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	log_vprint("debug: ", fmt, ap);
	va_end(ap);
}
