/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A table of GitHub's Markdown, to be pasted into a report; what others chose can be no markup. */
#ifndef CONNSNOOP_MARKDOWN_H
#define CONNSNOOP_MARKDOWN_H

#include "buf.h"
#include "line.h"
#include "table.h"

void markdown_header(const struct table *t, struct buf *b);
void markdown_line(struct table *t, struct buf *b, const struct line *l);

#endif
