/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of rtnetlink, made up, and handed over in memory of their very size: who reads on is caught. */
#ifndef CONNSNOOP_TEST_ANSWERS_H
#define CONNSNOOP_TEST_ANSWERS_H

#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	char buf[2048] __attribute__((aligned(8)));
	struct nlmsghdr *h;
};

static inline void answer_begin(struct answer *a, uint16_t type, const void *header, size_t size)
{
	memset(a, 0, sizeof(*a));
	a->h = mnl_nlmsg_put_header(a->buf);
	a->h->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(a->h, size), header, size);
}

/* A copy of its first @len bytes, which says that it is so long; to be freed. */
static inline struct nlmsghdr *answer_cut(const struct answer *a, size_t len)
{
	/* volatile: the compiler need not know that it is too short */
	volatile size_t size = len;
	struct nlmsghdr *h = malloc(size);

	memcpy(h, a->buf, len);
	h->nlmsg_len = len;
	return h;
}

/* Every way to cut it behind its first header, and every byte of it that is not what it should be. */
static inline void answer_torment(const struct answer *a, void (*parse)(const struct nlmsghdr *h))
{
	for (size_t len = sizeof(*a->h); len <= a->h->nlmsg_len; len++) {
		struct nlmsghdr *h = answer_cut(a, len);

		parse(h);
		free(h);
	}
	for (size_t at = sizeof(*a->h); at < a->h->nlmsg_len; at++) {
		for (unsigned int byte = 0; byte < 256; byte += 51) {
			struct nlmsghdr *h = answer_cut(a, a->h->nlmsg_len);

			((unsigned char *)h)[at] = byte;
			parse(h);
			free(h);
		}
	}
}

#endif
