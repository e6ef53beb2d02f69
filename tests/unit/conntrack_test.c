// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers of ctnetlink, made up: whole, of others, wrong, and cut at every byte. */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEQ 7
#define NEW (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)

static char buf[CONNTRACK_MESSAGE_MAX] __attribute__((aligned(8)));
static struct nlmsghdr *const message = (void *)buf;
static struct path back;

static struct path path(uint8_t proto, const char *src, uint16_t sport, const char *dst,
			uint16_t dport)
{
	struct path p = { .sport = sport, .dport = dport, .proto = proto };
	int family = strchr(src, ':') ? AF_INET6 : AF_INET;

	p.ipv = family == AF_INET ? 4 : 6;
	assert_int_equal(inet_pton(family, src, p.src), 1);
	assert_int_equal(inet_pton(family, dst, p.dst), 1);
	return p;
}

static void put_path(struct nlmsghdr *h, uint16_t type, const struct path *p)
{
	struct nlattr *tuple = mnl_attr_nest_start(h, type), *part;
	size_t len = p->ipv == 4 ? 4 : 16;

	part = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, p->ipv == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, len, p->src);
	mnl_attr_put(h, p->ipv == 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, len, p->dst);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, p->proto);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(p->sport));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(p->dport));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
}

/* NULL: without that direction. */
static void answer(const struct path *original, const struct path *reply)
{
	struct nfgenmsg *nf;

	memset(buf, 0, sizeof(buf));
	mnl_nlmsg_put_header(buf);
	message->nlmsg_type = NEW;
	message->nlmsg_seq = SEQ;
	nf = mnl_nlmsg_put_extra_header(message, sizeof(*nf));
	nf->nfgen_family = original && original->ipv == 6 ? AF_INET6 : AF_INET;
	if (original)
		put_path(message, CTA_TUPLE_ORIG, original);
	if (reply)
		put_path(message, CTA_TUPLE_REPLY, reply);
	mnl_attr_put_u32(message, CTA_STATUS, htonl(0x18e));
}

/* In memory of its very size, so that the sanitizer sees who reads on. */
static int parse(const struct path *sent, size_t len)
{
	struct nlmsghdr *exact = malloc(len ?: 1);
	int err;

	assert_non_null(exact);
	memcpy(exact, buf, len);
	memset(&back, 0x55, sizeof(back));
	err = conntrack_parse(exact, len, SEQ, sent, &back);
	free(exact);
	return err;
}

static void assert_back(const struct path *sent, const struct path *wanted)
{
	assert_int_equal(parse(sent, message->nlmsg_len), 0);
	assert_memory_equal(&back, wanted, sizeof(back));
}

static void test_both_directions(void **state)
{
	struct path to_service = path(IPPROTO_TCP, "10.1.0.2", 40000, "10.96.0.1", 80);
	struct path from_pod = path(IPPROTO_TCP, "10.2.0.2", 8080, "10.2.0.1", 50000);

	(void)state;
	answer(&to_service, &from_pod);
	assert_back(&to_service, &from_pod);
	assert_back(&from_pod, &to_service);
	to_service = path(IPPROTO_UDP, "fd00::2", 1, "fd00:96::1", 65535);
	from_pod = path(IPPROTO_UDP, "fd00:2::2", 65535, "fd00:2::1", 1);
	answer(&to_service, &from_pod);
	assert_back(&to_service, &from_pod);
	assert_back(&from_pod, &to_service);
}

/* What the question is made of, read back as an answer. */
static void check_question(const struct path *asked)
{
	struct nfgenmsg *nf;

	conntrack_build(buf, asked, SEQ);
	assert_int_equal(message->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
	assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(message->nlmsg_seq, SEQ);
	nf = mnl_nlmsg_get_payload(message);
	assert_int_equal(nf->nfgen_family, asked->ipv == 4 ? AF_INET : AF_INET6);
	message->nlmsg_type = NEW;
	put_path(message, CTA_TUPLE_REPLY, asked);
	assert_back(asked, asked);
}

static void test_questions(void **state)
{
	struct path p = path(IPPROTO_TCP, "10.1.0.2", 40000, "10.96.0.1", 80);

	(void)state;
	check_question(&p);
	p = path(IPPROTO_UDP, "fd00::2", 5353, "fd00:96::1", 53);
	check_question(&p);
	p = (struct path){ .ipv = 4, .proto = IPPROTO_TCP };
	check_question(&p);
}

static void test_not_the_answer(void **state)
{
	struct path a = path(IPPROTO_TCP, "10.1.0.2", 40000, "10.96.0.1", 80);
	struct path b = path(IPPROTO_TCP, "10.2.0.2", 8080, "10.2.0.1", 50000);
	struct path six = path(IPPROTO_TCP, "fd00::1", 8080, "fd00::2", 50000);
	struct path udp = a;

	(void)state;
	udp.proto = IPPROTO_UDP;
	answer(&a, &b);
	assert_int_equal(parse(&udp, message->nlmsg_len), -EBADMSG);
	assert_int_equal(parse(&six, message->nlmsg_len), -EBADMSG);
	message->nlmsg_seq = SEQ - 1;
	assert_int_equal(parse(&a, message->nlmsg_len), -EAGAIN);
	message->nlmsg_seq = SEQ;
	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	assert_int_equal(parse(&a, message->nlmsg_len), -EBADMSG);
	answer(&a, NULL);
	assert_int_equal(parse(&a, message->nlmsg_len), -EBADMSG);
	answer(NULL, &a);
	assert_int_equal(parse(&a, message->nlmsg_len), -EBADMSG);
	answer(NULL, NULL);
	assert_int_equal(parse(&a, message->nlmsg_len), -EBADMSG);
	answer(&a, &six); /* the kernel has no such */
	assert_int_equal(parse(&a, message->nlmsg_len), -EBADMSG);
}

/* Neither read beyond its end nor believed. */
static void test_cut(void **state)
{
	struct path a = path(IPPROTO_TCP, "fd00::2", 40000, "fd00:96::1", 80);
	struct path b = path(IPPROTO_TCP, "fd00:2::2", 8080, "fd00:2::1", 50000);
	size_t whole, tuples;

	(void)state;
	answer(&a, &b);
	whole = message->nlmsg_len;
	tuples = whole - 8; /* the status, behind them */
	for (size_t len = 0; len < whole; len++) {
		assert_int_equal(parse(&a, len), -EBADMSG);
		message->nlmsg_len = len;
		if (len < tuples)
			assert_int_equal(parse(&a, len), -EBADMSG);
		message->nlmsg_len = whole;
	}
	message->nlmsg_len = UINT32_MAX;
	assert_int_equal(parse(&a, whole), -EBADMSG);
}

/* Each byte behind the headers replaced: whatever is said then, nothing is read that is not there. */
static void test_garbage(void **state)
{
	struct path a = path(IPPROTO_UDP, "10.1.0.2", 40000, "10.96.0.1", 80);
	struct path b = path(IPPROTO_UDP, "10.2.0.2", 8080, "10.2.0.1", 50000);
	static const uint8_t wrong[] = { 0, 1, 0x7f, 0x80, 0xff };

	(void)state;
	for (size_t i = MNL_NLMSG_HDRLEN;; i++) {
		answer(&a, &b);
		if (i == message->nlmsg_len)
			break;
		for (size_t j = 0; j < sizeof(wrong); j++) {
			int err;

			buf[i] = (char)wrong[j];
			err = parse(&a, message->nlmsg_len);
			assert_true(err == 0 || err == -EBADMSG);
		}
	}
}

static int parse_error(int error, size_t len)
{
	struct path any = { .ipv = 4, .proto = IPPROTO_TCP };
	struct nlmsgerr *e;

	memset(buf, 0, sizeof(buf));
	mnl_nlmsg_put_header(buf);
	message->nlmsg_type = NLMSG_ERROR;
	message->nlmsg_seq = SEQ;
	e = mnl_nlmsg_put_extra_header(message, sizeof(*e));
	e->error = error;
	message->nlmsg_len = len;
	return parse(&any, len);
}

static void test_errors(void **state)
{
	size_t whole = MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr);

	(void)state;
	assert_int_equal(parse_error(-ENOENT, whole), -ENOENT);
	assert_int_equal(parse_error(-EPERM, whole), -EPERM);
	assert_int_equal(parse_error(0, whole), -EBADMSG);
	assert_int_equal(parse_error(5, whole), -EBADMSG);
	assert_int_equal(parse_error(-ENOENT, MNL_NLMSG_HDRLEN), -EBADMSG);
	assert_int_equal(parse_error(-ENOENT, MNL_NLMSG_HDRLEN + 3), -EBADMSG);
}

/* This machine's, where no packet has been from nowhere to nowhere. */
static void test_this_machine(void **state)
{
	const struct path nowhere = { .ipv = 4, .proto = IPPROTO_UDP };
	struct conntrack *c = conntrack_new();

	(void)state;
	assert_non_null(c);
	for (int i = 0; i < 2; i++) {
		const char *missing = conntrack_missing(c);
		int err = conntrack_ask(c, 0, 0, &nowhere, &back);

		assert_int_equal(err, missing ? -EOPNOTSUPP : -ENOENT);
		conntrack_rest(c);
	}
	conntrack_free(c);
	conntrack_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions), cmocka_unit_test(test_questions),
		cmocka_unit_test(test_not_the_answer),	cmocka_unit_test(test_cut),
		cmocka_unit_test(test_garbage),		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests_name("conntrack", tests, NULL, NULL);
}
