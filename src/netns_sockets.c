// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Netlink sockets in other network namespaces, kept while there is much to ask. */
#include "netns_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns.h"

/* A namespace; without a socket: it could not be had. */
struct place {
	uint32_t inode;
	int err;
	uint64_t asked; /* the larger the later */
	struct mnl_socket *nl;
};

struct netns_sockets {
	int protocol;
	int home_fd;
	uint32_t home_inode;
	struct mnl_socket *home;
	uint64_t clock;
	unsigned int search_cnt; /* through all processes, since the last rest */
	struct place places[NETNS_SOCKETS_MAX];
};

struct netns_sockets *netns_sockets_new(int protocol)
{
	struct netns_sockets *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s)
		return NULL;
	s->protocol = protocol;
	s->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (s->home_fd >= 0 && !fstat(s->home_fd, &st))
		s->home_inode = st.st_ino;
	return s;
}

static void place_close(struct place *p)
{
	if (p->nl)
		mnl_socket_close(p->nl);
	*p = (struct place){ 0 };
}

void netns_sockets_rest(struct netns_sockets *s)
{
	for (int i = 0; i < NETNS_SOCKETS_MAX; i++)
		place_close(&s->places[i]);
	s->search_cnt = 0;
}

void netns_sockets_free(struct netns_sockets *s)
{
	if (!s)
		return;
	netns_sockets_rest(s);
	if (s->home)
		mnl_socket_close(s->home);
	if (s->home_fd >= 0)
		close(s->home_fd);
	free(s);
}

uint32_t netns_sockets_home(const struct netns_sockets *s)
{
	return s->home_inode;
}

/* Where the thread is. NULL and errno. */
static struct mnl_socket *open_here(const struct netns_sockets *s)
{
	struct mnl_socket *nl = mnl_socket_open2(s->protocol, SOCK_CLOEXEC);
	int err;

	if (!nl)
		return NULL;
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		return nl;
	err = errno;
	mnl_socket_close(nl);
	errno = err;
	return NULL;
}

/* Through a process that is perhaps in it. 0 or -errno. */
static int open_by_pid(struct netns_sockets *s, struct place *p, uint32_t pid)
{
	char path[64];
	struct stat st;
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_ino != p->inode)
		err = -ENOENT;
	else if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	if (err)
		return err;
	p->nl = open_here(s);
	err = p->nl ? 0 : -errno;
	return setns(s->home_fd, CLONE_NEWNET) ? -errno : err;
}

struct search {
	struct netns_sockets *s;
	struct place *place;
};

static int on_found(void *ctx, int refused)
{
	struct search *search = ctx;

	if (refused)
		return refused;
	search->place->nl = open_here(search->s);
	return search->place->nl ? 0 : -errno;
}

/* Among all that there are: a process of another pid namespace than ours has another number here. */
static int open_by_search(struct netns_sockets *s, struct place *p)
{
	struct search search = { s, p };
	int err;

	if (s->search_cnt == NETNS_SEARCHES_MAX)
		return -ENOENT;
	s->search_cnt++;
	err = netns_for_each(p->inode, on_found, &search);
	return err < 0 ? err : p->nl ? 0 : -ENOENT;
}

static struct place *place_find(struct netns_sockets *s, uint32_t inode)
{
	struct place *oldest = &s->places[0];

	for (int i = 0; i < NETNS_SOCKETS_MAX; i++) {
		if (s->places[i].inode == inode)
			return &s->places[i];
		if (s->places[i].asked < oldest->asked)
			oldest = &s->places[i];
	}
	place_close(oldest);
	oldest->inode = inode;
	return oldest;
}

struct mnl_socket *netns_sockets_get(struct netns_sockets *s, uint32_t netns, uint32_t pid)
{
	struct place *p;

	if (!netns || netns == s->home_inode) {
		s->home = s->home ?: open_here(s);
		return s->home;
	}
	p = place_find(s, netns);
	p->asked = ++s->clock;
	if (!p->nl && !p->err && s->home_fd < 0)
		p->err = -ENOENT;
	if (!p->nl && !p->err) {
		p->err = pid ? open_by_pid(s, p, pid) : -ENOENT;
		p->err = p->err ? open_by_search(s, p) : 0;
	}
	errno = -p->err;
	return p->nl;
}
