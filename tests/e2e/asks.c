// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Clients for test_resolvers.py: `asks NAME PORT` by getaddrinfo(); `asks COUNT PORT SERVER HOW` by itself. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* To the first address that the resolver has, whatever its version. */
static int by_libc(const char *name, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	int fd;

	if (getaddrinfo(name, port, &hints, &all))
		return 1;
	fd = socket(all->ai_family, SOCK_STREAM, 0);
	if (connect(fd, all->ai_addr, all->ai_addrlen))
		return 1;
	freeaddrinfo(all);
	return close(fd);
}

static size_t put_label(unsigned char *to, const char *label)
{
	*to = strlen(label);
	memcpy(to + 1, label, *to);
	return *to + 1;
}

static size_t make_query(unsigned char *to, int number)
{
	static const unsigned char header[12] = { 0, 7, 1, 0, 0, 1 };
	char label[16];
	size_t len = sizeof(header);

	memcpy(to, header, len);
	snprintf(label, sizeof(label), "host%d", number);
	len += put_label(to + len, label);
	len += put_label(to + len, "example");
	memcpy(to + len, "\0\0\1\0\1", 5);
	return len + 5;
}

/* Connect at once to what the answer ends with. */
static int ask_and_connect(int fd, const struct sockaddr_in *server, int number, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct linger reset = { .l_onoff = 1 };
	unsigned char bytes[512];
	ssize_t len = make_query(bytes, number);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(tcp, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (sendto(fd, bytes, len, 0, (const struct sockaddr *)server, sizeof(*server)) < 0)
		return 1;
	len = recv(fd, bytes, sizeof(bytes), 0);
	if (len < 32)
		return 1;
	memcpy(&to.sin_addr, bytes + len - 4, 4);
	if (connect(tcp, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	return close(tcp);
}

/* connected, unconnected, or bound to a port of its own */
static int by_hand(int cnt, int port, const char *at, const char *how)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53) };

	inet_pton(AF_INET, at, &server.sin_addr);
	for (int i = 0; i < cnt; i++) {
		struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(20000 + i) };
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		if (!strcmp(how, "connected") &&
		    connect(fd, (struct sockaddr *)&server, sizeof(server)))
			return 1;
		if (!strcmp(how, "bound") && bind(fd, (struct sockaddr *)&own, sizeof(own)))
			return 1;
		if (ask_and_connect(fd, &server, i, port))
			return 1;
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5)
		return by_hand(atoi(argv[1]), atoi(argv[2]), argv[3], argv[4]);
	return argc == 3 ? by_libc(argv[1], argv[2]) : 2;
}
