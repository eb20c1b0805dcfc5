/* SPDX-License-Identifier: MIT */
/*
 * The socket layer on a stack of its own, without sessions: sockets are made
 * directly, requests are calls of their ops, the network is lwIP's loopback.
 */
#ifndef TESTS_SOCKET_FIXTURE_H
#define TESTS_SOCKET_FIXTURE_H

#include "daemon/limits.h"
#include "daemon/socket_private.h"

struct socket_fixture {
	struct usocketd daemon;
	struct accounts *accounts;
	struct account *user, *account;
	struct socket_owner owner;
};

/* A socket and the end its client would hold. */
struct test_socket {
	struct usock *s;
	int fd;
};

void fixture_init(struct socket_fixture *f);
void fixture_fini(struct socket_fixture *f);

/* @type: enum table_type, @family: enum address_family. */
struct test_socket fixture_socket(struct socket_fixture *f, uint8_t type, uint8_t family);

/* As another user would make it. */
struct test_socket fixture_socket_of(struct socket_fixture *f, uint8_t type, uint8_t family,
	uint32_t uid);

struct address fixture_loopback(uint8_t family, uint16_t port);

/* Runs the loop until @done says so; fails the test after five seconds. */
void fixture_run_until(struct socket_fixture *f, bool (*done)(void *arg), void *arg);
/* Runs the loop until nothing is left to do at once. */
void fixture_settle(struct socket_fixture *f);

/* The socket's record as a client reads it. */
struct table_socket fixture_record(struct socket_fixture *f, socket_id id);

/*
 * A connection between a client and a connection accepted by a listener on
 * loopback; the listener is closed again.
 */
void fixture_connected_pair(struct socket_fixture *f, uint8_t family,
	struct test_socket *client, struct test_socket *server);

/* Takes one connection off a listener's channel; fails if there is none. */
struct test_socket fixture_accept(struct socket_fixture *f, const struct test_socket *listener);

#endif
