/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * slirp talks PPP on its terminal, which is a pseudo-terminal in raw mode here.
 * It says what it is in plain text first, as a login shell would, and gives the
 * caller 10.0.2.15; the host's loopback is behind 10.0.2.2.
 *
 * It looks for users and passwords in files of its home, which is a folder of
 * its own for as long as it runs.
 */
#include "tests/modem-sim/peer.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PROGRAM	 "slirp-fullbolt"
#define READ_MAX 4096
#define ARGS_MAX 5
/* How it calls itself to who authenticates. */
#define NAME "name slirp"

static const char *const secrets[] = { ".pap-secrets", ".chap-secrets" };
#define N_SECRETS (sizeof(secrets) / sizeof(secrets[0]))

struct peer {
	struct peer_handlers handlers;
	char home[32];
	pid_t pid; /* 0: none */
	int master;
	struct event *readable, *writable;
	struct evbuffer *queue;
};

static int fail(const char *what)
{
	fprintf(stderr, "modem-sim: %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- its home ----------------------------------------------------------------------- */

static void secret_path(const struct peer *peer, size_t i, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", peer->home, secrets[i]);
}

static int write_secrets(const char *path, const struct peer_params *params)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(path);
	dprintf(fd, "\"%s\" * \"%s\"\n", params->user, params->password);
	return close(fd);
}

static int make_home(struct peer *peer, const struct peer_params *params)
{
	char path[PATH_MAX];
	int error = 0;

	strcpy(peer->home, "/tmp/modem-sim.XXXXXX");
	if (!mkdtemp(peer->home)) {
		peer->home[0] = '\0';
		return fail("/tmp");
	}
	for (size_t i = 0; i < N_SECRETS && !error; i++) {
		secret_path(peer, i, path, sizeof(path));
		error = write_secrets(path, params);
	}
	return error;
}

static void remove_home(struct peer *peer)
{
	char path[PATH_MAX];

	if (!peer->home[0])
		return;
	for (size_t i = 0; i < N_SECRETS; i++) {
		secret_path(peer, i, path, sizeof(path));
		unlink(path);
	}
	if (rmdir(peer->home) != 0)
		fail(peer->home);
}

/* ---- the process -------------------------------------------------------------------- */

static void run_program(const struct peer *peer, const struct peer_params *params, int slave)
{
	const char *args[ARGS_MAX + 1] = { PROGRAM, "ppp", NAME };
	int n = 3;

	if (params->pap)
		args[n++] = "+pap";
	if (params->chap)
		args[n++] = "+chap";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	setenv("HOME", peer->home, 1);
	for (int fd = 0; fd <= 2; fd++)
		dup2(slave, fd);
	execvp(PROGRAM, (char *const *)args);
	_exit(127);
}

static int open_terminal(struct peer *peer)
{
	struct termios t;
	int slave;

	peer->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (peer->master < 0 || grantpt(peer->master) != 0 || unlockpt(peer->master) != 0)
		return fail("pseudo-terminal");
	slave = open(ptsname(peer->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &t) != 0)
		return fail("pseudo-terminal");
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	return slave;
}

static int start(struct peer *peer, const struct peer_params *params)
{
	int slave = open_terminal(peer);

	if (slave < 0)
		return -1;
	peer->pid = fork();
	if (peer->pid == 0)
		run_program(peer, params, slave);
	close(slave);
	return peer->pid > 0 ? 0 : fail("fork");
}

/* ---- bytes -------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	uint8_t bytes[READ_MAX];
	ssize_t n;

	(void)what;
	if (peer->handlers.is_busy(peer->handlers.arg)) {
		event_del(peer->readable);
		return;
	}
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		peer->handlers.output(bytes, (size_t)n, peer->handlers.arg);
		return;
	}
	event_del(peer->readable);
	peer->handlers.ended(peer->handlers.arg);
}

static void flush(struct peer *peer)
{
	if (evbuffer_get_length(peer->queue) > 0 &&
		evbuffer_write(peer->queue, peer->master) < 0 && errno != EAGAIN)
		evbuffer_drain(peer->queue, evbuffer_get_length(peer->queue));
	if (evbuffer_get_length(peer->queue) > 0)
		event_add(peer->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

void peer_input(struct peer *peer, const void *bytes, size_t len)
{
	evbuffer_add(peer->queue, bytes, len);
	flush(peer);
}

void peer_resume(struct peer *peer)
{
	event_add(peer->readable, NULL);
}

/* ---- life --------------------------------------------------------------------------- */

struct peer *peer_new(struct event_base *base, const struct peer_params *params,
	const struct peer_handlers *handlers)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->handlers = *handlers;
	peer->master = -1;
	peer->queue = evbuffer_new();
	if (peer->queue && make_home(peer, params) == 0 && start(peer, params) == 0) {
		peer->readable = event_new(base, peer->master, EV_READ | EV_PERSIST, on_readable,
			peer);
		peer->writable = event_new(base, peer->master, EV_WRITE, on_writable, peer);
	}
	if (peer->readable && peer->writable) {
		event_add(peer->readable, NULL);
		return peer;
	}
	peer_free(peer);
	return NULL;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	if (peer->readable)
		event_free(peer->readable);
	if (peer->writable)
		event_free(peer->writable);
	if (peer->pid > 0) {
		kill(peer->pid, SIGKILL);
		while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (peer->master >= 0)
		close(peer->master);
	if (peer->queue)
		evbuffer_free(peer->queue);
	remove_home(peer);
	free(peer);
}
