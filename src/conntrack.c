// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ctnetlink: one question, one answer. */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "netns_sockets.h"

/* One of them is there with the module, or if it is compiled in. */
#define MODULE "/sys/module/nf_conntrack"
#define SYSCTL "/proc/sys/net/netfilter/nf_conntrack_max"

/* --- messages ---------------------------------------------------------------------------------- */

static size_t addr_len(const struct path *path)
{
	return path->ipv == 4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static void put_path(struct nlmsghdr *h, const struct path *path)
{
	bool four = path->ipv == 4;
	struct nlattr *tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG), *part;

	part = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, addr_len(path), path->src);
	mnl_attr_put(h, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, addr_len(path), path->dst);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, path->proto);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(path->sport));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(path->dport));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
}

void conntrack_build(void *buf, const struct path *path, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nf;

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = seq;
	nf = mnl_nlmsg_put_extra_header(h, sizeof(*nf));
	nf->nfgen_family = path->ipv == 4 ? AF_INET : AF_INET6;
	nf->version = NFNETLINK_V0;
	nf->res_id = 0;
	/* the kernel looks it up as either direction, whichever it is called here */
	put_path(h, path);
}

/* The part of @nest of that type; NULL: none, or @nest is NULL. */
static const struct nlattr *part_of(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *a;

	if (!nest)
		return NULL;
	mnl_attr_for_each_nested(a, nest) if (mnl_attr_get_type(a) == type) return a;
	return NULL;
}

/* A value of just that length; false: it is not there. */
static bool get(const struct nlattr *nest, uint16_t type, void *value, size_t len)
{
	const struct nlattr *a = part_of(nest, type);

	if (!a || mnl_attr_get_payload_len(a) != len)
		return false;
	memcpy(value, mnl_attr_get_payload(a), len);
	return true;
}

/* One direction; false: it has not all of it. */
static bool get_path(const struct nlattr *tuple, uint8_t ipv, struct path *path)
{
	const struct nlattr *ip = part_of(tuple, CTA_TUPLE_IP);
	const struct nlattr *proto = part_of(tuple, CTA_TUPLE_PROTO);
	bool four = ipv == 4;

	*path = (struct path){ .ipv = ipv };
	if (!get(ip, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, path->src, addr_len(path)) ||
	    !get(ip, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, path->dst, addr_len(path)) ||
	    !get(proto, CTA_PROTO_NUM, &path->proto, sizeof(path->proto)) ||
	    !get(proto, CTA_PROTO_SRC_PORT, &path->sport, sizeof(path->sport)) ||
	    !get(proto, CTA_PROTO_DST_PORT, &path->dport, sizeof(path->dport)))
		return false;
	path->sport = ntohs(path->sport);
	path->dport = ntohs(path->dport);
	return true;
}

static int parse_connection(const struct nlmsghdr *h, const struct path *sent, struct path *back)
{
	const struct nlattr *a, *original = NULL, *reply = NULL;
	struct path one, other;

	if (h->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == CTA_TUPLE_ORIG)
			original = a;
		else if (mnl_attr_get_type(a) == CTA_TUPLE_REPLY)
			reply = a;
	}
	if (!get_path(original, sent->ipv, &one) || !get_path(reply, sent->ipv, &other))
		return -EBADMSG;
	if (!memcmp(&one, sent, sizeof(*sent)))
		*back = other;
	else if (!memcmp(&other, sent, sizeof(*sent)))
		*back = one;
	else
		return -EBADMSG;
	return 0;
}

int conntrack_parse(const struct nlmsghdr *h, size_t len, uint32_t seq, const struct path *sent,
		    struct path *back)
{
	const struct nlmsgerr *error;

	if (len > CONNTRACK_MESSAGE_MAX || !mnl_nlmsg_ok(h, len) || h->nlmsg_len % MNL_ALIGNTO)
		return -EBADMSG; /* attributes are padded, and libmnl relies on it */
	if (h->nlmsg_seq != seq)
		return -EAGAIN;
	if (h->nlmsg_type != NLMSG_ERROR)
		return parse_connection(h, sent, back);
	error = mnl_nlmsg_get_payload(h);
	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(error->error) || error->error >= 0)
		return -EBADMSG;
	return error->error;
}

/* --- questions --------------------------------------------------------------------------------- */

struct conntrack {
	struct netns_sockets *sockets;
	const char *missing; /* NULL: nothing */
	bool not_loaded;     /* that may change: */
	bool look_again;
	uint32_t seq;
	char buf[CONNTRACK_MESSAGE_MAX] __attribute__((aligned(8)));
};

/* The kernel answers before the question is sent: there is nothing to wait for. */
static int ask(struct conntrack *c, struct mnl_socket *nl, const struct path *sent,
	       struct path *back)
{
	const struct nlmsghdr *h = (const void *)c->buf;
	int fd = mnl_socket_get_fd(nl), err;
	ssize_t len;

	conntrack_build(c->buf, sent, ++c->seq);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		len = recv(fd, c->buf, sizeof(c->buf), MSG_DONTWAIT);
		if (len < 0)
			return -errno;
		err = conntrack_parse(h, len, c->seq, sent, back);
	} while (err == -EAGAIN);
	return err;
}

static const char *reason_of(int err)
{
	switch (err) {
	case -EPERM:
		return "asking the kernel's connection tracking needs CAP_NET_ADMIN";
	case -EINVAL:
	case -EPROTONOSUPPORT:
		return "this kernel's connection tracking cannot be asked: it has no "
		       "nf_conntrack_netlink";
	default:
		return strerror(-err);
	}
}

/* With a question to which the answer is no; without the module nothing is translated, and it would be loaded. */
static void try(struct conntrack *c)
{
	const struct path nowhere = { .ipv = 4, .proto = IPPROTO_TCP };
	struct path back;
	int err;

	c->look_again = false;
	c->not_loaded = access(MODULE, F_OK) && access(SYSCTL, F_OK);
	c->missing = c->not_loaded ? "nf_conntrack is not loaded, so nothing is translated" : NULL;
	if (c->missing)
		return;
	err = conntrack_ask(c, 0, 0, &nowhere, &back);
	if (err != -ENOENT && err)
		c->missing = reason_of(err);
}

struct conntrack *conntrack_new(void)
{
	struct conntrack *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sockets = netns_sockets_new(NETLINK_NETFILTER);
	if (!c->sockets) {
		free(c);
		return NULL;
	}
	try(c);
	return c;
}

void conntrack_free(struct conntrack *c)
{
	if (!c)
		return;
	netns_sockets_free(c->sockets);
	free(c);
}

const char *conntrack_missing(const struct conntrack *c)
{
	return c->missing;
}

uint32_t conntrack_home(const struct conntrack *c)
{
	return netns_sockets_home(c->sockets);
}

int conntrack_ask(struct conntrack *c, uint32_t netns, uint32_t pid, const struct path *sent,
		  struct path *back)
{
	struct mnl_socket *nl;

	if (c->look_again) {
		try(c);
		if (c->missing && !c->not_loaded)
			log_warn("--nat finds nothing: %s", c->missing);
	}
	if (c->missing)
		return -EOPNOTSUPP;
	nl = netns_sockets_get(c->sockets, netns, pid);
	if (nl)
		return ask(c, nl, sent, back);
	if (errno == EPERM)
		log_warn_once("--nat asks in its own network namespace alone: entering others "
			      "needs CAP_SYS_ADMIN");
	return -errno;
}

void conntrack_rest(struct conntrack *c)
{
	netns_sockets_rest(c->sockets);
	c->look_again = c->not_loaded;
}
