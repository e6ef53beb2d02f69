/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a row of the open ports to a line: what only the machine knows of it. */
#ifndef CONNSNOOP_PORT_LINES_H
#define CONNSNOOP_PORT_LINES_H

#include <stdbool.h>

#include "line.h"

struct port_lines;
struct port_row;
struct resolver;

/* @accepts: accepted connections are counted. NULL: out of memory. */
struct port_lines *port_lines_new(struct resolver *r, bool accepts);
void port_lines_free(struct port_lines *p); /* NULL is fine; not the resolver */

/* Find out now what a process that ends takes along. To be called when there is a row that may be new. */
void port_complete(struct port_lines *p, struct port_row *row);

/* As resolver_line(); @l refers to @row. */
void port_line(struct port_lines *p, struct port_row *row, struct line *l);

/* -n: without names of ports and users. */
void port_line_leave_names(struct line *l);

#endif
