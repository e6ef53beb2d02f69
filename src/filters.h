/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What to trace, as the user said it: the parsed values of the filter options. Plain data; the
 * loader copies it into the kernel's maps.
 */
#ifndef CONNSNOOP_FILTERS_H
#define CONNSNOOP_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "event.h"

#define PORT_CNT 65536

/* One entry of --net: prefix in network byte order, IPv4 in the first four bytes. */
struct net {
	uint8_t addr[ADDR_LEN];
	uint8_t ipv; /* 4 or 6 */
	uint8_t prefix_len;
	bool exclude; /* written with '!' */
};

/* Lists grow with realloc(); filters_free() releases them. Zero-initialised: no filter. */
struct filters {
	uint32_t set; /* FILTER_*: which of these the user gave */
	uint32_t *pids;
	size_t pid_cnt;
	uint32_t *uids;
	size_t uid_cnt;
	char (*comms)[COMM_LEN]; /* cut to 15 bytes, as the kernel does */
	size_t comm_cnt;
	struct net *nets;
	size_t net_cnt;
	uint8_t *ports;	  /* PORT_CNT bytes of PORT_SET_*, NULL when no port option was given */
	uint32_t classes; /* bits 1 << enum port_class */
	char *cgroup;	  /* as given; the loader looks it up */
	uint32_t netns;	  /* inode */
};

/* Parsers of option values: each adds to @f and sets its FILTER_ bit. 0, or -EINVAL after one
 * sentence on stderr that names the bad part. */
struct services;
int filters_add_pids(struct filters *f, const char *list);
int filters_add_comm(struct filters *f, const char *name);
int filters_add_users(struct filters *f, const char *list); /* names or uids */
int filters_add_ports(struct filters *f, const struct services *s, uint8_t port_set,
		      const char *list);		   /* "80,443,8000-8999,https" */
int filters_add_nets(struct filters *f, const char *list); /* "10.0.0.0/8,!10.1.2.3,fd00::/8" */
int filters_add_classes(struct filters *f, const char *list);
int filters_set_netns(struct filters *f, const char *pid_or_path);
void filters_free(struct filters *f);

#endif
