/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What happens before main(): libc's calls are found, the settings read, and
 * usocket-run is told that the library is in place; otherwise it ends the
 * program (usocket-run/watch.c). A program whose call of socket() would go to
 * another library ends here, and so does one with settings that cannot be read:
 * to run with half of them would let through what was to be denied.
 */
#include "client/preload/environment.h"
#include "client/preload/exports.h"
#include "client/preload/kernel_calls.h"
#include "client/preload/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_CANNOT_RUN 126

static const char taken[] =
	"usocket-run: another preloaded library takes the calls of sockets: it has to come "
	"after libusocket-preload.so\n";

static const char malformed[] =
	"usocket-run: bad prefix in " PLACES_DENY_ENV " or " PLACES_KERNEL_ENV "\n";

static const char no_memory[] = "usocket-run: out of memory\n";

static _Noreturn void say_and_exit(const char *text)
{
	ssize_t unused = write(STDERR_FILENO, text, strlen(text));

	(void)unused;
	_exit(EXIT_CANNOT_RUN);
}

/* One byte, on the pipe that came from usocket-run. */
static void acknowledge(void)
{
	const char *number = getenv(PLACES_ACK_ENV);
	struct stat st;
	int fd;

	if (!number)
		return;
	fd = atoi(number);
	/* Not for the programs that this one starts. */
	unsetenv(PLACES_ACK_ENV);
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	if (write(fd, "", 1) != 1)
		say_and_exit("usocket-run: cannot tell that the library is in place\n");
	close(fd);
}

__attribute__((constructor)) static void load(void)
{
	kernel_calls_find();
	if (!exports_are_first())
		say_and_exit(taken);
	if (environment_load() < 0)
		say_and_exit(no_memory);
	if (places_load() < 0)
		say_and_exit(malformed);
	acknowledge();
}
