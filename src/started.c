// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The 22nd word of /proc/PID/stat, behind a name that may hold anything. */
#include "started.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL
#define TICK_NS (NS_PER_S / 100)
#define WORDS_BEFORE 19			  /* between the name's parenthesis and it */
#define INITIAL_PID_NAMESPACE 0xeffffffcU /* the kernel's PROC_PID_INIT_INO */

uint64_t started_ticks(const char *stat)
{
	const char *p = strrchr(stat, ')');

	if (!p)
		return 0;
	for (int i = 0; i <= WORDS_BEFORE; i++) {
		p = strchr(p, ' ');
		if (!p)
			return 0;
		p++;
	}
	return strtoull(p, NULL, 10);
}

/* In another pid namespace ours are other numbers. */
static bool is_initial_namespace(void)
{
	struct stat ns;

	return !stat("/proc/self/ns/pid", &ns) && ns.st_ino == INITIAL_PID_NAMESPACE;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

uint64_t started_utc(uint32_t pid)
{
	uint64_t ticks, boot, hz = sysconf(_SC_CLK_TCK);
	char path[32], stat[1024];
	ssize_t n = -1;
	int fd;

	if (!pid || !is_initial_namespace())
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	ticks = started_ticks(stat);
	if (!ticks)
		return 0;
	/* the kernel's ticks are no finer, and the two clocks are read one after the other */
	boot = (now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME)) / TICK_NS * TICK_NS;
	return boot + ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}
