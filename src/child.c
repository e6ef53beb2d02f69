// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Starting a command with the signals and limits that we were started with, and waiting for it. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "user.h"

/* What we, or libbpf for us, may change in our own process. */
static struct {
	sigset_t mask;
	struct sigaction pipe, chld;
	struct rlimit memlock;
} heritage;

void child_keep_heritage(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };

	sigprocmask(SIG_SETMASK, NULL, &heritage.mask);
	sigaction(SIGPIPE, &ignore, &heritage.pipe); /* a reader that goes away: see output.h */
	sigaction(SIGCHLD, &usual, &heritage.chld);  /* ignored, it would leave us no status */
	getrlimit(RLIMIT_MEMLOCK, &heritage.memlock);
}

/* --- in the child ----------------------------------------------------------------------------- */

/* How far it came, for the parent's sentence. */
struct failure {
	enum { BECOMING, ENTERING, RUNNING } step;
	int err;
};

static int enter_tree(int tree_fd)
{
	ssize_t n, all = 0;
	char bytes[16];

	while ((n = read(tree_fd, bytes, sizeof(bytes))) > 0)
		all += n;
	if (n < 0)
		return -errno;
	return all ? 0 : -ENOMEM;
}

static void restore_heritage(void)
{
	sigaction(SIGPIPE, &heritage.pipe, NULL);
	sigaction(SIGCHLD, &heritage.chld, NULL);
	sigprocmask(SIG_SETMASK, &heritage.mask, NULL);
}

/* Only returns if it fails. */
static struct failure become(char **argv, const struct user *user, int tree_fd)
{
	struct failure f = { .step = BECOMING };

	setrlimit(RLIMIT_MEMLOCK, &heritage.memlock);
	if (user)
		f.err = user_become(user);
	if (f.err)
		return f;
	f.step = ENTERING;
	f.err = enter_tree(tree_fd);
	if (f.err)
		return f;
	f.step = RUNNING;
	restore_heritage();
	execvp(argv[0], argv);
	f.err = -errno;
	return f;
}

/* --- in the parent ---------------------------------------------------------------------------- */

static void say_failure(const struct failure *f, const char *name, const struct user *user)
{
	switch (f->step) {
	case BECOMING:
		log_err("cannot run '%.200s' as the user %s: %s%s", name, user ? user->name : "",
			strerror(-f->err),
			f->err == -EPERM ? "; this needs root, or CAP_SETUID and CAP_SETGID" : "");
		break;
	case ENTERING:
		log_err("cannot run '%.200s': the kernel does not take it to be traced: %s", name,
			strerror(-f->err));
		break;
	case RUNNING:
		if (f->err == -ENOENT && !strchr(name, '/'))
			log_err("cannot run '%.200s': no directory of PATH has it", name);
		else
			log_err("cannot run '%.200s': %s", name, strerror(-f->err));
		break;
	}
}

static void await_end(struct child *c)
{
	int status;
	pid_t pid;

	do {
		pid = waitpid(c->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	c->ended = true;
	if (pid < 0)
		c->status = 1;
	else
		c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The pipe is closed by execve(), or by the child's end; before, it tells why it failed. */
static int await_start(struct child *c, int pipe_fd, const char *name, const struct user *user)
{
	struct failure f;
	ssize_t n;

	do {
		n = read(pipe_fd, &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	if (n == sizeof(f)) {
		await_end(c);
		say_failure(&f, name, user);
		return f.err;
	}
	c->fd = syscall(SYS_pidfd_open, c->pid, 0);
	if (c->fd >= 0)
		return 0;
	f.err = -errno;
	child_signal(c, SIGKILL);
	await_end(c);
	log_err("cannot watch '%.200s': %s", name, strerror(-f.err));
	return f.err;
}

int child_start(struct child *c, char **argv, const struct user *user, int tree_fd)
{
	int pipe_fds[2], err;

	*c = (struct child){ .fd = -1 };
	if (pipe2(pipe_fds, O_CLOEXEC)) {
		err = -errno;
		goto fail;
	}
	c->pid = fork();
	if (!c->pid) {
		struct failure f = become(argv, user, tree_fd);

		(void)!write(pipe_fds[1], &f, sizeof(f));
		_exit(1);
	}
	err = c->pid < 0 ? -errno : 0;
	close(pipe_fds[1]);
	if (!err) {
		err = await_start(c, pipe_fds[0], argv[0], user);
		close(pipe_fds[0]);
		return err;
	}
	close(pipe_fds[0]);
fail:
	log_err("cannot run '%.200s': %s", argv[0], strerror(-err));
	return err;
}

void child_reap(struct child *c)
{
	siginfo_t info = {};

	if (!c->ended && !waitid(P_PID, c->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
		await_end(c);
}

void child_signal(const struct child *c, int signal)
{
	if (!c->ended)
		kill(c->pid, signal);
}
