// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ctnetlink: one question, one answer. */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "netns_sockets.h"

/* Of the module, or of what is compiled in: without it nothing translates, and asking would load it. */
#define LOADED "/sys/module/nf_conntrack"

/* --- messages ---------------------------------------------------------------------------------- */

static void set_path(struct nf_conntrack *ct, const struct path *path)
{
	struct nfct_attr_grp_port ports = { htons(path->sport), htons(path->dport) };
	struct nfct_attr_grp_ipv4 ip4;
	struct nfct_attr_grp_ipv6 ip6;

	if (path->ipv == 4) {
		memcpy(&ip4.src, path->src, sizeof(ip4.src));
		memcpy(&ip4.dst, path->dst, sizeof(ip4.dst));
		nfct_set_attr_grp(ct, ATTR_GRP_ORIG_IPV4, &ip4);
	} else {
		memcpy(ip6.src, path->src, sizeof(ip6.src));
		memcpy(ip6.dst, path->dst, sizeof(ip6.dst));
		nfct_set_attr_grp(ct, ATTR_GRP_ORIG_IPV6, &ip6);
	}
	/* these have set the protocol to that of ICMP or none: so it comes last */
	nfct_set_attr_grp(ct, ATTR_GRP_ORIG_PORT, &ports);
	nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, path->proto);
}

int conntrack_build(void *buf, const struct path *path, uint32_t seq)
{
	struct nf_conntrack *ct = nfct_new();
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nf;
	int err;

	if (!ct)
		return -ENOMEM;
	set_path(ct, path);
	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = seq;
	nf = mnl_nlmsg_put_extra_header(h, sizeof(*nf));
	nf->nfgen_family = path->ipv == 4 ? AF_INET : AF_INET6;
	nf->version = NFNETLINK_V0;
	nf->res_id = 0;
	err = nfct_nlmsg_build(h, ct) < 0 ? -ENOMEM : 0;
	nfct_destroy(ct);
	return err;
}

/* One direction of @ct; false: it has not all of it. */
static bool get_path(const struct nf_conntrack *ct, bool reply, struct path *path)
{
	struct nfct_attr_grp_port ports;
	struct nfct_attr_grp_ipv4 ip4;
	struct nfct_attr_grp_ipv6 ip6;

	memset(path, 0, sizeof(*path));
	if (nfct_get_attr_grp(ct, reply ? ATTR_GRP_REPL_PORT : ATTR_GRP_ORIG_PORT, &ports))
		return false;
	path->sport = ntohs(ports.sport);
	path->dport = ntohs(ports.dport);
	path->proto = nfct_get_attr_u8(ct, reply ? ATTR_REPL_L4PROTO : ATTR_ORIG_L4PROTO);
	if (!nfct_get_attr_grp(ct, reply ? ATTR_GRP_REPL_IPV4 : ATTR_GRP_ORIG_IPV4, &ip4)) {
		path->ipv = 4;
		memcpy(path->src, &ip4.src, sizeof(ip4.src));
		memcpy(path->dst, &ip4.dst, sizeof(ip4.dst));
		return true;
	}
	if (nfct_get_attr_grp(ct, reply ? ATTR_GRP_REPL_IPV6 : ATTR_GRP_ORIG_IPV6, &ip6))
		return false;
	path->ipv = 6;
	memcpy(path->src, ip6.src, sizeof(ip6.src));
	memcpy(path->dst, ip6.dst, sizeof(ip6.dst));
	return true;
}

static int parse_connection(const struct nlmsghdr *h, const struct path *sent, struct path *back)
{
	struct path original, reply;
	struct nf_conntrack *ct;
	bool whole;

	if (h->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return -EBADMSG;
	ct = nfct_new();
	if (!ct)
		return -ENOMEM;
	whole = nfct_nlmsg_parse(h, ct) >= 0 && get_path(ct, false, &original) &&
		get_path(ct, true, &reply);
	nfct_destroy(ct);
	if (!whole || original.ipv != sent->ipv || reply.ipv != sent->ipv)
		return -EBADMSG;
	if (!memcmp(&original, sent, sizeof(*sent)))
		*back = reply;
	else if (!memcmp(&reply, sent, sizeof(*sent)))
		*back = original;
	else
		return -EBADMSG;
	return 0;
}

int conntrack_parse(const struct nlmsghdr *h, size_t len, uint32_t seq, const struct path *sent,
		    struct path *back)
{
	const struct nlmsgerr *error;

	if (len > CONNTRACK_MESSAGE_MAX || !mnl_nlmsg_ok(h, len))
		return -EBADMSG;
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
	bool not_loaded;     /* that may change */
	uint32_t seq;
	char buf[CONNTRACK_MESSAGE_MAX] __attribute__((aligned(8)));
};

/* The kernel answers before the question is sent: there is nothing to wait for. */
static int ask(struct conntrack *c, struct mnl_socket *nl, const struct path *sent,
	       struct path *back)
{
	const struct nlmsghdr *h = (const void *)c->buf;
	int err = conntrack_build(c->buf, sent, ++c->seq), fd = mnl_socket_get_fd(nl);
	ssize_t len;

	if (err)
		return err;
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

/* With a question to which the answer is no. */
static void try(struct conntrack *c)
{
	const struct path nowhere = { .ipv = 4, .proto = IPPROTO_TCP };
	struct path back;
	int err;

	c->not_loaded = access(LOADED, F_OK);
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
	if (c->not_loaded)
		try(c);
}
