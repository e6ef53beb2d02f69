// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's iterators know more, and are faster; sock_diag asks for no privilege. */
#include "snapshot.h"

#include "log.h"
#include "opts.h"
#include "pass.h"
#include "privileges.h"
#include "sockdiag.h"
#include "tracer.h"

int snapshot_read(const struct opts *opts, int (*fn)(void *ctx, const void *record, size_t size),
		  void *ctx)
{
	static bool refused; /* what has failed at one look is not tried at the next */
	struct tracer *tracer = NULL;
	struct opts list = *opts;
	struct pass pass;
	int err = pass_init(&pass, &opts->filters);

	if (err)
		return err; /* it is wrong for both ways */
	if (refused || !privileges_for_bpf())
		return sockdiag_list(opts, fn, ctx);
	list.command = COMMAND_LIST;
	list.events = 1u << EVENT_EXISTING;
	list.command_argv = NULL;
	list.backend = BACKEND_AUTO; /* iterators are of none */
	err = tracer__open(&tracer, &list, fn, ctx);
	if (err) {
		tracer__close(tracer);
		refused = true;
		log_warn("listing by netlink and /proc instead");
		return sockdiag_list(opts, fn, ctx);
	}
	err = tracer__list(tracer);
	tracer__close(tracer);
	return err;
}
