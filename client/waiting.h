/* SPDX-License-Identifier: MIT */
/*
 * The one place where calls block: until something can be done, the deadline
 * passes, a signal handler has run, or another thread closes the descriptor.
 */
#ifndef CLIENT_WAITING_H
#define CLIENT_WAITING_H

#include "client/deadline.h"
#include "client/holder.h"

#include <errno.h>
#include <sys/types.h>

/*
 * One try at what the call is for, never blocking. It returns -EAGAIN if there
 * was nothing to be had, WAITING_MORE if it did a part and must wait for the
 * rest; any other value is the call's result.
 */
#define WAITING_MORE (-ERESTART)

typedef ssize_t (*attempt_fn)(void *arg);

struct waiting {
	const struct holder *holder; /* whose usocket_close() ends the wait; NULL: none */
	int poll_fd;		     /* what is waited on; may be the holder's */
	short events;		     /* of poll(2) */
	struct deadline deadline;
};

/*
 * Calls @attempt until it gives a result. Returns that, or deadline.error,
 * -EINTR, or -EBADF when the holder was closed. A cancellation point.
 */
ssize_t waiting_run(struct waiting *waiting, attempt_fn attempt, void *arg);

/*
 * Ends all waits of this process on the number @fd, and returns when none of
 * them uses it any more, so that it may be closed.
 */
void waiting_end(int fd);

#endif
