/* SPDX-License-Identifier: MIT */
/*
 * A session's pair of POSIX message queues, as the daemon sees it. The only
 * file of the daemon that uses the queue API.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct queue_pair;

/* The client's ends, to be handed over and closed. */
struct queue_client_ends {
	int requests; /* may only write */
	int replies;  /* may only read */
};

/*
 * Makes a pair that no other process can name. Returns 0; *@out and the
 * client's ends are the caller's. Or -errno: queue_advice() says what to do.
 */
int queue_pair_new(struct queue_pair **out, struct queue_client_ends *ends);
void queue_pair_free(struct queue_pair *pair);

/* What an administrator can do about @error of queue_pair_new(). */
const char *queue_advice(int error);

/* The descriptor that is readable while a request waits. */
int queue_pair_fd(const struct queue_pair *pair);

/*
 * Takes one request into @buf of PROTOCOL_MESSAGE_MAX bytes. Returns its
 * length, or -EAGAIN, or -errno.
 */
ssize_t queue_pair_receive(struct queue_pair *pair, uint8_t *buf);

/* Puts one reply. Returns 0; -EAGAIN if the client has not read the others. */
int queue_pair_send(struct queue_pair *pair, const uint8_t *buf, size_t len);

#endif
