// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Is uretprobe() kept from seccomp filters? Asked of the kernel, whose version does not tell. */
#include "uretprobe.h"

#ifdef __x86_64__

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define URETPROBE_NR 335      /* the headers may be older */
#define FILTERED_ERROR ENOANO /* which no system call returns */

static sigjmp_buf killed;

static void on_kill(int signo)
{
	(void)signo;
	siglongjmp(killed, 1);
}

/* 0: it killed us, as it does whoever calls it by himself; else its error. */
static int call(void)
{
	if (sigsetjmp(killed, 1))
		return 0;
	return syscall(URETPROBE_NR) < 0 ? errno : 0;
}

static int filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, URETPROBE_NR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | FILTERED_ERROR),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?:
		       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* What the child exits with: 1 if a filter sees the call. */
static int try(void)
{
	struct sigaction action = { .sa_handler = on_kill };

	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	if (call() == ENOSYS || filter())
		return 0;
	return call() == FILTERED_ERROR;
}

bool uretprobe_is_harmless(void)
{
	static int result = -1;
	int status;
	pid_t pid;

	if (result >= 0)
		return result;
	pid = fork();
	if (!pid)
		_exit(try());
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	result = !(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status));
	return result;
}

#else /* elsewhere it returns by a breakpoint */

bool uretprobe_is_harmless(void)
{
	return true;
}

#endif
