/* SPDX-License-Identifier: MIT */
/*
 * What the parts of usocketctl share: exit codes, the options, the commands.
 */
#ifndef CLIENT_USOCKETCTL_CTL_H
#define CLIENT_USOCKETCTL_CTL_H

#include <stdint.h>
#include <stdio.h>

enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_FAILED = 1,
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_UNREACHABLE = 3, /* no daemon */
	CTL_EXIT_DENIED = 4,	  /* not permitted */
};

/* One bit an option; a command's row says which it takes. */
enum ctl_flag {
	CTL_SOCKET = 1 << 0,
	CTL_JSON = 1 << 1,
	CTL_HELP = 1 << 2,
	CTL_VERSION = 1 << 3,
	CTL_TCP = 1 << 4,
	CTL_UDP = 1 << 5,
	CTL_RAW = 1 << 6,
	CTL_LISTENING = 1 << 7,
	CTL_ALL = 1 << 8,
	CTL_NUMERIC = 1 << 9,
	CTL_PROCESSES = 1 << 10,
	CTL_INFO = 1 << 11,
	CTL_EXTENDED = 1 << 12,
	CTL_NO_HEADER = 1 << 13,
	CTL_PID = 1 << 14,
	CTL_PROGRAM = 1 << 15,
	CTL_IPV4 = 1 << 16,
	CTL_IPV6 = 1 << 17,
	CTL_LINK = 1 << 18,
	CTL_TIMEOUT = 1 << 19,
	CTL_FOLLOW = 1 << 20,
	CTL_DATAGRAMS = 1 << 21,
	CTL_ACCEPT = 1 << 22,
	CTL_QUIET = 1 << 23,
	CTL_ZERO = 1 << 24,
	CTL_SHUT = 1 << 25,
};

#define CTL_GLOBAL (CTL_SOCKET | CTL_JSON | CTL_HELP | CTL_VERSION)

/* What the command line says. Strings are the command line's own. */
struct ctl_options {
	uint32_t flags;	     /* enum ctl_flag of the options given */
	const char *socket;  /* CTL_SOCKET */
	const char *program; /* CTL_PROGRAM */
	uint32_t pid;	     /* CTL_PID */
	const char *link;    /* CTL_LINK */
	int timeout_ms;	     /* CTL_TIMEOUT, CTL_QUIET */
	char **operands;
	int n_operands;
};

/* Writes the result to @out; returns enum ctl_exit. */
typedef int (*ctl_run_fn)(const struct ctl_options *options, FILE *out);

struct ctl_command {
	const char *name;     /* one word, or two */
	const char *operands; /* what the usage calls them; NULL: takes none */
	int n_min, n_max;     /* of operands */
	const char *help;
	uint32_t flags; /* options it takes beside CTL_GLOBAL */
	ctl_run_fn run;
};

int ctl_run_status(const struct ctl_options *options, FILE *out);
int ctl_run_sockets(const struct ctl_options *options, FILE *out);
int ctl_run_link(const struct ctl_options *options, FILE *out);
int ctl_run_link_up(const struct ctl_options *options, FILE *out);
int ctl_run_link_down(const struct ctl_options *options, FILE *out);
int ctl_run_link_reset(const struct ctl_options *options, FILE *out);
int ctl_run_link_set(const struct ctl_options *options, FILE *out);
int ctl_run_link_wait(const struct ctl_options *options, FILE *out);
int ctl_run_link_log(const struct ctl_options *options, FILE *out);
int ctl_run_at(const struct ctl_options *options, FILE *out);
int ctl_run_monitor(const struct ctl_options *options, FILE *out);
int ctl_run_resolve(const struct ctl_options *options, FILE *out);
int ctl_run_nc(const struct ctl_options *options, FILE *out);

/* The AF_ number that -4 and -6 ask for; both together ask for what neither does. */
int ctl_family(uint32_t flags);

#endif
