/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asks the kernel for its sockets by netlink, and takes its answers apart. */
#ifndef CONNSNOOP_DIAGDUMP_H
#define CONNSNOOP_DIAGDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_CHUNK (64u << 10) /* twice what the kernel gives at once */

struct mnl_socket;
struct nlmsghdr;

/* Zero-initialised: closed. */
struct diagdump {
	struct mnl_socket *nl;
	uint32_t seq;
	uint8_t more_ext;	/* attributes to ask for beyond those of use: bits of idiag_ext */
	unsigned int chunk_cnt; /* in how many pieces the last dump has come, empty ones left out */
	bool interrupted; /* some dump was: what changed meanwhile may be missing, or be there twice */
	char buf[DIAG_CHUNK] __attribute__((aligned(8)));
};

/* @h: of type SOCK_DIAG_BY_FAMILY, whole. Non-zero ends the dump. */
typedef int (*diag_fn)(void *ctx, const struct nlmsghdr *h);

/* In the network namespace that the thread is in, and stays for. 0 or -errno; to be closed either way. */
int diagdump_open(struct diagdump *d);
void diagdump_close(struct diagdump *d);

/*
 * Hand the sockets of that family (AF_*) and protocol that are in one of these states (1 << the kernel's
 * TCP_*) to @fn. 0, what @fn returned, -errno, or -EBADMSG if the kernel does not say what it should.
 */
int diagdump_run(struct diagdump *d, uint8_t family, uint8_t proto, uint32_t states, diag_fn fn,
		 void *ctx);

#endif
