/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command that is run to be traced: a child that gets everything as we got it, signals, limits,
 * descriptors, terminal and process group, and whose end is our own exit status.
 */
#ifndef CONNSNOOP_CHILD_H
#define CONNSNOOP_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct user;

struct child {
	pid_t pid;
	int fd;	    /* a pidfd: readable when it has ended */
	bool ended; /* and was waited for */
	int status; /* then: as a shell tells it, 128+N for a signal */
};

/* Call it first of all: what main() was started with is kept for the child, and SIGPIPE ignored. */
void child_keep_heritage(void);

/*
 * Run @argv, found by PATH, as @user (NULL: as ourselves). Just before, the child reads @tree_fd to
 * its end: see tracer__tree_fd(). Returns when it runs. 0 or -errno, after one sentence on stderr.
 */
int child_start(struct child *c, char **argv, const struct user *user, int tree_fd);

/* Take note of its end, if that has come. */
void child_reap(struct child *c);
void child_signal(const struct child *c, int signal); /* unless it has ended */

#endif
