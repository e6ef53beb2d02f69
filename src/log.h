/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Diagnostics: one sentence a call, to stderr, never into the stream of events. The newline is
 * added here. What comes from outside (names, paths) is made harmless: control characters are
 * shown as \xNN.
 */
#ifndef CONNSNOOP_LOG_H
#define CONNSNOOP_LOG_H

#include <stdbool.h>

extern bool log_verbose; /* log_debug speaks */

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Of what is met again and again, such as at each look of a watch. Not for use by several threads. */
#define log_warn_once(...)                                                                         \
	do {                                                                                       \
		static bool said;                                                                  \
                                                                                                   \
		if (!said)                                                                         \
			log_warn(__VA_ARGS__);                                                     \
		said = true;                                                                       \
	} while (0)
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
