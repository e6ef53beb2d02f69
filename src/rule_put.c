// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules of a baseline, made of what is open. */
#include <string.h>

#include "baseline.h"
#include "fields.h"
#include "rule.h"

/* What a written rule says: what follows from it (class, service, user) it does not. */
static const char *const written[] = {
	"proto", "uid",	  "comm",  "exe",	"cgroup", "laddr",
	"lport", "rport", "mptcp", "direction", "scope",
};

static bool is_in_rules(const char *name)
{
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		if (!strcmp(written[i], name))
			return true;
	}
	return false;
}

static bool is_written(const struct field *f, const struct value *v)
{
	if (!is_in_rules(f->name))
		return false;
	return v->type != VALUE_STRING || !rule_is_numbered(f->name, v->string.ptr);
}

static char *put_rule_value(char *p, const struct value *v)
{
	if (v->type == VALUE_NUMBER || v->type == VALUE_BOOLEAN)
		return value_put(p, v, put_json);
	p = put_char(p, '"');
	p = value_put(p, v, put_json);
	return put_char(p, '"');
}

void baseline_put(struct buf *b, const struct line *l)
{
	char *begin = buf_room(
		     b, FIELD_CNT_MAX * (FIELD_KEY_MAX + VALUE_MAX + COMM_LEN * PUT_JSON_MAX) +
				line_strings(l) * PUT_JSON_MAX),
	     *p = begin;

	if (!begin)
		return;
	for (size_t i = 0; i < field_cnt; i++) {
		struct value v;

		if (!field_get(&fields[i], l, &v) || !is_written(&fields[i], &v))
			continue;
		p = put_bytes(p, fields[i].key, fields[i].key_len);
		p = put_rule_value(p, &v);
	}
	*begin = '{';
	p += p == begin;
	buf_end(b, put_str(p, "}\n"));
}
