// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How container managers name their cgroups, read from the innermost path component outwards. */
#include "container.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ID_LEN 64 /* a SHA-256 in hexadecimal */

struct span {
	const char *ptr;
	size_t len;
};

/* A component is prefix, id, suffix. */
struct pattern {
	struct span prefix;
	struct span suffix;
	bool name;	    /* a machine's name, escaped as systemd does; else ID_LEN hex digits */
	struct span parent; /* what the component above begins with */
};

/* clang-format off */
#define SPAN(s) { s, sizeof(s) - 1 }
#define ID(prefix, suffix, parent) { SPAN(prefix), SPAN(suffix), false, SPAN(parent) }
#define NAME(prefix, suffix, parent) { SPAN(prefix), SPAN(suffix), true, SPAN(parent) }
/* clang-format on */

static const struct pattern patterns[] = {
	ID("docker-", ".scope", ""),
	ID("cri-containerd-", ".scope", ""),
	ID("crio-", ".scope", ""),
	ID("libpod-", ".scope", ""),
	ID("libpod-payload-", "", ""),
	/* With the cgroupfs driver; kubelet's is /kubepods/QOS/podUID/ID. */
	ID("", "", "docker"),
	ID("crio-", "", ""),
	ID("libpod-", "", ""),
	ID("", "", "pod"),
	ID("", "", "kubepods"),
	NAME("machine-", ".scope", "machine.slice"),
	NAME("systemd-nspawn@", ".service", "machine.slice"),
};

static bool begins(struct span s, struct span prefix)
{
	return s.len >= prefix.len && !memcmp(s.ptr, prefix.ptr, prefix.len);
}

static bool ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && !memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len);
}

/* @s is ID_LEN long. */
static size_t copy_hex(struct span s, char *id)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!isxdigit((unsigned char)s.ptr[i]))
			return 0;
	}
	memcpy(id, s.ptr, s.len);
	id[s.len] = '\0';
	return s.len;
}

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
static size_t copy_name(struct span s, char *id)
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
		id[len++] = c;
	}
	id[len] = '\0';
	return len;
}

static size_t match(struct span s, struct span parent, char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *p = &patterns[i];
		size_t around = p->prefix.len + p->suffix.len, len;
		struct span middle;

		/* The length alone says no to nearly all, and this is on the hot path. */
		if (p->name ? s.len <= around : s.len != around + ID_LEN)
			continue;
		if (!begins(s, p->prefix) || !ends(s, p->suffix) || !begins(parent, p->parent))
			continue;
		middle.ptr = s.ptr + p->prefix.len;
		middle.len = s.len - around;
		len = p->name ? copy_name(middle, id) : copy_hex(middle, id);
		if (len)
			return len;
	}
	return 0;
}

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

size_t container_id(const char *cgroup, char id[CONTAINER_MAX])
{
	struct span path = { cgroup, strlen(cgroup) };
	struct span s = last_component(&path);

	while (s.len) {
		struct span parent = last_component(&path);
		size_t len = match(s, parent, id);

		if (len)
			return len;
		s = parent;
	}
	return 0;
}
