/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One rule of a baseline: an object of JSON, by the table of fields. For baseline.c. */
#ifndef CONNSNOOP_RULE_H
#define CONNSNOOP_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline.h"
#include "line.h"

/* What it asks of a field. */
struct condition {
	const struct field *field;
	char *string;	 /* NULL: it is a number; as JSON has it, UTF-8 */
	uint64_t number; /* of a boolean, 1 */
	uint8_t addr[ADDR_LEN];
	uint8_t ipv;   /* not 0: it is an address */
	bool is_owner; /* it asks for who has the port, not for which it is */
	bool dead;     /* not asked: the kernel chooses it anew each time */
};

struct rule {
	struct condition *conditions;
	size_t cnt;
	size_t line;	/* of the file, from 1 */
	uint16_t lport; /* that it asks for, 0: any */
	bool met;
};

enum rule_part { RULE_WHOLE, RULE_PORT };

/* @r: zeroed but for its line. 0, -ENOMEM, or -EINVAL and the sentence @fault. rule_free() in any case. */
int rule_parse(struct rule *r, const char *text, size_t len, char fault[BASELINE_FAULT_MAX]);
void rule_free(struct rule *r);

/*
 * Is @l what it asks for? RULE_PORT: whoever has it; false of a rule that names no port, or names no
 * owner.
 */
bool rule_matches(const struct rule *r, const struct line *l, enum rule_part part);

/* Is this value of that field, of the cgroup or what its path tells, one that is numbered anew each time? */
bool rule_is_numbered(const char *field, const char *s);

#endif
