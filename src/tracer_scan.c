// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The scan of the sockets that were there before: its iterators are read, and what they write handed on. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "event.h"
#include "connsnoop.skel.h"
#include "late.h"
#include "log.h"
#include "netns.h"
#include "tracer_internal.h"

#define CHUNK (256u << 10) /* several times the longest record, and what the kernel gives at once */

struct scan {
	struct tracer *tracer;
	size_t refused_cnt; /* namespaces that cannot be entered */
	bool no_proc;	    /* nor others found */
	bool hidden;	    /* there are processes whose namespace cannot be known */
	bool stopped;	    /* by the function that is handed the records */
	struct late late;   /* of a list */
	size_t len;	    /* bytes in buf */
	char buf[CHUNK] __attribute__((aligned(8)));
};

/* The size of the record that begins at @buf, 0 if it is not whole yet, or -EPROTO. */
static ssize_t record_size(const char *buf, size_t len)
{
	struct exe_record exe; /* its head: behind a path of any length nothing is aligned */

	if (len < EXE_HEAD_SIZE)
		return 0;
	memcpy(&exe, buf, EXE_HEAD_SIZE);
	if (exe.kind == RECORD_EXE && exe.len <= EXE_PATH_MAX)
		return len < EXE_HEAD_SIZE + exe.len ? 0 : (ssize_t)(EXE_HEAD_SIZE + exe.len);
	if (exe.kind == RECORD_HOLDER)
		return len < sizeof(struct holder_record) ? 0 : sizeof(struct holder_record);
	if (exe.kind == RECORD_LINK)
		return len < sizeof(struct link_record) ? 0 : sizeof(struct link_record);
	if (exe.kind == EVENT_EXISTING)
		return len < sizeof(struct event) ? 0 : (ssize_t)sizeof(struct event);
	return -EPROTO;
}

static int tell(struct scan *s, const void *record, size_t size)
{
	int err = s->tracer->fn(s->tracer->ctx, record, size);

	s->stopped = err;
	return err;
}

static int tell_late(void *ctx, const struct event *e)
{
	return tell(ctx, e, sizeof(*e));
}

/* A record from an iterator; a socket that is late waits. */
static int hand_on_one(struct scan *s, const struct event *e, size_t size)
{
	if (e->kind == EVENT_EXISTING && e->flags & EVENT_F_LATE)
		return late_add(&s->late, e);
	if (e->kind == EVENT_EXISTING)
		late_drop(&s->late, e->id);
	return tell(s, e, size);
}

/* Hand on the whole records, each from memory that suits its members, and keep the rest. */
static int hand_on(struct scan *s)
{
	union {
		struct event event;
		struct exe_record exe;
		struct holder_record holder;
		struct link_record link;
	} record;
	size_t at = 0;
	ssize_t size;
	int err = 0;

	while (!err && (size = record_size(s->buf + at, s->len - at)) > 0) {
		memcpy(&record, s->buf + at, size);
		err = hand_on_one(s, &record.event, size);
		at += size;
	}
	if (err || size < 0)
		return err ?: (int)size;
	s->len -= at;
	memmove(s->buf, s->buf + at, s->len);
	return 0;
}

/*
 * What happens meanwhile waits in the buffer, so that the sockets that were there come first; but not
 * until events are lost.
 */
static int make_room(struct scan *s)
{
	const struct connsnoop_bpf *skel = s->tracer->skel;
	int n;

	if (skel->rodata->cfg.wakeup_bytes && !skel->bss->shared.hurry)
		return 0;
	tracer__awake(s->tracer);
	n = tracer__consume(s->tracer);
	s->stopped |= n < 0;
	return n < 0 ? n : 0;
}

/* Read one iterator to its end, in the network namespace that the thread is in. */
static int run_iterator(struct scan *s, struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	s->len = 0;
	do {
		n = read(fd, s->buf + s->len, sizeof(s->buf) - s->len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			err = -errno;
		else
			s->len += n;
		err = err ?: hand_on(s) ?: make_room(s);
	} while (!err && n);
	close(fd);
	return err;
}

static int run_program(struct scan *s, struct bpf_program *p)
{
	struct bpf_link *link = bpf_program__attach_iter(p, NULL);
	int err = link ? run_iterator(s, link) : -errno;

	bpf_link__destroy(link);
	return err;
}

static int scan_tables(void *ctx, int refused)
{
	struct connsnoop_bpf *skel;
	struct scan *s = ctx;
	bool list;
	int err;

	if (refused == -ENOENT)
		s->no_proc = true;
	else if (refused == -EACCES)
		s->hidden = true;
	else if (refused)
		s->refused_cnt++;
	if (refused)
		return 0;
	skel = s->tracer->skel;
	list = plan_uses(&s->tracer->plan, "list_tcp");
	err = run_program(s, list ? skel->progs.list_tcp : skel->progs.scan_tcp);
	return err ?: run_program(s, list ? skel->progs.list_udp : skel->progs.scan_udp);
}

static int scan_files(struct scan *s)
{
	struct connsnoop_bpf *skel = s->tracer->skel;

	if (plan_uses(&s->tracer->plan, "scan_files_typed"))
		return run_program(s, skel->progs.scan_files_typed);
	if (plan_uses(&s->tracer->plan, "scan_files_probed"))
		return run_program(s, skel->progs.scan_files_probed);
	if (plan_uses(&s->tracer->plan, "list_files_typed"))
		return run_program(s, skel->progs.list_files_typed);
	if (plan_uses(&s->tracer->plan, "list_files_probed"))
		return run_program(s, skel->progs.list_files_probed);
	return 0;
}

/* Say what the scan could not look at. */
static void warn_unseen(const struct scan *s)
{
	if (s->no_proc)
		log_warn_once(
			"without /proc, sockets that no process holds are only listed of the own "
			"network namespace");
	if (s->hidden)
		log_warn_once(
			"the network namespaces of some processes cannot be looked at: sockets there "
			"that no process holds may be missing; it needs CAP_SYS_PTRACE");
	if (s->refused_cnt)
		log_warn_once(
			"in %zu other network namespaces, sockets that no process holds are not listed: "
			"entering them needs CAP_SYS_ADMIN",
			s->refused_cnt);
}

int tracer__scan(struct tracer *t)
{
	struct shared *shared = &t->skel->bss->shared;
	struct scan *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->tracer = t;
	err = scan_files(s);
	if (!err && plan_uses(&t->plan, "scan_tcp"))
		err = netns_for_each(t->skel->rodata->cfg.netns, scan_tables, s);
	__atomic_store_n(&shared->scan_runs, 0, __ATOMIC_SEQ_CST);
	warn_unseen(s);
	if (err && !s->stopped) {
		log_warn("not all sockets that were there before are known: %s", strerror(-err));
		err = 0; /* what comes now can be traced all the same */
	}
	log_debug("the scan of existing sockets has ended");
	free(s);
	return err;
}

/* One look at the files of all processes, and one at the tables of all namespaces. */
static int list_pass(struct scan *s, enum list_phase files, enum list_phase tables)
{
	struct shared *shared = &s->tracer->skel->bss->shared;
	int err;

	shared->list_phase = files;
	err = scan_files(s);
	shared->list_phase = tables;
	return err ?: netns_for_each(s->tracer->skel->rodata->cfg.netns, scan_tables, s);
}

/* What the first pass has left: all files and tables again, or only the files of what is late. */
static int list_left(struct scan *s)
{
	struct shared *shared = &s->tracer->skel->bss->shared;

	log_debug("%u sockets noted, %u of them told, %u late", shared->list_noted,
		  shared->list_told, shared->list_late);
	if (shared->list_told + shared->list_late != shared->list_noted)
		return list_pass(s, LIST_FILES_LEFT, LIST_TABLES_LEFT);
	if (!shared->list_late)
		return 0;
	shared->list_phase = LIST_FILES_LEFT;
	shared->list_late_only = true;
	return scan_files(s);
}

int tracer__list(struct tracer *t)
{
	struct scan *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->tracer = t;
	err = list_pass(s, LIST_FILES, LIST_TABLES);
	warn_unseen(s);
	err = err ?: list_left(s) ?: late_tell(&s->late, tell_late, s);
	late_free(&s->late);
	if (err && !s->stopped)
		log_err("cannot read the kernel's sockets: %s", strerror(-err));
	free(s);
	return err;
}
