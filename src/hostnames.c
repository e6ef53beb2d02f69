// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reverse lookups in parallel, by c-ares. */
#include "hostnames.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "event.h"
#include "hash.h"

#define NS_PER_MS 1000000ULL
#define TRY_MS 1000 /* a server that does not answer */
#define TRIES 2
#define REMEMBERED_MAX 16384
#define OWN_MAX 64 /* one for each server, and more where answers are too long for UDP */

struct address {
	uint8_t bytes[ADDR_LEN];
	uint64_t ipv;
};

struct host {
	struct hostnames *all;
	struct address address;
	char *name; /* NULL: none, or not yet */
	size_t len;
	UT_hash_handle hh;
};

struct hostnames {
	ares_channel channel;
	struct host *hosts;
	unsigned int pending;
	uint64_t own[OWN_MAX]; /* cookies of its sockets: a ring */
	size_t own_cnt;
};

/* c-ares has made a socket. */
static int on_socket(ares_socket_t fd, int type, void *ctx)
{
	struct hostnames *h = ctx;
	socklen_t len = sizeof(h->own[0]);

	(void)type;
	if (!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &h->own[h->own_cnt % OWN_MAX], &len))
		h->own_cnt++;
	return 0;
}

struct hostnames *hostnames_new(void)
{
	struct ares_options options = { .timeout = TRY_MS, .tries = TRIES };
	struct hostnames *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	if (ares_library_init(ARES_LIB_INIT_ALL)) {
		free(h);
		return NULL;
	}
	if (ares_init_options(&h->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES)) {
		ares_library_cleanup();
		free(h);
		return NULL;
	}
	ares_set_socket_callback(h->channel, on_socket, h);
	return h;
}

static void forget_all(struct hostnames *h)
{
	struct host *host, *next;

	HASH_ITER(hh, h->hosts, host, next) {
		HASH_DEL(h->hosts, host);
		free(host->name);
		free(host);
	}
}

void hostnames_free(struct hostnames *h)
{
	if (!h)
		return;
	ares_destroy(h->channel); /* answers what is pending, with nothing */
	ares_library_cleanup();
	forget_all(h);
	free(h);
}

void hostnames_trim(struct hostnames *h)
{
	/* c-ares knows those that are pending */
	if (!h->pending && HASH_COUNT(h->hosts) > REMEMBERED_MAX)
		forget_all(h);
}

static struct address address_of(const uint8_t *addr, unsigned int ipv)
{
	struct address a = { .ipv = ipv };

	memcpy(a.bytes, addr, ipv == 4 ? 4 : ADDR_LEN);
	return a;
}

static struct host *find(const struct hostnames *h, const uint8_t *addr, unsigned int ipv)
{
	struct address a = address_of(addr, ipv);
	struct host *host;

	HASH_FIND(hh, h->hosts, &a, sizeof(a), host);
	return host;
}

static void on_answer(void *ctx, int status, int timeouts, struct hostent *answer)
{
	struct host *host = ctx;

	(void)timeouts;
	host->all->pending--;
	if (status != ARES_SUCCESS || !answer || !answer->h_name || !*answer->h_name)
		return;
	host->name = strdup(answer->h_name);
	host->len = host->name ? strlen(host->name) : 0;
}

void hostnames_ask(struct hostnames *h, const uint8_t *addr, unsigned int ipv)
{
	struct host *host = find(h, addr, ipv);

	if (host || (ipv != 4 && ipv != 6))
		return;
	host = calloc(1, sizeof(*host));
	if (!host)
		return;
	host->all = h;
	host->address = address_of(addr, ipv);
	HASH_ADD(hh, h->hosts, address, sizeof(host->address), host);
	h->pending++;
	ares_gethostbyaddr(h->channel, host->address.bytes, ipv == 4 ? 4 : ADDR_LEN,
			   ipv == 4 ? AF_INET : AF_INET6, on_answer, host);
}

/* The sockets that c-ares waits for; their number. */
static int wanted(struct hostnames *h, struct pollfd fds[ARES_GETSOCK_MAXNUM])
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	int mask = ares_getsock(h->channel, sockets, ARES_GETSOCK_MAXNUM), cnt = 0;

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = (ARES_GETSOCK_READABLE(mask, i) ? POLLIN : 0) |
			       (ARES_GETSOCK_WRITABLE(mask, i) ? POLLOUT : 0);

		if (events)
			fds[cnt++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	return cnt;
}

static void handle(struct hostnames *h, const struct pollfd *fds, int cnt)
{
	for (int i = 0; i < cnt; i++)
		ares_process_fd(h->channel,
				fds[i].revents & (POLLIN | POLLERR | POLLHUP) ? fds[i].fd :
										ARES_SOCKET_BAD,
				fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
	/* what has waited too long */
	ares_process_fd(h->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* How long c-ares wants to sleep at most, no longer than until @end_ns. */
static int timeout_ms(struct hostnames *h, uint64_t end_ns)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left_ms = now < end_ns ? (end_ns - now) / NS_PER_MS + 1 : 0;
	struct timeval max = { .tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000 }, tv;
	struct timeval *next = ares_timeout(h->channel, &max, &tv);

	return next->tv_sec * 1000 + next->tv_usec / 1000;
}

void hostnames_wait(struct hostnames *h, unsigned int ms)
{
	uint64_t end_ns = clock_monotonic_ns() + ms * NS_PER_MS;

	while (h->pending && clock_monotonic_ns() < end_ns) {
		struct pollfd fds[ARES_GETSOCK_MAXNUM];
		int cnt = wanted(h, fds);

		if (poll(fds, cnt, timeout_ms(h, end_ns)) < 0 && errno != EINTR)
			return;
		handle(h, fds, cnt);
	}
}

void hostnames_poll(struct hostnames *h)
{
	struct pollfd fds[ARES_GETSOCK_MAXNUM];
	int cnt;

	if (!h->pending)
		return;
	cnt = wanted(h, fds);
	if (poll(fds, cnt, 0) >= 0)
		handle(h, fds, cnt);
}

unsigned int hostnames_pending(const struct hostnames *h)
{
	return h->pending;
}

struct str hostnames_get(const struct hostnames *h, const uint8_t *addr, unsigned int ipv)
{
	const struct host *host = find(h, addr, ipv);

	return host ? (struct str){ host->name, host->len } : (struct str){ 0 };
}

bool hostnames_owns(const struct hostnames *h, uint64_t id)
{
	for (size_t i = 0; i < h->own_cnt && i < OWN_MAX; i++) {
		if (h->own[i] == id)
			return true;
	}
	return false;
}
