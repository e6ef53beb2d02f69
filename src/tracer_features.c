// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this kernel can do for programs of the tracing type. */
#include "tracer_features.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/btf.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "preempt.h"

enum type_id {
	TYPE_STORAGE,
	TYPE_TASK,
	TYPE_FROM_FILE,
	TYPE_COOKIE,
	TYPE_TCP_CONNECT,
	TYPE_ALLOC,
	TYPE_TRACEPOINT_EXT,
	TYPE_MPTCP,
	TYPE_URING,
	TYPE_CNT,
};

static const struct {
	uint16_t kind;
	const char *name;
} types[TYPE_CNT] = {
	[TYPE_STORAGE] = { BTF_KIND_FUNC, "bpf_sk_storage_get_tracing" },
	[TYPE_TASK] = { BTF_KIND_FUNC, "bpf_get_current_task_btf" },
	[TYPE_FROM_FILE] = { BTF_KIND_FUNC, "bpf_sock_from_file" },
	[TYPE_COOKIE] = { BTF_KIND_FUNC, "bpf_get_socket_ptr_cookie" },
	[TYPE_TCP_CONNECT] = { BTF_KIND_FUNC, "tcp_connect" },
	[TYPE_ALLOC] = { BTF_KIND_STRUCT, "bpf_mem_alloc" },
	[TYPE_TRACEPOINT_EXT] = { BTF_KIND_STRUCT, "tracepoint_ext" },
	[TYPE_MPTCP] = { BTF_KIND_STRUCT, "mptcp_sock" },
	[TYPE_URING] = { BTF_KIND_TYPEDEF, "btf_trace_io_uring_complete" },
};

/* All in one pass over the kernel's hundred thousand types: a search for each takes five times as long. */
static void types_find(const struct btf *btf, uint32_t *ids)
{
	uint32_t cnt = btf__type_cnt(btf);

	for (uint32_t id = 1; id < cnt; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!t->name_off || (!btf_is_func(t) && !btf_is_struct(t) && !btf_is_typedef(t)))
			continue;
		name = btf__str_by_offset(btf, t->name_off);
		if (name[0] != 'b' && name[0] != 't' && name[0] != 'm')
			continue;
		for (int i = 0; i < TYPE_CNT; i++)
			if (btf_kind(t) == types[i].kind && !strcmp(name, types[i].name))
				ids[i] = id;
	}
}

/* The arguments of a tracepoint, from the typedef of a pointer to a function; NULL: there is none. */
static const struct btf_type *tracepoint_proto(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

/* The first argument of the typedef is a pointer of the tracepoint's own, which programs do not see. */
static enum uring_args uring_args(const struct btf *btf, uint32_t id)
{
	const struct btf_type *proto = tracepoint_proto(btf, id), *third;

	if (!proto || btf_vlen(proto) < 4)
		return URING_RESULT_THIRD;
	if (btf_vlen(proto) > 5)
		return URING_RESULT_FOURTH;
	third = btf__type_by_id(btf, btf_params(proto)[3].type);
	return third && btf_is_ptr(third) ? URING_CQE_THIRD : URING_RESULT_THIRD;
}

/*
 * Is the kernel willing to load a program of this kind at all? 0 or -errno, of the smallest there is: to
 * learn it from the first real one costs all that were loaded before that.
 */
static int fentry_try(uint32_t function)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = function);
	int fd;

	if (!function)
		return 0;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "connsnoop_try", "GPL", insns,
			   sizeof(insns) / sizeof(*insns), &opts);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int features_find(struct features *f)
{
	uint32_t ids[TYPE_CNT] = {};
	struct btf *btf = btf__load_vmlinux_btf();
	int err = btf ? 0 : -errno;

	if (err) {
		log_err("this kernel offers no type information (/sys/kernel/btf/vmlinux); "
			"connsnoop needs one that is built with CONFIG_DEBUG_INFO_BTF");
		return err;
	}
	types_find(btf, ids);
	f->socket_storage = ids[TYPE_STORAGE];
	f->task_btf = ids[TYPE_TASK];
	f->sock_from_file = ids[TYPE_FROM_FILE];
	f->cookie = ids[TYPE_COOKIE];
	f->cheap_maps = ids[TYPE_ALLOC];
	f->preemption = ids[TYPE_TRACEPOINT_EXT] && kernel_preempts();
	f->mptcp = ids[TYPE_MPTCP];
	f->uring_args = uring_args(btf, ids[TYPE_URING]);
	f->kprobes = !access("/sys/bus/event_source/devices/kprobe/type", F_OK);
	btf__free(btf);
	f->fentry_error = fentry_try(ids[TYPE_TCP_CONNECT]);
	return 0;
}

int tracer_features(struct features *f)
{
	static struct features found;
	static bool known;
	int err = known ? 0 : features_find(&found);

	known = !err;
	*f = found;
	return err;
}
