/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The output that the options ask for. */
#ifndef CONNSNOOP_SHOW_H
#define CONNSNOOP_SHOW_H

struct opts;
struct output;

/*
 * The columns of text, and of CSV and Markdown, unless --columns says otherwise; NULL: the format's own. As
 * output_open().
 */
int show_open(struct output **out, const struct opts *opts, const char *text_columns,
	      const char *table_columns);

#endif
