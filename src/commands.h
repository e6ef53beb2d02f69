/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands. Each runs to its end and returns the exit status: 0, or 1 after one sentence. */
#ifndef CONNSNOOP_COMMANDS_H
#define CONNSNOOP_COMMANDS_H

#define EXIT_DRIFT 3

/* Columns of the text without --columns. */
#define LIST_BEGIN "proto,state,recvq,sendq,local,dir,remote"
#define LIST_COLUMNS LIST_BEGIN ",service,user,process"
#define PORTS_COLUMNS "proto,local,scope,service,user,opened,conns,owner,exe,info"

struct opts;
struct services;

int cmd_trace(const struct opts *opts, const struct services *services);
int cmd_list(const struct opts *opts, const struct services *services);
/* EXIT_DRIFT too: its baseline does not hold. */
int cmd_ports(const struct opts *opts, const struct services *services);
int cmd_probe(const struct opts *opts, const struct services *services);

#endif
