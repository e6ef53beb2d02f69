// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load - make connections on the loopback device, and tell what they cost; for bench/run.
 *
 *   load tcp [-t THREADS] [-s SECONDS | -n COUNT] [-r RATE] [-b BYTES] [-S]
 *   load udp [-t THREADS] [-s SECONDS | -n COUNT] [-r RATE] [-b BYTES] [-k FLOWS]
 *   load hold -n COUNT
 *
 * A thread is client and server: there is no waiting between two processes that could hide what a
 * tracer takes. COUNT, RATE (a second, 0: as fast as it goes) and FLOWS are of all threads. With -S
 * the server closes first. hold opens COUNT connections and keeps them until its stdin ends. When
 * the work is done, one line of NAME=VALUE goes to stdout. All addresses are in 127.11.0.0/16, or
 * with -a N in 127.N.0.0/16, so that what a tracer tells of them can be counted; ports from 7411 on.
 */
#include <err.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 7411
#define THREADS_MAX 255
#define HOLD_PORT (FIRST_PORT + THREADS_MAX) /* from here on: beside those of a load */
#define KEEPERS_MAX 1024
#define BYTES_MAX 65000
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

/*
 * What a thread goes round. A pair of addresses and ports can be used again when it has been in
 * TIME-WAIT for a second: 14000 ports to each of 8 addresses last for 4 s at 28000 connections/s.
 */
#define TARGETS 8

/* Connections of hold to one address: fewer than the kernel's default range has ports. */
#define PER_TARGET 20000

struct options {
	int threads;
	double seconds;
	uint64_t count; /* 0: SECONDS decide */
	uint64_t rate;
	size_t bytes;
	int flows;
	bool server_closes;
	uint32_t net; /* all addresses are in it, 127.NET.0.0/16 */
};

struct worker {
	const struct options *o;
	bool (*step)(struct worker *w); /* one connection or datagram; false: it failed */
	int index;
	int server_fd; /* the listener, or the socket of all datagrams */
	int *flow_fds;
	int flows;
	uint64_t count, done, failed;
	double cpu_s;
	pthread_t thread;
};

static struct options opt = {
	.threads = 1, .seconds = 1, .bytes = 16, .flows = 64, .net = 0x7f0b0000
};
static atomic_bool stop;
static uint64_t begin_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static struct sockaddr_in address(uint32_t ip, int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(ip) };
}

/* Only a listener may have a port that is in use: two sockets of UDP would be one flow to their peer. */
static int bound_socket(int type, uint32_t ip, int port)
{
	struct sockaddr_in a = address(ip, port);
	int reuse = type == SOCK_STREAM, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "bind to port %d", port);
	return fd;
}

static int listener(int port)
{
	int fd = bound_socket(SOCK_STREAM, INADDR_ANY, port);

	if (listen(fd, 128))
		err(1, "listen on port %d", port);
	return fd;
}

/* --- work ------------------------------------------------------------------------------------ */

static bool carry(int from, int to, size_t bytes)
{
	char buf[BYTES_MAX];
	size_t got = 0;

	memset(buf, 'x', bytes);
	if (write(from, buf, bytes) != (ssize_t)bytes)
		return false;
	while (got < bytes) {
		ssize_t n = read(to, buf, bytes);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* Both ends of a new connection. */
static bool connected(int server, const struct sockaddr_in *to, int ends[2])
{
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends[0] < 0)
		return false;
	if (connect(ends[0], (const struct sockaddr *)to, sizeof(*to)) == 0) {
		ends[1] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
		if (ends[1] >= 0)
			return true;
	}
	close(ends[0]);
	return false;
}

static bool tcp_step(struct worker *w)
{
	uint32_t ip = opt.net + (uint32_t)w->index * 256 + 1 + (uint32_t)(w->done % TARGETS);
	struct sockaddr_in to = address(ip, FIRST_PORT + w->index);
	int ends[2], first = w->o->server_closes;
	char byte;
	bool ok;

	if (!connected(w->server_fd, &to, ends))
		return false;
	ok = carry(ends[0], ends[1], w->o->bytes) && carry(ends[1], ends[0], w->o->bytes);
	close(ends[first]);
	ok = ok && read(ends[!first], &byte, 1) == 0; /* the other end has heard of it */
	close(ends[!first]);
	return ok;
}

static bool udp_step(struct worker *w)
{
	return carry(w->flow_fds[w->done % (uint64_t)w->flows], w->server_fd, w->o->bytes);
}

static void open_flows(struct worker *w)
{
	uint32_t ip = opt.net + (uint32_t)w->index * 256;
	struct sockaddr_in to = address(ip + 1, FIRST_PORT + w->index);

	w->server_fd = bound_socket(SOCK_DGRAM, INADDR_ANY, FIRST_PORT + w->index);
	w->flows = w->o->flows / w->o->threads;
	w->flow_fds = calloc((size_t)w->flows, sizeof(*w->flow_fds));
	if (!w->flow_fds)
		err(1, "flows");
	for (int i = 0; i < w->flows; i++) {
		w->flow_fds[i] = bound_socket(SOCK_DGRAM, ip + 2, 0);
		if (connect(w->flow_fds[i], (struct sockaddr *)&to, sizeof(to)))
			err(1, "flow %d", i);
	}
}

/* --- threads --------------------------------------------------------------------------------- */

/* What is due within a millisecond is made at once, for each sleep costs as much as a connection. */
static void pace(const struct worker *w)
{
	uint64_t rate = w->o->rate / (uint64_t)w->o->threads;
	uint64_t due, turn = w->done + w->failed;

	if (!rate)
		return;
	due = turn / rate * NS_PER_S + turn % rate * NS_PER_S / rate;
	due = begin_ns + due - due % NS_PER_MS;
	if (now_ns() < due)
		sleep_until(due);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct rusage usage;

	while (!atomic_load_explicit(&stop, memory_order_relaxed) &&
	       (!w->count || w->done + w->failed < w->count)) {
		pace(w);
		if (w->step(w)) {
			w->done++;
			continue;
		}
		if (!w->failed++)
			warn("the first that failed");
	}
	getrusage(RUSAGE_THREAD, &usage);
	w->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	return NULL;
}

static void report(const char *mode, const struct worker *w, double seconds)
{
	uint64_t done = 0, failed = 0;
	int flows = 0;
	double cpu_s = 0;

	for (int i = 0; i < opt.threads; i++) {
		done += w[i].done;
		failed += w[i].failed;
		flows += w[i].flows;
		cpu_s += w[i].cpu_s;
	}
	printf("mode=%s threads=%d done=%ju failed=%ju flows=%d seconds=%.4f per_second=%.1f "
	       "cpu_us=%.3f\n",
	       mode, opt.threads, done, failed, flows, seconds, (double)done / seconds,
	       done ? cpu_s * 1e6 / (double)done : 0);
}

static int run(const char *mode, bool tcp)
{
	struct worker w[THREADS_MAX] = { 0 };

	prctl(PR_SET_TIMERSLACK, 1000); /* ns */
	for (int i = 0; i < opt.threads; i++) {
		w[i] = (struct worker){ .o = &opt, .index = i, .step = tcp ? tcp_step : udp_step };
		w[i].count = opt.count / (uint64_t)opt.threads;
		if (tcp)
			w[i].server_fd = listener(FIRST_PORT + i);
		else
			open_flows(&w[i]);
	}
	begin_ns = now_ns();
	for (int i = 0; i < opt.threads; i++)
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			errx(1, "no thread");
	if (!opt.count) {
		sleep_until(begin_ns + (uint64_t)(opt.seconds * 1e9));
		atomic_store(&stop, true);
	}
	for (int i = 0; i < opt.threads; i++)
		pthread_join(w[i].thread, NULL);
	report(mode, w, (double)(now_ns() - begin_ns) / 1e9);
	return 0;
}

/* --- hold ------------------------------------------------------------------------------------ */

/* Connections FROM to TO of all, in a process of their own; says so by a byte. Does not return. */
static void keep(uint64_t from, uint64_t to, int port, int ready)
{
	int ends[2], server = listener(port);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t i = from; i < to; i++) {
		struct sockaddr_in a = address(opt.net + 1 + (uint32_t)(i / PER_TARGET), port);

		if (!connected(server, &a, ends))
			err(1, "connection %ju", i);
	}
	if (write(ready, "", 1) != 1)
		err(1, "pipe");
	for (;;)
		pause();
}

/* The limit of open files is that of a process: there are as many as are needed. */
static int start_keepers(uint64_t count, pid_t *pids, int ready)
{
	struct rlimit files;
	uint64_t each;
	int n = 0;

	if (getrlimit(RLIMIT_NOFILE, &files))
		err(1, "hold");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	each = (files.rlim_cur - 16) / 2;
	for (uint64_t from = 0; from < count; from += each, n++) {
		if (n == KEEPERS_MAX)
			errx(1, "the limit of open files is too low for so many");
		pids[n] = fork();
		if (pids[n] < 0)
			err(1, "fork");
		if (!pids[n])
			keep(from, from + each < count ? from + each : count, HOLD_PORT + n, ready);
	}
	return n;
}

static int hold(uint64_t count)
{
	pid_t pids[KEEPERS_MAX];
	int ready[2], n;
	char byte;

	if (pipe(ready))
		err(1, "pipe");
	n = start_keepers(count, pids, ready[1]);
	close(ready[1]); /* so that what a child that failed would have said is not waited for */
	for (int i = 0; i < n; i++)
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "not all connections could be opened");
	printf("mode=hold done=%ju processes=%d\n", count, n);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

/* --- command line ---------------------------------------------------------------------------- */

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end || n < min || n > max)
		errx(2, "%s: no number, or too small or large", text);
	return n;
}

static void set_option(int letter, const char *arg)
{
	switch (letter) {
	case 't':
		opt.threads = (int)number(arg, 1, THREADS_MAX);
		return;
	case 's':
		opt.seconds = strtod(arg, NULL);
		return;
	case 'n':
		opt.count = number(arg, 1, UINT32_MAX);
		return;
	case 'r':
		opt.rate = number(arg, 0, UINT32_MAX);
		return;
	case 'b':
		opt.bytes = number(arg, 1, BYTES_MAX);
		return;
	case 'k':
		opt.flows = (int)number(arg, 1, 1000000);
		return;
	case 'a':
		opt.net = (uint32_t)number(arg, 1, 255) << 16 | 0x7f000000;
		return;
	case 'S':
		opt.server_closes = true;
		return;
	}
	errx(2, "usage: load tcp|udp|hold [OPTION...]");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	bool tcp = !strcmp(mode, "tcp"), holds = !strcmp(mode, "hold");
	int letter;

	while ((letter = getopt(argc - (argc > 1), argv + (argc > 1), "t:s:n:r:b:k:a:S")) != -1)
		set_option(letter, optarg);
	if ((!tcp && !holds && strcmp(mode, "udp")) || optind != argc - 1 ||
	    opt.flows < opt.threads || !(opt.seconds > 0))
		set_option(0, NULL);
	return holds ? hold(opt.count) : run(mode, tcp);
}
