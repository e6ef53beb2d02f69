/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Does the name of a process fit the port that it has open? By a table of what is well known. */
#ifndef CONNSNOOP_FIT_H
#define CONNSNOOP_FIT_H

#include "line.h"

/*
 * What does not fit: "not-ssh" on the port of ssh, "ssh-elsewhere" of sshd on another; NULL: it fits, or
 * the port is one that anybody uses. @l is an open port; any of those that hold it may be the one that
 * fits, by its name or its executable.
 */
const char *fit_unexpected(const struct line *l);

#endif
