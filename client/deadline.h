/* SPDX-License-Identifier: MIT */
/*
 * Until when a call may wait, and what it says when that is over.
 */
#ifndef CLIENT_DEADLINE_H
#define CLIENT_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

/* CLOCK_MONOTONIC, in nanoseconds. */
int64_t time_now_ns(void);
int64_t time_after_ms(int64_t ms);

/* Milliseconds until @until_ns, rounded up, for poll(2); -1 for never. */
int time_left_ms(int64_t until_ns);

struct deadline {
	int64_t until_ns; /* CLOCK_MONOTONIC; 0: do not wait */
	int error;	  /* -errno when it has passed */
	int option;	  /* SO_RCVTIMEO or SO_SNDTIMEO of the descriptor
				 * decide, not asked yet; 0: until_ns is valid */
	bool restarts;	  /* handlers with SA_RESTART do not end the wait */
};

/*
 * Of a call with an explicit time: -1 never, 0 -EAGAIN at once, else
 * -ETIMEDOUT after so many milliseconds.
 */
struct deadline deadline_in(int timeout_ms);

/*
 * Of a plain call: -EAGAIN at once with MSG_DONTWAIT among the @flags or
 * O_NONBLOCK, else after the time of @option.
 */
struct deadline deadline_of_flags(int flags, int option);

/* Asks the descriptor what deadline_of_flags() left open. */
void deadline_resolve(struct deadline *deadline, int fd);

static inline bool deadline_is_now(const struct deadline *deadline)
{
	return deadline->until_ns == 0;
}

#endif
