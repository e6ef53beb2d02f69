/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of users by uid, remembered. */
#ifndef CONNSNOOP_USERS_H
#define CONNSNOOP_USERS_H

#include <stdint.h>

#include "str.h"

struct users;

struct users *users_new(void);	  /* NULL: out of memory */
void users_free(struct users *u); /* NULL is fine */

/* Empty: there is no such user. Valid until users_free(). */
struct str users_name(struct users *u, uint32_t uid);

#endif
