// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What each option does with its value. What is wrong with one is said here or in filters.c. */
#define _GNU_SOURCE 1 /* asprintf() */
#include "opts_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "log.h"
#include "names.h"
#include "parse.h"
#include "sort.h"
#include "text.h"
#include "user.h"
#include "version.h"

#define TIME_MAX_S 1000000000u /* 31 years; as nanoseconds still far below 2^64 */
#define BUFFER_MAX (1u << 30)
#define LATENCY_MAX_MS 60000
#define FLOWS_MIN 64
#define FLOWS_MAX (1 << 22)

static void *field(struct opt_ctx *c, const struct opt_row *row)
{
	return (char *)c->o + row->offset;
}

static void say_not_one_of(const char *option, const char *arg, const char *(*name)(unsigned int),
			   unsigned int cnt)
{
	char all[256] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < cnt && len < sizeof(all); i++)
		len += snprintf(all + len, sizeof(all) - len, i ? ", %s" : "%s", name(i));
	log_err("--%s: '%.200s' is not one of %s", option, arg, all);
}

/* The number below @cnt whose name is @arg, or -EINVAL after a sentence that lists the names. */
static int choose(const struct opt_row *row, const char *arg, const char *(*name)(unsigned int),
		  unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++) {
		if (!strcmp(name(i), arg))
			return i;
	}
	say_not_one_of(row->name, arg, name, cnt);
	return -EINVAL;
}

/* Replaces the string at @dst by a copy of @src, which may be NULL. */
static int set_copy(const struct opt_row *row, char **dst, const char *src)
{
	char *copy = src ? strdup(src) : NULL;

	if (src && !copy) {
		log_err("--%s: not enough memory for the value", row->name);
		return -ENOMEM;
	}
	free(*dst);
	*dst = copy;
	return 0;
}

int opt_set_bool(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)arg;
	*(bool *)field(c, row) = row->value;
	return 0;
}

int opt_set_seconds(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (!parse_seconds(arg, TIME_MAX_S, field(c, row)))
		return 0;
	log_err("--%s: '%.200s' is not a time in seconds, a number such as 30 or 0.5, more than 0 "
		"and at most %u",
		row->name, arg, TIME_MAX_S);
	return -EINVAL;
}

int opt_set_output(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (!*arg) {
		log_err("--%s: the file name is empty; it takes a path, or - for stdout",
			row->name);
		return -EINVAL;
	}
	return set_copy(row, &c->o->output, strcmp(arg, "-") ? arg : NULL);
}

int opt_set_file(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (*arg)
		return set_copy(row, field(c, row), arg);
	log_err("--%s: the file name is empty; it takes a path", row->name);
	return -EINVAL;
}

int opt_set_columns(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	static const char *const defaults[COMMAND_CNT] = {
		[COMMAND_LIST] = LIST_COLUMNS,
		[COMMAND_PORTS] = PORTS_COLUMNS,
	};
	char *all;

	if (!strcmp(arg, "help")) {
		text_columns_help(defaults[c->o->command]);
		return OPT_ANSWERED;
	}
	if (!*arg) {
		log_err("--%s: the list is empty; '--%s help' shows what it takes", row->name,
			row->name);
		return -EINVAL;
	}
	if (!c->o->columns)
		return set_copy(row, &c->o->columns, arg);
	if (asprintf(&all, "%s,%s", c->o->columns, arg) < 0) {
		log_err("--%s: not enough memory for the list", row->name);
		return -ENOMEM;
	}
	free(c->o->columns);
	c->o->columns = all;
	return 0;
}

static const char *color_name(unsigned int color)
{
	static const char *const names[] = {
		[COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never",
	};

	return names[color];
}

int opt_set_color(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	int i = choose(row, arg, color_name, COLOR_NEVER + 1);

	if (i < 0)
		return i;
	c->o->color = i;
	return 0;
}

const char *backend_name(unsigned int backend)
{
	static const char *const names[BACKEND_CNT] = {
		[BACKEND_AUTO] = "auto",
		[BACKEND_FENTRY] = "fentry",
		[BACKEND_KPROBE] = "kprobe",
		[BACKEND_TRACEPOINT] = "tracepoint",
	};

	return backend < BACKEND_CNT ? names[backend] : NULL;
}

int opt_set_backend(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	int i = choose(row, arg, backend_name, BACKEND_CNT);

	if (i < 0)
		return i;
	c->o->backend = i;
	return 0;
}

int opt_set_pids(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_add_pids(&c->o->filters, arg);
}

int opt_set_comm(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_add_comm(&c->o->filters, arg);
}

int opt_set_users(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_add_users(&c->o->filters, arg);
}

int opt_set_filter(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)arg;
	c->o->filters.set |= row->value;
	return 0;
}

int opt_set_ports(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	return filters_add_ports(&c->o->filters, c->s, row->value, arg);
}

int opt_set_nets(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_add_nets(&c->o->filters, arg);
}

int opt_set_classes(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_add_classes(&c->o->filters, arg);
}

int opt_set_cgroup(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (!*arg) {
		log_err("--%s: the path is empty; it takes a path in the cgroup v2 hierarchy",
			row->name);
		return -EINVAL;
	}
	c->o->filters.set |= FILTER_CGROUP;
	return set_copy(row, &c->o->filters.cgroup, arg);
}

int opt_set_netns(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return filters_set_netns(&c->o->filters, arg);
}

static int list_state(void *ctx, const char *item)
{
	struct opt_ctx *c = ctx;
	int state = names_state(item);

	if (state < 0) {
		log_err("--state: '%.200s' is no state of a socket; they are spelled as ss does, "
			"such as estab, listen, time-wait",
			item);
		return -EINVAL;
	}
	c->states_listed |= 1u << state;
	return 0;
}

int opt_set_states(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return parse_list("--state", arg, list_state, c);
}

int opt_set_sort(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	int err = sort_check(arg);

	return err ?: set_copy(row, &c->o->sort, arg);
}

static int list_event(void *ctx, const char *item)
{
	struct opt_ctx *c = ctx;
	int kind = names_event_kind(item);

	if (kind < 0) {
		say_not_one_of("events", item, names_kind, EVENT_PORT);
		return -EINVAL;
	}
	c->events_listed |= 1u << kind;
	return 0;
}

int opt_set_events(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	return parse_list("--events", arg, list_event, c);
}

int opt_add_events(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)arg;
	c->events_added |= row->value;
	return 0;
}

int opt_set_count(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (!parse_uint(arg, 1, INT64_MAX, &c->o->count))
		return 0;
	log_err("--%s: '%.200s' is not a number of events, 1 or more", row->name, arg);
	return -EINVAL;
}

int opt_set_flows(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	if (!parse_uint(arg, FLOWS_MIN, FLOWS_MAX, &c->o->udp_flows))
		return 0;
	log_err("--%s: '%.200s' is not a number of flows from %d to %d", row->name, arg, FLOWS_MIN,
		FLOWS_MAX);
	return -EINVAL;
}

int opt_set_as(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	struct user *user;
	int err = user_find(arg, &user);

	if (err) {
		log_err("--%s: there is no user '%.200s' here%s%s; it takes a name or a uid",
			row->name, arg, err == -ENOENT ? "" : ": ",
			err == -ENOENT ? "" : strerror(-err));
		return err;
	}
	user_free(c->o->run_as);
	c->o->run_as = user;
	return 0;
}

int opt_set_buffer(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t bytes;

	if (!parse_size(arg, BUFFER_MAX, &bytes) && bytes >= (uint64_t)page &&
	    !(bytes & (bytes - 1))) {
		c->o->buffer_bytes = bytes;
		return 0;
	}
	log_err("--%s: '%.200s' is not a power of two from %ld (one page) to 1G, such as 64K or "
		"16M",
		row->name, arg, page);
	return -EINVAL;
}

int opt_set_latency(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	uint64_t ms;

	if (!parse_uint(arg, 0, LATENCY_MAX_MS, &ms)) {
		c->o->latency_ms = ms;
		return 0;
	}
	log_err("--%s: '%.200s' is not a number of milliseconds from 0 to %d", row->name, arg,
		LATENCY_MAX_MS);
	return -EINVAL;
}

int opt_show_help(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	opts_help(c->o->command);
	return OPT_ANSWERED;
}

int opt_show_version(struct opt_ctx *c, const struct opt_row *row, const char *arg)
{
	(void)c;
	(void)row;
	(void)arg;
	puts("connsnoop " CONNSNOOP_VERSION);
	return OPT_ANSWERED;
}
