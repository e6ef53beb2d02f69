// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Capabilities, as the kernel keeps them for this process. */
#include "privileges.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has(const struct __user_cap_data_struct *data, unsigned int cap)
{
	return data[cap / 32].effective & 1u << cap % 32;
}

bool privileges_for_bpf(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return true; /* it will be seen */
	return has(data, CAP_SYS_ADMIN) || (has(data, CAP_BPF) && has(data, CAP_PERFMON));
}
