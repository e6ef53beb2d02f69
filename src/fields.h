/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fields of an event: one table, which every format walks. A JSON key and a text column are
 * the same word. A new field is a member of struct event and a row here.
 */
#ifndef CONNSNOOP_FIELDS_H
#define CONNSNOOP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "line.h"
#include "value.h"

/* What JSON makes of it, and which way a column leans. */
enum field_type { FIELD_STRING, FIELD_NUMBER, FIELD_BOOLEAN };

/* Where the value is: at the row's offset in struct event, unless something else is said. */
enum field_from {
	FROM_GET,	 /* what get() says */
	FROM_NUMBER,	 /* as many bytes as mask has */
	FROM_NEED,	 /* true wherever needs hold */
	FROM_TIME,	 /* the line's */
	FROM_WORD,	 /* a byte: the number of a word */
	FROM_PORT_CLASS, /* a port: its class is the number of a word */
	FROM_COMM,
	FROM_ADDRESS,
	FROM_LINE,    /* a struct str at the offset in struct line */
	FROM_SERVICE, /* the name of the server side's port */
};

/*
 * What a field needs, otherwise it is absent. The first are flags of the event, taken as they are:
 * saves 14 instructions of a line.
 */
#define NEED_MAPPED EVENT_F_MAPPED
#define NEED_REMOTE EVENT_F_REMOTE /* there is a remote side */
#define NEED_LOCAL EVENT_F_LOCAL   /* the local address and port are known */
#define NEED_MPTCP EVENT_F_MPTCP
#define NEED_OWNER 16 /* the owner is known */
#define NEED_PID 32   /* and it is a process, not what a rule names */
#define NEED_IP 64    /* IPv4 or IPv6 */
#define NEED_TCP 128
#define NEED_RNAME 256	  /* the remote address has a name */
#define NEED_TOTALS 512	  /* the kernel has counted */
#define NEED_PEER 1024	  /* the process at the other end is known */
#define NEED_CLOSER 2048  /* the process that closed it, and it is not the owner */
#define NEED_LISTENS 4096 /* a socket of TCP that listens */
#define NEED_QUEUES 8192  /* it can be read and written */
#define NEED_NAT 16384	  /* --nat, and the remote address is translated */
#define NEED_LINK 32768	  /* --link, and there is a remote side */
/* From here on what no line lacks: the shape of its JSON does not depend on it. */
#define NEED_NONZERO 65536 /* 0 says: not known */
/*
 * No need but a mark: the value depends on nothing but the owner, the network namespace and strings
 * of the line. These rows follow each other.
 */
#define FIELD_KEPT 131072

#define FIELD_KEY_MAX 24
#define FIELD_CNT_MAX 80

struct field {
	const char *name;
	char key[FIELD_KEY_MAX]; /* ,"name": as JSON wants it */
	uint8_t key_len;
	uint8_t width; /* of the text column, more when a value needs it */
	uint8_t type;  /* enum field_type */
	uint8_t from;  /* enum field_from */
	uint16_t offset;
	uint32_t needs;		   /* NEED_* */
	uint32_t kinds;		   /* 1 << enum event_kind: events that have it */
	uint64_t mask;		   /* of a number: as long as it */
	const struct words *words; /* whose number it is */
	/* The value, false: absent. Only called when kinds and needs hold. */
	bool (*get)(const struct line *l, struct value *v);
	const char *help;
};

extern const struct field fields[];
extern const size_t field_cnt;

/* What fields may need and this line has: once for all of a line. */
uint32_t field_needs_held(const struct line *l);

/* The port of the connection's server side and its name, if any; false: no such side. */
bool field_server_port(const struct line *l, uint16_t *port, struct str *service);

/* That name, empty: none. */
struct str field_service(const struct line *l);

/* Which of f->words it is; there may be no such one. */
static inline unsigned int field_word(const struct field *f, const struct event *e)
{
	const char *at = (const char *)e + f->offset;
	uint16_t port;

	if (f->from == FROM_WORD)
		return *(const uint8_t *)at;
	memcpy(&port, at, sizeof(port));
	return port_class_of(port);
}

/* What is behind a smaller one is in the event too, and masked: saves 30 instructions of a JSON line. */
static inline uint64_t field_number(const struct field *f, const struct event *e)
{
	uint64_t n;

	memcpy(&n, (const char *)e + f->offset, sizeof(n));
	return n & f->mask;
}

/* Does it show the owner's cgroup, or what its path tells? */
static inline bool field_is_of_cgroup(const struct field *f)
{
	return f->from == FROM_LINE && f->offset >= offsetof(struct line, cgroup) &&
	       f->offset <= offsetof(struct line, unit);
}

static inline const struct str *field_line_str(const struct field *f, const struct line *l)
{
	return (const struct str *)((const char *)l + f->offset);
}

/*
 * The value of @f in @l, whose kind has this field and of which @held holds; false: it is absent,
 * and @v undefined. @v points into @l and itself. Inline, so that a format's own choice by the type
 * of the value falls together with this one: saves 260 instructions of a JSON line.
 */
__attribute__((always_inline)) static inline bool
field_read(const struct field *f, const struct line *l, uint32_t held, struct value *v)
{
	const char *at = (const char *)l->e + f->offset;

	if (f->needs & ~held)
		return false;
	switch (f->from) {
	case FROM_NUMBER:
		value_set_number(v, field_number(f, l->e));
		return v->number || !(f->needs & NEED_NONZERO);
	case FROM_WORD:
	case FROM_PORT_CLASS:
		return value_set_word(v, f->words, field_word(f, l->e));
	case FROM_COMM:
		return value_set_comm(v, at);
	case FROM_ADDRESS:
		return value_set_address(v, (const uint8_t *)at, l->e->ipv);
	case FROM_LINE:
		return value_set_str(v, *field_line_str(f, l));
	case FROM_SERVICE:
		return value_set_str(v, field_service(l));
	case FROM_NEED:
		return value_set_true(v);
	case FROM_TIME:
		return value_set_utc(v, l->utc_ns);
	default:
		return f->get(l, v);
	}
}

/* field_read() of any event. */
static inline bool field_get(const struct field *f, const struct line *l, struct value *v)
{
	uint32_t kind = l->e->kind;

	return kind < EVENT_KIND_CNT && (f->kinds & 1u << kind) &&
	       field_read(f, l, field_needs_held(l), v);
}

#endif
