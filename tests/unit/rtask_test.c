// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one answer among what comes, and attributes of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>

#include "answers.h"
#include "rtask.h"

#define SEQ 7

static char buf[1024] __attribute__((aligned(8)));
static size_t used;

static struct nlmsghdr *add(uint16_t type, uint32_t seq, size_t payload)
{
	struct nlmsghdr *h = (void *)(buf + used);

	memset(h, 0, sizeof(*h) + payload);
	h->nlmsg_len = sizeof(*h) + payload;
	h->nlmsg_type = type;
	h->nlmsg_seq = seq;
	used += MNL_ALIGN(h->nlmsg_len);
	return h;
}

static void add_error(uint32_t seq, int error)
{
	memcpy(mnl_nlmsg_get_payload(add(NLMSG_ERROR, seq, sizeof(struct nlmsgerr))), &error,
	       sizeof(error));
}

static int find(const struct nlmsghdr **answer)
{
	int err = rtask_find(buf, used, SEQ, RTM_NEWROUTE, answer);

	used = 0;
	return err;
}

static void test_answer(void **state)
{
	const struct nlmsghdr *answer, *wanted;

	(void)state;
	add(RTM_NEWROUTE, SEQ - 1, 5); /* to what was asked before */
	wanted = add(RTM_NEWROUTE, SEQ, 12);
	assert_int_equal(find(&answer), 0);
	assert_ptr_equal(answer, wanted);
	assert_int_equal(find(&answer), -EAGAIN);
	add(RTM_NEWROUTE, SEQ - 1, 5);
	assert_int_equal(find(&answer), -EAGAIN);
	add(RTM_NEWLINK, SEQ, 12);
	assert_int_equal(find(&answer), -EBADMSG);
}

static void test_error(void **state)
{
	const struct nlmsghdr *answer;

	(void)state;
	add_error(SEQ, -ENETUNREACH);
	assert_int_equal(find(&answer), -ENETUNREACH);
	add_error(SEQ, 0); /* an acknowledgement, for which nobody has asked */
	assert_int_equal(find(&answer), -EBADMSG);
	add_error(SEQ, 5);
	assert_int_equal(find(&answer), -EBADMSG);
	add_error(SEQ, INT32_MIN);
	assert_int_equal(find(&answer), -EBADMSG);
	add(NLMSG_ERROR, SEQ, 3);
	assert_int_equal(find(&answer), -EBADMSG);
}

static void test_lengths(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 15, 29, 1000, 0x7fffffff, 0x80000000, 0xffffffff };
	const struct nlmsghdr *answer;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		add(RTM_NEWROUTE, SEQ, 12)->nlmsg_len = wrong[i];
		used = 28;
		assert_int_equal(find(&answer), -EBADMSG);
	}
	add(RTM_NEWROUTE, SEQ - 1, 12);
	used += 3; /* less than a header */
	assert_int_equal(find(&answer), -EBADMSG);
}

static void test_attributes(void **state)
{
	const struct rtmsg m = { .rtm_family = 2 };
	const struct nlattr *attr;
	struct attrs attrs;
	uint32_t number = 0;
	struct answer a;

	(void)state;
	answer_begin(&a, RTM_NEWROUTE, &m, sizeof(m));
	mnl_attr_put_u32(a.h, 1, 77);
	mnl_attr_put(a.h, 2, 1, "x");
	attrs = attrs_of(a.h, sizeof(m));
	attr = attrs_next(&attrs);
	assert_int_equal(mnl_attr_get_type(attr), 1);
	assert_true(attr_get(attr, &number, sizeof(number)));
	assert_int_equal(number, 77);
	attr = attrs_next(&attrs);
	assert_int_equal(mnl_attr_get_type(attr), 2);
	assert_false(attr_get(attr, &number, sizeof(number)));
	assert_null(attrs_next(&attrs));
	attrs = attrs_of(a.h, 4096);
	assert_null(attrs_next(&attrs));
}

static void walk(const struct nlmsghdr *h)
{
	struct attrs attrs = attrs_of(h, sizeof(struct rtmsg));
	const struct nlattr *a, *inner;

	while ((a = attrs_next(&attrs))) {
		struct attrs within = attrs_within(a);

		while ((inner = attrs_next(&within)))
			assert_true((const char *)inner < (const char *)h + h->nlmsg_len);
	}
}

static void test_hostile_attributes(void **state)
{
	const struct rtmsg m = { .rtm_family = 2 };
	struct nlattr *nest;
	struct answer a;

	(void)state;
	answer_begin(&a, RTM_NEWROUTE, &m, sizeof(m));
	nest = mnl_attr_nest_start(a.h, RTA_METRICS);
	mnl_attr_put_u32(a.h, 2, 1500);
	mnl_attr_put(a.h, 9, 3, "abc");
	mnl_attr_nest_end(a.h, nest);
	answer_torment(&a, walk);
}

static void test_question(void **state)
{
	static struct rtask t;
	struct rtmsg m = { .rtm_family = 10, .rtm_dst_len = 128 };
	uint32_t before = t.seq;
	struct nlmsghdr *h = rtask_begin(&t, RTM_GETROUTE, &m, sizeof(m));

	(void)state;
	assert_int_equal(h->nlmsg_type, RTM_GETROUTE);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(h->nlmsg_len, sizeof(*h) + sizeof(m));
	assert_memory_equal(mnl_nlmsg_get_payload(h), &m, sizeof(m));
	assert_int_not_equal(h->nlmsg_seq, before);
}

/* The namespace's loopback device is there whoever asks. */
static void test_kernel(void **state)
{
	static struct rtask t;
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct ifinfomsg m = { .ifi_index = 1 };
	const struct nlmsghdr *answer;

	(void)state;
	assert_non_null(nl);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	for (int i = 0; i < 3; i++) {
		rtask_begin(&t, RTM_GETLINK, &m, sizeof(m));
		assert_int_equal(rtask_ask(&t, nl, RTM_NEWLINK, &answer), 0);
		assert_int_equal(answer->nlmsg_type, RTM_NEWLINK);
	}
	m.ifi_index = 0x7ffffff0;
	rtask_begin(&t, RTM_GETLINK, &m, sizeof(m));
	assert_int_equal(rtask_ask(&t, nl, RTM_NEWLINK, &answer), -ENODEV);
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_hostile_attributes),
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
