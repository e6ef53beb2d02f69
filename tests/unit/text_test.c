// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text format: golden lines, hostile names, alignment, the choice of columns. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "capture.h"
#include "fields.h"
#include "samples.h"
#include "text.h"

#define LINE_MAX_WIDTH 120

/* clang-format off */
static const char *const golden[EVENT_SUMMARY] = {
	[EVENT_CONNECT] =
		"23:43:37.123 connect     tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https",
	[EVENT_ESTABLISHED] =
		"23:43:37.123 established tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https   in 21ms",
	[EVENT_ACCEPT] =
		"23:43:37.123 accept      tcp   1234 curl     10.0.2.15:443   <- "
		"93.184.216.34:54321 https peer 4242/wget",
	[EVENT_FAIL] =
		"23:43:37.123 fail        tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https   ECONNREFUSED (handshake)",
	[EVENT_CLOSE] =
		"23:43:37.123 close       tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https   517B/3.2M 1.2s remote by 77/sh",
	[EVENT_LISTEN] =
		"23:43:37.123 listen      tcp   1234 curl     0.0.0.0:443     -  "
		"-                 https   backlog 511",
	[EVENT_UNLISTEN] =
		"23:43:37.123 unlisten    tcp   1234 curl     0.0.0.0:443     -  "
		"-                 https",
	[EVENT_FLOW] =
		"23:43:37.123 flow        udp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:53  domain",
	[EVENT_SEND] =
		"23:43:37.123 send        udp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:53  domain  EPERM 48B",
	[EVENT_STATE] =
		"23:43:37.123 state       tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https   SYN-SENT -> ESTAB",
	[EVENT_EXISTING] =
		"23:43:37.123 existing    tcp   1234 curl     10.0.2.15:54321 -> "
		"93.184.216.34:443 https   ESTAB 517B/3.2M",
	[EVENT_PORT] =
		"23:43:37.123 port        tcp   1234 curl     0.0.0.0:443     -  "
		"-                 https   not-ssh, was /usr/sbin/nginx, line 3, accepted 7",
	[EVENT_LOST] =
		"23:43:37.123 lost        -        - -        -               -  "
		"-                 -       1234 close: ring buffer full",
};
/* clang-format on */

static const char golden_header[] =
	"TIME         EVENT       PROTO  PID COMM     LOCAL           <> "
	"REMOTE            SERVICE INFO\n";

struct fixture {
	struct text *t;
	struct buf b;
};

static struct fixture open_text(const char *columns, bool color)
{
	struct fixture f = { .t = text_new(columns, color) };

	assert_non_null(f.t);
	return f;
}

static void close_text(struct fixture *f)
{
	text_free(f->t);
	buf_free(&f->b);
}

/* The line, with a NUL instead of the newline. */
static const char *print(struct fixture *f, const struct line *l)
{
	buf_reset(&f->b);
	text_line(f->t, &f->b, l);
	assert_int_equal(f->b.err, 0);
	assert_true(f->b.len > 0);
	assert_int_equal(f->b.data[f->b.len - 1], '\n');
	f->b.data[f->b.len - 1] = '\0';
	assert_int_equal(strlen(f->b.data), f->b.len - 1);
	return f->b.data;
}

static void test_golden(void **state)
{
	struct fixture f = open_text(NULL, false);

	(void)state;
	text_header(f.t, &f.b);
	assert_int_equal(f.b.len, sizeof(golden_header) - 1);
	assert_memory_equal(f.b.data, golden_header, f.b.len);
	for (int kind = 0; kind < EVENT_SUMMARY; kind++) {
		struct sample s = sample_new(kind);

		assert_string_equal(print(&f, &s.line), golden[kind]);
		/* a port has a table of its own */
		assert_true(kind == EVENT_PORT || strlen(f.b.data) <= LINE_MAX_WIDTH);
		sample_free(&s);
	}
	close_text(&f);
}

/* The longest that an ordinary connection of this machine with itself may say. */
static void test_loopback_fits(void **state)
{
	struct fixture f = open_text(NULL, false);
	struct sample s = sample_new(EVENT_CLOSE);

	(void)state;
	sample_endpoints(s.e, "127.0.0.1", "127.0.0.1");
	s.e->rport = 54322;
	s.line.rservice = STR("");
	s.e->owner.pid = 999999;
	s.e->closer_pid = 0;
	s.e->tx_bytes = 1234;
	s.e->duration_us = 125000000;
	s.e->reason = REASON_RESET_RECEIVED;
	assert_string_equal(print(&f, &s.line),
			    "23:43:37.123 close       tcp 999999 curl     127.0.0.1:54321 -> "
			    "127.0.0.1:54322   private 1.2K/3.2M 2m05s reset-received");
	assert_int_equal(strlen(f.b.data), LINE_MAX_WIDTH);
	sample_free(&s);
	close_text(&f);
}

/* A cell that is too wide pushes its neighbours, and they come back where there is room. */
static void test_alignment(void **state)
{
	struct fixture f = open_text("proto,pid,lport,comm,event", false);
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	assert_string_equal(print(&f, &s.line), "tcp   1234 54321 curl     connect");
	s.e->owner.pid = 12345678;
	assert_string_equal(print(&f, &s.line), "tcp 12345678 54321 curl   connect");
	s.e->lport = 80;
	assert_string_equal(print(&f, &s.line), "tcp 12345678  80 curl     connect");
	memcpy(s.e->owner.comm, "0123456789abcde", 16);
	s.e->owner.pid = 1;
	assert_string_equal(print(&f, &s.line), "tcp      1    80 0123456789abcde connect");
	sample_free(&s);
	close_text(&f);
}

static void test_ipv6(void **state)
{
	struct fixture f = open_text("local,dir,remote,mapped", false);
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	sample_endpoints(s.e, "2001:db8::1", "2001:db8:1:2:3:4:5:6");
	assert_string_equal(print(&f, &s.line),
			    "[2001:db8::1]:54321 -> [2001:db8:1:2:3:4:5:6]:443 -");
	/* IPv4 in an IPv6 socket */
	sample_endpoints(s.e, "10.0.0.1", "10.0.0.2");
	s.e->flags |= EVENT_F_MAPPED;
	assert_string_equal(print(&f, &s.line), "10.0.0.1:54321  -> 10.0.0.2:443      true");
	sample_free(&s);
	close_text(&f);
}

static void test_hostile_names(void **state)
{
	static const char evil[COMM_LEN] = "a\n\033[31m\\ \"\xff\xc2\x9b\r\tz";
	static const char wanted[] = "a\\x0a\\x1b[31m\\\\\\x20\"\\xff\\xc2\\x9b\\x0d\\x09z";
	struct fixture f = open_text("comm,peer_comm,closer_comm,exe,cgroup,service", false);
	struct sample s = sample_new(EVENT_CLOSE);
	char line[1024];

	(void)state;
	memcpy(s.e->owner.comm, evil, COMM_LEN);
	memcpy(s.e->peer_comm, evil, COMM_LEN);
	memcpy(s.e->closer_comm, evil, COMM_LEN);
	s.e->peer_pid = 1;
	s.line.exe = s.line.cgroup = s.line.rservice = STR("a b\n");
	snprintf(line, sizeof(line), "%s %s %s a\\x20b\\x0a a\\x20b\\x0a a\\x20b\\x0a", wanted,
		 wanted, wanted);
	assert_string_equal(print(&f, &s.line), line);
	sample_free(&s);
	close_text(&f);
}

/* No bytes of an event, whatever they are, make a control character or a second line. */
static void test_any_bytes(void **state)
{
	struct fixture f = open_text(NULL, false);

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		static const struct port_facts port;
		struct event e;
		struct line l = { .e = &e,
				  .port = &port,
				  .utc_ns = SAMPLE_UTC_NS,
				  .lost_kind = rand() % 20,
				  .lost_reason = rand() % 8 };

		for (size_t j = 0; j < sizeof(e); j++)
			((uint8_t *)&e)[j] = rand();
		e.kind = rand() % (EVENT_KIND_CNT + 2);
		e.ipv = rand() % 2 ? 4 : 6;
		for (const char *p = print(&f, &l); *p; p++)
			assert_true((uint8_t)*p >= ' ' && *p != 0x7f);
	}
	close_text(&f);
}

static void test_info(void **state)
{
	struct fixture f = open_text("event,info", false);
	struct sample s = sample_new(EVENT_ESTABLISHED);

	(void)state;
	s.e->peer_pid = 99;
	memcpy(s.e->peer_comm, "nginx", 6);
	assert_string_equal(print(&f, &s.line), "established in 21ms, peer 99/nginx");
	s.e->kind = EVENT_ACCEPT;
	s.e->peer_pid = 0;
	assert_string_equal(print(&f, &s.line), "accept");
	s.e->kind = EVENT_FAIL;
	s.e->error = ECANCELED;
	s.e->phase = PHASE_CANCELLED;
	assert_string_equal(print(&f, &s.line), "fail        ECANCELED (cancelled)");
	s.e->error = 524;
	s.e->phase = PHASE_CNT;
	assert_string_equal(print(&f, &s.line), "fail        524");
	s.e->kind = EVENT_STATE;
	s.e->old_state = s.e->new_state = 200;
	assert_string_equal(print(&f, &s.line), "state       ? -> ?");
	s.e->kind = EVENT_LISTEN;
	s.e->proto = IPPROTO_UDP;
	assert_string_equal(print(&f, &s.line), "listen");
	sample_free(&s);
	close_text(&f);
}

/* How long it lasted is not known of what is older than the trace. */
static void test_info_of_old_close(void **state)
{
	struct fixture f = open_text("event,info", false);
	struct sample s = sample_new(EVENT_CLOSE);

	(void)state;
	s.e->tx_bytes = 20;
	s.e->rx_bytes = 0;
	s.e->duration_us = 0;
	s.e->closer_pid = 0;
	s.e->reason = REASON_LOCAL;
	assert_string_equal(print(&f, &s.line), "close       20B/0B local");
	sample_free(&s);
	close_text(&f);
}

static void test_service_or_class(void **state)
{
	struct fixture f = open_text("service", false);
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	assert_string_equal(print(&f, &s.line), "https");
	s.line.rservice = STR("");
	assert_string_equal(print(&f, &s.line), "well-known");
	s.e->rport = 8443;
	assert_string_equal(print(&f, &s.line), "registered");
	s.e->direction = DIRECTION_IN;
	assert_string_equal(print(&f, &s.line), "private");
	s.e->direction = DIRECTION_NONE;
	assert_string_equal(print(&f, &s.line), "-");
	sample_free(&s);
	close_text(&f);
}

/* Columns of list that are no fields: as netstat has them. */
static void test_list_columns(void **state)
{
	static const char list[] = "proto,state,recvq,sendq,user,process";
	static const char header[] = "PROTO STATE      RECVQ SENDQ USER     PROCESS\n";
	struct holder holders[2] = { { .pid = 1234, .comm = "curl" },
				     { .pid = 7, .comm = "a b,\n" } };
	struct fixture f = open_text(list, false);
	struct sample s = sample_new(EVENT_EXISTING);

	(void)state;
	text_header(f.t, &f.b);
	assert_int_equal(f.b.len, sizeof(header) - 1);
	assert_memory_equal(f.b.data, header, f.b.len);
	buf_reset(&f.b);
	assert_string_equal(print(&f, &s.line), "tcp   ESTAB      7     42    1001     1234/curl");
	s.e->new_state = TCP_LISTEN;
	s.e->accept_queue = 3;
	s.e->backlog = 511;
	s.line.user = STR("www-data");
	assert_string_equal(print(&f, &s.line), "tcp   LISTEN     3     511   www-data 1234/curl");
	s.e->proto = IPPROTO_UDP;
	s.e->new_state = TCP_CLOSE;
	s.line.holders = holders;
	s.line.holder_cnt = 2;
	assert_string_equal(print(&f, &s.line),
			    "udp   UNCONN     7     42    www-data 1234/curl,7/a\\x20b,\\x0a");
	s.line.holder_cnt = 0;
	s.e->owner.pid = 0;
	assert_string_equal(print(&f, &s.line), "udp   UNCONN     7     42    -");
	s.e->kind = EVENT_CONNECT;
	assert_string_equal(print(&f, &s.line), "udp   -          -     -     -");
	sample_free(&s);
	close_text(&f);
}

/* A name is whatever its owner says. */
/* However many hold it, and whatever they call themselves. */
static void test_many_holders(void **state)
{
	struct sample s = sample_new(EVENT_EXISTING);
	static struct holder holders[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		holders[i].pid = 4000000 + i;
		memset(holders[i].comm, '\x7f', COMM_LEN);
	}
	s.line.holders = holders;
	s.line.holder_cnt = 1000;
	for (const char *const *columns = (const char *const[]){ "process", "pid,process", NULL };
	     *columns; columns++) {
		struct fixture f = open_text(*columns, false);
		const char *line = print(&f, &s.line);

		assert_string_equal(line + strlen(line) - 4, "\\x7f");
		assert_non_null(strstr(line, ",4000999/\\x7f"));
		close_text(&f);
	}
	sample_free(&s);
}

static void test_remote_name(void **state)
{
	struct fixture f = open_text("remote", false);
	struct sample s = sample_new(EVENT_EXISTING);

	(void)state;
	s.line.rname = STR("www.example.org");
	assert_string_equal(print(&f, &s.line), "www.example.org:443");
	s.line.rname = STR("a b\n");
	assert_string_equal(print(&f, &s.line), "a\\x20b\\x0a:443");
	s.line.rname = STR("");
	assert_string_equal(print(&f, &s.line), "93.184.216.34:443");
	sample_free(&s);
	close_text(&f);
}

static void test_color(void **state)
{
	struct fixture f = open_text("pid,event,proto", true);
	struct sample s = sample_new(EVENT_FAIL);

	(void)state;
	assert_string_equal(print(&f, &s.line), "  1234 \033[31mfail       \033[0m tcp");
	s.e->kind = EVENT_CONNECT;
	assert_string_equal(print(&f, &s.line), "  1234 connect     tcp");
	buf_reset(&f.b);
	text_header(f.t, &f.b);
	assert_null(memchr(f.b.data, '\033', f.b.len));
	sample_free(&s);
	close_text(&f);
}

/* Every field can be a column, alone and all at once. */
static void test_every_column(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	char all[2048] = "time,local,dir,remote,info";
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < field_cnt; i++) {
		f = open_text(fields[i].name, false);
		assert_true(print(&f, &s.line)[0]);
		if (fields[i].type == FIELD_STRING)
			assert_null(strchr(f.b.data, ' '));
		close_text(&f);
		strcat(all, ",");
		strcat(all, fields[i].name);
	}
	f = open_text(all, false);
	text_header(f.t, &f.b);
	print(&f, &s.line);
	close_text(&f);
	sample_free(&s);
}

static void test_unknown_columns(void **state)
{
	static const char *const lists[] = { "",    ",",       "pid,",	   ",pid", "pid,,comm",
					     "pud", "pid,PID", "pid comm", "even", "events" };
	static struct capture c;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct text *t;

		errno = 0;
		capture_begin(&c, STDERR_FILENO);
		t = text_new(lists[i], false);
		capture_end(&c);
		assert_null(t);
		assert_int_equal(errno, EINVAL);
		assert_true(capture_is_one_sentence(&c));
		assert_non_null(strstr(c.text, "--columns"));
	}
}

static void test_columns_help(void **state)
{
	static struct capture c;

	(void)state;
	capture_begin(&c, STDOUT_FILENO);
	text_columns_help(NULL);
	capture_end(&c);
	for (size_t i = 0; i < field_cnt; i++) {
		char row[32];

		snprintf(row, sizeof(row), "\n  %s ", fields[i].name);
		assert_non_null(strstr(c.text, row));
	}
	assert_non_null(strstr(c.text, "\n  info "));
}

static void test_local_time(void **state)
{
	struct fixture f = open_text("time", false);
	struct sample s = sample_new(EVENT_CONNECT);

	(void)state;
	assert_string_equal(print(&f, &s.line), "23:43:37.123");
	s.line.utc_ns += 877000000;
	assert_string_equal(print(&f, &s.line), "23:43:38.000");
	sample_free(&s);
	close_text(&f);
}

static void expect_paths(const char *columns, bool wanted)
{
	struct fixture f = open_text(columns, false);

	assert_int_equal(text_wants_paths(f.t), wanted);
	close_text(&f);
}

static void test_wants_paths(void **state)
{
	(void)state;
	expect_paths(NULL, false);
	expect_paths("pid,comm,lservice,rservice,service,info", false);
	expect_paths("pid,exe", true);
	expect_paths("cgroup", true);
	expect_paths("container,pid", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_loopback_fits),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_info_of_old_close),
		cmocka_unit_test(test_service_or_class),
		cmocka_unit_test(test_list_columns),
		cmocka_unit_test(test_many_holders),
		cmocka_unit_test(test_remote_name),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_every_column),
		cmocka_unit_test(test_unknown_columns),
		cmocka_unit_test(test_columns_help),
		cmocka_unit_test(test_wants_paths),
		cmocka_unit_test(test_local_time),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
