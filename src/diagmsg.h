/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A socket as sock_diag describes it, turned into the event of a socket that exists. */
#ifndef CONNSNOOP_DIAGMSG_H
#define CONNSNOOP_DIAGMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

struct nlmsghdr;

/* TIME-WAIT and the like are no more than their addresses: they have neither inode nor totals. */
struct diag_socket {
	/* without owner and time; the direction is that of which the socket itself gives proof */
	struct event event;
	uint32_t inode; /* of the socket as a file, 0: it has none (any more, or yet) */
	/* for struct link_record: 0: not known */
	uint32_t bound_ifindex;
	uint32_t mtu;
	uint32_t mss;
	uint8_t dscp; /* with has_dscp: it was asked for */
	bool has_dscp;
};

/*
 * Read a message of type SOCK_DIAG_BY_FAMILY, whose length the caller has checked against what was
 * received. @proto: which was asked for. 0, or -EBADMSG: it is not what the kernel sends.
 */
int diagmsg_parse(struct diag_socket *s, const struct nlmsghdr *h, uint8_t proto, uint32_t netns);

#endif
