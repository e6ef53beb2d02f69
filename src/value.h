/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The value of a field, in whatever type it is known. */
#ifndef CONNSNOOP_VALUE_H
#define CONNSNOOP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "container.h"
#include "event.h"

enum value_type {
	VALUE_NUMBER,
	VALUE_BOOLEAN,
	VALUE_WORD,    /* a string of ours: needs no escaping */
	VALUE_STRING,  /* a string of others */
	VALUE_ADDRESS, /* ADDR_LEN bytes in network byte order */
	VALUE_UTC,     /* ns since 1970 */
};

struct value {
	enum value_type type;
	union {
		uint64_t number;
		bool boolean;
		struct {
			const char *ptr;
			size_t len;
		} string; /* also VALUE_WORD */
		struct {
			const uint8_t *bytes;
			unsigned int ipv;
		} address;
	};
	char scratch[CONTAINER_MAX]; /* for a string that stands nowhere else */
};

/* Each returns false when there is nothing to set: the field is absent. What they are given must last. */
bool value_set_word(struct value *v, const char *word);
bool value_set_bytes(struct value *v, const char *s, size_t len);
bool value_set_string(struct value *v, const char *s);
bool value_set_comm(struct value *v, const char comm[COMM_LEN]);
bool value_set_address(struct value *v, const uint8_t *bytes, unsigned int ipv);

/* Appends @v; @put_string makes a VALUE_STRING harmless in its own way. */
void value_put(struct buf *b, const struct value *v,
	       void (*put_string)(struct buf *b, const char *s, size_t len));

#endif
