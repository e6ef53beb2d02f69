// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads the values of the filter options. What is wrong with one is said here, once. */
#define _GNU_SOURCE 1 /* CLONE_NEWNET */
#include "filters.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "names.h"
#include "nearest.h"
#include "parse.h"
#include "services.h"

#define PID_MAX_LIMIT 4194304 /* of the kernel, on 64 bits */
#define UID_MAX 4294967294u   /* the next one means "no user" */
#define MAPPED_PREFIX_LEN 96  /* of ::ffff:0:0/96 */

/* Makes room for one more element of @size behind @cnt; NULL after a sentence on stderr. */
static void *grow(void *array, size_t cnt, size_t size)
{
	void *p = reallocarray(array, cnt + 1, size);

	if (!p)
		log_err("cannot keep the filters: not enough memory");
	return p;
}

static int append_u32(uint32_t **array, size_t *cnt, uint32_t v)
{
	uint32_t *p = grow(*array, *cnt, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*array = p;
	p[(*cnt)++] = v;
	return 0;
}

static int add_pid(void *ctx, const char *item)
{
	struct filters *f = ctx;
	uint64_t pid;

	if (parse_uint(item, 1, PID_MAX_LIMIT, &pid)) {
		log_err("--pid: '%.200s' is not a process id, a number from 1 to %d", item,
			PID_MAX_LIMIT);
		return -EINVAL;
	}
	return append_u32(&f->pids, &f->pid_cnt, pid);
}

int filters_add_pids(struct filters *f, const char *list)
{
	f->set |= FILTER_PID;
	return parse_list("--pid", list, add_pid, f);
}

int filters_add_comm(struct filters *f, const char *name)
{
	char(*p)[COMM_LEN];

	if (!*name) {
		log_err("--comm: the name is empty; it takes the name of a process, as in ps");
		return -EINVAL;
	}
	p = grow(f->comms, f->comm_cnt, sizeof(*p));
	if (!p)
		return -ENOMEM;
	f->comms = p;
	f->set |= FILTER_COMM;
	/* The kernel compares all 16 bytes, so what follows the name must be zero. */
	memset(p[f->comm_cnt], 0, COMM_LEN);
	memcpy(p[f->comm_cnt++], name, strnlen(name, COMM_LEN - 1));
	return 0;
}

static int add_user(void *ctx, const char *item)
{
	struct filters *f = ctx;
	const struct passwd *pw;
	uint64_t uid;

	if (!parse_uint(item, 0, UID_MAX, &uid))
		return append_u32(&f->uids, &f->uid_cnt, uid);
	pw = getpwnam(item);
	if (!pw) {
		log_err("--user: '%.200s' is neither the name of a user here nor a uid from 0 to "
			"%u",
			item, UID_MAX);
		return -EINVAL;
	}
	return append_u32(&f->uids, &f->uid_cnt, pw->pw_uid);
}

int filters_add_users(struct filters *f, const char *list)
{
	f->set |= FILTER_UID;
	return parse_list("--user", list, add_user, f);
}

struct port_ctx {
	uint8_t *ports;
	const struct services *s;
	const char *option;
	uint8_t port_set;
};

static int parse_port_range(const char *item, uint64_t *lo, uint64_t *hi)
{
	char first[sizeof("65535")];
	const char *dash = strchr(item, '-');
	size_t len = dash ? (size_t)(dash - item) : strlen(item);

	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, item, len);
	first[len] = '\0';
	if (parse_uint(first, 1, PORT_CNT - 1, lo))
		return -EINVAL;
	*hi = *lo;
	return dash ? parse_uint(dash + 1, *lo, PORT_CNT - 1, hi) : 0;
}

static void mark_port(void *ctx, uint8_t ipproto, uint16_t port)
{
	const struct port_ctx *c = ctx;

	(void)ipproto;
	c->ports[port] |= c->port_set;
}

static void try_name(void *ctx, const char *name)
{
	nearest_try(ctx, name);
}

static void log_no_port(const struct port_ctx *c, const char *item)
{
	struct nearest n = { .wanted = item };

	if (c->s)
		services_each_name(c->s, try_name, &n);
	log_err("%s: '%.200s' is not a port from 1 to 65535, a range such as 8000-8999 or the name "
		"of a service%s%.200s%s",
		c->option, item, n.name ? "; did you mean '" : "", n.name ?: "",
		n.name ? "'?" : ", of /etc/services or IANA");
}

static int add_port(void *ctx, const char *item)
{
	struct port_ctx *c = ctx;
	uint64_t lo, hi;

	if (!parse_port_range(item, &lo, &hi)) {
		for (; lo <= hi; lo++)
			c->ports[lo] |= c->port_set;
		return 0;
	}
	if (c->s && !services_ports(c->s, item, mark_port, c))
		return 0;
	log_no_port(c, item);
	return -EINVAL;
}

int filters_add_ports(struct filters *f, const struct services *s, uint8_t port_set,
		      const char *list)
{
	struct port_ctx c = { .s = s, .port_set = port_set };

	switch (port_set) {
	case PORT_SET_LOCAL:
		c.option = "--lport";
		f->set |= FILTER_LPORT;
		break;
	case PORT_SET_REMOTE:
		c.option = "--rport";
		f->set |= FILTER_RPORT;
		break;
	default:
		c.option = "--port";
		f->set |= FILTER_PORT;
		break;
	}
	if (!f->ports)
		f->ports = calloc(PORT_CNT, sizeof(*f->ports));
	if (!f->ports) {
		log_err("%s: not enough memory for the list", c.option);
		return -ENOMEM;
	}
	c.ports = f->ports;
	return parse_list(c.option, list, add_port, &c);
}

/* An IPv4-mapped network is the IPv4 network: that is how such a connection travels. */
static void net_unmap(struct net *n)
{
	static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (n->ipv != 6 || n->prefix_len < MAPPED_PREFIX_LEN ||
	    memcmp(n->addr, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(n->addr, n->addr + sizeof(mapped), 4);
	memset(n->addr + 4, 0, sizeof(n->addr) - 4);
	n->ipv = 4;
	n->prefix_len -= MAPPED_PREFIX_LEN;
}

/* 10.1.2.3/8 means 10.0.0.0/8, as in ss. */
static void net_mask(struct net *n)
{
	for (unsigned int i = 0; i < sizeof(n->addr); i++) {
		if (i * 8 >= n->prefix_len)
			n->addr[i] = 0;
		else if (n->prefix_len - i * 8 < 8)
			n->addr[i] &= 0xff << (8 - (n->prefix_len - i * 8));
	}
}

static int net_parse(const char *item, struct net *n)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash;
	uint64_t bits;
	size_t len;

	memset(n, 0, sizeof(*n));
	if (*item == '!') {
		n->exclude = true;
		item++;
	}
	slash = strchr(item, '/');
	len = slash ? (size_t)(slash - item) : strlen(item);
	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, item, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, n->addr) == 1)
		n->ipv = 4;
	else if (inet_pton(AF_INET6, addr, n->addr) == 1)
		n->ipv = 6;
	else
		return -EINVAL;
	bits = n->ipv == 4 ? 32 : 128;
	if (slash && parse_uint(slash + 1, 0, bits, &bits))
		return -EINVAL;
	n->prefix_len = bits;
	net_unmap(n);
	net_mask(n);
	return 0;
}

static int add_net(void *ctx, const char *item)
{
	struct filters *f = ctx;
	struct net n, *p;

	if (net_parse(item, &n)) {
		log_err("--net: '%.200s' is not a numeric IPv4 or IPv6 network such as 10.0.0.0/8, "
			"fd00::/8 or !192.0.2.1",
			item);
		return -EINVAL;
	}
	for (size_t i = 0; i < f->net_cnt; i++) {
		p = &f->nets[i];
		if (p->ipv != n.ipv || p->prefix_len != n.prefix_len ||
		    memcmp(p->addr, n.addr, sizeof(n.addr)) != 0)
			continue;
		if (p->exclude == n.exclude)
			return 0;
		log_err("--net: '%.200s' asks for a network both with and without '!'", item);
		return -EINVAL;
	}
	p = grow(f->nets, f->net_cnt, sizeof(*p));
	if (!p)
		return -ENOMEM;
	f->nets = p;
	p[f->net_cnt++] = n;
	return 0;
}

int filters_add_nets(struct filters *f, const char *list)
{
	int err = parse_list("--net", list, add_net, f);

	f->set |= FILTER_NET | FILTER_NET_NOT;
	for (size_t i = 0; i < f->net_cnt; i++) {
		if (!f->nets[i].exclude)
			f->set &= ~FILTER_NET_NOT;
	}
	return err;
}

static int add_class(void *ctx, const char *item)
{
	struct filters *f = ctx;
	int class = names_port_class(item);

	if (class < 0) {
		log_err("--class: '%.200s' is not one of well-known, registered, private", item);
		return -EINVAL;
	}
	f->classes |= 1u << class;
	return 0;
}

int filters_add_classes(struct filters *f, const char *list)
{
	f->set |= FILTER_CLASS;
	return parse_list("--class", list, add_class, f);
}

/* The inode of the network namespace that @path is, or -errno; -ENOTTY: it is something else. */
static int netns_inode(const char *path, uint32_t *inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int type, err = 0;

	if (fd < 0)
		return -errno;
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 || fstat(fd, &st) < 0)
		err = -errno;
	else if (type != CLONE_NEWNET)
		err = -ENOTTY;
	else
		*inode = st.st_ino;
	close(fd);
	return err;
}

int filters_set_netns(struct filters *f, const char *pid_or_path)
{
	char path[4096];
	uint64_t pid;
	int err, len;

	if (!parse_uint(pid_or_path, 1, PID_MAX_LIMIT, &pid))
		len = snprintf(path, sizeof(path), "/proc/%u/ns/net", (unsigned int)pid);
	else if (strchr(pid_or_path, '/'))
		len = snprintf(path, sizeof(path), "%s", pid_or_path);
	else
		len = snprintf(path, sizeof(path), "/run/netns/%s", pid_or_path);
	if (len < 0 || (size_t)len >= sizeof(path))
		err = -ENAMETOOLONG;
	else
		err = netns_inode(path, &f->netns);
	if (err) {
		log_err("--netns: '%.200s' names no network namespace (%.200s: %s); it takes a "
			"process id, a path or a name of 'ip netns'",
			pid_or_path, path,
			err == -ENOTTY ? "not a network namespace" : strerror(-err));
		return -EINVAL;
	}
	f->set |= FILTER_NETNS;
	return 0;
}

void filters_free(struct filters *f)
{
	free(f->pids);
	free(f->uids);
	free(f->comms);
	free(f->nets);
	free(f->ports);
	free(f->cgroup);
	memset(f, 0, sizeof(*f));
}
