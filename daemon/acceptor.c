/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * When the process is out of descriptors, accept() fails and the waiting
 * connection would wake the loop for ever, so nobody is listened to for a
 * moment instead. Whoever waits in the backlog is served later.
 */
#include "daemon/acceptor.h"

#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

/* Connections taken in one loop turn. */
#define ACCEPT_BUDGET	16
#define ACCEPT_PAUSE_MS 200

static void pause_accepting(struct acceptor *acceptor, int error)
{
	const struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	log_warning("cannot accept %s: %s; raise RLIMIT_NOFILE (LimitNOFILE=)", acceptor->whom,
		strerror(error));
	event_del(acceptor->on_acceptable);
	event_add(acceptor->on_pause_over, &pause);
}

static void on_pause_over(evutil_socket_t fd, short events, void *arg)
{
	struct acceptor *acceptor = arg;

	(void)fd;
	(void)events;
	event_add(acceptor->on_acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short events, void *arg)
{
	struct acceptor *acceptor = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			acceptor->take(client, acceptor->arg);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(acceptor, errno);
		else if (errno == EINTR || errno == ECONNABORTED)
			continue;
		return;
	}
}

int acceptor_start(struct acceptor *acceptor, struct event_base *base)
{
	acceptor->on_acceptable =
		event_new(base, acceptor->fd, EV_READ | EV_PERSIST, on_acceptable, acceptor);
	acceptor->on_pause_over = evtimer_new(base, on_pause_over, acceptor);
	if (!acceptor->on_acceptable || !acceptor->on_pause_over ||
		event_add(acceptor->on_acceptable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
	if (acceptor->on_acceptable)
		event_free(acceptor->on_acceptable);
	if (acceptor->on_pause_over)
		event_free(acceptor->on_pause_over);
	acceptor->on_acceptable = NULL;
	acceptor->on_pause_over = NULL;
}
