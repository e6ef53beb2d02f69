// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* connsnoop: traces network connections as they happen, with the process that owns them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "commands.h"
#include "log.h"
#include "opts.h"
#include "services.h"

#define EXIT_USAGE 2

static int (*const commands[COMMAND_CNT])(const struct opts *, const struct services *) = {
	[COMMAND_TRACE] = cmd_trace,
	[COMMAND_LIST] = cmd_list,
	[COMMAND_PORTS] = cmd_ports,
	[COMMAND_PROBE] = cmd_probe,
};

/* Descriptors that we were started without: no other file is to get what is meant for stdout or stderr. */
static void hold_descriptors(void)
{
	int fd;

	/* neither read nor written, and our child does not have them either */
	do {
		fd = open("/", O_PATH | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* What stdio has written may still have failed. */
static int stdout_finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return status;
	log_err("cannot write to stdout: %s", strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct services *services;
	struct opts opts = {};
	int status = EXIT_FAILURE;

	hold_descriptors();
	child_keep_heritage();
	if (services_load(&services)) {
		log_err("cannot load the names of services: out of memory");
		return EXIT_FAILURE;
	}
	switch (opts_parse(&opts, services, argc, argv)) {
	case OPTS_RUN:
		log_verbose = opts.verbose;
		status = commands[opts.command](&opts, services);
		break;
	case OPTS_DONE:
		status = EXIT_SUCCESS;
		break;
	case OPTS_USAGE:
		status = EXIT_USAGE;
		break;
	}
	opts_free(&opts);
	services_free(services);
	return stdout_finish(status);
}
