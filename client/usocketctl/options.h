/* SPDX-License-Identifier: MIT */
/*
 * The command line of usocketctl, and its help.
 */
#ifndef CLIENT_USOCKETCTL_OPTIONS_H
#define CLIENT_USOCKETCTL_OPTIONS_H

#include "client/usocketctl/ctl.h"

/* The row of @name, or NULL. */
const struct ctl_command *options_find_command(const char *name);

/*
 * Reads the command line. *@command is NULL if there is none, which is right
 * only with CTL_HELP or CTL_VERSION. Returns 0; or -EINVAL, having said on
 * stderr what is wrong.
 */
int options_parse(struct ctl_options *options, const struct ctl_command **command, int argc,
	char **argv);

/* Help on @command, or if it is NULL on the program. */
void options_print_help(const struct ctl_command *command, FILE *out);

#endif
