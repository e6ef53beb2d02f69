// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets of this test's own making, over loopback, as they are listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/sockdiag.c"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"

#define FOUND_CNT 1024
#define ALL_STATES (~0u)

/*
 * What was listed of the sockets that the test made. They are known by their cookies, and those of which
 * there is no descriptor by both ports: one alone may be of others, too.
 */
static struct {
	uint64_t ids[FOUND_CNT];
	size_t id_cnt;
	uint16_t pairs[FOUND_CNT][2];
	size_t pair_cnt;
	struct event events[FOUND_CNT];
	size_t event_cnt;
	struct holder_record holders[FOUND_CNT];
	size_t holder_cnt;
	uint64_t exes[FOUND_CNT]; /* keys */
	size_t exe_cnt;
	bool duplicate;
	int answer;
} found;

static struct opts opts;
static struct capture err;

static int setup(void **state)
{
	(void)state;
	memset(&found, 0, sizeof(found));
	memset(&opts, 0, sizeof(opts));
	opts.states = ALL_STATES;
	return filters_set_netns(&opts.filters, "/proc/self/ns/net");
}

static int teardown(void **state)
{
	(void)state;
	filters_free(&opts.filters);
	return 0;
}

static const struct event *event_of(uint64_t id)
{
	for (size_t i = 0; i < found.event_cnt; i++)
		if (found.events[i].id == id)
			return &found.events[i];
	return NULL;
}

static bool is_ours(const struct event *e)
{
	for (size_t i = 0; i < found.id_cnt; i++)
		if (found.ids[i] == e->id)
			return true;
	for (size_t i = 0; i < found.pair_cnt && e->proto == IPPROTO_TCP; i++) {
		const uint16_t *pair = found.pairs[i];

		if ((e->lport == pair[0] && e->rport == pair[1]) ||
		    (e->lport == pair[1] && e->rport == pair[0]))
			return true;
	}
	return false;
}

static void take_event(const struct event *e)
{
	assert_int_equal(e->kind, EVENT_EXISTING);
	if (!is_ours(e))
		return;
	found.duplicate |= event_of(e->id) != NULL;
	assert_true(found.event_cnt < FOUND_CNT);
	found.events[found.event_cnt++] = *e;
}

static void take_holder(const struct holder_record *h)
{
	assert_null(event_of(h->id)); /* that comes last */
	if (found.holder_cnt < FOUND_CNT)
		found.holders[found.holder_cnt++] = *h;
}

static int take(void *ctx, const void *record, size_t size)
{
	const struct exe_record *r = record;

	assert_ptr_equal(ctx, &found);
	assert_int_equal((uintptr_t)record % 8, 0);
	if (r->kind == RECORD_EXE) {
		assert_int_equal(size, EXE_HEAD_SIZE + r->len);
		assert_true(r->key && found.exe_cnt < FOUND_CNT);
		found.exes[found.exe_cnt++] = r->key;
	} else if (r->kind == RECORD_HOLDER) {
		assert_int_equal(size, sizeof(struct holder_record));
		take_holder(record);
	} else {
		assert_int_equal(size, sizeof(struct event));
		take_event(record);
	}
	return found.answer;
}

static int list_all(void)
{
	int ret;

	found.event_cnt = found.holder_cnt = found.exe_cnt = 0;
	capture_begin(&err, STDERR_FILENO);
	ret = sockdiag_list(&opts, take, &found);
	capture_end(&err);
	assert_false(found.duplicate);
	return ret;
}

static uint64_t cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t id = 0;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id, &len), 0);
	return id;
}

static int ours(int fd)
{
	assert_true(fd >= 0 && found.id_cnt < FOUND_CNT);
	found.ids[found.id_cnt++] = cookie(fd);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 addr; /* has its port where that of IPv4 has it */
	socklen_t len = sizeof(addr);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin6_port);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr = { htonl(INADDR_LOOPBACK) },
				     .sin_port = htons(port) };
}

/* Bound to a port of 127.0.0.1 that the kernel chooses. */
static int bound(int type)
{
	struct sockaddr_in addr = loopback(0);
	int fd = ours(socket(AF_INET, type | SOCK_CLOEXEC, 0));

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int listener(int backlog)
{
	int fd = bound(SOCK_STREAM);

	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static int client(int server, int type)
{
	struct sockaddr_in addr = loopback(port_of(server));
	int fd = ours(socket(AF_INET, type | SOCK_CLOEXEC, 0));

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	found.pairs[found.pair_cnt][0] = port_of(server);
	found.pairs[found.pair_cnt++][1] = port_of(fd);
	return fd;
}

/* A connection that has reached the listener's queue. */
static int connection(int server)
{
	int fd = client(server, SOCK_STREAM);
	struct pollfd p = { .fd = server, .events = POLLIN };

	assert_int_equal(poll(&p, 1, -1), 1);
	return fd;
}

static int accepted(int server)
{
	return ours(accept4(server, NULL, NULL, SOCK_CLOEXEC));
}

static const struct event *event_of_fd(int fd)
{
	const struct event *e = event_of(cookie(fd));

	assert_non_null(e);
	return e;
}

/* That with this remote port, of which there is no descriptor; NULL: it is not listed. */
static const struct event *event_to(uint16_t port)
{
	for (size_t i = 0; i < found.event_cnt; i++)
		if (found.events[i].rport == port)
			return &found.events[i];
	return NULL;
}

/* List until it has come into that state. */
static const struct event *await_state(uint16_t port, uint8_t state)
{
	const struct event *e;

	do {
		assert_int_equal(list_all(), 0);
		e = event_to(port);
		assert_non_null(e);
	} while (e->new_state != state);
	return e;
}

/* Was the path of that key told? Others' processes have theirs. */
static bool has_path(uint64_t key)
{
	for (size_t i = 0; i < found.exe_cnt; i++)
		if (found.exes[i] == key)
			return true;
	return false;
}

static void assert_owned(const struct event *e, enum attr attr)
{
	assert_int_equal(e->attr, attr);
	assert_int_equal(e->owner.pid, getpid());
	assert_int_equal(e->owner.tid, getpid());
	assert_int_equal(e->owner.ppid, getppid());
	assert_int_equal(e->owner.uid, getuid());
	assert_true(has_path(e->owner.exe_key));
}

static void assert_nobodys(const struct event *e)
{
	static const struct owner nobody;

	assert_int_equal(e->attr, ATTR_NONE);
	assert_memory_equal(&e->owner, &nobody, sizeof(nobody));
}

static void test_connection(void **state)
{
	int server = listener(7), out = connection(server), in = accepted(server);
	uint64_t before = clock_monotonic_ns();
	const struct event *e;
	char buf[4];

	(void)state;
	assert_int_equal(send(out, "abcdefghij", 10, 0), 10);
	assert_int_equal(recv(in, buf, 4, 0), 4);
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 3);
	e = event_of_fd(server);
	assert_owned(e, ATTR_SCAN);
	assert_int_equal(e->new_state, BPF_TCP_LISTEN);
	assert_int_equal(e->backlog, 7);
	assert_int_equal(e->flags, EVENT_F_LOCAL);
	e = event_of_fd(out);
	assert_owned(e, ATTR_SCAN);
	assert_true(e->ts_ns >= before && e->ts_ns <= clock_monotonic_ns());
	assert_int_equal(e->netns, opts.filters.netns);
	assert_int_equal(e->new_state, BPF_TCP_ESTABLISHED);
	assert_int_equal(e->direction, DIRECTION_OUT);
	assert_int_equal(e->lport, port_of(out));
	assert_int_equal(e->rport, port_of(server));
	assert_true(e->tx_bytes == 10 && e->rx_bytes == 0);
	e = event_of_fd(in);
	assert_owned(e, ATTR_SCAN);
	assert_int_equal(e->direction, DIRECTION_IN);
	assert_true(e->rx_bytes == 10);
	assert_int_equal(e->rx_queue_bytes, 6);
	close(in);
	close(out);
	close(server);
}

/* It is the listener's, for now; closed by its client before, too. */
static void test_not_accepted(void **state)
{
	int server = listener(7), out = connection(server);
	const struct event *e;

	(void)state;
	assert_int_equal(list_all(), 0);
	assert_int_equal(event_of_fd(server)->accept_queue, 1);
	e = event_to(port_of(out));
	assert_non_null(e);
	assert_owned(e, ATTR_LISTENER);
	assert_int_equal(e->direction, DIRECTION_IN);
	assert_int_equal(shutdown(out, SHUT_WR), 0);
	assert_owned(await_state(port_of(out), BPF_TCP_CLOSE_WAIT), ATTR_LISTENER);
	/* also when the listener itself is not wanted */
	opts.states = 1u << BPF_TCP_CLOSE_WAIT;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 1);
	assert_owned(&found.events[0], ATTR_LISTENER);
	close(out);
	close(server);
}

/* What a process has closed is nobody's. */
static void test_orphans(void **state)
{
	int server = listener(7), out = connection(server), in = accepted(server);
	uint16_t lport = port_of(out);

	(void)state;
	close(out);
	assert_nobodys(await_state(port_of(server), BPF_TCP_FIN_WAIT2));
	assert_int_equal(found.event_cnt, 3);
	assert_int_equal(event_to(lport)->new_state, BPF_TCP_CLOSE_WAIT);
	assert_owned(event_to(lport), ATTR_SCAN);
	close(in);
	do
		assert_int_equal(list_all(), 0);
	while (event_to(lport));
	if (event_to(port_of(server))) { /* the kernel need not remember it */
		assert_int_equal(event_to(port_of(server))->new_state, BPF_TCP_TIME_WAIT);
		assert_nobodys(event_to(port_of(server)));
	}
	close(server);
}

static void test_udp(void **state)
{
	int server = bound(SOCK_DGRAM), out = client(server, SOCK_DGRAM);
	const struct event *e;

	(void)state;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 2);
	e = event_of_fd(server);
	assert_owned(e, ATTR_SCAN);
	assert_int_equal(e->proto, IPPROTO_UDP);
	assert_int_equal(e->new_state, BPF_TCP_CLOSE);
	assert_int_equal(e->direction, DIRECTION_NONE);
	assert_int_equal(e->flags, EVENT_F_LOCAL);
	e = event_of_fd(out);
	assert_int_equal(e->new_state, BPF_TCP_ESTABLISHED);
	assert_int_equal(e->direction, DIRECTION_OUT);
	assert_int_equal(e->rport, port_of(server));
	close(out);
	close(server);
}

static void test_states(void **state)
{
	int server = listener(7), out = connection(server), udp = bound(SOCK_DGRAM);

	(void)state;
	opts.states = 1u << BPF_TCP_LISTEN;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 1);
	event_of_fd(server);
	opts.states = 1u << BPF_TCP_CLOSE;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 1);
	event_of_fd(udp);
	opts.states = 1u << BPF_TCP_ESTABLISHED;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 2);
	event_of_fd(out);
	close(udp);
	close(out);
	close(server);
}

static void test_filters(void **state)
{
	int server = listener(7), udp = bound(SOCK_DGRAM);

	(void)state;
	opts.filters.set |= FILTER_UDP;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 1);
	event_of_fd(udp);
	opts.filters.set ^= FILTER_UDP | FILTER_TCP;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 1);
	event_of_fd(server);
	opts.filters.set ^= FILTER_TCP | FILTER_IPV6;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 0);
	opts.filters.set ^= FILTER_IPV6;
	assert_int_equal(filters_add_pids(&opts.filters, "1"), 0);
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 0);
	opts.filters.pids[0] = getpid();
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 2);
	opts.filters.netns++;
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 0);
	close(udp);
	close(server);
}

/* A child with all our descriptors, that lives until *@hold is closed. */
static pid_t new_child(int *hold)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char c;

		close(ends[1]);
		_exit(read(ends[0], &c, 1) ? 1 : 0);
	}
	close(ends[0]);
	*hold = ends[1];
	return pid;
}

/* The first is the owner, of those that the filters want. */
static void test_holders(void **state)
{
	int udp = bound(SOCK_DGRAM), hold, status;
	pid_t self = getpid(), child = new_child(&hold);

	(void)state;
	opts.filters.set |= FILTER_LPORT;
	opts.filters.ports = calloc(1, PORT_CNT);
	assert_non_null(opts.filters.ports);
	opts.filters.ports[port_of(udp)] = PORT_SET_LOCAL;
	assert_int_equal(list_all(), 0);
	assert_int_equal(event_of_fd(udp)->owner.pid, self < child ? self : child);
	assert_int_equal(found.holder_cnt, 1);
	assert_int_equal(found.holders[0].pid, self < child ? child : self);
	assert_true(found.holders[0].id == cookie(udp));
	assert_string_equal(found.holders[0].comm, event_of_fd(udp)->owner.comm);
	assert_int_equal(filters_add_pids(&opts.filters, "1"), 0);
	opts.filters.pids[0] = child;
	assert_int_equal(list_all(), 0);
	assert_int_equal(event_of_fd(udp)->owner.pid, child);
	assert_int_equal(found.holder_cnt, 0);
	opts.filters.pids[0] = self;
	assert_int_equal(list_all(), 0);
	assert_int_equal(event_of_fd(udp)->owner.pid, self);
	assert_int_equal(found.holder_cnt, 0);
	close(hold);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(udp);
}

/* Told once, however many sockets its owner has. */
static void test_exe_once(void **state)
{
	int first = bound(SOCK_DGRAM), second = bound(SOCK_DGRAM);

	(void)state;
	assert_int_equal(filters_add_pids(&opts.filters, "1"), 0);
	opts.filters.pids[0] = getpid();
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, 2);
	assert_int_equal(found.exe_cnt, 1);
	close(second);
	close(first);
}

/* By the function that is told: its result, and no complaint. */
static void test_stopped(void **state)
{
	int udp = bound(SOCK_DGRAM);

	(void)state;
	found.answer = -EPIPE;
	assert_int_equal(list_all(), -EPIPE);
	assert_null(strstr(err.text, "cannot list"));
	close(udp);
}

/* More than fit in a chunk, on one port: each once. */
static void test_many(void **state)
{
	enum { CNT = 600 };
	int first = listener(1), fds[CNT], one = 1;
	struct sockaddr_in addr = loopback(port_of(first));

	(void)state;
	close(first);
	for (int i = 0; i < CNT; i++) {
		fds[i] = ours(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)),
				 0);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(listen(fds[i], 1), 0);
	}
	assert_int_equal(list_all(), 0);
	assert_int_equal(found.event_cnt, CNT);
	for (int i = 0; i < CNT; i++) {
		event_of_fd(fds[i]);
		close(fds[i]);
	}
}

/* Several processes listen on a port: whose its connections will be, nobody can say. */
static void test_port_of_several(void **state)
{
	static struct dump d;
	struct event e = { .lport = 80 };

	(void)state;
	listener_note(&d, &e, 7);
	listener_note(&d, &e, 7);
	assert_int_equal(d.ports[80].pid, 7);
	listener_note(&d, &e, 8);
	assert_int_equal(d.ports[80].pid, 0);
	listener_note(&d, &e, 0);
	listener_note(&d, &e, 7);
	assert_int_equal(d.ports[80].pid, 0);
	assert_true(d.ports[80].is_there);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connection), TEST(test_not_accepted),	   TEST(test_orphans),
		TEST(test_udp),	       TEST(test_states),	   TEST(test_filters),
		TEST(test_holders),    TEST(test_exe_once),	   TEST(test_stopped),
		TEST(test_many),       TEST(test_port_of_several),
	};

	return cmocka_run_group_tests_name("sockdiag", tests, NULL, NULL);
}
