/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one place that says which version this is. */
#ifndef CONNSNOOP_VERSION_H
#define CONNSNOOP_VERSION_H

#define CONNSNOOP_VERSION "0.1.0"

#endif
