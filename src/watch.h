/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a tracer until a signal, the end of its time, or the end of the command that is run under it;
 * each record at once. For commands that look at few events.
 */
#ifndef CONNSNOOP_WATCH_H
#define CONNSNOOP_WATCH_H

struct opts;
struct tracer;
struct watch;

/* Signals are blocked from now on. 0 or -errno, after one sentence on stderr. */
int watch_open(struct watch **out, const struct opts *opts, struct tracer *t);

/* Run the command of the options, if there is one. As watch_open(). */
int watch_start(struct watch *w);

/*
 * Hand on records until the end; @idle after those that have come, before it sleeps: non-zero ends it.
 * Then the programs are detached, and what they have still sent is handed on. What @idle or the function
 * of the tracer gave, or 0.
 */
int watch_run(struct watch *w, int (*idle)(void *ctx), void *ctx);

/* Waits for the command, and frees. Its exit status, 0 without one. NULL is fine. */
int watch_close(struct watch *w);

#endif
