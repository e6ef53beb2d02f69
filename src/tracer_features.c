// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this kernel can do for programs of the tracing type. */
#include "tracer_features.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/btf.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

static bool has_function(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

/* The arguments of tp_btf/@name, from the typedef of a pointer to a function; NULL: there is none. */
static const struct btf_type *tracepoint_proto(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

/* The first argument of the typedef is a pointer of the tracepoint's own, which programs do not see. */
static enum uring_args uring_args(const struct btf *btf)
{
	const struct btf_type *proto = tracepoint_proto(btf, "btf_trace_io_uring_complete"), *third;

	if (!proto || btf_vlen(proto) < 4)
		return URING_RESULT_THIRD;
	if (btf_vlen(proto) > 5)
		return URING_RESULT_FOURTH;
	third = btf__type_by_id(btf, btf_params(proto)[3].type);
	return third && btf_is_ptr(third) ? URING_CQE_THIRD : URING_RESULT_THIRD;
}

int tracer_features(struct features *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err = btf ? 0 : -errno;

	if (err) {
		log_err("this kernel offers no type information (/sys/kernel/btf/vmlinux); "
			"connsnoop needs one that is built with CONFIG_DEBUG_INFO_BTF");
		return err;
	}
	f->socket_storage = has_function(btf, "bpf_sk_storage_get_tracing");
	f->task_btf = has_function(btf, "bpf_get_current_task_btf");
	f->sock_from_file = has_function(btf, "bpf_sock_from_file");
	f->cookie = has_function(btf, "bpf_get_socket_ptr_cookie");
	f->cheap_maps = btf__find_by_name_kind(btf, "bpf_mem_alloc", BTF_KIND_STRUCT) > 0;
	f->preemption = btf__find_by_name_kind(btf, "tracepoint_ext", BTF_KIND_STRUCT) > 0;
	f->mptcp = btf__find_by_name_kind(btf, "mptcp_sock", BTF_KIND_STRUCT) > 0;
	f->uring_args = uring_args(btf);
	f->kprobes = !access("/sys/bus/event_source/devices/kprobe/type", F_OK);
	btf__free(btf);
	return 0;
}
