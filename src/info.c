// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last column of the text format. Short, so that a line fits 120 characters. */
#include "info.h"

#include <netinet/in.h>

#include "fields.h"
#include "names.h"

#define US_PER_MS 1000ULL
#define US_PER_SEC 1000000ULL

void info_put_bytes(struct buf *b, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t tenths;

	if (bytes < 1024) {
		buf_put_u64(b, bytes);
		buf_put_char(b, 'B');
		return;
	}
	/* What would be four digits of a unit is written in the next one. */
	while (bytes >> 10 >= 1000) {
		bytes >>= 10;
		unit++;
	}
	tenths = bytes * 10 >> 10;
	unit++;
	buf_put_u64(b, tenths / 10);
	if (tenths < 100) {
		buf_put_char(b, '.');
		buf_put_u64(b, tenths % 10);
	}
	buf_put_char(b, units[unit]);
}

/* @n thousandths of @unit: 1.2 below ten, else whole ones. */
static void put_thousandths(struct buf *b, uint64_t n, const char *unit)
{
	buf_put_u64(b, n / 1000);
	if (n < 10000) {
		buf_put_char(b, '.');
		buf_put_u64(b, n % 1000 / 100);
	}
	buf_put_str(b, unit);
}

/* @n of @unit, and @rest of @small with two digits. */
static void put_two(struct buf *b, uint64_t n, char unit, uint64_t rest, char small)
{
	buf_put_u64(b, n);
	buf_put_char(b, unit);
	if (n >= 10)
		return;
	buf_put_padded(b, rest, 2);
	buf_put_char(b, small);
}

void info_put_duration(struct buf *b, uint64_t us)
{
	uint64_t sec = us / US_PER_SEC;

	if (us < US_PER_MS) {
		buf_put_u64(b, us);
		buf_put_str(b, "us");
	} else if (!sec) {
		put_thousandths(b, us, "ms");
	} else if (sec < 60) {
		put_thousandths(b, us / US_PER_MS, "s");
	} else if (sec < 60 * 60) {
		put_two(b, sec / 60, 'm', sec % 60, 's');
	} else if (sec < 24 * 60 * 60) {
		put_two(b, sec / (60 * 60), 'h', sec / 60 % 60, 'm');
	} else {
		put_two(b, sec / (24 * 60 * 60), 'd', sec / (60 * 60) % 24, 'h');
	}
}

/* PID/NAME */
static void put_process(struct buf *b, uint32_t pid, const char comm[COMM_LEN])
{
	buf_put_u64(b, pid);
	if (!comm[0])
		return;
	buf_put_char(b, '/');
	buf_put_text(b, comm, strnlen(comm, COMM_LEN));
}

static void put_peer(struct buf *b, const struct event *e)
{
	buf_put_str(b, "peer ");
	put_process(b, e->peer_pid, e->peer_comm);
}

static void put_errno(struct buf *b, int err)
{
	const char *name = names_errno(err);

	if (name)
		buf_put_str(b, name);
	else
		buf_put_u64(b, err);
}

static void put_fail(struct buf *b, const struct event *e)
{
	const char *phase = names_phase(e->phase);

	put_errno(b, e->error);
	if (!phase)
		return;
	buf_put_str(b, " (");
	buf_put_str(b, phase);
	buf_put_char(b, ')');
}

static void put_close(struct buf *b, const struct event *e)
{
	const char *reason = names_close_reason(e->reason);

	info_put_bytes(b, e->tx_bytes);
	buf_put_char(b, '/');
	info_put_bytes(b, e->rx_bytes);
	if (e->duration_us) { /* else it is older than the trace */
		buf_put_char(b, ' ');
		info_put_duration(b, e->duration_us);
	}
	if (reason) {
		buf_put_char(b, ' ');
		buf_put_str(b, reason);
	}
	if (e->closer_pid) {
		buf_put_str(b, " by ");
		put_process(b, e->closer_pid, e->closer_comm);
	}
}

static void put_existing(struct buf *b, const struct event *e)
{
	const char *state = names_socket_state(e->proto, e->new_state);

	buf_put_str(b, state ? state : "?");
	if (!e->tx_packets && !e->rx_packets)
		return;
	buf_put_char(b, ' ');
	info_put_bytes(b, e->tx_bytes);
	buf_put_char(b, '/');
	info_put_bytes(b, e->rx_bytes);
}

static void put_established(struct buf *b, const struct event *e)
{
	if (e->handshake_us) {
		buf_put_str(b, "in ");
		info_put_duration(b, e->handshake_us);
	}
	if (e->handshake_us && e->peer_pid)
		buf_put_str(b, ", ");
	if (e->peer_pid)
		put_peer(b, e);
}

static void put_send(struct buf *b, const struct event *e)
{
	if (e->error) {
		put_errno(b, e->error);
		buf_put_char(b, ' ');
	}
	buf_put_u64(b, e->bytes);
	buf_put_char(b, 'B');
}

static void put_state(struct buf *b, const struct event *e)
{
	const char *old = names_tcp_state(e->old_state), *new = names_tcp_state(e->new_state);

	buf_put_str(b, old ? old : "?");
	buf_put_str(b, " -> ");
	buf_put_str(b, new ? new : "?");
}

static void put_lost(struct buf *b, const struct line *l)
{
	const char *kind = names_kind(l->lost_kind), *why = names_lost_text(l->lost_reason);

	buf_put_u64(b, l->lost_count);
	buf_put_char(b, ' ');
	buf_put_str(b, kind ? kind : "?");
	buf_put_str(b, ": ");
	buf_put_str(b, why ? why : "?");
}

bool info_put(struct buf *b, const struct line *l)
{
	const struct event *e = l->e;
	size_t begin = b->len;

	switch (e->kind) {
	case EVENT_ESTABLISHED:
		put_established(b, e);
		break;
	case EVENT_ACCEPT:
		if (e->peer_pid)
			put_peer(b, e);
		break;
	case EVENT_FAIL:
		put_fail(b, e);
		break;
	case EVENT_CLOSE:
		put_close(b, e);
		break;
	case EVENT_LISTEN:
		if (e->proto == IPPROTO_TCP) {
			buf_put_str(b, "backlog ");
			buf_put_u64(b, e->backlog);
		}
		break;
	case EVENT_SEND:
		put_send(b, e);
		break;
	case EVENT_STATE:
		put_state(b, e);
		break;
	case EVENT_EXISTING:
		put_existing(b, e);
		break;
	case EVENT_LOST:
		put_lost(b, l);
		break;
	default:
		break;
	}
	return b->len > begin;
}
