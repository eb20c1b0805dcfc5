/* SPDX-License-Identifier: MIT */
/*
 * The client's two ends of its session's message queue pair.
 */
#ifndef CLIENT_QUEUE_H
#define CLIENT_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * queue_send() does not wait, whatever the descriptor's flags are, and
 * queue_receive() waits @wait_ms at most.
 * queue_send() returns 0; -EAGAIN if the queue is full, -EMSGSIZE, or -EBADF
 * if @fd is not a queue's writing end.
 * queue_receive() returns the message's bytes; -EAGAIN if there is none,
 * -EMSGSIZE if the queue's messages can be longer than @size, or -EBADF.
 */
int queue_send(int fd, const uint8_t *message, size_t len);
ssize_t queue_receive(int fd, uint8_t *message, size_t size, int wait_ms);

#endif
