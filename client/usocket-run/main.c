/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocket-run: puts the library's path into LD_PRELOAD, its settings into the
 * environment, and becomes the program. Before, it makes sure that the library
 * will be there, in three steps of which each sees what the one before cannot:
 * the program's file (program.c), the dynamic linker's own word (trial.c), and
 * the library's, once the program has begun (watch.c). A program that fails any
 * of them does not run, or not on.
 */
#include "client/preload/places.h"
#include "client/preload/prefix.h"
#include "client/usocket-run/program.h"
#include "client/usocket-run/trial.h"
#include "client/usocket-run/watch.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_NAME "libusocket-preload.so"
/* Names another library, for those that are not installed. */
#define LIBRARY_ENV "USOCKET_PRELOAD"

/* As env(1) and the shell have them. */
enum run_exit {
	EXIT_USAGE = 125,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
};

static const char usage[] =
	"usage: usocket-run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"       usocket-run --check PROGRAM\n"
	"\n"
	"Runs a dynamically linked program with its internet sockets in usocketd's stack.\n"
	"\n"
	"  --deny PREFIX     refuse connections and datagrams to it (EACCES)\n"
	"  --kernel PREFIX   leave it to the kernel's stack, as 127.0.0.0/8 and ::1 are\n"
	"  --stack-loopback  127.0.0.0/8 and ::1 are the stack's too\n"
	"  --allow-others    let it start programs that cannot be preloaded: they have\n"
	"                    the kernel's sockets\n"
	"  --log FILE        append what is refused or left to the kernel\n"
	"  --check           only tell whether PROGRAM can be run so\n"
	"  --help, --version\n"
	"\n"
	"PREFIX is an address with or without a length, such as 192.0.2.0/24. See\n"
	"usocket-run(1).\n";

static const char ways_left[] =
	"usocket-run: let it use usocketd's SOCKS server ([socks] in usocketd.conf(5)), let it "
	"reach its peer by \"usocketctl nc\" (usocketctl(1)), or use a program that is linked "
	"dynamically to glibc.\n";

static int fail(enum run_exit code, const char *program, const char *why)
{
	fprintf(stderr, "usocket-run: %s: %s\n", program, why);
	return code;
}

/* Adds @prefix to the list in the variable @name. */
static int add_prefix(const char *name, const char *prefix)
{
	const char *before = getenv(name);
	struct prefix unused;
	char *list;
	int r;

	if (prefix_parse(&unused, prefix, (unsigned int)strlen(prefix)) < 0)
		return fail(EXIT_USAGE, prefix, "is no address or prefix");
	if (asprintf(&list, "%s%s%s", before ? before : "", before ? "," : "", prefix) < 0)
		return fail(EXIT_USAGE, prefix, strerror(ENOMEM));
	r = setenv(name, list, 1);
	free(list);
	return r < 0 ? fail(EXIT_USAGE, prefix, strerror(errno)) : 0;
}

/* The program may change its folder. */
static int set_log(const char *path)
{
	char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
	char *whole = NULL;
	int r;

	if (*path == '/')
		return setenv(PLACES_LOG_ENV, path, 1) < 0
			? fail(EXIT_USAGE, path, strerror(errno))
			: 0;
	if (!folder || asprintf(&whole, "%s/%s", folder, path) < 0)
		r = -1;
	else
		r = setenv(PLACES_LOG_ENV, whole, 1);
	free(folder);
	free(whole);
	return r < 0 ? fail(EXIT_USAGE, path, "cannot be the log: the current folder is not known")
		     : 0;
}

enum run_option {
	OPTION_DENY = 256,
	OPTION_KERNEL,
	OPTION_LOOPBACK,
	OPTION_OTHERS,
	OPTION_LOG,
	OPTION_CHECK,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
	{ "deny", required_argument, NULL, OPTION_DENY },
	{ "kernel", required_argument, NULL, OPTION_KERNEL },
	{ "stack-loopback", no_argument, NULL, OPTION_LOOPBACK },
	{ "allow-others", no_argument, NULL, OPTION_OTHERS },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* Returns -1 to go on, or the exit status. */
static int take_option(int option, bool *only_check)
{
	int r = 0;

	switch (option) {
	case OPTION_DENY:
		r = add_prefix(PLACES_DENY_ENV, optarg);
		break;
	case OPTION_KERNEL:
		r = add_prefix(PLACES_KERNEL_ENV, optarg);
		break;
	case OPTION_LOOPBACK:
		setenv(PLACES_LOOPBACK_ENV, PLACES_LOOPBACK_STACK, 1);
		break;
	case OPTION_OTHERS:
		setenv(PLACES_OTHERS_ENV, PLACES_OTHERS_KERNEL, 1);
		break;
	case OPTION_LOG:
		r = set_log(optarg);
		break;
	case OPTION_CHECK:
		*only_check = true;
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	case OPTION_VERSION:
		puts("usocket-run (usocketd) " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	default:
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return r ? r : -1;
}

/* Behind what is preloaded already: sanitizers have to be first. */
static int set_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *list;
	int r;

	/* ld.so(8): both separate, and nothing escapes them. */
	if (strpbrk(library, ": "))
		return fail(EXIT_CANNOT_RUN, library, "has a space or colon in its path");
	if (before && strstr(before, library))
		return 0;
	if (asprintf(&list, "%s%s%s", before ? before : "", before && *before ? ":" : "",
		    library) < 0)
		return fail(EXIT_CANNOT_RUN, library, strerror(ENOMEM));
	r = setenv("LD_PRELOAD", list, 1);
	free(list);
	return r < 0 ? fail(EXIT_CANNOT_RUN, library, strerror(errno)) : 0;
}

static int check_program(struct program *program, const char *name, const char *library)
{
	enum program_fitness fitness;
	char said[512];
	int r = program_find(program, name);

	if (r < 0)
		return fail(r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, name, strerror(-r));
	fitness = program_check(program);
	if (fitness != PROGRAM_FITS) {
		fail(EXIT_CANNOT_RUN, program->checked, program_fitness_text(fitness));
		fputs(ways_left, stderr);
		return EXIT_CANNOT_RUN;
	}
	r = set_preload(library);
	if (r)
		return r;
	r = trial_run(program->checked, library, said, sizeof(said));
	if (r < 0)
		return fail(EXIT_CANNOT_RUN, program->checked, strerror(-r));
	if (r == 0)
		return fail(EXIT_CANNOT_RUN, program->checked,
			*said ? said : "the dynamic linker does not load " LIBRARY_NAME);
	return 0;
}

static const char not_installed[] =
	"usocket-run: install usocketd (make install), or name the library in the\n"
	"environment's " LIBRARY_ENV "\n";

static int run(char **argv, bool only_check)
{
	const char *named = getenv(LIBRARY_ENV);
	const char *library = named && *named ? named : USOCKET_PRELOAD_DIR "/" LIBRARY_NAME;
	struct program program;
	int r;

	if (access(library, R_OK) < 0) {
		fail(EXIT_CANNOT_RUN, library, strerror(errno));
		fputs(not_installed, stderr);
		return EXIT_CANNOT_RUN;
	}
	r = check_program(&program, argv[0], library);
	if (r)
		return r;
	if (only_check) {
		printf("%s can be run\n", program.path);
		return EXIT_SUCCESS;
	}
	r = watch_start(program.path);
	if (r < 0)
		return fail(EXIT_CANNOT_RUN, program.path, strerror(-r));
	execv(program.path, argv);
	return fail(EXIT_CANNOT_RUN, program.path, strerror(errno));
}

int main(int argc, char **argv)
{
	bool only_check = false;
	int option;

	/* '+': what follows the program is the program's. */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		int r = take_option(option, &only_check);

		if (r >= 0)
			return r;
	}
	if (optind >= argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return run(argv + optind, only_check);
}
