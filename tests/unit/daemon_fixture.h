/* SPDX-License-Identifier: MIT */
/*
 * A whole daemon in the test's own process and loop, without links, and a
 * client that speaks the protocol by hand.
 */
#ifndef TESTS_DAEMON_FIXTURE_H
#define TESTS_DAEMON_FIXTURE_H

#include "daemon/usocketd.h"
#include "proto/protocol.h"
#include "proto/usocket.pb.h"

#include <mqueue.h>
#include <stdbool.h>

struct daemon_fixture {
	struct usocketd daemon;
	char folder[64];
};

/* Defaults but for the path, no hosts file, and what @tweak changes. */
void daemon_fixture_init(struct daemon_fixture *f, void (*tweak)(struct config *config));
void daemon_fixture_fini(struct daemon_fixture *f);

/* Runs the loop until @done says so; fails the test after ten seconds. */
void daemon_fixture_run_until(struct daemon_fixture *f, bool (*done)(void *arg), void *arg);
/* Runs the loop for a time. */
void daemon_fixture_run(struct daemon_fixture *f, unsigned int ms);

struct test_client {
	struct daemon_fixture *f;
	int fd;			 /* rendezvous */
	mqd_t requests, replies; /* -1: none */
	int table;		 /* -1: none */
	uint32_t sequence;
	usp_Reply reply; /* the latest */
	int reply_fd;	 /* that came with it, -1: none */
};

/* Connects, and sends no hello. */
void test_client_connect(struct test_client *c, struct daemon_fixture *f);
/* Says hello with @capabilities and expects @status. */
void test_client_hello(struct test_client *c, uint32_t capabilities, usp_Status status);
/* Both. */
void test_client_open(struct test_client *c, struct daemon_fixture *f, uint32_t capabilities);
void test_client_close(struct test_client *c);

/* Sends bytes by the rendezvous socket, with a descriptor if @fd >= 0. */
void test_client_send_bytes(struct test_client *c, const void *buf, size_t len, int fd);
/* Waits for a reply by the rendezvous socket; false: the daemon hung up. */
bool test_client_receive(struct test_client *c);

/* One request and its reply, by queue if there is one. The client's answer. */
usp_Status test_client_request(struct test_client *c, usp_Request *request);
/* The same by the rendezvous socket, with a descriptor if @fd >= 0. */
usp_Status test_client_request_fd(struct test_client *c, usp_Request *request, int fd);

/* Runs the loop until the daemon has hung up; fails if it does not. */
void test_client_expect_hangup(struct test_client *c);

/*
 * Runs the loop until a message is on the channel @fd; returns its length, 0
 * at the end.
 */
ssize_t test_channel_receive(struct daemon_fixture *f, int fd, uint8_t *buf, size_t size);

/* Open descriptors of this process. */
int count_descriptors(void);

#endif
