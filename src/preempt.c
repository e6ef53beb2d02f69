// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's preemption, from its command line and its configuration. */
#include "preempt.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

int preempt_by_cmdline(const char *cmdline)
{
	static const char key[] = "preempt=";
	const char *at = cmdline;
	int found = -1;

	while ((at = strstr(at, key))) {
		bool begins_word = at == cmdline || at[-1] == ' ';

		at += strlen(key);
		if (begins_word)
			found = strncmp(at, "none", 4) && strncmp(at, "voluntary", 9);
	}
	return found;
}

int preempt_by_config(const char *line)
{
	static const struct {
		const char *line;
		int preempts;
	} known[] = {
		{ "CONFIG_PREEMPT_NONE=y\n", 0 },
		{ "CONFIG_PREEMPT_VOLUNTARY=y\n", 0 },
		{ "CONFIG_PREEMPT=y\n", 1 },
		{ "CONFIG_PREEMPT_LAZY=y\n", 1 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(line, known[i].line))
			return known[i].preempts;
	return -1;
}

static int ask_cmdline(void)
{
	FILE *f = fopen("/proc/cmdline", "re");
	char text[4096] = "";
	int found = -1;

	if (!f)
		return -1;
	if (fgets(text, sizeof(text), f))
		found = preempt_by_cmdline(text);
	fclose(f);
	return found;
}

static int ask_config(const char *path)
{
	gzFile f = gzopen(path, "re"); /* reads what is not compressed as it is */
	char line[256];
	int found = -1;

	while (f && found < 0 && gzgets(f, line, sizeof(line)))
		found = preempt_by_config(line);
	if (f)
		gzclose(f);
	return found;
}

bool kernel_preempts(void)
{
	char path[sizeof(struct utsname)];
	struct utsname kernel;
	int found = ask_cmdline();

	if (found < 0)
		found = ask_config("/proc/config.gz");
	if (found < 0 && !uname(&kernel)) {
		snprintf(path, sizeof(path), "/boot/config-%s", kernel.release);
		found = ask_config(path);
	}
	return found;
}
