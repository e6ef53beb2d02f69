// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The value of a field: set from what an event has, and put into a buffer. */
#include "value.h"

#include <string.h>

bool value_set_word(struct value *v, const char *word)
{
	if (!word)
		return false;
	v->type = VALUE_WORD;
	v->string.ptr = word;
	v->string.len = strlen(word);
	return true;
}

bool value_set_bytes(struct value *v, const char *s, size_t len)
{
	v->type = VALUE_STRING;
	v->string.ptr = s;
	v->string.len = len;
	return len > 0;
}

bool value_set_string(struct value *v, const char *s)
{
	return s && value_set_bytes(v, s, strlen(s));
}

bool value_set_comm(struct value *v, const char comm[COMM_LEN])
{
	return value_set_bytes(v, comm, strnlen(comm, COMM_LEN));
}

bool value_set_address(struct value *v, const uint8_t *bytes, unsigned int ipv)
{
	v->type = VALUE_ADDRESS;
	v->address.bytes = bytes;
	v->address.ipv = ipv;
	return ipv == 4 || ipv == 6;
}

void value_put(struct buf *b, const struct value *v,
	       void (*put_string)(struct buf *b, const char *s, size_t len))
{
	switch (v->type) {
	case VALUE_NUMBER:
		buf_put_u64(b, v->number);
		break;
	case VALUE_BOOLEAN:
		buf_put_str(b, v->boolean ? "true" : "false");
		break;
	case VALUE_WORD:
		buf_put(b, v->string.ptr, v->string.len);
		break;
	case VALUE_STRING:
		put_string(b, v->string.ptr, v->string.len);
		break;
	case VALUE_ADDRESS:
		buf_put_addr(b, v->address.bytes, v->address.ipv);
		break;
	case VALUE_UTC:
		buf_put_utc(b, v->number);
		break;
	}
}
