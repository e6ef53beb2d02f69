/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to rtnetlink, and its one answer, which the kernel gives before send() returns. */
#ifndef CONNSNOOP_RTASK_H
#define CONNSNOOP_RTASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;
struct nlattr;
struct nlmsghdr;

#define RTASK_QUESTION_MAX 256
#define RTASK_ANSWER_MAX 16384 /* a device of many functions says much */

/* What is asked and what was answered; about 16 KiB. */
struct rtask {
	char question[RTASK_QUESTION_MAX] __attribute__((aligned(8)));
	char answer[RTASK_ANSWER_MAX] __attribute__((aligned(8)));
	uint32_t seq; /* of the last question */
};

/* Begin a question of this type, with room for a zeroed header of @size bytes, which @header then is. */
struct nlmsghdr *rtask_begin(struct rtask *t, uint16_t type, void *header, size_t size);

/*
 * Ask, without waiting for anything. 0: *@answer is of type @type and whole, valid until the next call;
 * else what the kernel says (-ENETUNREACH, -ENOENT), -EAGAIN if it says nothing, or -EBADMSG.
 */
int rtask_ask(struct rtask *t, struct mnl_socket *nl, uint16_t type,
	      const struct nlmsghdr **answer);

/* The answer to question @seq among @size bytes that were received. As rtask_ask(); -EAGAIN: not there. */
int rtask_find(const char *buf, size_t size, uint32_t seq, uint16_t type,
	       const struct nlmsghdr **answer);

/* The attributes behind a header, or within another attribute: as many as are whole. */
struct attrs {
	const char *at;
	size_t left;
};

/* Behind a header of @size bytes; of a message that is too short, none. */
struct attrs attrs_of(const struct nlmsghdr *h, size_t size);
struct attrs attrs_within(const struct nlattr *a);
const struct nlattr *attrs_next(struct attrs *attrs); /* NULL: there is none */

/* False: it is of another length. */
bool attr_get(const struct nlattr *a, void *value, size_t size);

#endif
