/* SPDX-License-Identifier: MIT */
/*
 * Holds signals and cancellation off while a thread has one of the library's
 * locks: a handler that calls the library never meets its own thread's lock,
 * and a cancelled thread never leaves one behind.
 */
#ifndef CLIENT_GUARD_H
#define CLIENT_GUARD_H

#include <pthread.h>
#include <signal.h>

struct guard {
	sigset_t signals;
	int cancel_state;
};

static inline void guard_enter(struct guard *guard)
{
	sigset_t all;

	sigfillset(&all);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard->cancel_state);
	pthread_sigmask(SIG_SETMASK, &all, &guard->signals);
}

static inline void guard_leave(const struct guard *guard)
{
	pthread_sigmask(SIG_SETMASK, &guard->signals, NULL);
	pthread_setcancelstate(guard->cancel_state, NULL);
}

#endif
