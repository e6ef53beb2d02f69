/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By which way the kernel would send, where a socket does not say: asked of rtnetlink. */
#ifndef CONNSNOOP_ROUTE_H
#define CONNSNOOP_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

struct mnl_socket;
struct nlmsghdr;
struct rtask;

struct route {
	uint32_t ifindex;
	uint32_t mtu;	      /* of the path or the route; 0: that of the device */
	uint32_t hop_limit;   /* of the route; 0: none of its own */
	uint8_t next_hop_ipv; /* 4, 6; 0: no gateway */
	uint8_t next_hop[ADDR_LEN];
};

struct device {
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	char name[IFNAME_LEN]; /* not ended by a NUL if it is that long */
	uint8_t mac[MAC_LEN];
	bool has_mac; /* of that length */
};

/* What the socket adds to its addresses; 0: nothing. */
struct route_hints {
	uint32_t bound_ifindex;
	uint32_t mark;
};

/*
 * From the local to the remote side of @e, in the namespace of @nl. 0 or -errno: there is no way, or the
 * kernel's answer was not understood.
 */
int route_get(struct rtask *t, struct mnl_socket *nl, const struct event *e,
	      const struct route_hints *hints, struct route *out);
int device_get(struct rtask *t, struct mnl_socket *nl, uint32_t ifindex, struct device *out);

/* The answers. 0, or -EBADMSG. */
int route_parse(struct route *r, const struct nlmsghdr *h);
int device_parse(struct device *d, const struct nlmsghdr *h);

#endif
