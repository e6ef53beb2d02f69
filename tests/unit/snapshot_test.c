// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sockets that exist: one of our own is among them, whatever this process may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "opts.h"
#include "snapshot.h"

struct found {
	uint16_t port; /* who listens there */
	uint32_t pid;
	unsigned int cnt;
	int stop; /* what to return */
};

static int on_record(void *ctx, const void *record, size_t size)
{
	const struct event *e = record;
	struct found *f = ctx;

	if (e->kind != EVENT_EXISTING || size < sizeof(*e) || e->lport != f->port)
		return 0;
	f->cnt++;
	f->pid = e->owner.pid;
	return f->stop;
}

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (void *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static void test_own(void **state)
{
	struct opts opts = { .states = 1u << TCP_LISTEN };
	struct found f = { 0 };
	int fd = listen_on_loopback(&f.port);

	(void)state;
	assert_int_equal(snapshot_read(&opts, on_record, &f), 0);
	assert_int_equal(f.cnt, 1);
	assert_int_equal(f.pid, getpid());
	f.stop = -EPIPE;
	assert_int_equal(snapshot_read(&opts, on_record, &f), -EPIPE);
	close(fd);
}

/* Without privileges: of our own processes all is known. */
static void test_unprivileged(void **state)
{
	struct opts opts = { .states = 1u << TCP_LISTEN };
	struct found f = { 0 };
	int status, fd;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	fd = listen_on_loopback(&f.port);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(setresuid(65534, 65534, 65534) || snapshot_read(&opts, on_record, &f) ||
		      f.cnt != 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_unprivileged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
