// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How container managers, the kubelet and systemd name their cgroups, read from the innermost path
 * component outwards.
 */
#include "container.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ID_LEN 64 /* a SHA-256 in hexadecimal */
#define UUID_LEN 36
#define MD5_LEN 32

struct span {
	const char *ptr;
	size_t len;
};

enum what {
	IS_ID,	    /* ID_LEN hexadecimal digits */
	IS_NAME,    /* as it was given */
	IS_MACHINE, /* a name, escaped as systemd does */
	IS_DOMAIN,  /* the same, with a number and a dash before it */
};

/* A component is prefix, id, suffix. */
struct pattern {
	struct span prefix;
	struct span suffix;
	struct span parent; /* the component above; empty: any, but for an id alone not the root */
	enum what what;
	const char *runtime;
};

/* clang-format off */
#define SPAN(s) { s, sizeof(s) - 1 }
#define PATTERN(prefix, suffix, parent, what, runtime) \
	{ SPAN(prefix), SPAN(suffix), SPAN(parent), what, runtime }

static const struct pattern patterns[] = {
	/* Drivers for systemd make transient scopes: SLICE:PREFIX:ID becomes PREFIX-ID.scope in runc and crun. */
	PATTERN("docker-", ".scope", "", IS_ID, "docker"),
	PATTERN("cri-containerd-", ".scope", "", IS_ID, "containerd"),
	PATTERN("nerdctl-", ".scope", "", IS_ID, "containerd"),
	PATTERN("crio-", ".scope", "", IS_ID, "cri-o"),
	PATTERN("libpod-", ".scope", "", IS_ID, "podman"),
	/* Below a unit of the user's: podman run --cgroups=split. */
	PATTERN("libpod-payload-", "", "", IS_ID, "podman"),
	/* Drivers for cgroupfs make the directory themselves. */
	PATTERN("crio-", "", "", IS_ID, "cri-o"),
	PATTERN("libpod-", "", "", IS_ID, "podman"),
	PATTERN("", "", "docker", IS_ID, "docker"),
	/* Below a pod, of containerd and of Docker; below docker run --cgroup-parent, a task of ECS, and more. */
	PATTERN("", "", "", IS_ID, ""),
	/* LXC and Incus: lxc.cgroup.pattern; before LXC 4, and in Proxmox, lxc/NAME. */
	PATTERN("lxc.payload.", "", "", IS_NAME, "lxc"),
	PATTERN("", "", "lxc.payload", IS_NAME, "lxc"),
	PATTERN("", "", "lxc", IS_NAME, "lxc"),
	/* systemd-machined: what registers with it has such a scope. */
	PATTERN("machine-lxc\\x2d", ".scope", "machine.slice", IS_DOMAIN, "libvirt"),
	PATTERN("machine-", ".scope", "machine.slice", IS_MACHINE, "systemd-nspawn"),
	PATTERN("systemd-nspawn@", ".service", "machine.slice", IS_MACHINE, "systemd-nspawn"),
};
/* clang-format on */

/* The units that have processes (systemd.resource-control(5)). */
static const struct span unit_suffixes[] = {
	SPAN(".service"), SPAN(".scope"), SPAN(".socket"), SPAN(".mount"), SPAN(".swap"),
};

static bool begins(struct span s, struct span prefix)
{
	return s.len >= prefix.len && !memcmp(s.ptr, prefix.ptr, prefix.len);
}

static bool ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && !memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len);
}

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && begins(a, b);
}

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!isxdigit((unsigned char)s.ptr[i]))
			return false;
	}
	return true;
}

static size_t copy(struct span s, char *to, size_t size)
{
	if (s.len >= size)
		return 0;
	memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	return s.len;
}

/* --- containers ------------------------------------------------------------------------------- */

static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

static bool is_escape(const char *p)
{
	return p[0] == '\\' && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
	       isxdigit((unsigned char)p[3]);
}

/* Undoes \xNN. What libvirt calls machine-qemu\x2d1\x2dNAME is a virtual machine. */
static size_t copy_machine(struct span s, char *name)
{
	static const struct span virtual_machine = SPAN("qemu\\x2d");
	size_t len = 0;

	if (begins(s, virtual_machine))
		return 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (s.len - i >= 4 && is_escape(s.ptr + i)) {
			c = hex_value(s.ptr[i + 2]) << 4 | hex_value(s.ptr[i + 3]);
			i += 3;
		}
		if (len == CONTAINER_MAX - 1 || !c)
			return 0;
		name[len++] = c;
	}
	name[len] = '\0';
	return len;
}

/* Libvirt numbers its domains: 123\x2dNAME. */
static size_t copy_domain(struct span s, char *name)
{
	static const struct span dash = SPAN("\\x2d");
	struct span rest = s;

	while (rest.len && isdigit((unsigned char)*rest.ptr))
		rest = (struct span){ rest.ptr + 1, rest.len - 1 };
	if (rest.len == s.len || rest.len <= dash.len || !begins(rest, dash))
		return 0;
	return copy_machine((struct span){ rest.ptr + dash.len, rest.len - dash.len }, name);
}

static bool parent_fits(const struct pattern *p, struct span parent)
{
	if (p->parent.len)
		return is_same(parent, p->parent);
	return p->prefix.len || parent.len;
}

static size_t copy_id(const struct pattern *p, struct span middle, char *id)
{
	switch (p->what) {
	case IS_MACHINE:
		return copy_machine(middle, id);
	case IS_DOMAIN:
		return copy_domain(middle, id);
	case IS_NAME:
		return copy(middle, id, CONTAINER_MAX);
	default:
		return is_hex(middle) ? copy(middle, id, CONTAINER_MAX) : 0;
	}
}

static void find_container(struct span s, struct span parent, struct cgroup_meaning *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *p = &patterns[i];
		size_t around = p->prefix.len + p->suffix.len;
		struct span middle;

		if (p->what == IS_ID ? s.len != around + ID_LEN : s.len <= around)
			continue;
		if (!begins(s, p->prefix) || !ends(s, p->suffix) || !parent_fits(p, parent))
			continue;
		middle = (struct span){ s.ptr + p->prefix.len, s.len - around };
		if (!copy_id(p, middle, m->container)) {
			m->container[0] = '\0';
			continue;
		}
		m->runtime = p->runtime;
		return;
	}
}

/*
 * What the kubelet or Docker names for systemd, given to a runtime whose driver is cgroupfs, becomes a directory
 * as it stands: SLICE:PREFIX:ID. @s is cut to the slice.
 */
static void find_unsplit(struct span *s, struct cgroup_meaning *m)
{
	char scope[UNIT_MAX];
	const char *id = memrchr(s->ptr, ':', s->len);
	const char *prefix = id ? memrchr(s->ptr, ':', id - s->ptr) : NULL;
	size_t len;

	if (!prefix)
		return;
	len = s->ptr + s->len - prefix - 1;
	if (len + sizeof(".scope") > sizeof(scope))
		return;
	memcpy(scope, prefix + 1, len);
	scope[id - prefix - 1] = '-';
	memcpy(scope + len, ".scope", sizeof(".scope"));
	s->len = prefix - s->ptr;
	if (!m->container[0])
		find_container((struct span){ scope, strlen(scope) }, *s, m);
}

/* --- pods --------------------------------------------------------------------------------------- */

/* Slices have '_' in place of '-', which would separate them from their parents. */
static bool is_uuid(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' && s[i] != '_' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return true;
}

/* @s ends in "pod" and an UID of @len characters, behind what a slice has of its parents' names. */
static bool ends_in_pod(struct span s, size_t len)
{
	static const struct span pod = SPAN("pod");
	struct span before = { s.ptr, s.len - len };

	return s.len >= len + pod.len && ends(before, pod) &&
	       (before.len == pod.len || before.ptr[before.len - pod.len - 1] == '-');
}

/*
 * The kubelet: podUID below kubepods/QOS, or a slice that has the parents' names before it. The UID is that
 * of the API; of a static pod, which the kubelet has from a file, an MD5.
 */
static void find_pod(struct span s, char pod[POD_MAX])
{
	static const struct span slice = SPAN(".slice");
	size_t len = 0;

	if (ends(s, slice))
		s.len -= slice.len;
	if (ends_in_pod(s, UUID_LEN) && is_uuid(s.ptr + s.len - UUID_LEN))
		len = UUID_LEN;
	else if (ends_in_pod(s, MD5_LEN) &&
		 is_hex((struct span){ s.ptr + s.len - MD5_LEN, MD5_LEN }))
		len = MD5_LEN;
	copy((struct span){ s.ptr + s.len - len, len }, pod, POD_MAX);
	for (; *pod; pod++)
		if (*pod == '_')
			*pod = '-';
}

/* --- units -------------------------------------------------------------------------------------- */

/* systemd puts '_' before names that the kernel could take for files of its own. */
static void find_unit(struct span s, char unit[UNIT_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_suffixes); i++) {
		if (s.len == unit_suffixes[i].len || !ends(s, unit_suffixes[i]))
			continue;
		if (*s.ptr == '_')
			s = (struct span){ s.ptr + 1, s.len - 1 };
		copy(s, unit, UNIT_MAX);
		return;
	}
}

/* --- paths -------------------------------------------------------------------------------------- */

/* The last component of @path, which is cut to what stands before it. */
static struct span last_component(struct span *path)
{
	struct span s = { .len = 0 };

	while (path->len && path->ptr[path->len - 1] != '/') {
		path->len--;
		s.len++;
	}
	s.ptr = path->ptr + path->len;
	if (path->len)
		path->len--;
	return s;
}

void cgroup_meaning(const char *cgroup, struct cgroup_meaning *m)
{
	struct span path = { cgroup, strlen(cgroup) };
	struct span s = last_component(&path);

	m->runtime = "";
	m->container[0] = m->pod[0] = m->unit[0] = '\0';
	while (s.len) {
		struct span parent = last_component(&path);

		if (!m->container[0])
			find_container(s, parent, m);
		find_unsplit(&s, m);
		if (!m->pod[0])
			find_pod(s, m->pod);
		if (!m->unit[0])
			find_unit(s, m->unit);
		s = parent;
	}
}
