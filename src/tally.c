// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table at the end of a command's trace. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "info.h"
#include "names.h"
#include "services.h"

#define ROW_CNT_MAX 8192 /* kept */
#define ROWS_SHOWN 20

/* Where a connection goes: the server's side. Ours has no address: one port serves them all. */
struct place {
	uint8_t addr[ADDR_LEN];
	uint16_t port;
	uint8_t ipv; /* 0: here */
	uint8_t proto;
};

struct counts {
	uint64_t made;
	uint64_t accepted;
	uint64_t failed;
	uint64_t flows;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
};

struct row {
	struct place place;
	struct counts counts;
	UT_hash_handle hh;
};

struct tally {
	struct row *rows;
	struct counts total;
	int64_t open_cnt;
	bool full; /* some places have no row */
};

struct tally *tally_new(void)
{
	return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *t)
{
	struct row *r, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->rows, r, next) {
		HASH_DEL(t->rows, r);
		free(r);
	}
	free(t);
}

/* --- adding ----------------------------------------------------------------------------------- */

/* NULL: there are too many. */
static struct row *row_of(struct tally *t, const struct event *e)
{
	struct place place;
	struct row *r;

	memset(&place, 0, sizeof(place)); /* padding too: it is a key */
	place.proto = e->proto;
	place.port = e->direction == DIRECTION_OUT ? e->rport : e->lport;
	if (e->direction == DIRECTION_OUT) {
		place.ipv = e->ipv;
		memcpy(place.addr, e->raddr, sizeof(place.addr));
	}
	HASH_FIND(hh, t->rows, &place, sizeof(place), r);
	if (r)
		return r;
	r = HASH_COUNT(t->rows) < ROW_CNT_MAX ? calloc(1, sizeof(*r)) : NULL;
	if (!r) {
		t->full = true;
		return NULL;
	}
	r->place = place;
	HASH_ADD(hh, t->rows, place, sizeof(place), r);
	return r;
}

static void counts_add(struct counts *c, const struct event *e)
{
	switch (e->kind) {
	case EVENT_ESTABLISHED:
		c->made++;
		break;
	case EVENT_ACCEPT:
		c->accepted++;
		break;
	case EVENT_FAIL:
		c->failed++;
		break;
	case EVENT_FLOW:
		c->flows++;
		break;
	case EVENT_CLOSE:
		c->tx_bytes += e->tx_bytes;
		c->rx_bytes += e->rx_bytes;
		break;
	}
}

/* What was lost may make it wrong: it never gets below none. */
static void open_cnt_add(struct tally *t, const struct event *e)
{
	if (e->kind == EVENT_CONNECT || e->kind == EVENT_ACCEPT || e->kind == EVENT_FLOW)
		t->open_cnt++;
	else if (t->open_cnt &&
		 (e->kind == EVENT_CLOSE || (e->kind == EVENT_FAIL && e->phase != PHASE_LOCAL)))
		t->open_cnt--;
}

static bool is_counted(const struct event *e)
{
	switch (e->kind) {
	case EVENT_CONNECT:
	case EVENT_ESTABLISHED:
	case EVENT_ACCEPT:
	case EVENT_FAIL:
	case EVENT_FLOW:
		return true;
	case EVENT_CLOSE: /* what nobody accepted was not opened here either */
		return e->reason != REASON_NEVER_ACCEPTED;
	default:
		return false;
	}
}

void tally_add(struct tally *t, const struct event *e)
{
	struct row *r;

	if (!is_counted(e))
		return;
	open_cnt_add(t, e);
	if (e->kind == EVENT_CONNECT)
		return; /* its outcome is what counts */
	counts_add(&t->total, e);
	r = row_of(t, e);
	if (r)
		counts_add(&r->counts, e);
}

uint64_t tally_open_cnt(const struct tally *t)
{
	return t->open_cnt;
}

/* --- printing --------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct counts *c)
{
	return c->tx_bytes + c->rx_bytes;
}

static uint64_t events_of(const struct counts *c)
{
	return c->made + c->accepted + c->failed + c->flows;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0; /* the larger first */
}

static int compare_rows(const struct row *a, const struct row *b)
{
	int result = compare_numbers(bytes_of(&a->counts), bytes_of(&b->counts));

	result = result ?: compare_numbers(events_of(&a->counts), events_of(&b->counts));
	return result ?: memcmp(&a->place, &b->place, sizeof(a->place));
}

static int compare_row_pointers(const void *a, const void *b)
{
	return compare_rows(*(struct row *const *)a, *(struct row *const *)b);
}

/* The cells of a line, as text; the header has the same type. */
enum column { REMOTE, PORT, SERVICE, MADE, ACCEPTED, FAILED, FLOWS, SENT, RECEIVED, COLUMN_CNT };

#define LEFT_CNT MADE /* the columns before it are words, set to the left */

static const char *const titles[COLUMN_CNT] = {
	"REMOTE", "PORT", "SERVICE", "MADE", "ACCEPTED", "FAILED", "FLOWS", "SENT", "RECEIVED",
};

/* Narrower than its cells a column never is; so wide the table does not dance. */
static const size_t widths_min[COLUMN_CNT] = { 15, 9, 7, 4, 8, 6, 5, 5, 8 };

struct table {
	struct buf text;			     /* of all cells, one behind the other */
	size_t cell_len[ROWS_SHOWN + 2][COLUMN_CNT]; /* with the titles and the sums */
	size_t widths[COLUMN_CNT];
	size_t line_cnt;
	size_t cell_begin;
};

/* Where it was; NULL: everywhere. */
static void word_put(const struct place *place, enum column column, const struct services *services,
		     struct buf *b)
{
	const char *service = NULL;

	if (!place) {
		buf_put_str(b, column == REMOTE ? "total" : "-");
	} else if (column == REMOTE && place->ipv) {
		buf_put_addr(b, place->addr, place->ipv);
	} else if (column == REMOTE) {
		buf_put_char(b, '*');
	} else if (column == PORT) {
		buf_put_u64(b, place->port);
		buf_put_char(b, '/');
		buf_put_str(b, names_proto(place->proto) ?: "?");
	} else {
		if (services)
			service = services_name(services, place->proto, place->port);
		buf_put_str(b, service ?: "-");
	}
}

static void put_size(struct buf *b, uint64_t bytes)
{
	char *p = buf_room(b, INFO_MAX);

	if (p)
		buf_end(b, info_put_bytes(p, bytes));
}

static void number_cell_put(const struct counts *c, enum column column, struct buf *b)
{
	const uint64_t numbers[] = { c->made, c->accepted, c->failed, c->flows };

	if (column == SENT)
		put_size(b, c->tx_bytes);
	else if (column == RECEIVED)
		put_size(b, c->rx_bytes);
	else
		buf_put_u64(b, numbers[column - MADE]);
}

/* The next cell of the line has been put. */
static void cell_end(struct table *t, enum column column)
{
	size_t len = t->text.len - t->cell_begin;

	t->cell_len[t->line_cnt][column] = len;
	t->cell_begin = t->text.len;
	if (len > t->widths[column])
		t->widths[column] = len;
}

static void titles_add(struct table *t)
{
	for (int c = 0; c < COLUMN_CNT; c++) {
		buf_put_str(&t->text, titles[c]);
		cell_end(t, c);
	}
	t->line_cnt++;
}

static void line_add(struct table *t, const struct place *place, const struct counts *counts,
		     const struct services *services)
{
	for (int c = 0; c < COLUMN_CNT; c++) {
		if (c < LEFT_CNT)
			word_put(place, c, services, &t->text);
		else
			number_cell_put(counts, c, &t->text);
		cell_end(t, c);
	}
	t->line_cnt++;
}

static void lines_put(const struct table *t, struct buf *b)
{
	const char *cell = t->text.data;

	for (size_t i = 0; i < t->line_cnt && !t->text.err; i++) {
		for (int c = 0; c < COLUMN_CNT; c++) {
			size_t len = t->cell_len[i][c], blanks = t->widths[c] - len;

			if (c)
				buf_put_char(b, ' ');
			if (c >= LEFT_CNT)
				buf_put_repeat(b, ' ', blanks);
			buf_put(b, cell, len);
			if (c < LEFT_CNT)
				buf_put_repeat(b, ' ', blanks);
			cell += len;
		}
		buf_put_char(b, '\n');
	}
}

static void rows_put(struct row *const *sorted, size_t cnt, const struct counts *total,
		     const struct services *services, struct buf *b)
{
	struct table t = {};

	memcpy(t.widths, widths_min, sizeof(t.widths));
	titles_add(&t);
	for (size_t i = 0; i < cnt; i++)
		line_add(&t, &sorted[i]->place, &sorted[i]->counts, services);
	line_add(&t, NULL, total, services);
	lines_put(&t, b);
	buf_free(&t.text);
}

static void number_put(struct buf *b, const char *before, uint64_t n, const char *after)
{
	buf_put_str(b, before);
	buf_put_u64(b, n);
	buf_put_str(b, after);
}

/* What the numbers above do not have. */
static void gaps_put(const struct tally *t, size_t hidden, uint64_t lost_cnt, struct buf *b)
{
	if (hidden)
		number_put(b, "connsnoop: not shown, with fewer bytes: ", hidden, " lines\n");
	if (t->full)
		number_put(b, "connsnoop: more than ", ROW_CNT_MAX,
			   " lines: the others are only in the total\n");
	if (t->open_cnt)
		number_put(b, "connsnoop: still open, their bytes not counted: ", t->open_cnt,
			   "\n");
	if (lost_cnt)
		number_put(b, "connsnoop: lost, so that these numbers are too low: ", lost_cnt,
			   " events\n");
}

void tally_put(const struct tally *t, const struct services *services, uint64_t lost_cnt,
	       struct buf *b)
{
	size_t cnt = HASH_COUNT(t->rows), i = 0, shown;
	struct row **sorted = calloc(cnt + 1, sizeof(*sorted)), *r;

	shown = !sorted ? 0 : cnt < ROWS_SHOWN ? cnt : ROWS_SHOWN;
	for (r = t->rows; sorted && r; r = r->hh.next)
		sorted[i++] = r;
	if (!cnt)
		buf_put_str(b, "connsnoop: no connections\n");
	if (cnt && sorted)
		qsort(sorted, cnt, sizeof(*sorted), compare_row_pointers);
	if (cnt)
		rows_put(sorted, shown, &t->total, services, b);
	gaps_put(t, cnt - shown, lost_cnt, b);
	free(sorted);
}
