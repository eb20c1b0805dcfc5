/* SPDX-License-Identifier: MIT */
/*
 * Asking over and over for what is about to come, before one sleeps for it.
 *
 * To be woken takes longer than the daemon needs for an answer, where each has a
 * processor. Where they share one, or the daemon is busy, asking is in vain: each time
 * that it was, more of the following waits sleep at once.
 *
 *	if (spin_begin(spin)) {
 *		do
 *			got = ask_without_waiting();
 *		while (!got && spin_goes_on(spin));
 *		spin_end(spin, got);
 *	}
 */
#ifndef CLIENT_SPIN_H
#define CLIENT_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* For one thread at a time. Begins as all zero. */
struct spin {
	int64_t until_ns;	/* of the one that is going on */
	unsigned int n_to_skip; /* waits that are yet to sleep at once */
	unsigned int n_skips;	/* for the latest that was in vain; 0: it was not */
};

/* Whether this wait is to begin by asking. */
bool spin_begin(struct spin *spin);

/* False when it is time to sleep. */
bool spin_goes_on(const struct spin *spin);

/* @came: asking was not in vain. */
void spin_end(struct spin *spin, bool came);

#endif
