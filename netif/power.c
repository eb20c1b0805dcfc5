/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The script runs as the daemon's user, in a session of its own, so that what
 * it starts can be killed with it, and with no descriptor of ours but a pipe
 * for what it prints. It has ended when its process has; a child that it left
 * behind with the pipe open is not waited for.
 *
 * The process is seen by a pidfd, as helpers are (helper.c): nobody needs a
 * handler for SIGCHLD.
 */
#include "netif/power.h"

#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define DEADLINE_S    30
#define KILLED_MS     250
#define LINE_SIZE     200
#define READS_A_TURN  16
#define EXIT_NOT_RUN  127
#define LINK_NAME_MAX 32

struct power {
	power_done_fn done;
	void *arg;
	char link[LINK_NAME_MAX];
	pid_t pid;
	int pidfd;
	int output; /* our end of the pipe */
	struct event *exited, *readable, *deadline;
	char line[LINE_SIZE];
	size_t len;
};

int power_check(const char *script, char *error, size_t size)
{
	struct stat status;

	if (script[0] != '/') {
		snprintf(error, size, "power_script is the absolute path of a program");
		return -EINVAL;
	}
	if (stat(script, &status) != 0) {
		snprintf(error, size, "power_script: %s: %s", script, strerror(errno));
		return -EINVAL;
	}
	if (!S_ISREG(status.st_mode) || access(script, X_OK) != 0) {
		snprintf(error, size, "power_script: %s is no program that may be run: chmod +x",
			script);
		return -EINVAL;
	}
	return 0;
}

/* ---- what it prints --------------------------------------------------------------- */

static void end_line(struct power *power)
{
	power->line[power->len] = '\0';
	if (power->len > 0)
		log_notice("link %s: power script: %s", power->link, power->line);
	power->len = 0;
}

static void take_output(struct power *power, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_text = (unsigned char)bytes[i] >= ' ' && bytes[i] != 0x7f;

		if (bytes[i] == '\n')
			end_line(power);
		else if (is_text && power->len < sizeof(power->line) - 1)
			power->line[power->len++] = bytes[i];
	}
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
	struct power *power = arg;
	char bytes[512];
	ssize_t n;

	(void)what;
	for (int i = 0; i < READS_A_TURN; i++) {
		n = read(fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			event_del(power->readable);
			return;
		}
		take_output(power, bytes, (size_t)n);
	}
}

/* ---- its end ------------------------------------------------------------------------ */

static void log_end(const struct power *power, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED && info->si_status == 0)
		log_notice("link %s: the power script has done its work", power->link);
	else if (info->si_code == CLD_EXITED && info->si_status == EXIT_NOT_RUN)
		log_error("link %s: the power script cannot be run", power->link);
	else if (info->si_code == CLD_EXITED)
		log_error("link %s: the power script exited with status %d", power->link,
			info->si_status);
	else
		log_error("link %s: the power script was killed by signal %d", power->link,
			info->si_status);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct power *power = arg;
	siginfo_t info = { 0 };

	(void)what;
	if (waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
		return;
	on_output(power->output, EV_READ, power);
	end_line(power);
	log_end(power, &info);
	power->pid = 0;
	event_del(power->exited);
	event_del(power->deadline);
	/* The last thing: the owner frees it. */
	power->done(power->arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct power *power = arg;

	(void)fd;
	(void)what;
	log_error("link %s: the power script did not end in %d s", power->link, DEADLINE_S);
	kill(-power->pid, SIGKILL);
}

/* ---- its start ---------------------------------------------------------------------- */

/* Between fork and exec: only async-signal-safe calls. */
static void child(const struct power_params *params, int output)
{
	char *argv[] = { (char *)params->script, (char *)params->link, (char *)params->device,
		NULL };
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0)
		_exit(EXIT_NOT_RUN);
#ifdef SYS_close_range
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 1u << 2 /* CLOEXEC */);
#endif
	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(params->script, argv);
	_exit(EXIT_NOT_RUN);
}

static int spawn(struct power *power, const struct power_params *params)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	/* The script's own end blocks, as programs expect. */
	fcntl(pipes[1], F_SETFL, 0);
	power->output = pipes[0];
	power->pid = fork();
	if (power->pid == 0)
		child(params, pipes[1]);
	close(pipes[1]);
	if (power->pid < 0) {
		power->pid = 0;
		return -EAGAIN;
	}
	/* Done twice, so that no kill can come too early. */
	setpgid(power->pid, power->pid);
	power->pidfd = (int)syscall(SYS_pidfd_open, power->pid, 0);
	return power->pidfd < 0 ? -errno : 0;
}

static int watch(struct power *power, struct event_base *base)
{
	const struct timeval deadline = { .tv_sec = DEADLINE_S };

	power->exited = event_new(base, power->pidfd, EV_READ | EV_PERSIST, on_exited, power);
	power->readable = event_new(base, power->output, EV_READ | EV_PERSIST, on_output, power);
	power->deadline = evtimer_new(base, on_deadline, power);
	if (!power->exited || !power->readable || !power->deadline)
		return -ENOMEM;
	event_add(power->exited, NULL);
	event_add(power->readable, NULL);
	event_add(power->deadline, &deadline);
	return 0;
}

int power_start(struct power **out, const struct power_params *params)
{
	struct power *power = calloc(1, sizeof(*power));
	int error;

	if (!power)
		return -ENOMEM;
	power->pidfd = -1;
	power->output = -1;
	power->done = params->done;
	power->arg = params->arg;
	snprintf(power->link, sizeof(power->link), "%s", params->link);
	error = spawn(power, params);
	if (!error)
		error = watch(power, params->base);
	if (error) {
		power_free(power);
		return error;
	}
	*out = power;
	return 0;
}

static void event_end(struct event *event)
{
	if (event)
		event_free(event);
}

/* A process that even a kill cannot end in time is left behind: stopping does not wait. */
static void end_process(struct power *power)
{
	struct pollfd end = { .fd = power->pidfd, .events = POLLIN };

	if (power->pid <= 0)
		return;
	kill(-power->pid, SIGKILL);
	poll(&end, 1, KILLED_MS);
	waitpid(power->pid, NULL, WNOHANG);
}

void power_free(struct power *power)
{
	if (!power)
		return;
	event_end(power->exited);
	event_end(power->readable);
	event_end(power->deadline);
	end_process(power);
	if (power->pidfd >= 0)
		close(power->pidfd);
	if (power->output >= 0)
		close(power->output);
	free(power);
}
