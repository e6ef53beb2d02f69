/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A value as JSON has it, at a cursor: see put.h. */
#ifndef CONNSNOOP_JSON_VALUE_H
#define CONNSNOOP_JSON_VALUE_H

#include "fields.h"
#include "put.h"
#include "value.h"

/* Copied whole: a copy of a length known to the compiler is several times as fast. */
static inline char *json_put_key(char *p, const struct field *f)
{
	memcpy(p, f->key, sizeof(f->key));
	return p + f->key_len;
}

char *json_put_value(char *p, const struct value *v);

#endif
