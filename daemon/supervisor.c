/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libsystemd reads NOTIFY_SOCKET, LISTEN_FDS and WATCHDOG_USEC from the
 * environment. Pings are sent by a timer of the loop, at half the time that
 * is allowed, so a loop that hangs sends none.
 */
#include "daemon/supervisor.h"

#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

struct supervisor {
	struct event *ping; /* NULL: no watchdog */
};

#ifdef HAVE_LIBSYSTEMD

static void on_ping(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

int supervisor_take_socket(void)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
		log_error("LISTEN_FDS: expected one listening socket, AF_UNIX, SOCK_SEQPACKET");
		return -EINVAL;
	}
	return SD_LISTEN_FDS_START;
}

static int start_pings(struct supervisor *supervisor, struct event_base *base)
{
	uint64_t usec;
	struct timeval period;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	period.tv_sec = (time_t)(usec / 2 / 1000000);
	period.tv_usec = (suseconds_t)(usec / 2 % 1000000);
	supervisor->ping = event_new(base, -1, EV_PERSIST, on_ping, NULL);
	if (!supervisor->ping || event_add(supervisor->ping, &period) < 0)
		return -ENOMEM;
	return 0;
}

void supervisor_tell_ready(void)
{
	sd_notify(0, "READY=1\nSTATUS=Serving clients");
}

void supervisor_tell_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void supervisor_tell_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

#else

int supervisor_take_socket(void)
{
	return -ENOENT;
}

static int start_pings(struct supervisor *supervisor, struct event_base *base)
{
	(void)supervisor;
	(void)base;
	return 0;
}

void supervisor_tell_ready(void)
{
}

void supervisor_tell_reloading(void)
{
}

void supervisor_tell_stopping(void)
{
}

#endif

struct supervisor *supervisor_new(struct event_base *base)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (!supervisor)
		return NULL;
	if (start_pings(supervisor, base) < 0) {
		supervisor_free(supervisor);
		return NULL;
	}
	return supervisor;
}

void supervisor_free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	if (supervisor->ping)
		event_free(supervisor->ping);
	free(supervisor);
}
