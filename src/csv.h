/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* CSV by RFC 4180: a header, then one record a line, all with as many fields; absent is empty. */
#ifndef CONNSNOOP_CSV_H
#define CONNSNOOP_CSV_H

#include "buf.h"
#include "line.h"
#include "table.h"

void csv_header(const struct table *t, struct buf *b);
void csv_line(struct table *t, struct buf *b, const struct line *l);

#endif
