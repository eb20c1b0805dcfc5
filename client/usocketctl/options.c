/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two const tables, the commands and the options, are all that parsing and
 * help know. The line is read in two passes of getopt_long: the options before
 * the command, then those of the command, among which the global ones may stand
 * too. A letter may mean one thing to one command and another to the next: only
 * the rows that the command takes are looked at.
 */
#include "client/usocketctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct option_row {
	uint32_t flag;
	char letter; /* 0: none */
	const char *name;
	const char *value; /* its name in the help; NULL: takes none */
	const char *help;
};

static const struct option_row rows[] = {
	{ CTL_SOCKET, 's', "socket", "PATH", "the daemon's socket, instead of the usual one" },
	{ CTL_JSON, 'j', "json", NULL, "print JSON" },
	{ CTL_HELP, 'h', "help", NULL, "print this and exit" },
	{ CTL_VERSION, 'V', "version", NULL, "print the version and exit" },
	{ CTL_TCP, 't', "tcp", NULL, "only TCP sockets" },
	{ CTL_UDP, 'u', "udp", NULL, "only UDP sockets" },
	{ CTL_RAW, 'w', "raw", NULL, "only raw sockets" },
	{ CTL_LISTENING, 'l', "listening", NULL, "only listening and unconnected sockets" },
	{ CTL_ALL, 'a', "all", NULL, "connected, listening and unconnected sockets" },
	{ CTL_NUMERIC, 'n', "numeric", NULL, "ports as numbers, not as services' names" },
	{ CTL_PROCESSES, 'p', "processes", NULL, "has no effect: processes are always shown" },
	{ CTL_INFO, 'i', "info", NULL, "also bytes, round-trip time, retransmissions, drops" },
	{ CTL_EXTENDED, 'e', "extended", NULL, "also link, age, pending error, identity" },
	{ CTL_NO_HEADER, 'H', "no-header", NULL, "without the line of titles" },
	{ CTL_PID, 0, "pid", "N", "only sockets that process N made" },
	{ CTL_PROGRAM, 0, "program", "NAME", "only sockets that programs called NAME made" },
	{ CTL_IPV4, '4', "ipv4", NULL, "only IPv4" },
	{ CTL_IPV6, '6', "ipv6", NULL, "only IPv6" },
	{ CTL_LINK, 0, "link", "NAME", "the link, if there are several" },
	{ CTL_TIMEOUT, 0, "timeout", "S", "wait no longer than this, in seconds" },
	{ CTL_FOLLOW, 'f', "follow", NULL, "go on with what is added" },
	{ CTL_DATAGRAMS, 'u', "udp", NULL, "UDP: each read of standard input is a datagram" },
	{ CTL_ACCEPT, 'l', "listen", NULL, "wait for one connection instead of making it" },
	{ CTL_QUIET, 'w', "wait", "S", "end after so many seconds without connection or data" },
	{ CTL_ZERO, 'z', "zero", NULL, "connect and end: is anybody there?" },
	{ CTL_SHUT, 'N', "shutdown", NULL, "has no effect: the end of input is always passed on" },
};

#define N_ROWS	    (sizeof(rows) / sizeof(rows[0]))
#define LETTERS_MAX (2 * N_ROWS + 1)
/* getopt's value of the first row, beyond every letter. */
#define ROW_FIRST     256

#define OPERANDS_MAX  64
#define TIMEOUT_MAX_S 1000000

#define SOCKETS_FLAGS                                                          \
	(CTL_TCP | CTL_UDP | CTL_RAW | CTL_LISTENING | CTL_ALL | CTL_NUMERIC | \
		CTL_PROCESSES | CTL_INFO | CTL_EXTENDED | CTL_NO_HEADER |      \
		CTL_PID | CTL_PROGRAM | CTL_IPV4 | CTL_IPV6)

static const struct ctl_command commands[] = {
	{ "status", NULL, 0, 0, "the daemon: version, load, limits, links", 0, ctl_run_status },
	{ "sockets", NULL, 0, 0, "open sockets and the programs they belong to",
		SOCKETS_FLAGS, ctl_run_sockets },
	{ "link", "[NAME]", 0, 1, "links: state, reason, addresses, modem, traffic", 0,
		ctl_run_link },
	{ "link up", "NAME", 1, 1, "bring a link up that is down or refused", 0,
		ctl_run_link_up },
	{ "link down", "NAME", 1, 1, "take a link down until \"link up\"", 0,
		ctl_run_link_down },
	{ "link reset", "NAME", 1, 1, "restart a link's device, such as its modem", 0,
		ctl_run_link_reset },
	{ "link set", "NAME KEY VALUE...", 3, OPERANDS_MAX,
		"set keys of a link's configuration; VALUE -: from standard input", 0,
		ctl_run_link_set },
	{ "link wait", "[NAME]", 0, 1, "wait until the link, or any, is up", CTL_TIMEOUT,
		ctl_run_link_wait },
	{ "link log", "[NAME]", 0, 1, "what went on at a link: states, AT, PPP", CTL_FOLLOW,
		ctl_run_link_log },
	{ "at", "COMMAND", 1, 1, "send an AT command to a link's modem", CTL_LINK | CTL_TIMEOUT,
		ctl_run_at },
	{ "monitor", NULL, 0, 0, "a line for each change of a link", 0, ctl_run_monitor },
	{ "resolve", "NAME", 1, 1, "look a name up as programs would", CTL_IPV4 | CTL_IPV6,
		ctl_run_resolve },
	{ "nc", "[HOST] PORT", 1, 2, "connect standard input and output with a peer",
		CTL_IPV4 | CTL_IPV6 | CTL_DATAGRAMS | CTL_ACCEPT | CTL_QUIET | CTL_ZERO |
			CTL_SHUT | CTL_LINK,
		ctl_run_nc },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct ctl_command *options_find_command(const char *name)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* A command of two words goes before the one of its first word. */
static const struct ctl_command *find_command(char **words, int n, int *n_words)
{
	const struct ctl_command *command = NULL;
	char name[32];

	*n_words = 2;
	if (n >= 2 && snprintf(name, sizeof(name), "%s %s", words[0], words[1]) < (int)sizeof(name))
		command = options_find_command(name);
	if (command)
		return command;
	*n_words = 1;
	return options_find_command(words[0]);
}

/* getopt_long begins its messages with argv[0], wherever that may lie. */
static char program_name[] = "usocketctl";

/* getopt's two tables of the rows in @flags; long names stand for row numbers. */
static void make_getopt_tables(uint32_t flags, char letters[LETTERS_MAX],
	struct option names[N_ROWS + 1])
{
	size_t i;

	for (i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &rows[i];

		if (!(row->flag & flags))
			continue;
		if (row->letter)
			*letters++ = row->letter;
		if (row->letter && row->value)
			*letters++ = ':';
		*names++ = (struct option){
			.name = row->name,
			.has_arg = row->value ? required_argument : no_argument,
			.val = ROW_FIRST + (int)i,
		};
	}
	*letters = '\0';
	*names = (struct option){ 0 };
}

/* getopt has given @value for one of the rows in @flags. */
static const struct option_row *find_row(int value, uint32_t flags)
{
	size_t i;

	if (value >= ROW_FIRST)
		return &rows[value - ROW_FIRST];
	for (i = 0; i < N_ROWS; i++)
		if (rows[i].letter == value && rows[i].flag & flags)
			return &rows[i];
	return NULL;
}

__attribute__((format(printf, 1, 0))) static int complain(const char *format, const char *argument)
{
	fputs("usocketctl: ", stderr);
	fprintf(stderr, format, argument);
	fputs("\nTry 'usocketctl --help'.\n", stderr);
	return -EINVAL;
}

static int store_pid(struct ctl_options *options, const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") == 0 || *end != '\0' || number == 0 || number > INT32_MAX)
		return complain("'%s' is no process number", text);
	options->pid = (uint32_t)number;
	return 0;
}

static int store_timeout(struct ctl_options *options, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end != '\0' || !(s >= 0 && s <= TIMEOUT_MAX_S))
		return complain("'%s' is no number of seconds", text);
	options->timeout_ms = (int)(s * 1000);
	return 0;
}

static int store(struct ctl_options *options, const struct option_row *row)
{
	options->flags |= row->flag;
	switch (row->flag) {
	case CTL_SOCKET:
		options->socket = optarg;
		return 0;
	case CTL_PROGRAM:
		options->program = optarg;
		return 0;
	case CTL_PID:
		return store_pid(options, optarg);
	case CTL_LINK:
		options->link = optarg;
		return 0;
	case CTL_TIMEOUT:
	case CTL_QUIET:
		return store_timeout(options, optarg);
	default:
		return 0;
	}
}

/*
 * Reads the options in @flags; with @prefix "+" up to the first operand. The
 * operands are those from optind on.
 */
static int read_options(struct ctl_options *options, uint32_t flags, const char *prefix,
	int argc, char **argv)
{
	char letters[LETTERS_MAX + 1];
	struct option names[N_ROWS + 1];
	int value;

	strcpy(letters, prefix);
	make_getopt_tables(flags, letters + strlen(prefix), names);
	optind = 0;
	while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (value == '?') {
			fputs("Try 'usocketctl --help'.\n", stderr);
			return -EINVAL;
		}
		if (store(options, find_row(value, flags)) < 0)
			return -EINVAL;
	}
	return 0;
}

static int read_operands(struct ctl_options *options, const struct ctl_command *command, int n,
	char **operands)
{
	if (options->flags & (CTL_HELP | CTL_VERSION))
		return 0;
	if (n > command->n_max)
		return complain("what is '%s'?", operands[command->n_max]);
	if (n < command->n_min)
		return complain("%s is missing", command->operands);
	options->operands = operands;
	options->n_operands = n;
	return 0;
}

int ctl_family(uint32_t flags)
{
	switch (flags & (CTL_IPV4 | CTL_IPV6)) {
	case CTL_IPV4:
		return AF_INET;
	case CTL_IPV6:
		return AF_INET6;
	default:
		return AF_UNSPEC;
	}
}

int options_parse(struct ctl_options *options, const struct ctl_command **command, int argc,
	char **argv)
{
	int n_words;

	*options = (struct ctl_options){ 0 };
	*command = NULL;
	if (argc > 0)
		argv[0] = program_name;
	if (read_options(options, CTL_GLOBAL, "+", argc, argv) < 0)
		return -EINVAL;
	argc -= optind;
	argv += optind;
	if (argc == 0 && (options->flags & (CTL_HELP | CTL_VERSION)))
		return 0;
	if (argc == 0)
		return complain("a %s is missing", "command");
	*command = find_command(argv, argc, &n_words);
	if (!*command)
		return complain("there is no command '%s'", argv[0]);
	argc -= n_words - 1;
	argv += n_words - 1;
	argv[0] = program_name;
	if (read_options(options, CTL_GLOBAL | (*command)->flags, "", argc, argv) < 0)
		return -EINVAL;
	return read_operands(options, *command, argc - optind, argv + optind);
}

static void print_row(const struct option_row *row, FILE *out)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s%s%s", row->name, row->value ? " " : "",
		row->value ? row->value : "");
	if (row->letter)
		fprintf(out, "  -%c, %-16s %s\n", row->letter, name, row->help);
	else
		fprintf(out, "      %-16s %s\n", name, row->help);
}

static void print_rows(uint32_t flags, FILE *out)
{
	size_t i;

	for (i = 0; i < N_ROWS; i++)
		if (rows[i].flag & flags)
			print_row(&rows[i], out);
}

static void print_commands(FILE *out)
{
	size_t i;

	fputs("\nCommands:\n", out);
	for (i = 0; i < N_COMMANDS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s %s", commands[i].name,
			commands[i].operands ? commands[i].operands : "");
		fprintf(out, "  %-26s %s\n", name, commands[i].help);
	}
}

void options_print_help(const struct ctl_command *command, FILE *out)
{
	if (command) {
		fprintf(out, "usage: usocketctl %s [OPTION]...%s%s\n\n%s\n", command->name,
			command->operands ? " " : "",
			command->operands ? command->operands : "",
			command->help);
		fputs("\nOptions:\n", out);
		print_rows(command->flags, out);
	} else {
		fputs("usage: usocketctl [OPTION]... COMMAND [OPTION]...\n\n"
		      "Shows what usocketd does, and controls its links.\n",
			out);
		print_commands(out);
		fputs("\n'usocketctl COMMAND --help' lists a command's own options.\n"
		      "\nOptions:\n",
			out);
	}
	print_rows(CTL_GLOBAL, out);
	fputs("\nExit codes: 0 done, 1 failed, 2 usage, 3 no daemon, 4 not permitted.\n", out);
}
