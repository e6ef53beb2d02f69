// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The cgroups that were there before the trace. */
#include <string.h>

#include "cgroup2.h"
#include "log.h"
#include "tracer_internal.h"

static int tell(void *ctx, uint64_t id, struct str path)
{
	struct tracer *t = ctx;
	struct cgroup_record r = { .kind = RECORD_CGROUP, .len = path.len, .id = id };

	if (path.len >= sizeof(r.path))
		return 0; /* as in the kernel */
	memcpy(r.path, path.ptr, path.len);
	return t->fn(t->ctx, &r, CGROUP_HEAD_SIZE + path.len + 1);
}

void tracer_tell_cgroups(struct tracer *t)
{
	int err = cgroup2_walk(tell, t);

	if (err)
		log_debug("the cgroups that are there already cannot be read: %s", strerror(-err));
}
