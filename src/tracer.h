/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of the BPF programs: chosen, loaded, attached, read. The only user of libbpf. */
#ifndef CONNSNOOP_TRACER_H
#define CONNSNOOP_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "account.h"
#include "plan.h"

struct tracer;

/* One record of the ring buffer: @size bytes, not checked yet. Non-zero ends tracer__consume(). */
typedef int (*tracer_fn)(void *ctx, const void *record, size_t size);

/*
 * Choose the hooks, load and attach them: when it returns 0 everything is being traced. Every hook
 * that could not be had is said on stderr. *@out is the caller's, for tracer__close().
 * 0 or -errno, after one sentence on stderr.
 */
int tracer__open(struct tracer **out, const struct opts *opts, tracer_fn fn, void *ctx);

/* Stop tracing; what is in the ring buffer can still be consumed. */
void tracer__detach(struct tracer *t);
void tracer__close(struct tracer *t);

/* Readable when records wait and the reader was to be woken. */
int tracer__fd(const struct tracer *t);

/* Handle all records that wait. Their number, or the negative result of the function. */
int tracer__consume(struct tracer *t);

/* The reader is about to sleep: the next event is to wake it. Consume once more afterwards. */
void tracer__sleep(struct tracer *t);
/* The reader is awake. */
void tracer__awake(struct tracer *t);

/*
 * Find the sockets that are there already, for the owners of what they do later, and if `existing` is
 * wanted hand an event for each to the function of tracer__open(). To be called once, before the first
 * tracer__consume(). 0, or the negative result of the function; what could not be read is said on stderr.
 */
int tracer__scan(struct tracer *t);

/*
 * What was opened for COMMAND_LIST: hand a record for each socket that exists to the function of
 * tracer__open(), those of its further holders before. To be called once. 0, the negative result of the
 * function, or -errno after one sentence on stderr.
 */
int tracer__list(struct tracer *t);

int tracer__losses(struct tracer *t, struct losses *losses);

/* Answers of name servers, or parts of one, that found no room: names, not events. */
uint64_t tracer__dns_lost(const struct tracer *t);

/*
 * Close the UDP flows that have ended, and if there are too many the least recently used: each becomes
 * an event in the ring buffer. 0 or -errno.
 */
int tracer__sweep(struct tracer *t);

/*
 * Are there UDP flows, so that the caller has to sweep some time? If not, the first will put a record
 * into the ring buffer that asks for it, and wake the reader.
 */
bool tracer__sweep_plan(struct tracer *t);

/*
 * FILTER_TREE: a descriptor (the caller's) that gives one byte to the process that reads it to its
 * end: from then on that process and its descendants are traced. -errno if it cannot be had.
 */
int tracer__tree_fd(const struct tracer *t);

/* How many of them there are; when the last goes, the reader is woken. */
uint32_t tracer__tree_size(const struct tracer *t);

/* Forget those that have gone unseen, where our pids are those of the whole machine. */
void tracer__tree_prune(struct tracer *t);

/* --stats: for each program its runs, ns per run and missed runs; before, what --link has lost. */
void tracer__print_stats(const struct tracer *t, FILE *f);

/* probe: each map, its entries, and the bytes of the kernel's memory that it takes. */
void tracer__print_maps(const struct tracer *t, FILE *f);

const struct plan *tracer__plan(const struct tracer *t);

/* probe: try a way alone, as tracer__open() would. 0 or -errno; *@stage says what failed. */
int tracer_try(const struct way *way, const char **stage);

/* The program that made the last load fail, and why, in libbpf's words; for -v and probe. */
const char *tracer_last_message(void);

#endif
