// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of hooks, and what is chosen from it when some of it cannot be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "plan.h"

#define ENOTSUPP 524
#define ALL (~0u)

static struct plan plan;

static void init(enum backend backend)
{
	plan_init(&plan, ALL, true, true, backend);
}

/* Calls for each way of each hook. */
#define for_each_way(i, w)                                                                         \
	for (int i = 0; i < HOOK_CNT; i++)                                                         \
		for (const struct way *w = hooks[i].ways;                                          \
		     w < hooks[i].ways + WAY_CNT_MAX && w->where; w++)

static void test_table_is_whole(void **state)
{
	(void)state;
	for (int i = 0; i < HOOK_CNT; i++) {
		assert_non_null(hooks[i].name);
		assert_non_null(hooks[i].ways[0].where);
		assert_in_range(hooks[i].missed_kind, 0, EVENT_KIND_CNT);
		assert_true(!hooks[i].events || hooks[i].events & 1u << hooks[i].missed_kind);
		assert_int_equal(hooks[i].events >> EVENT_KIND_CNT, 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(hooks[i].name, hooks[j].name);
	}
}

/* Each backend that can be asked for has a way of its own to each hook that events need. */
static void test_every_backend_has_every_hook(void **state)
{
	(void)state;
	for (int b = BACKEND_FENTRY; b < BACKEND_CNT; b++) {
		init(b);
		for (int i = 0; i < HOOK_CNT; i++)
			assert_true(!hooks[i].events || plan_way(&plan, i));
	}
}

/* A program of two backends could not be given up with one of them. */
static void test_program_has_one_backend(void **state)
{
	(void)state;
	for_each_way(i, w)
		for_each_way(j, v) for (int k = 0; k < WAY_PROGRAMS_MAX && w->programs[k]; k++)
			assert_true(!way_has(v, w->programs[k]) || v->backend == w->backend);
}

static void test_allowed(void **state)
{
	const struct way any = { .backend = BACKEND_AUTO };
	const struct way kprobe = { .backend = BACKEND_KPROBE };

	(void)state;
	assert_true(way_is_allowed(&kprobe, BACKEND_AUTO));
	assert_true(way_is_allowed(&kprobe, BACKEND_KPROBE));
	assert_false(way_is_allowed(&kprobe, BACKEND_FENTRY));
	assert_true(way_is_allowed(&any, BACKEND_FENTRY));
}

static void test_has(void **state)
{
	const struct way full = { .programs = { "a", "b", "c", "d" } };
	const struct way none = { .where = "x" };

	(void)state;
	assert_true(way_has(&full, "a") && way_has(&full, "d"));
	assert_false(way_has(&full, "") || way_has(&full, "ab"));
	assert_false(way_has(&none, "a"));
}

static void test_best_first(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	for (int i = 0; i < HOOK_CNT; i++)
		assert_true(!plan.wanted[i] || plan_way(&plan, i) == &hooks[i].ways[0]);
}

static void test_only_what_is_wanted(void **state)
{
	(void)state;
	plan_init(&plan, 1u << EVENT_FLOW, true, true, BACKEND_AUTO);
	assert_null(plan_way(&plan, HOOK_TCP_ACCEPT));
	assert_non_null(plan_way(&plan, HOOK_UDP_SEND));
	plan_init(&plan, ALL, true, false, BACKEND_AUTO);
	assert_non_null(plan_way(&plan, HOOK_TCP_LISTEN));
	assert_null(plan_way(&plan, HOOK_UDP_BIND));
	assert_false(plan_uses(&plan, "udp_lib_get_port_fexit"));
	plan_init(&plan, ALL, false, true, BACKEND_AUTO);
	assert_null(plan_way(&plan, HOOK_TCP_STATE));
	assert_non_null(plan_way(&plan, HOOK_UDP_CLOSE));
	plan_init(&plan, 0, true, true, BACKEND_AUTO);
	for (int i = 0; i < HOOK_CNT; i++)
		assert_null(plan_way(&plan, i));
	plan_init(&plan, ALL, true, true, BACKEND_AUTO);
	assert_false(plan.wanted[HOOK_TREE]); /* every fork of the machine: only for a program */
	assert_false(plan.wanted[HOOK_LIST_FILES] || plan.wanted[HOOK_LIST_TABLES]);
	assert_false(plan.wanted[HOOK_CGROUP]);
}

/* A skipped run is a loss of the hook's kind of event, unless another program stands in. */
static void test_missed(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	plan.wanted[HOOK_TREE] = true;
	assert_int_equal(plan_missed_kind(&plan, "inet_csk_accept_fexit"), EVENT_ACCEPT);
	assert_int_equal(plan_missed_kind(&plan, "sched_process_fork_again_tp"), EVENT_CONNECT);
	assert_int_equal(plan_missed_kind(&plan, "sched_process_fork_tp"), -1);
	assert_int_equal(plan_missed_kind(&plan, "sched_process_exit_tp"), -1);
	plan.wanted[HOOK_CGROUP] = true;
	assert_int_equal(plan_missed_kind(&plan, "cgroup_mkdir_raw"), -1); /* no event */
	assert_int_equal(plan_missed_kind(&plan, "no such program"), -1);
	init(BACKEND_TRACEPOINT);
	assert_int_equal(plan_missed_kind(&plan, "inet_sock_set_state_tp"), -1);
	plan_fail(&plan, "inet_sock_set_state_again_tp", -ENOENT);
	assert_int_equal(plan_missed_kind(&plan, "inet_sock_set_state_tp"), EVENT_STATE);
}

static void test_uses(void **state)
{
	(void)state;
	init(BACKEND_KPROBE);
	assert_true(plan_uses(&plan, "tcp_v6_connect_kretprobe"));
	assert_false(plan_uses(&plan, "tcp_v6_connect_fexit"));
	assert_false(plan_uses(&plan, "no such program"));
}

static void test_has_backend(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	assert_true(plan_has_backend(&plan, BACKEND_FENTRY));
	assert_false(plan_has_backend(&plan, BACKEND_KPROBE));
	plan_fail_backend(&plan, BACKEND_FENTRY, -EPERM);
	assert_false(plan_has_backend(&plan, BACKEND_FENTRY));
	assert_true(plan_has_backend(&plan, BACKEND_KPROBE));
	memset(plan.wanted, 0, sizeof(plan.wanted));
	assert_false(plan_has_backend(&plan, BACKEND_KPROBE));
}

/* One function that this kernel does not have: the next way, and the others stay. */
static void test_one_fails(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	assert_int_equal(plan_fail(&plan, "inet_csk_listen_start_fexit", -ENOENT), 1);
	assert_int_equal(plan_way(&plan, HOOK_TCP_LISTEN)->backend, BACKEND_KPROBE);
	assert_int_equal(plan_way(&plan, HOOK_TCP_CONNECT)->backend, BACKEND_FENTRY);
	assert_int_equal(plan.errors[HOOK_TCP_LISTEN][0], -ENOENT);
	assert_int_equal(plan_fail(&plan, "inet_csk_listen_start_fexit", -EIO), 0);
	assert_int_equal(plan.errors[HOOK_TCP_LISTEN][0], -ENOENT);
}

/* A way of several programs is had whole or not at all. */
static void test_one_of_several_fails(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	plan_fail(&plan, "udpv6_sendmsg_fexit", -ENOENT);
	assert_false(plan_uses(&plan, "udp_sendmsg_fexit"));
	assert_true(plan_uses(&plan, "udpv6_sendmsg_kretprobe"));
}

/* Errors of the whole kind, fentry on a kernel without direct calls: none is tried again. */
static void test_kind_fails(void **state)
{
	static const int errors[] = { -EPERM, -ENOTSUPP, -EOPNOTSUPP };

	(void)state;
	for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++) {
		init(BACKEND_AUTO);
		assert_true(plan_fail(&plan, "tcp_connect_fentry", errors[e]) > 1);
		for (int i = 0; i < HOOK_CNT; i++) {
			const struct way *way = plan_way(&plan, i);

			assert_true(!way || way->backend != BACKEND_FENTRY);
		}
	}
}

/* The ways of the tracepoint backend are of several kinds: one says nothing of the others. */
static void test_tracepoints_fail_alone(void **state)
{
	(void)state;
	init(BACKEND_TRACEPOINT);
	plan_fail(&plan, "udp_egress_cgroup", -EPERM);
	assert_null(plan_way(&plan, HOOK_UDP_SEND));
	assert_non_null(plan_way(&plan, HOOK_UDP_RECEIVE));
	assert_non_null(plan_way(&plan, HOOK_TCP_STATE));
}

/* What several hooks share is lost for all of them. */
static void test_shared_program(void **state)
{
	(void)state;
	init(BACKEND_TRACEPOINT);
	plan_fail(&plan, "accept4_exit_tp", -ENOENT);
	plan_fail(&plan, "bind_exit_tp", -ENOENT);
	assert_non_null(plan_way(&plan, HOOK_TCP_ACCEPT));
	assert_true(plan_fail(&plan, "sys_exit_tp", -EINVAL) >= 2);
	assert_null(plan_way(&plan, HOOK_TCP_ACCEPT));
	assert_null(plan_way(&plan, HOOK_UDP_BIND));
}

static void test_unknown_program(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	assert_int_equal(plan_fail(&plan, "no such program", -ENOENT), 0);
}

static void test_backend_fails(void **state)
{
	(void)state;
	init(BACKEND_AUTO);
	plan_fail_backend(&plan, BACKEND_FENTRY, -ENOENT);
	for_each_way(i, w) assert_int_equal(plan.errors[i][w - hooks[i].ways],
					    w->backend == BACKEND_FENTRY ? -ENOENT : 0);
	assert_int_equal(plan_way(&plan, HOOK_TCP_CONNECT)->backend, BACKEND_KPROBE);
}

static void test_nothing_left(void **state)
{
	(void)state;
	init(BACKEND_KPROBE);
	plan_fail_backend(&plan, BACKEND_KPROBE, -ENOENT);
	for (int i = 0; i < HOOK_CNT; i++) {
		const struct way *way = plan_way(&plan, i);

		assert_true(!way || way->backend == BACKEND_AUTO);
	}
}

/* Without one program of list the other is still to be had. */
static void test_list(void **state)
{
	(void)state;
	plan_init(&plan, 0, true, true, BACKEND_AUTO);
	plan.wanted[HOOK_LIST_FILES] = plan.wanted[HOOK_LIST_TABLES] = true;
	assert_true(plan_uses(&plan, "list_files_typed") && plan_uses(&plan, "list_tcp"));
	assert_false(plan_uses(&plan, "scan_tcp") || plan_uses(&plan, "scan_files_typed"));
	plan_fail(&plan, "list_files_typed", -EINVAL);
	assert_true(plan_uses(&plan, "list_files_probed") && plan_uses(&plan, "list_udp"));
	plan_fail(&plan, "list_udp", -EINVAL);
	assert_null(plan_way(&plan, HOOK_LIST_TABLES));
	assert_non_null(plan_way(&plan, HOOK_LIST_FILES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_whole),
		cmocka_unit_test(test_every_backend_has_every_hook),
		cmocka_unit_test(test_program_has_one_backend),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_best_first),
		cmocka_unit_test(test_only_what_is_wanted),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_has_backend),
		cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_one_of_several_fails),
		cmocka_unit_test(test_kind_fails),
		cmocka_unit_test(test_tracepoints_fail_alone),
		cmocka_unit_test(test_shared_program),
		cmocka_unit_test(test_unknown_program),
		cmocka_unit_test(test_backend_fails),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
