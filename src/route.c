// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RTM_GETROUTE and RTM_GETLINK. */
#include "route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "rtask.h"

/* --- the route ----------------------------------------------------------------------------------- */

static void use_gateway(struct route *r, const struct nlattr *a)
{
	if (attr_get(a, r->next_hop, 4))
		r->next_hop_ipv = 4;
	else if (attr_get(a, r->next_hop, ADDR_LEN))
		r->next_hop_ipv = 6;
}

/* A gateway of another family than the route: IPv4 by a router that is known by its IPv6 address. */
static void use_via(struct route *r, const struct nlattr *a)
{
	uint8_t via[sizeof(struct rtvia) + ADDR_LEN];
	const struct rtvia *v = (const void *)via;

	if (!attr_get(a, via, sizeof(via)) || v->rtvia_family != AF_INET6)
		return;
	memcpy(r->next_hop, v->rtvia_addr, ADDR_LEN);
	r->next_hop_ipv = 6;
}

static void use_metrics(struct route *r, const struct nlattr *metrics)
{
	struct attrs attrs = attrs_within(metrics);
	const struct nlattr *a;

	while ((a = attrs_next(&attrs))) {
		if (mnl_attr_get_type(a) == RTAX_MTU)
			attr_get(a, &r->mtu, sizeof(r->mtu));
		else if (mnl_attr_get_type(a) == RTAX_HOPLIMIT)
			attr_get(a, &r->hop_limit, sizeof(r->hop_limit));
	}
}

int route_parse(struct route *r, const struct nlmsghdr *h)
{
	struct attrs attrs = attrs_of(h, sizeof(struct rtmsg));
	const struct nlattr *a;

	memset(r, 0, sizeof(*r));
	while ((a = attrs_next(&attrs))) {
		switch (mnl_attr_get_type(a)) {
		case RTA_OIF:
			attr_get(a, &r->ifindex, sizeof(r->ifindex));
			break;
		case RTA_GATEWAY:
			use_gateway(r, a);
			break;
		case RTA_VIA:
			use_via(r, a);
			break;
		case RTA_METRICS:
			use_metrics(r, a);
			break;
		}
	}
	return r->ifindex ? 0 : -EBADMSG;
}

static bool is_set(const uint8_t *addr)
{
	static const uint8_t none[ADDR_LEN];

	return memcmp(addr, none, ADDR_LEN) != 0;
}

int route_get(struct rtask *t, struct mnl_socket *nl, const struct event *e,
	      const struct route_hints *hints, struct route *out)
{
	size_t len = e->ipv == 4 ? 4 : ADDR_LEN;
	struct rtmsg m = { .rtm_family = e->ipv == 4 ? AF_INET : AF_INET6, .rtm_dst_len = 8 * len };
	const struct nlmsghdr *answer;
	struct nlmsghdr *h;
	int err;

	if (is_set(e->laddr))
		m.rtm_src_len = 8 * len;
	h = rtask_begin(t, RTM_GETROUTE, &m, sizeof(m));
	mnl_attr_put(h, RTA_DST, len, e->raddr);
	if (m.rtm_src_len)
		mnl_attr_put(h, RTA_SRC, len, e->laddr);
	if (hints->bound_ifindex)
		mnl_attr_put_u32(h, RTA_OIF, hints->bound_ifindex);
	if (hints->mark)
		mnl_attr_put_u32(h, RTA_MARK, hints->mark);
	/* rules may look at these, and of several ways the one is taken that they hash to */
	if (e->owner.pid)
		mnl_attr_put_u32(h, RTA_UID, e->owner.uid);
	if (e->lport && e->rport) {
		mnl_attr_put_u8(h, RTA_IP_PROTO, e->proto);
		mnl_attr_put_u16(h, RTA_SPORT, htons(e->lport));
		mnl_attr_put_u16(h, RTA_DPORT, htons(e->rport));
	}
	err = rtask_ask(t, nl, RTM_NEWROUTE, &answer);
	return err ?: route_parse(out, answer);
}

/* --- the device ---------------------------------------------------------------------------------- */

static void use_name(struct device *d, const struct nlattr *a)
{
	size_t len = mnl_attr_get_payload_len(a);

	memcpy(d->name, mnl_attr_get_payload(a), len < IFNAME_LEN ? len : IFNAME_LEN);
}

int device_parse(struct device *d, const struct nlmsghdr *h)
{
	struct attrs attrs = attrs_of(h, sizeof(struct ifinfomsg));
	const struct nlattr *a;

	memset(d, 0, sizeof(*d));
	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct ifinfomsg))
		return -EBADMSG;
	d->flags = ((const struct ifinfomsg *)mnl_nlmsg_get_payload(h))->ifi_flags;
	while ((a = attrs_next(&attrs))) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			use_name(d, a);
			break;
		case IFLA_ADDRESS:
			d->has_mac = attr_get(a, d->mac, sizeof(d->mac));
			break;
		case IFLA_MTU:
			attr_get(a, &d->mtu, sizeof(d->mtu));
			break;
		}
	}
	return d->name[0] ? 0 : -EBADMSG;
}

int device_get(struct rtask *t, struct mnl_socket *nl, uint32_t ifindex, struct device *out)
{
	struct ifinfomsg m = { .ifi_index = (int)ifindex };
	const struct nlmsghdr *answer;
	int err;

	rtask_begin(t, RTM_GETLINK, &m, sizeof(m));
	err = rtask_ask(t, nl, RTM_NEWLINK, &answer);
	return err ?: device_parse(out, answer);
}
