// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Well-known servers and their ports. Names are as the kernel keeps them: their first 15 bytes. */
#include "fit.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define PORT_CNT_MAX 4
#define NAME_CNT_MAX 16
#define X11_FORWARD_MIN 6010 /* where sshd listens for the X11 of its users, on loopback */
#define X11_FORWARD_MAX 6063

/*
 * A port is here only if hardly anybody uses it for another thing: not 80, 443 and 8080. A server is
 * told when it is elsewhere only if hardly anybody puts it there.
 */
struct server {
	const char *foreign, *elsewhere; /* elsewhere NULL: may be anywhere */
	uint8_t proto;			 /* 0: both */
	uint16_t ports[PORT_CNT_MAX];
	const char *names[NAME_CNT_MAX];
};

/* clang-format off: one row a server */
static const struct server servers[] = {
	{ "not-ssh",
	  "ssh-elsewhere",
	  IPPROTO_TCP,
	  { 22 },
	  { "sshd", "sshd-session", "dropbear", "tinysshd" } },
	{ "not-telnet",
	  "telnet-elsewhere",
	  IPPROTO_TCP,
	  { 23 },
	  { "telnetd", "in.telnetd", "utelnetd" } },
	{ "not-mail",
	  NULL,
	  IPPROTO_TCP,
	  { 25, 465, 587 },
	  { "master", "smtpd", "exim", "exim4", "sendmail", "sendmail-mta", "opensmtpd",
	    "qmail-smtpd", "haraka", "maddy", "stalwart-mail" } },
	{ "not-domain",
	  NULL,
	  0,
	  { 53 },
	  { "named", "dnsmasq", "unbound", "systemd-resolve", "coredns", "kresd", "pdns_server",
	    "pdns_recursor", "knotd", "nsd", "aardvark-dns", "dnsdist", "pihole-FTL", "AdGuardHome",
	    "samba", "dnscrypt-proxy" } },
	{ "not-kerberos", NULL, 0, { 88 }, { "krb5kdc", "kdc", "samba" } },
	{ "not-rpcbind", NULL, 0, { 111 }, { "rpcbind", "portmap" } },
	{ "not-ntp",
	  NULL,
	  IPPROTO_UDP,
	  { 123 },
	  { "chronyd", "ntpd", "openntpd", "ntpsec", "systemd-timesyn" } },
	{ "not-smb", NULL, IPPROTO_TCP, { 139, 445 }, { "smbd", "samba", "ksmbd" } },
	{ "not-bgp",
	  NULL,
	  IPPROTO_TCP,
	  { 179 },
	  { "bgpd", "bird", "gobgpd", "exabgp", "calico-node" } },
	{ "not-ldap", NULL, IPPROTO_TCP, { 389, 636 }, { "slapd", "ns-slapd", "samba" } },
	{ "not-ipp", NULL, 0, { 631 }, { "cupsd", "cups-browsed" } },
	{ "not-mysql",
	  NULL,
	  IPPROTO_TCP,
	  { 3306 },
	  { "mysqld", "mariadbd", "mysqlrouter", "proxysql", "maxscale" } },
	{ "not-postgresql",
	  NULL,
	  IPPROTO_TCP,
	  { 5432 },
	  { "postgres", "postmaster", "pgbouncer", "pgpool", "pgcat", "odyssey" } },
	{ "not-redis",
	  NULL,
	  IPPROTO_TCP,
	  { 6379 },
	  { "redis-server", "valkey-server", "keydb-server", "dragonfly" } },
	{ "not-memcached", NULL, 0, { 11211 }, { "memcached" } },
	{ "not-mongodb", NULL, IPPROTO_TCP, { 27017 }, { "mongod", "mongos", "ferretdb" } },
};

/* Who opens ports for others: socket activation and containers; and proxies, which stand before any. */
static const char *const on_behalf[] = {
	"systemd",	   "init",	   "(systemd)",	   "xinetd",	  "inetd",
	"launchd",	   "docker-proxy", "rootlessport", "rootlesskit", "conmon",
	"slirp4netns",	   "pasta",	   "pasta.avx2",   "passt",	  "passt.avx2",
	"containerd-shim", "kube-proxy",   "haproxy",	   "envoy",
};
/* clang-format on */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static bool is_name(const char *name, const char *s, size_t len)
{
	size_t whole = strlen(name), kept = whole < COMM_LEN ? whole : COMM_LEN - 1;

	return (len == whole || len == kept) && !memcmp(name, s, len);
}

static bool is_one_of(const char *const *names, size_t cnt, const char *s, size_t len)
{
	for (size_t i = 0; i < cnt && names[i]; i++) {
		if (len && is_name(names[i], s, len))
			return true;
	}
	return false;
}

static bool is_server_file(const struct line *l, const char *const *names, size_t cnt)
{
	size_t base = l->exe.len;

	while (base && l->exe.ptr[base - 1] != '/')
		base--;
	return is_one_of(names, cnt, l->exe.ptr ? l->exe.ptr + base : "", l->exe.len - base);
}

/* Has one of those that hold it one of these names? */
static bool is_held_by(const struct line *l, const char *const *names, size_t cnt)
{
	const char *comm = l->e->owner.comm;

	if (is_one_of(names, cnt, comm, strnlen(comm, COMM_LEN)) || is_server_file(l, names, cnt))
		return true;
	for (size_t i = 0; i < l->holder_cnt; i++) {
		comm = l->holders[i].comm;
		if (is_one_of(names, cnt, comm, strnlen(comm, COMM_LEN)))
			return true;
	}
	return false;
}

static bool has_port(const struct server *s, const struct event *e)
{
	if (s->proto && s->proto != e->proto)
		return false;
	for (size_t i = 0; i < PORT_CNT_MAX && s->ports[i]; i++) {
		if (s->ports[i] == e->lport)
			return true;
	}
	return false;
}

static bool is_loopback(const struct event *e)
{
	return e->ipv == 4 ? e->laddr[0] == 127 :
			     IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)e->laddr);
}

static bool is_x11_forward(const struct event *e)
{
	return e->lport >= X11_FORWARD_MIN && e->lport <= X11_FORWARD_MAX && is_loopback(e);
}

const char *fit_unexpected(const struct line *l)
{
	const struct event *e = l->e;

	if (!e->owner.pid || e->flags & EVENT_F_REMOTE ||
	    is_held_by(l, on_behalf, ARRAY_SIZE(on_behalf)))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		const struct server *s = &servers[i];
		bool is = is_held_by(l, s->names, NAME_CNT_MAX);

		if (has_port(s, e) && !is)
			return s->foreign;
		if (is && s->elsewhere && (!s->proto || s->proto == e->proto) && !has_port(s, e) &&
		    !is_x11_forward(e))
			return s->elsewhere;
	}
	return NULL;
}
