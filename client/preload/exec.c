/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The calls that start programs. What is started shall have its sockets where
 * this program has them, or not run: its environment is completed
 * (environment.c), and its file looked into as usocket-run does with the first
 * one. One that cannot be preloaded is refused with EACCES and a sentence on
 * standard error, unless usocket-run was told to allow it. What the kernel would
 * not run anyway is left to it, so that the error is its own.
 *
 * Much of this runs between vfork() and exec, in the parent's memory: no locks, no
 * allocation, nothing that stays. Calls that look for a program in $PATH are made
 * with the name as it is, since libc also knows what to do with a script without
 * an interpreter; the file looked into is the one that they will find.
 */
#include "client/preload/calls.h"

#include "client/preload/environment.h"
#include "client/preload/linux_errno.h"
#include "client/preload/places.h"
#include "client/usocket-run/program.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* Without the library's help: "/proc/self/fd/" and a number. */
#define FD_PATH_ROOM 32

/* ---- what may run ------------------------------------------------------- */

static int refuse(const char *path, const char *why)
{
	char line[PATH_MAX + 256];
	int n = snprintf(line, sizeof(line),
		"usocket-run: %s %s: not started, its traffic would leave by the kernel's "
		"route (--allow-others lets it)\n",
		path, why);

	places_log("exec %s: refused, it %s", path, why);
	if (n > 0 && write(STDERR_FILENO, line, strnlen(line, sizeof(line))) < 0)
		return EACCES;
	return EACCES;
}

static bool is_for_the_kernel_to_refuse(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0;
}

/* 0, or the errno. */
static int check_file(struct program *program)
{
	enum program_fitness fitness = program_check(program);

	/* No program: it may have a shell for its interpreter. */
	if (fitness == PROGRAM_FITS || fitness == PROGRAM_NO_PROGRAM ||
		(fitness == PROGRAM_UNREADABLE && errno == ENOENT))
		return 0;
	if (!places_allow_others())
		return refuse(program->checked, program_fitness_text(fitness));
	places_log("exec %s: has the kernel's sockets", program->checked);
	return 0;
}

static int check_path(const char *path)
{
	struct program program;

	if (!environment_library() || !path || strlen(path) >= sizeof(program.path) ||
		is_for_the_kernel_to_refuse(path))
		return 0;
	/* After chroot(2), or as another user: ld.so would only warn. */
	if (access(environment_library(), R_OK) < 0 && !places_allow_others())
		return refuse(path, "cannot be preloaded, as the library cannot be read from here");
	strcpy(program.path, path);
	return check_file(&program);
}

static int check_name(const char *name)
{
	struct program program;

	if (!environment_library() || !name || strchr(name, '/') ||
		program_find(&program, name) < 0)
		return check_path(name);
	return check_path(program.path);
}

/* ---- the environment ---------------------------------------------------- */

/* @envp, completed on the caller's stack. */
#define COMPLETED(envp)             \
	(environment_is_whole(envp) \
			? (envp)    \
			: environment_complete((envp), alloca(environment_room(envp))))

int preload_execve(const char *path, char *const argv[], char *const envp[])
{
	char *const *whole = COMPLETED(envp);
	int error = check_path(path);

	return error ? linux_fail(error) : execve(path, argv, whole);
}

int preload_execv(const char *path, char *const argv[])
{
	return preload_execve(path, argv, environ);
}

int preload_execvpe(const char *name, char *const argv[], char *const envp[])
{
	char *const *whole = COMPLETED(envp);
	int error = check_name(name);

	return error ? linux_fail(error) : execvpe(name, argv, whole);
}

int preload_execvp(const char *name, char *const argv[])
{
	return preload_execvpe(name, argv, environ);
}

/* The kernel's own name for what a descriptor, or a path below one, leads to. */
static const char *path_at(char *room, size_t size, int fd, const char *path)
{
	int n;

	if (path && (*path == '/' || (*path && fd == AT_FDCWD)))
		return path;
	n = snprintf(room, size, "/proc/self/fd/%d%s%s", fd, path && *path ? "/" : "",
		path ? path : "");
	return n > 0 && (size_t)n < size ? room : NULL;
}

int preload_fexecve(int fd, char *const argv[], char *const envp[])
{
	char *const *whole = COMPLETED(envp);
	char room[FD_PATH_ROOM];
	int error = check_path(path_at(room, sizeof(room), fd, NULL));

	return error ? linux_fail(error) : fexecve(fd, argv, whole);
}

int preload_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	char *const *whole = COMPLETED(envp);
	char room[PATH_MAX];
	int error = check_path(path_at(room, sizeof(room), fd, path));

	return error ? linux_fail(error) : execveat(fd, path, argv, whole, flags);
}

/* ---- starting in one call ----------------------------------------------- */

/* These return the errno. */
int preload_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	char *const *whole = COMPLETED(envp);
	int error = check_path(path);

	return error ? error : posix_spawn(pid, path, actions, attributes, argv, whole);
}

int preload_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	char *const *whole = COMPLETED(envp);
	int error = check_name(name);

	return error ? error : posix_spawnp(pid, name, actions, attributes, argv, whole);
}

/* A shell, which libc gives this process' environment. */
int preload_system(const char *command)
{
	environment_restore();
	return system(command);
}

FILE *preload_popen(const char *command, const char *mode)
{
	environment_restore();
	return popen(command, mode);
}
