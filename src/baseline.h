/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of which ports may be open: JSON lines as `ports -j` prints them. What a rule does not say, it
 * does not ask. Text in, matches out: nothing here reads the machine.
 */
#ifndef CONNSNOOP_BASELINE_H
#define CONNSNOOP_BASELINE_H

#include <stddef.h>

#include "buf.h"
#include "line.h"

struct baseline;
struct rule;

#define BASELINE_FAULT_MAX 160

/*
 * The rules of @text. 0; -EINVAL, and @fault is one sentence about line *@fault_line; or -ENOMEM.
 * Lines that are empty or begin with # are passed over.
 */
int baseline_parse(struct baseline **out, const char *text, size_t len, size_t *fault_line,
		   char fault[BASELINE_FAULT_MAX]);
void baseline_free(struct baseline *b); /* NULL is fine */

/* Does a rule allow the open port @l? Each that does is taken note of. -ENOMEM is no match. */
bool baseline_allows(struct baseline *b, const struct line *l);

/*
 * To be called when all that is allowed has been: the rule that has this port for another owner, and that
 * nothing met; NULL: there is none. It is taken note of: its port is not gone.
 */
const struct rule *baseline_changed(struct baseline *b, const struct line *l);

/* The next rule that nothing has met, in the order of the file; @after NULL: the first. NULL: no more. */
const struct rule *baseline_gone(const struct baseline *b, const struct rule *after);

size_t rule_line(const struct rule *r);

/* The owner that it names, its executable or its name; empty: none. */
struct str rule_owner(const struct rule *r);

/* What it says of a port, as a line of kind EVENT_PORT; @e and @facts are filled, and @l refers to them. */
void rule_as_line(const struct rule *r, struct event *e, struct port_facts *facts, struct line *l);

/* A rule for the open port @l, with what stays the same from run to run, and a newline. */
void baseline_put(struct buf *b, const struct line *l);

#endif
