/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The only file on the client's side that knows the POSIX queue API. On Linux
 * a queue descriptor is a file descriptor, so poll(2) waits for queues, and
 * only sending and receiving need calls of their own. The daemon made the
 * queues and may share their file status flags with us, so waiting is ruled
 * out by a deadline in the past instead of by O_NONBLOCK. Deadlines are those of
 * CLOCK_REALTIME (mq_receive(3)): a clock that is set meanwhile changes them, so
 * whoever waits must get by with less, and expect the message in any case.
 */
#include "client/queue.h"

#include <errno.h>
#include <mqueue.h>
#include <time.h>

#define NS_PER_S 1000000000L

static const struct timespec long_ago = { .tv_sec = 0, .tv_nsec = 0 };

int queue_send(int fd, const uint8_t *message, size_t len)
{
	if (mq_timedsend((mqd_t)fd, (const char *)message, len, 0, &long_ago) == 0)
		return 0;
	return errno == ETIMEDOUT ? -EAGAIN : -errno;
}

static struct timespec deadline_after(int ms)
{
	struct timespec at;

	if (ms <= 0)
		return long_ago;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * (NS_PER_S / 1000);
	if (at.tv_nsec >= NS_PER_S) {
		at.tv_nsec -= NS_PER_S;
		at.tv_sec++;
	}
	return at;
}

ssize_t queue_receive(int fd, uint8_t *message, size_t size, int wait_ms)
{
	const struct timespec deadline = deadline_after(wait_ms);
	ssize_t n = mq_timedreceive((mqd_t)fd, (char *)message, size, NULL, &deadline);

	if (n >= 0)
		return n;
	return errno == ETIMEDOUT ? -EAGAIN : -errno;
}
