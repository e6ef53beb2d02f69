// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Values as JSON has them. */
#include "json_value.h"

/* [{"pid":1,"comm":"init"},...] */
static char *put_holders(char *p, const struct value *v)
{
	char before = '[';

	for (size_t i = 0; i < v->holders.cnt; i++) {
		const struct holder *h = &v->holders.first[i];

		p = put_char(p, before);
		p = put_str(p, "{\"pid\":");
		p = put_u64(p, h->pid);
		p = put_str(p, ",\"comm\":\"");
		p = put_json(p, h->comm, strnlen(h->comm, COMM_LEN));
		p = put_str(p, "\"}");
		before = ',';
	}
	return put_char(p, ']');
}

char *json_put_value(char *p, const struct value *v)
{
	if (v->type == VALUE_NUMBER || v->type == VALUE_BOOLEAN)
		return value_put(p, v, put_json);
	if (v->type == VALUE_HOLDERS)
		return put_holders(p, v);
	p = put_char(p, '"');
	p = value_put(p, v, put_json);
	return put_char(p, '"');
}
