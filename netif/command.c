/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The program runs in a session of its own, so that it can be ended with all
 * that it has started, with one pipe for its output and its errors. It is done
 * when it has exited, not when it closes the pipe, which a child that stays
 * behind may hold for ever; a pidfd tells of that (as in helper.c). One that is
 * killed stays ours until it can be reaped, and no other is started before.
 */
#include "netif/command.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED_MS 1000

extern char **environ;

static void close_output(struct command *command)
{
	if (command->readable)
		event_free(command->readable);
	command->readable = NULL;
	if (command->output_fd >= 0)
		close(command->output_fd);
	command->output_fd = -1;
}

static void forget(struct command *command)
{
	close_output(command);
	if (command->exited)
		event_free(command->exited);
	if (command->deadline)
		event_free(command->deadline);
	command->exited = NULL;
	command->deadline = NULL;
	if (command->pidfd >= 0)
		close(command->pidfd);
	command->pidfd = -1;
	command->pid = 0;
	command->is_dying = false;
}

static void read_output(struct command *command)
{
	for (;;) {
		size_t room = sizeof(command->output) - 1 - command->len;
		char rest[512];
		ssize_t n;

		/* What is too much is read, so that the program can go on, and lost. */
		n = read(command->output_fd, room ? command->output + command->len : rest,
			room ? room : sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0) {
			close_output(command);
			return;
		}
		if (room)
			command->len += (size_t)n;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_output(arg);
}

/* False: it has not ended yet. */
static bool reap(struct command *command, int *status)
{
	int wait_status = 0;
	pid_t pid;

	do {
		pid = waitpid(command->pid, &wait_status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	*status = pid > 0 && WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -ECHILD;
	return true;
}

static void finish(struct command *command, int status)
{
	command->output[command->len] = '\0';
	/* The last thing done: the callee may start another. */
	command->done(status, command->output, command->arg);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;
	bool is_wanted = !command->is_dying;
	int status;

	(void)fd;
	(void)what;
	if (command->output_fd >= 0)
		read_output(command);
	if (!reap(command, &status))
		return;
	forget(command);
	if (is_wanted)
		finish(command, status);
}

void command_kill(struct command *command)
{
	if (command->pid == 0 || command->is_dying)
		return;
	command->is_dying = true;
	close_output(command);
	event_del(command->deadline);
	/* Its session, which has its number until it is reaped. */
	kill(-command->pid, SIGKILL);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;

	(void)fd;
	(void)what;
	command_kill(command);
	finish(command, -ETIMEDOUT);
}

/* Returns 0 or an errno. */
static int spawn(pid_t *pid, const char *const argv[], int output)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigaddset(&signals, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawnp(pid, argv[0], &actions, &attributes,
			(char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

static int watch(struct command *command, uint32_t timeout_ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(timeout_ms / 1000),
		.tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000,
	};

	command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
	if (command->pidfd < 0)
		return -errno;
	fcntl(command->pidfd, F_SETFD, FD_CLOEXEC);
	command->readable = event_new(command->base, command->output_fd, EV_READ | EV_PERSIST,
		on_readable, command);
	command->exited = event_new(command->base, command->pidfd, EV_READ | EV_PERSIST, on_exited,
		command);
	command->deadline = evtimer_new(command->base, on_deadline, command);
	if (!command->readable || !command->exited || !command->deadline)
		return -ENOMEM;
	event_add(command->readable, NULL);
	event_add(command->exited, NULL);
	event_add(command->deadline, &t);
	return 0;
}

int command_start(struct command *command, const char *const argv[], uint32_t timeout_ms,
	command_done_fn done, void *arg)
{
	int pipe_fds[2], error, status;

	if (command->pid != 0 && !reap(command, &status))
		return -EBUSY;
	forget(command);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	command->output_fd = pipe_fds[0];
	command->len = 0;
	command->done = done;
	command->arg = arg;
	error = -spawn(&command->pid, argv, pipe_fds[1]);
	close(pipe_fds[1]);
	if (error) {
		command->pid = 0;
		close_output(command);
		return error;
	}
	error = watch(command, timeout_ms);
	if (error) {
		kill(-command->pid, SIGKILL);
		waitpid(command->pid, NULL, 0);
		forget(command);
	}
	return error;
}

void command_init(struct command *command, struct event_base *base)
{
	memset(command, 0, sizeof(*command));
	command->base = base;
	command->pidfd = -1;
	command->output_fd = -1;
}

void command_fini(struct command *command)
{
	int status;

	command_kill(command);
	if (command->pid != 0) {
		struct pollfd ended = { .fd = command->pidfd, .events = POLLIN };

		poll(&ended, 1, KILLED_MS);
		reap(command, &status);
	}
	forget(command);
}
