// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which ports the rules of a baseline allow, and which rules nothing has met. */
#include "baseline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "fields.h"
#include "rule.h"

struct baseline {
	struct rule *rules;
	size_t cnt, room;
};

void baseline_free(struct baseline *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->cnt; i++)
		rule_free(&b->rules[i]);
	free(b->rules);
	free(b);
}

/* --- reading -------------------------------------------------------------------------------------- */

static struct rule *new_rule(struct baseline *b)
{
	size_t room = b->room ? 2 * b->room : 16;
	struct rule *rules;

	if (b->cnt == b->room) {
		rules = realloc(b->rules, room * sizeof(*rules));
		if (!rules)
			return NULL;
		b->rules = rules;
		b->room = room;
	}
	memset(&b->rules[b->cnt], 0, sizeof(*b->rules));
	return &b->rules[b->cnt];
}

/* Empty, or a comment. */
static bool says_nothing(const char *s, size_t len)
{
	while (len && strchr(" \t\r", *s) && *s) {
		s++;
		len--;
	}
	return !len || *s == '#';
}

static int parse_line(struct baseline *b, const char *s, size_t len, size_t line,
		      char fault[BASELINE_FAULT_MAX])
{
	struct rule *r;
	int err;

	if (says_nothing(s, len))
		return 0;
	r = new_rule(b);
	if (!r)
		return -ENOMEM;
	r->line = line;
	err = rule_parse(r, s, len, fault);
	if (err)
		rule_free(r);
	else
		b->cnt++;
	return err;
}

int baseline_parse(struct baseline **out, const char *text, size_t len, size_t *fault_line,
		   char fault[BASELINE_FAULT_MAX])
{
	struct baseline *b = calloc(1, sizeof(*b));
	int err = b ? 0 : -ENOMEM;

	*fault_line = 0;
	while (!err && len) {
		const char *end = memchr(text, '\n', len);
		size_t line_len = end ? (size_t)(end - text) : len, whole = line_len + !!end;

		++*fault_line;
		err = parse_line(b, text, line_len, *fault_line, fault);
		text += whole;
		len -= whole;
	}
	if (err)
		baseline_free(b);
	else
		*out = b;
	return err;
}

/* --- matching ------------------------------------------------------------------------------------- */

bool baseline_allows(struct baseline *b, const struct line *l)
{
	bool allowed = false;

	/* all of them: none that something meets is gone */
	for (size_t i = 0; i < b->cnt; i++) {
		if (!rule_matches(&b->rules[i], l, RULE_WHOLE))
			continue;
		b->rules[i].met = true;
		allowed = true;
	}
	return allowed;
}

const struct rule *baseline_changed(struct baseline *b, const struct line *l)
{
	for (size_t i = 0; i < b->cnt; i++) {
		struct rule *r = &b->rules[i];

		if (r->met || !rule_matches(r, l, RULE_PORT))
			continue;
		r->met = true;
		return r;
	}
	return NULL;
}

const struct rule *baseline_gone(const struct baseline *b, const struct rule *after)
{
	for (size_t i = after ? after - b->rules + 1 : 0; i < b->cnt; i++) {
		if (!b->rules[i].met)
			return &b->rules[i];
	}
	return NULL;
}
