/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shape of a line of JSON: all of it but numbers, strings and addresses. There are few, since
 * words are, so each is made once, and a line is only filled in: saves 250 instructions of it.
 */
#ifndef CONNSNOOP_JSON_SHAPE_H
#define CONNSNOOP_JSON_SHAPE_H

#include <stdint.h>

#include "fields.h"
#include "line.h"

/* What follows the text of a step. */
enum json_how {
	JSON_NONE, /* no step */
	JSON_TEXT, /* nothing */
	JSON_END,  /* nothing, and it is the last step */
	JSON_KEPT, /* all fields of FIELD_KEPT */
	JSON_NUMBER,
	JSON_TIME,    /* the quotes are in the texts */
	JSON_ADDRESS, /* likewise */
	/* The text is a key, and all is absent where there is no value. */
	JSON_NONZERO, /* a number */
	JSON_STRING,  /* of the line; with quotes */
	JSON_SERVICE, /* likewise */
	JSON_ANY,     /* a value of any type */
};

#define JSON_TEXT_MAX 48

/* A cache line. */
struct json_step {
	const struct field *field; /* with a value */
	uint8_t how;		   /* enum json_how */
	uint8_t len;
	char text[JSON_TEXT_MAX]; /* to be copied whole; begins with a comma, also the first one */
};

struct json_shapes;

struct json_shapes *json_shapes_new(void); /* NULL: out of memory */
void json_shapes_free(struct json_shapes *s);

/* The steps of @l, of which @held holds, up to JSON_END; valid until the next call. */
const struct json_step *json_shape(struct json_shapes *s, const struct line *l, uint32_t held);

#endif
