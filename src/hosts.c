// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /etc/hosts and the addresses of the interfaces. */
#include "hosts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event.h"
#include "hash.h"

#define NS_PER_S 1000000000ULL
#define FILE_CHECK_NS NS_PER_S
#define INTERFACES_CHECK_NS (30 * NS_PER_S)

struct key {
	uint8_t bytes[ADDR_LEN];
	uint64_t ipv;
};

struct host {
	struct key key;
	UT_hash_handle hh;
	size_t len;
	bool own; /* an address of this machine, not of the file */
	char name[];
};

struct hosts {
	struct host *table; /* one for both: saves 130 of 400 instructions of a line */
	struct stat read;   /* what the file was when it was read; all zero: there was none */
	uint64_t file_check_ns, own_check_ns; /* when to look again */
	char path[];
};

struct hosts *hosts_new(const char *path)
{
	struct hosts *h = calloc(1, sizeof(*h) + strlen(path) + 1);

	if (h)
		memcpy(h->path, path, strlen(path) + 1);
	return h;
}

/* All, or only those that are our own. */
static void forget(struct hosts *h, bool own_only)
{
	struct host *host, *next;

	HASH_ITER(hh, h->table, host, next) {
		if (own_only && !host->own)
			continue;
		HASH_DEL(h->table, host);
		free(host);
	}
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	forget(h, false);
	free(h);
}

/* The first name of an address is its name. */
static void add(struct hosts *h, const struct key *key, const char *name, bool own)
{
	size_t len = strlen(name);
	struct host *host;

	HASH_FIND(hh, h->table, key, sizeof(*key), host);
	if (host || !len || HASH_COUNT(h->table) >= HOSTS_MAX)
		return;
	host = malloc(sizeof(*host) + len + 1);
	if (!host)
		return;
	host->key = *key;
	host->len = len;
	host->own = own;
	memcpy(host->name, name, len + 1);
	HASH_ADD(hh, h->table, key, sizeof(host->key), host);
}

static bool parse_address(const char *text, struct key *key)
{
	*key = (struct key){ .ipv = 4 };
	if (inet_pton(AF_INET, text, key->bytes) == 1)
		return true;
	key->ipv = 6;
	return inet_pton(AF_INET6, text, key->bytes) == 1;
}

static void add_line(struct hosts *h, char *line)
{
	char *rest = line, *address, *name;
	struct key key;

	line[strcspn(line, "#")] = '\0';
	address = strtok_r(rest, " \t\r\n", &rest);
	name = address ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
	if (name && parse_address(address, &key))
		add(h, &key, name, false);
}

static void read_file(struct hosts *h)
{
	FILE *f = fopen(h->path, "re");
	char *line = NULL;
	size_t size = 0;

	forget(h, false);
	while (f && getline(&line, &size, f) > 0)
		add_line(h, line);
	free(line);
	if (f)
		fclose(f);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Was it read anew? */
static bool check_file(struct hosts *h)
{
	struct stat st = { 0 };

	if (stat(h->path, &st))
		memset(&st, 0, sizeof(st));
	if (same_file(&st, &h->read))
		return false;
	h->read = st;
	read_file(h);
	return true;
}

static bool key_of_sockaddr(const struct sockaddr *sa, struct key *key)
{
	*key = (struct key){ .ipv = 4 };
	if (sa && sa->sa_family == AF_INET) {
		memcpy(key->bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
		return true;
	}
	key->ipv = 6;
	if (sa && sa->sa_family == AF_INET6) {
		memcpy(key->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, ADDR_LEN);
		return true;
	}
	return false;
}

static void read_interfaces(struct hosts *h)
{
	char name[HOST_NAME_MAX + 1] = "";
	struct ifaddrs *all = NULL;
	struct key key;

	forget(h, true);
	if (gethostname(name, sizeof(name) - 1) || getifaddrs(&all))
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!(i->ifa_flags & IFF_LOOPBACK) && key_of_sockaddr(i->ifa_addr, &key))
			add(h, &key, name, true);
	}
	freeifaddrs(all);
}

static void look_again(struct hosts *h, uint64_t now_ns)
{
	bool anew = check_file(h);

	h->file_check_ns = now_ns + FILE_CHECK_NS;
	if (!anew && now_ns < h->own_check_ns)
		return;
	read_interfaces(h);
	h->own_check_ns = now_ns + INTERFACES_CHECK_NS;
}

struct str hosts_find(struct hosts *h, const uint8_t *addr, unsigned int ipv, uint64_t now_ns)
{
	struct key key = { .ipv = ipv };
	const struct host *host;

	if (now_ns >= h->file_check_ns)
		look_again(h, now_ns);
	memcpy(key.bytes, addr, ipv == 4 ? 4 : ADDR_LEN);
	HASH_FIND(hh, h->table, &key, sizeof(key), host);
	return host ? (struct str){ host->name, host->len } : (struct str){ 0 };
}
