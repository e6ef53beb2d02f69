// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mounts that no namespace sees. */
#include "detached.h"

#include <errno.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int detached_mount(const char *type)
{
	int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = -errno;
	else if ((fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0)) < 0)
		fd = -errno;
	close(fs);
	return fd;
}
