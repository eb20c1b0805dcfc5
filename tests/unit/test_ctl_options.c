/* SPDX-License-Identifier: MIT */
#include "client/usocketctl/options.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <string.h>

/* The commands do nothing here. */
int ctl_run_status(const struct ctl_options *options, FILE *out)
{
	(void)options;
	(void)out;
	return CTL_EXIT_OK;
}

int ctl_run_sockets(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_monitor(const struct ctl_options *options, FILE *out)
{
	(void)options;
	(void)out;
	return 0;
}

int ctl_run_resolve(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_nc(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_up(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_down(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_reset(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_set(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_wait(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_link_log(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

int ctl_run_at(const struct ctl_options *options, FILE *out)
{
	return ctl_run_status(options, out);
}

#define WORDS_MAX 8

struct line {
	const char *words[WORDS_MAX]; /* after the program's name */
	const char *command;	      /* NULL: none */
	uint32_t flags;
};

/* getopt may put the pointers into another order; it leaves the words alone. */
static int parse(const char *const words[WORDS_MAX], struct ctl_options *options,
	const struct ctl_command **command)
{
	static char name[] = "usocketctl";
	/* The operands point into it. */
	static char *argv[WORDS_MAX + 2];
	int argc = 1;

	memset(argv, 0, sizeof(argv));
	argv[0] = name;
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	return options_parse(options, command, argc, argv);
}

static const struct line right[] = {
	{ { "status" }, "status", 0 },
	{ { "--json", "status" }, "status", CTL_JSON },
	{ { "status", "--json" }, "status", CTL_JSON },
	{ { "-j", "link" }, "link", CTL_JSON },
	{ { "sockets", "-tuwlan" }, "sockets",
		CTL_TCP | CTL_UDP | CTL_RAW | CTL_LISTENING | CTL_ALL | CTL_NUMERIC },
	{ { "sockets", "-p", "-i", "-e", "-H" }, "sockets",
		CTL_PROCESSES | CTL_INFO | CTL_EXTENDED | CTL_NO_HEADER },
	{ { "sockets", "--pid", "12", "--program=x", "-4", "-6" }, "sockets",
		CTL_PID | CTL_PROGRAM | CTL_IPV4 | CTL_IPV6 },
	{ { "resolve", "name", "-4" }, "resolve", CTL_IPV4 },
	{ { "resolve", "-6", "--", "-name" }, "resolve", CTL_IPV6 },
	{ { "nc", "-uN4", "-w", "1", "host", "7" }, "nc",
		CTL_DATAGRAMS | CTL_SHUT | CTL_IPV4 | CTL_QUIET },
	{ { "nc", "--listen", "7" }, "nc", CTL_ACCEPT },
	{ { "nc", "-z", "host", "7" }, "nc", CTL_ZERO },
	{ { "link", "wan" }, "link", 0 },
	{ { "link", "up", "wan" }, "link up", 0 },
	{ { "-j", "link", "log", "-f" }, "link log", CTL_JSON | CTL_FOLLOW },
	{ { "link", "wait", "--timeout=0" }, "link wait", CTL_TIMEOUT },
	{ { "link", "set", "--help" }, "link set", CTL_HELP },
	{ { "--help" }, NULL, CTL_HELP },
	{ { "-V" }, NULL, CTL_VERSION },
	{ { "resolve", "--help" }, "resolve", CTL_HELP },
	{ { "--socket", "/x", "status" }, "status", CTL_SOCKET },
};

START_TEST(parse_right_line_sets_its_bits)
{
	const struct ctl_command *command;
	struct ctl_options options;

	ck_assert_int_eq(parse(right[_i].words, &options, &command), 0);
	ck_assert_uint_eq(options.flags, right[_i].flags);
	if (right[_i].command)
		ck_assert_str_eq(command->name, right[_i].command);
	else
		ck_assert_ptr_null(command);
}
END_TEST

START_TEST(parse_values_are_kept)
{
	static const char *const words[WORDS_MAX] = { "-s", "/run/x", "sockets", "--pid", "4711",
		"--program", "a b" };
	static const char *const resolve[WORDS_MAX] = { "resolve", "name" };
	static const char *const set[WORDS_MAX] = { "link", "set", "-j", "wan", "password", "-" };
	static const char *const at[WORDS_MAX] = { "at", "--link", "wan", "--timeout", "1.5",
		"AT+CSQ" };
	const struct ctl_command *command;
	struct ctl_options options;

	ck_assert_int_eq(parse(words, &options, &command), 0);
	ck_assert_str_eq(options.socket, "/run/x");
	ck_assert_str_eq(options.program, "a b");
	ck_assert_uint_eq(options.pid, 4711);
	ck_assert_int_eq(parse(resolve, &options, &command), 0);
	ck_assert_int_eq(options.n_operands, 1);
	ck_assert_str_eq(options.operands[0], "name");
	ck_assert_int_eq(parse(set, &options, &command), 0);
	ck_assert_int_eq(options.n_operands, 3);
	ck_assert_str_eq(options.operands[0], "wan");
	ck_assert_str_eq(options.operands[2], "-");
	ck_assert_int_eq(parse(at, &options, &command), 0);
	ck_assert_str_eq(options.link, "wan");
	ck_assert_int_eq(options.timeout_ms, 1500);
	ck_assert_str_eq(options.operands[0], "AT+CSQ");
}
END_TEST

static const struct line wrong[] = {
	{ { NULL }, NULL, 0 },
	{ { "nonsense" }, NULL, 0 },
	{ { "--nonsense", "status" }, NULL, 0 },
	{ { "status", "--nonsense" }, NULL, 0 },
	{ { "status", "-t" }, NULL, 0 },
	{ { "-t", "sockets" }, NULL, 0 },
	{ { "status", "more" }, NULL, 0 },
	{ { "resolve" }, NULL, 0 },
	{ { "resolve", "a", "b" }, NULL, 0 },
	{ { "link", "up" }, NULL, 0 },
	{ { "link", "down", "a", "b" }, NULL, 0 },
	{ { "link", "a", "b" }, NULL, 0 },
	{ { "link", "set", "wan", "apn" }, NULL, 0 },
	{ { "link", "wait", "--timeout", "-1" }, NULL, 0 },
	{ { "link", "wait", "--timeout", "1s" }, NULL, 0 },
	{ { "link", "wait", "--timeout", "nan" }, NULL, 0 },
	{ { "link", "wait", "--timeout", "1e9" }, NULL, 0 },
	{ { "at" }, NULL, 0 },
	{ { "nc" }, NULL, 0 },
	{ { "nc", "-w", "-1", "host", "7" }, NULL, 0 },
	{ { "nc", "-t", "host", "7" }, NULL, 0 },
	{ { "nc", "one", "two", "three" }, NULL, 0 },
	{ { "--socket" }, NULL, 0 },
	{ { "sockets", "--pid", "0" }, NULL, 0 },
	{ { "sockets", "--pid", "-1" }, NULL, 0 },
	{ { "sockets", "--pid", "1x" }, NULL, 0 },
	{ { "sockets", "--pid", "" }, NULL, 0 },
	{ { "sockets", "--pid", "99999999999999999999" }, NULL, 0 },
};

START_TEST(parse_wrong_line_is_refused)
{
	const struct ctl_command *command;
	struct ctl_options options;

	ck_assert_int_eq(parse(wrong[_i].words, &options, &command), -EINVAL);
}
END_TEST

START_TEST(help_lists_every_command)
{
	static const char *const names[] = { "status", "sockets", "link", "monitor",
		"resolve NAME", "link set NAME KEY VALUE...", "at COMMAND", "--json",
		"--socket PATH", "--version" };
	char *text;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	options_print_help(NULL, out);
	fclose(out);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_ptr_nonnull(strstr(text, names[i]));
	free(text);
	out = open_memstream(&text, &size);
	options_print_help(options_find_command("sockets"), out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "--pid N"));
	ck_assert_ptr_nonnull(strstr(text, "--json"));
	free(text);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("options");

	tcase_add_loop_test(tc, parse_right_line_sets_its_bits, 0,
		(int)(sizeof(right) / sizeof(right[0])));
	tcase_add_test(tc, parse_values_are_kept);
	tcase_add_loop_test(tc, parse_wrong_line_is_refused, 0,
		(int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tc, help_lists_every_command);
	return run_suite("ctl_options", tc);
}
