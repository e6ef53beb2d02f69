/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel's connection tracking (conntrack) has made of the addresses of packets, asked by
 * netlink for one pair of ends at a time. Asking sends nothing, and makes no namespace track that does not.
 */
#ifndef CONNSNOOP_CONNTRACK_H
#define CONNSNOOP_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct nlmsghdr;

/* The two ends of a packet. Addresses are as in struct tuple, ports in host byte order; no padding. */
struct path {
	uint8_t src[ADDR_LEN];
	uint8_t dst[ADDR_LEN];
	uint16_t sport;
	uint16_t dport;
	uint8_t ipv;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t reserved[2];
};

/* --- messages ---------------------------------------------------------------------------------- */

#define CONNTRACK_MESSAGE_MAX 8192 /* of a question and of an answer */

/* The question for @path, into @buf of that size, which is aligned as a header. */
void conntrack_build(void *buf, const struct path *path, uint32_t seq);

/*
 * Read an answer of which @len bytes came. @sent: what was asked for, of which it may be either direction;
 * @back gets the other one: the packets that come back, as they are before they are translated.
 * 0, -EAGAIN: the answer to another question; -ENOENT: there is no such connection; or the kernel's -errno;
 * -EBADMSG: it is not what the kernel sends.
 */
int conntrack_parse(const struct nlmsghdr *h, size_t len, uint32_t seq, const struct path *sent,
		    struct path *back);

/* --- questions --------------------------------------------------------------------------------- */

struct conntrack;

/* NULL: out of memory. */
struct conntrack *conntrack_new(void);
void conntrack_free(struct conntrack *c); /* NULL is fine */

/* NULL: it can be asked in our own namespace; else what is missing, a part of a sentence. */
const char *conntrack_missing(const struct conntrack *c);

/* Our own namespace; 0: not known. */
uint32_t conntrack_home(const struct conntrack *c);

/*
 * As conntrack_parse() of the answer of the namespace @netns, 0: ours. @pid: of a process that is perhaps in
 * it, 0: none known. -EAGAIN: there is no answer.
 */
int conntrack_ask(struct conntrack *c, uint32_t netns, uint32_t pid, const struct path *sent,
		  struct path *back);

/* Let go of the namespaces of others: call it before anything waits. */
void conntrack_rest(struct conntrack *c);

#endif
