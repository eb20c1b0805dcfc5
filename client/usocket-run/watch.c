/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The program takes over the process of usocket-run, so that whoever started it
 * has the program itself as its child. Who watches is a child of a child that
 * has ended: no child that the program would be surprised by.
 *
 * Two pipes lead to it. The library writes a byte on the first before main()
 * (preload/load.c). The other closes with the execve(2) itself, from when on
 * the time runs; if the execve fails, this process ends, and both close. The
 * dynamic linker has been asked before (trial.c), so a byte that does not come
 * means that something has changed meanwhile, or that another library is in
 * front.
 */
#include "client/usocket-run/watch.h"

#include "client/preload/places.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* From the execve to the library's word. */
#define ACKNOWLEDGE_MS 10000

/* Waits for a byte or the end: the byte's count, or -1 when the time is over. */
static int wait_end(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? (int)read(fd, &byte, 1) : -1;
}

static _Noreturn void watch(int process, int acknowledged, int executed, const char *program)
{
	/* Terminals' and supervisors' signals are for the program. */
	setsid();
	wait_end(executed, -1);
	if (wait_end(acknowledged, ACKNOWLEDGE_MS) < 0) {
		pidfd_send_signal(process, SIGKILL, NULL, 0);
		fprintf(stderr, "usocket-run: %s ran without the library and was killed: its "
				"traffic would have left by the kernel's route\n",
			program);
	}
	_exit(0);
}

static int make_pipes(int acknowledged[2], int executed[2])
{
	if (pipe2(acknowledged, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(executed, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(acknowledged[1], F_SETFD, 0) < 0 ? -errno : 0;
}

int watch_start(const char *program)
{
	int acknowledged[2], executed[2], process, status, r;
	char number[16];
	pid_t child;

	process = pidfd_open(getpid(), 0);
	if (process < 0)
		return -errno;
	r = make_pipes(acknowledged, executed);
	if (r < 0)
		return r;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		pid_t grandchild = fork();

		if (grandchild != 0)
			_exit(grandchild < 0);
		close(acknowledged[1]);
		close(executed[1]);
		watch(process, acknowledged[0], executed[0], program);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (status != 0)
		return -EAGAIN;
	close(process);
	close(acknowledged[0]);
	close(executed[0]);
	snprintf(number, sizeof(number), "%d", acknowledged[1]);
	return setenv(PLACES_ACK_ENV, number, 1) < 0 ? -errno : 0;
}
