/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The value of a field, in whatever type it is known. */
#ifndef CONNSNOOP_VALUE_H
#define CONNSNOOP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "event.h"
#include "line.h"
#include "names.h"
#include "put.h"
#include "str.h"

enum value_type {
	VALUE_NUMBER,
	VALUE_BOOLEAN,
	VALUE_WORD,    /* of a table of ours: needs no escaping */
	VALUE_STRING,  /* a string of others */
	VALUE_ADDRESS, /* ADDR_LEN bytes in network byte order */
	VALUE_UTC,     /* ns since 1970 */
	VALUE_HOLDERS, /* processes: PID/COMM,PID/COMM; JSON makes objects of them */
};

struct value {
	enum value_type type;
	union {
		uint64_t number;
		bool boolean;
		struct str string; /* VALUE_WORD: WORD_MAX bytes of it can be read */
		struct {
			const uint8_t *bytes;
			unsigned int ipv;
		} address;
		struct {
			const struct holder *first;
			size_t cnt;
		} holders;
	};
	char scratch[16]; /* for a string that stands nowhere else */
};

/* What value_put() needs for all but VALUE_STRING, PUT_SLACK with it. */
#define VALUE_MAX (PUT_ADDR_MAX + PUT_SLACK)

/* Each returns false when there is nothing to set: the field is absent. What they are given must last. */
static inline bool value_set_number(struct value *v, uint64_t number)
{
	v->type = VALUE_NUMBER;
	v->number = number;
	return true;
}

static inline bool value_set_true(struct value *v)
{
	v->type = VALUE_BOOLEAN;
	v->boolean = true;
	return true;
}

static inline bool value_set_utc(struct value *v, uint64_t utc_ns)
{
	v->type = VALUE_UTC;
	v->number = utc_ns;
	return true;
}

static inline bool value_set_word(struct value *v, const struct words *t, unsigned int i)
{
	const struct word *w = word_of(t, i);

	if (!w)
		return false;
	v->type = VALUE_WORD;
	v->string.ptr = w->text;
	v->string.len = w->len;
	return true;
}

static inline bool value_set_str(struct value *v, struct str s)
{
	v->type = VALUE_STRING;
	v->string = s;
	return s.len > 0;
}

static inline bool value_set_string(struct value *v, const char *s)
{
	return s && value_set_str(v, (struct str){ s, strlen(s) });
}

static inline bool value_set_comm(struct value *v, const char comm[COMM_LEN])
{
	return value_set_str(v, (struct str){ comm, strnlen(comm, COMM_LEN) });
}

static inline bool value_set_address(struct value *v, const uint8_t *bytes, unsigned int ipv)
{
	v->type = VALUE_ADDRESS;
	v->address.bytes = bytes;
	v->address.ipv = ipv;
	return ipv == 4 || ipv == 6;
}

static inline char *value_put_holders(char *p, const struct value *v,
				      char *(*put_string)(char *p, const char *s, size_t len))
{
	for (size_t i = 0; i < v->holders.cnt; i++) {
		const struct holder *h = &v->holders.first[i];

		if (i)
			p = put_char(p, ',');
		p = put_u64(p, h->pid);
		p = put_char(p, '/');
		p = put_string(p, h->comm, strnlen(h->comm, COMM_LEN));
	}
	return p;
}

/* At a cursor, see put.h; @put_string makes a VALUE_STRING harmless in its own way. */
static inline char *value_put(char *p, const struct value *v,
			      char *(*put_string)(char *p, const char *s, size_t len))
{
	switch (v->type) {
	case VALUE_NUMBER:
		return put_u64(p, v->number);
	case VALUE_BOOLEAN:
		return put_str(p, v->boolean ? "true" : "false");
	case VALUE_WORD:
		memcpy(p, v->string.ptr, WORD_MAX);
		return p + v->string.len;
	case VALUE_STRING:
		return put_string(p, v->string.ptr, v->string.len);
	case VALUE_ADDRESS:
		return put_addr(p, v->address.bytes, v->address.ipv);
	case VALUE_UTC:
		return put_utc(p, v->number);
	case VALUE_HOLDERS:
		return value_put_holders(p, v, put_string);
	}
	return p;
}

#endif
