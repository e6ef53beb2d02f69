/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The setters that rows of the option table name: each reads one value into c->o. 0, OPT_ANSWERED,
 * or -errno after one sentence on stderr that names the option, the value and what is accepted.
 */
#ifndef CONNSNOOP_OPTS_SET_H
#define CONNSNOOP_OPTS_SET_H

#include "opts_table.h"

typedef int opt_setter(struct opt_ctx *c, const struct opt_row *row, const char *arg);

opt_setter opt_set_bool;    /* row->value into the bool at row->offset */
opt_setter opt_set_string;  /* a copy at row->offset; the last one counts */
opt_setter opt_set_seconds; /* nanoseconds at row->offset */
opt_setter opt_set_output;
opt_setter opt_set_file; /* a copy at row->offset; the last one counts */
opt_setter opt_set_columns;
opt_setter opt_set_color;
opt_setter opt_set_backend;
opt_setter opt_set_pids;
opt_setter opt_set_comm;
opt_setter opt_set_users;
opt_setter opt_set_filter; /* row->value: FILTER_* */
opt_setter opt_set_ports;  /* row->value: PORT_SET_* */
opt_setter opt_set_nets;
opt_setter opt_set_classes;
opt_setter opt_set_cgroup;
opt_setter opt_set_netns;
opt_setter opt_set_states;
opt_setter opt_set_sort;
opt_setter opt_set_events;
opt_setter opt_add_events; /* row->value: 1 << enum event_kind */
opt_setter opt_set_count;
opt_setter opt_set_flows;
opt_setter opt_set_as;
opt_setter opt_set_buffer;
opt_setter opt_set_latency;
opt_setter opt_show_help;
opt_setter opt_show_version;

#endif
