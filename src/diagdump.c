// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Dumps of sock_diag, one after the other through one netlink socket. */
#include "diagdump.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h> /* BPF_TCP_LISTEN */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

int diagdump_open(struct diagdump *d)
{
	d->nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	return !d->nl || mnl_socket_bind(d->nl, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
}

void diagdump_close(struct diagdump *d)
{
	if (d->nl)
		mnl_socket_close(d->nl);
	d->nl = NULL;
}

static int request(struct diagdump *d, uint8_t family, uint8_t proto, uint32_t states)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct inet_diag_req_v2))]
		__attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++d->seq;
	r->sdiag_family = family;
	r->sdiag_protocol = proto;
	r->idiag_ext = d->more_ext;
	/* listeners have no totals: without, three times as many fit in a chunk */
	if (proto == IPPROTO_TCP && states != 1u << BPF_TCP_LISTEN)
		r->idiag_ext |= 1u << (INET_DIAG_INFO - 1);
	r->idiag_states = states;
	return mnl_socket_sendto(d->nl, h, h->nlmsg_len) < 0 ? -errno : 0;
}

/* What ends a dump or says that there is none: its error, 0 for none. */
static int status_of(const struct nlmsghdr *h)
{
	int status;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(status))
		return -EBADMSG;
	memcpy(&status, mnl_nlmsg_get_payload(h), sizeof(status));
	return status > 0 ? -EBADMSG : status;
}

/* mnl_nlmsg_ok() takes lengths beyond 2^31 for negative ones, which fit anywhere. */
static bool is_whole(const struct nlmsghdr *h, size_t left)
{
	return left >= sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= left;
}

/* Handle the messages of a chunk; *more: the last was not the dump's end. 0, or what ends it. */
static int chunk_take(struct diagdump *d, size_t size, diag_fn fn, void *ctx, bool *more)
{
	unsigned int chunks_before = d->chunk_cnt;
	size_t at = 0;
	int err = 0;

	while (!err && at < size) {
		const struct nlmsghdr *h = (const void *)(d->buf + at);

		if (!is_whole(h, size - at))
			return -EBADMSG;
		at += MNL_ALIGN(h->nlmsg_len);
		if (h->nlmsg_seq != d->seq)
			continue; /* no answer to what was asked */
		d->interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		*more = h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR;
		if (!*more)
			return status_of(h);
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			continue;
		d->chunk_cnt = chunks_before + 1;
		err = fn(ctx, h);
	}
	return err;
}

int diagdump_run(struct diagdump *d, uint8_t family, uint8_t proto, uint32_t states, diag_fn fn,
		 void *ctx)
{
	int err = request(d, family, proto, states);
	bool more = true;

	d->chunk_cnt = 0;
	while (!err && more) {
		ssize_t n = mnl_socket_recvfrom(d->nl, d->buf, sizeof(d->buf));

		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : n ? chunk_take(d, n, fn, ctx, &more) : -EBADMSG;
	}
	return err;
}
