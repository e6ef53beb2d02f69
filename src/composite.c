// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The columns of the text format that are no fields. */
#include "composite.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>

#include "config.h"
#include "fields.h"
#include "info.h"
#include "names.h"
#include "put.h"
#include "value.h"

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000

/* Apart, for the check of the stack that its struct tm has: saves 13 instructions of a line. */
__attribute__((noinline)) static void second_begin(struct wall_clock *c, uint64_t utc_ns)
{
	time_t when = utc_ns / NS_PER_SEC;
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(c->text, sizeof(c->text), "%H:%M:%S.", &tm);
	c->begin_ns = when * NS_PER_SEC;
}

static char *put_time(struct wall_clock *c, char *p, const struct line *l)
{
	if (l->utc_ns - c->begin_ns >= NS_PER_SEC || !c->text[0])
		second_begin(c, l->utc_ns);
	p = put_bytes(p, c->text, sizeof(c->text) - 1);
	return put_3_digits(p, (uint32_t)(l->utc_ns - c->begin_ns) / NS_PER_MS);
}

static char *put_local(struct wall_clock *c, char *p, const struct line *l)
{
	const struct event *e = l->e;

	(void)c;
	if (e->kind == EVENT_LOST || !(e->flags & EVENT_F_LOCAL) || !e->lport)
		return p;
	return put_endpoint(p, e->laddr, e->ipv, e->lport);
}

/* "localhost" says less than the address. */
static bool is_loopback(const struct event *e)
{
	static const uint8_t loopback6[ADDR_LEN] = { [ADDR_LEN - 1] = 1 };

	return e->ipv == 4 ? e->raddr[0] == 127 : !memcmp(e->raddr, loopback6, ADDR_LEN);
}

/* What libc tells of loopback it has from /etc/hosts, too. */
static bool is_local_name(enum rname_source source)
{
	return source == RNAME_HOSTS || source == RNAME_LIBC;
}

static char *put_remote(struct wall_clock *c, char *p, const struct line *l)
{
	const struct event *e = l->e;

	(void)c;
	if (e->kind == EVENT_LOST || !(e->flags & EVENT_F_REMOTE))
		return p;
	if (!l->rname.len || (is_local_name(l->rname_source) && is_loopback(e)))
		return put_endpoint(p, e->raddr, e->ipv, e->rport);
	p = put_text(p, l->rname.ptr, l->rname.len);
	p = put_char(p, ':');
	return put_u64(p, e->rport);
}

static char *put_arrow(struct wall_clock *c, char *p, const struct line *l)
{
	unsigned int direction = l->e->kind == EVENT_LOST ? DIRECTION_NONE : l->e->direction;

	(void)c;
	return direction == DIRECTION_OUT ? put_str(p, "->") :
	       direction == DIRECTION_IN  ? put_str(p, "<-") :
					    p;
}

static char *put_service(struct wall_clock *c, char *p, const struct line *l)
{
	struct str service;
	uint16_t port;

	(void)c;
	if (l->e->kind == EVENT_LOST || !field_server_port(l, &port, &service))
		return p;
	if (service.len)
		return put_text(p, service.ptr, service.len);
	return put_word(p, word_of(&names_classes, port_class_of(port)));
}

static uint32_t queue_of(const struct event *e, uint32_t listener, uint32_t other)
{
	return e->proto == IPPROTO_TCP && e->new_state == TCP_LISTEN ? listener : other;
}

/* As ss and netstat have them: of a listener, connections; else bytes. */
static char *put_recvq(struct wall_clock *c, char *p, const struct line *l)
{
	const struct event *e = l->e;

	(void)c;
	return e->kind == EVENT_EXISTING ?
		       put_u64(p, queue_of(e, e->accept_queue, e->rx_queue_bytes)) :
		       p;
}

static char *put_sendq(struct wall_clock *c, char *p, const struct line *l)
{
	const struct event *e = l->e;

	(void)c;
	return e->kind == EVENT_EXISTING ? put_u64(p, queue_of(e, e->backlog, e->tx_queue_bytes)) :
					   p;
}

/* Is it known who has it: a process, or the words of a rule? */
static bool has_owner(const struct line *l)
{
	return l->e->kind != EVENT_LOST && (l->e->owner.pid || l->e->flags & EVENT_F_RULE);
}

static char *put_user(struct wall_clock *c, char *p, const struct line *l)
{
	(void)c;
	if (has_owner(l) && l->user.len)
		return put_text(p, l->user.ptr, l->user.len);
	return has_owner(l) && l->e->owner.pid ? put_u64(p, l->e->owner.uid) : p;
}

static char *put_processes(struct wall_clock *c, char *p, const struct line *l)
{
	struct value v = { .type = VALUE_HOLDERS, .holders = { l->holders, l->holder_cnt } };
	struct holder owner = { .pid = l->e->owner.pid };

	(void)c;
	if (!owner.pid || l->e->kind == EVENT_LOST)
		return p;
	if (!l->holder_cnt) {
		memcpy(owner.comm, l->e->owner.comm, COMM_LEN);
		v.holders.first = &owner;
		v.holders.cnt = 1;
	}
	return value_put(p, &v, put_text);
}

/* PID/NAME, and how many others hold it: short, where the number of processes has no end. */
static char *put_owner(struct wall_clock *c, char *p, const struct line *l)
{
	const struct event *e = l->e;

	(void)c;
	if (!has_owner(l))
		return p;
	if (e->owner.pid)
		p = put_char(put_u64(p, e->owner.pid), '/');
	p = put_text(p, e->owner.comm, strnlen(e->owner.comm, COMM_LEN));
	return l->holder_cnt < 2 ? p : put_u64(put_char(p, '+'), l->holder_cnt - 1);
}

/* The day, or the time if it was today. */
static char *put_opened(struct wall_clock *c, char *p, const struct line *l)
{
	time_t when, now = time(NULL);
	struct tm tm, today;
	char text[16];

	(void)c;
	if (l->e->kind != EVENT_PORT || !l->port->since_ns)
		return p;
	when = l->port->since_ns / NS_PER_SEC;
	localtime_r(&when, &tm);
	localtime_r(&now, &today);
	return put_bytes(p, text,
			 strftime(text, sizeof(text),
				  tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ?
					  "%H:%M:%S" :
					  "%Y-%m-%d",
				  &tm));
}

static char *put_conns(struct wall_clock *c, char *p, const struct line *l)
{
	(void)c;
	if (l->e->kind != EVENT_PORT || !l->port->has_connections)
		return p;
	return put_u64(p, l->port->connections);
}

/* As diff marks its lines. */
static char *put_mark(struct wall_clock *c, char *p, const struct line *l)
{
	static const char marks[CHANGE_CNT] = {
		[CHANGE_NEW] = '+',
		[CHANGE_GONE] = '-',
		[CHANGE_CHANGED] = '~',
		[CHANGE_OPEN] = '=',
	};

	(void)c;
	return marks[l->change] ? put_char(p, marks[l->change]) : put_char(p, ' ');
}

static char *put_nat(struct wall_clock *c, char *p, const struct line *l)
{
	(void)c;
	return l->nat ? put_endpoint(p, l->nat->addr, l->e->ipv, l->nat->port) : p;
}

static char *put_info(struct wall_clock *c, char *p, const struct line *l)
{
	(void)c;
	return info_put(p, l);
}

static char *put_route(struct wall_clock *c, char *p, const struct line *l)
{
	(void)c;
	return info_put_route(p, l);
}

/* clang-format off: one row a column */
const struct composite composites[] = {
	{ "time", "TIME", 12, put_time, "local wall clock", COMPOSITE_WORD },
	{ "local", "LOCAL", 15, put_local, "laddr:lport", COMPOSITE_WORD },
	{ "dir", "<>", 2, put_arrow, "direction: -> out, <- in", COMPOSITE_WORD },
	{ "remote", "REMOTE", 17, put_remote,
	  "raddr:rport, or rname:rport where that is known and not of /etc/hosts for loopback",
	  COMPOSITE_STRING },
	{ "nat", "NAT", 17, put_nat, "nat_raddr:nat_rport", COMPOSITE_WORD },
	{ "service", "SERVICE", 7, put_service, "service, or its port's class if it has no name",
	  COMPOSITE_STRING },
	{ "recvq", "RECVQ", 5, put_recvq, "unread bytes; of a listener, connections that wait",
	  COMPOSITE_WORD },
	{ "sendq", "SENDQ", 5, put_sendq,
	  "unsent or unacknowledged bytes; of a listener, its backlog", COMPOSITE_WORD },
	{ "user", "USER", 8, put_user, "name of the owner's user, or uid", COMPOSITE_STRING },
	{ "process", "PROCESS", 0, put_processes, "PID/NAME of each process that holds it",
	  COMPOSITE_SENTENCE },
	{ "mark", " ", 1, put_mark, "+ new, - gone, ~ changed, = still open: as a diff",
	  COMPOSITE_WORD },
	{ "owner", "OWNER", 16, put_owner, "PID/NAME, and +N for N others that hold it",
	  COMPOSITE_STRING },
	{ "opened", "SINCE", 10, put_opened, "since, as a day or the time of today",
	  COMPOSITE_WORD },
	{ "conns", "CONNS", 5, put_conns, "connections", COMPOSITE_WORD },
	{ "route", "ROUTE", 0, put_route, "interface, gateway and its MAC address (--link)",
	  COMPOSITE_SENTENCE },
	{ "info", "INFO", 0, put_info, "what matters for that event", COMPOSITE_SENTENCE },
};
/* clang-format on */
const size_t composite_cnt = sizeof(composites) / sizeof(composites[0]);
