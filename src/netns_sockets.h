/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Netlink sockets in the network namespaces that events come from, to ask there. A socket keeps its
 * namespace, with the devices in it, from ending: those of others are closed when the caller rests.
 */
#ifndef CONNSNOOP_NETNS_SOCKETS_H
#define CONNSNOOP_NETNS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;
struct netns_sockets;

#define NETNS_SEARCHES_MAX 4 /* of /proc, between two rests */
#define NETNS_SOCKETS_MAX 32 /* at a time; the one that was not asked for longest goes */

/* @protocol: NETLINK_*. NULL: out of memory. */
struct netns_sockets *netns_sockets_new(int protocol);
void netns_sockets_free(struct netns_sockets *s); /* NULL is fine */

/*
 * A socket in the namespace of this inode, 0 or our own: where the thread is. @pid: of a process that is
 * perhaps in it, 0: none known; without its help all processes are looked through, as often as NETNS_SEARCHES_MAX.
 * Valid until the next call of any of these. NULL, and errno: the namespace cannot be found or entered.
 */
struct mnl_socket *netns_sockets_get(struct netns_sockets *s, uint32_t netns, uint32_t pid);

/* The inode of our own; 0: not known. */
uint32_t netns_sockets_home(const struct netns_sockets *s);

/* Let go of the namespaces of others, and look again for those that could not be found. */
void netns_sockets_rest(struct netns_sockets *s);

#endif
