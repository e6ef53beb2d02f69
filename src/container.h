/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a cgroup path tells by its names: container, pod, unit. */
#ifndef CONNSNOOP_CONTAINER_H
#define CONNSNOOP_CONTAINER_H

#define CONTAINER_MAX 65 /* 64 hexadecimal digits, or a machine's name, and a NUL */
#define POD_MAX 37	 /* a UUID, or an MD5 in hexadecimal, and a NUL */
#define UNIT_MAX 256	 /* a file's name and a NUL */

/* Of each the innermost that the path has; empty: it has none. */
struct cgroup_meaning {
	const char *runtime; /* of the container; empty also where its name does not tell */
	char container[CONTAINER_MAX]; /* its id, or its name where it has no other */
	char pod[POD_MAX];	       /* the UID that Kubernetes gave it */
	char unit[UNIT_MAX];	       /* of systemd: no slice; escaped, as systemctl wants it */
};

/* All of @m is set. */
void cgroup_meaning(const char *cgroup, struct cgroup_meaning *m);

#endif
