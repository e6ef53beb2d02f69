// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel may send in answer to a request, made up, and one real request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/diagdump.c"

#include <unistd.h>

static struct diagdump d;
static size_t len; /* bytes of d.buf that were put */
static int told;
static int answer; /* of the function that is told */

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	d.seq = 5;
	len = 0;
	told = 0;
	answer = 0;
	return 0;
}

static struct nlmsghdr *put(uint16_t type, size_t payload)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(d.buf + len);

	h->nlmsg_type = type;
	h->nlmsg_seq = d.seq;
	memset(mnl_nlmsg_put_extra_header(h, payload), 0, payload);
	len += MNL_ALIGN(h->nlmsg_len);
	return h;
}

static void put_status(uint16_t type, int status)
{
	memcpy(mnl_nlmsg_get_payload(put(type, sizeof(status))), &status, sizeof(status));
}

static int tell(void *ctx, const struct nlmsghdr *h)
{
	assert_ptr_equal(ctx, &told);
	assert_int_equal(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	told++;
	return answer;
}

static int take(bool *more)
{
	*more = true;
	return chunk_take(&d, len, tell, &told, more);
}

static void test_goes_on(void **state)
{
	bool more;

	(void)state;
	put(SOCK_DIAG_BY_FAMILY, 72);
	put(NLMSG_NOOP, 4);
	put(SOCK_DIAG_BY_FAMILY, 73);
	assert_int_equal(take(&more), 0);
	assert_true(more);
	assert_int_equal(told, 2);
}

static void test_done(void **state)
{
	bool more;

	(void)state;
	put(SOCK_DIAG_BY_FAMILY, 72);
	put_status(NLMSG_DONE, 0);
	put(SOCK_DIAG_BY_FAMILY, 72);
	assert_int_equal(take(&more), 0);
	assert_false(more);
	assert_int_equal(told, 1);
}

static void test_errors(void **state)
{
	bool more;

	(void)state;
	put_status(NLMSG_ERROR, -ENOENT);
	assert_int_equal(take(&more), -ENOENT);
	len = 0;
	put_status(NLMSG_DONE, -ENOMEM);
	assert_int_equal(take(&more), -ENOMEM);
	len = 0;
	put_status(NLMSG_ERROR, 1);
	assert_int_equal(take(&more), -EBADMSG);
	len = 0;
	put(NLMSG_DONE, 4)->nlmsg_len -= 1;
	assert_int_equal(take(&more), -EBADMSG);
}

/* That is said, and nothing more: what was told is right all the same. */
static void test_interrupted(void **state)
{
	bool more;

	(void)state;
	put(SOCK_DIAG_BY_FAMILY, 72);
	assert_int_equal(take(&more), 0);
	assert_false(d.interrupted);
	put(SOCK_DIAG_BY_FAMILY, 72)->nlmsg_flags = NLM_F_DUMP_INTR;
	put_status(NLMSG_DONE, 0);
	assert_int_equal(take(&more), 0);
	assert_true(d.interrupted);
	assert_int_equal(told, 3);
}

static void test_not_asked(void **state)
{
	bool more;

	(void)state;
	put(SOCK_DIAG_BY_FAMILY, 72)->nlmsg_seq = 4;
	put(NLMSG_DONE, 4)->nlmsg_seq = 4;
	assert_int_equal(take(&more), 0);
	assert_true(more);
	assert_int_equal(told, 0);
}

static void test_stopped(void **state)
{
	bool more;

	(void)state;
	put(SOCK_DIAG_BY_FAMILY, 72);
	put(SOCK_DIAG_BY_FAMILY, 72);
	answer = 7;
	assert_int_equal(take(&more), 7);
	assert_int_equal(told, 1);
}

/* A message that ends behind the chunk, or before its own head does. */
static void test_lengths(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 93, 1u << 31, UINT32_MAX - 3, UINT32_MAX };
	bool more;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		setup(NULL);
		put(SOCK_DIAG_BY_FAMILY, 72);
		put(SOCK_DIAG_BY_FAMILY, 76)->nlmsg_len = lengths[i];
		assert_int_equal(take(&more), -EBADMSG);
		assert_int_equal(told, 1);
	}
	setup(NULL);
	put(SOCK_DIAG_BY_FAMILY, 72);
	len -= 1;
	assert_int_equal(take(&more), -EBADMSG);
	assert_int_equal(told, 0);
}

static int find(void *ctx, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	const struct sockaddr_in *addr = ctx;

	assert_true(mnl_nlmsg_get_payload_len(h) >= sizeof(*m));
	return m->id.idiag_sport == addr->sin_port && m->id.idiag_src[0] == addr->sin_addr.s_addr;
}

static void test_real(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	assert_int_equal(diagdump_open(&d), 0);
	assert_int_equal(diagdump_run(&d, AF_INET, IPPROTO_TCP, 1u << 10, find, &addr), 1);
	close(fd);
	diagdump_close(&d);
	assert_int_equal(diagdump_open(&d), 0);
	assert_int_equal(diagdump_run(&d, AF_INET, IPPROTO_TCP, 1u << 10, find, &addr), 0);
	assert_int_equal(diagdump_run(&d, AF_INET, IPPROTO_UDP, 1u << 7, find, &addr), 0);
	assert_int_equal(diagdump_run(&d, AF_INET, 254, 1u << 10, find, &addr), -ENOENT);
	diagdump_close(&d);
	diagdump_close(&d);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_goes_on),	TEST(test_done),      TEST(test_errors),
		TEST(test_interrupted), TEST(test_not_asked), TEST(test_stopped),
		TEST(test_lengths),	TEST(test_real),
	};

	return cmocka_run_group_tests_name("diagdump", tests, NULL, NULL);
}
