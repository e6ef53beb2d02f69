// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Questions to rtnetlink. */
#include "rtask.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#define STRAYS_MAX 16 /* answers to what was asked before, and given up */

struct nlmsghdr *rtask_begin(struct rtask *t, uint16_t type, void *header, size_t size)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(t->question);
	void *extra = mnl_nlmsg_put_extra_header(h, size);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = ++t->seq;
	memcpy(extra, header, size);
	return h;
}

/* What says that there is no answer: its error. */
static int error_of(const struct nlmsghdr *h)
{
	int error;

	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(error))
		return -EBADMSG;
	memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
	return error < 0 && error > -4096 ? error : -EBADMSG;
}

int rtask_find(const char *buf, size_t size, uint32_t seq, uint16_t type,
	       const struct nlmsghdr **answer)
{
	size_t at = 0;

	while (at < size) {
		const struct nlmsghdr *h = (const void *)(buf + at);

		if (size - at < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > size - at)
			return -EBADMSG;
		at += MNL_ALIGN(h->nlmsg_len);
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		*answer = h;
		return h->nlmsg_type == type ? 0 : -EBADMSG;
	}
	return -EAGAIN;
}

int rtask_ask(struct rtask *t, struct mnl_socket *nl, uint16_t type, const struct nlmsghdr **answer)
{
	const struct nlmsghdr *h = (const void *)t->question;
	int err = -EAGAIN;

	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	for (int i = 0; err == -EAGAIN && i < STRAYS_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(mnl_socket_get_fd(nl), t->answer, sizeof(t->answer),
				     MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &len);

		if (n < 0)
			return -errno;
		if (n > (ssize_t)sizeof(t->answer))
			err = -EMSGSIZE;
		else if (!from.nl_pid) /* of the kernel: other processes could send as well */
			err = rtask_find(t->answer, n, t->seq, type, answer);
	}
	return err;
}

struct attrs attrs_of(const struct nlmsghdr *h, size_t size)
{
	size_t begin = MNL_NLMSG_HDRLEN + MNL_ALIGN(size);

	if (h->nlmsg_len < begin)
		return (struct attrs){ 0 };
	return (struct attrs){ (const char *)h + begin, h->nlmsg_len - begin };
}

struct attrs attrs_within(const struct nlattr *a)
{
	return (struct attrs){ mnl_attr_get_payload(a), mnl_attr_get_payload_len(a) };
}

const struct nlattr *attrs_next(struct attrs *attrs)
{
	const struct nlattr *a = (const void *)attrs->at;
	size_t size;

	if (attrs->left < sizeof(*a) || a->nla_len < sizeof(*a) || a->nla_len > attrs->left)
		return NULL;
	size = MNL_ALIGN(a->nla_len);
	size = size < attrs->left ? size : attrs->left;
	attrs->at += size;
	attrs->left -= size;
	return a;
}

bool attr_get(const struct nlattr *a, void *value, size_t size)
{
	if (mnl_attr_get_payload_len(a) != size)
		return false;
	memcpy(value, mnl_attr_get_payload(a), size);
	return true;
}
