/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Following a command: it is started, signals are shared with it, what it and its descendants do is
 * added up, and its end, and theirs, is known.
 */
#ifndef CONNSNOOP_FOLLOW_H
#define CONNSNOOP_FOLLOW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "opts.h"

struct follow;

/* The signals besides SIGINT and SIGTERM that must be blocked and come to follow_signals(). */
void follow_add_signals(sigset_t *set);

/*
 * Start the command of @opts, through @tree_fd (which is closed): see tracer__tree_fd(). 0 or
 * -errno, after one sentence on stderr.
 */
int follow_start(struct follow **out, const struct opts *opts, int tree_fd);

/* Readable when the command has ended: then call follow_reap(). */
int follow_fd(const struct follow *f);
void follow_reap(struct follow *f);

/*
 * Signals have come: read them all from their descriptor, which does not block. Returns whether they
 * end the trace; those that are for the command do not. @f: NULL if there is none.
 */
bool follow_signals(const struct follow *f, int signal_fd);

/* Add an event to the table at the end. */
void follow_event(struct follow *f, const struct event *e);

/*
 * Is there nothing left to trace? @tree_size: how many processes there were before the events that
 * came last were read. When all have gone, what they have left open may still close for a moment.
 */
bool follow_is_over(struct follow *f, uint32_t tree_size);

/* The command has; its descendants may have not. */
bool follow_has_ended(const struct follow *f);

/* When to ask again, though nothing has happened; CLOCK_MONOTONIC, UINT64_MAX: no need. */
uint64_t follow_when(const struct follow *f);

/*
 * The trace has ended: wait until the command has too, with the signals of @signal_fd (-1: none),
 * and print the table on stderr. Frees @f; returns the command's exit status.
 */
int follow_finish(struct follow *f, int signal_fd, const struct services *services,
		  uint64_t lost_cnt);

/* The same without the table. */
int follow_end(struct follow *f, int signal_fd);

#endif
