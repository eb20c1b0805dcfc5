/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * With LD_TRACE_LOADED_OBJECTS set glibc's dynamic linker maps what a program
 * needs, prints a line for each and ends (ld.so(8); ldd(1) does this). A library
 * that cannot be preloaded is only warned of, so its line is looked for. Only for
 * programs that program_check() found to be glibc's: others would run.
 */
#include "client/usocket-run/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn(const char *program, int output, pid_t *pid)
{
	char *argv[] = { (char *)program, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	r = posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Looks for the library's line; keeps the last one that complains of it. */
static bool read_lines(FILE *lines, const char *library, char *text, size_t size)
{
	size_t room = 0, len = strlen(library);
	bool found = false;
	char *line = NULL;

	while (getline(&line, &room, lines) >= 0) {
		const char *start = line + strspn(line, " \t");

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(start, library, len) == 0 && start[len] == ' ')
			found = true;
		else if (strstr(line, library))
			snprintf(text, size, "%s", line);
	}
	free(line);
	return found;
}

int trial_run(const char *program, const char *library, char *text, size_t size)
{
	bool found = false;
	int ends[2], r;
	FILE *lines;
	pid_t pid;

	*text = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
	r = spawn(program, ends[1], &pid);
	unsetenv("LD_TRACE_LOADED_OBJECTS");
	close(ends[1]);
	lines = fdopen(ends[0], "r");
	if (!lines) {
		close(ends[0]);
		return -ENOMEM;
	}
	if (r == 0) {
		found = read_lines(lines, library, text, size);
		waitpid(pid, NULL, 0);
	}
	fclose(lines);
	return r < 0 ? r : found;
}
