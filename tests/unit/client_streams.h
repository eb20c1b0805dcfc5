/* SPDX-License-Identifier: MIT */
/*
 * What the suites about TCP share besides client_suite.h.
 */
#ifndef TESTS_CLIENT_STREAMS_H
#define TESTS_CLIENT_STREAMS_H

#include "tests/unit/client_suite.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

static inline int new_stream(void)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void set_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static inline void set_timeout(int fd, int option, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv)), 0);
}

static inline int pending_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

/* What poll says with all asked for. */
static inline int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	ck_assert_int_ge(usocket_poll(&p, 1, 0), 0);
	return p.revents;
}

static inline int send_buffer(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
	return bytes;
}

static inline int new_listener(void)
{
	int fd = new_stream();

	ck_assert_int_eq(usocket_listen(fd, 5), 0);
	return fd;
}

#endif
