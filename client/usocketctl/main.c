/* SPDX-License-Identifier: MIT */
/*
 * usocketctl: shows what usocketd does.
 *
 * Theory of operation
 *
 * options.c says what is wanted, and one function a command does it over the
 * public library, from the tables in shared memory where it can. A result that
 * could not be written in full, to a full disk or a closed pipe, is a failure.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/options.h"

#include "usocket.h"

#include <errno.h>
#include <string.h>

static int run(const struct ctl_options *options, const struct ctl_command *command)
{
	if (options->flags & CTL_HELP) {
		options_print_help(command, stdout);
		return CTL_EXIT_OK;
	}
	if (options->flags & CTL_VERSION) {
		puts("usocketctl " PACKAGE_VERSION);
		return CTL_EXIT_OK;
	}
	if (options->socket && usocket_set_socket_path(options->socket) < 0) {
		fprintf(stderr, "usocketctl: --socket: %s\n", strerror(errno));
		return CTL_EXIT_USAGE;
	}
	return command->run(options, stdout);
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;
	struct ctl_options options;
	int rc;

	if (options_parse(&options, &command, argc, argv) < 0)
		return CTL_EXIT_USAGE;
	rc = run(&options, command);
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == CTL_EXIT_OK) {
		fprintf(stderr, "usocketctl: cannot write: %s\n", strerror(errno));
		rc = CTL_EXIT_FAILED;
	}
	return rc;
}
