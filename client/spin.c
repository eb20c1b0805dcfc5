/* SPDX-License-Identifier: MIT */
#include "client/spin.h"

#include "client/deadline.h"

/* To wake the daemon takes most of it, 5 to 30 us; its answer 5 to 20. */
#define SPIN_NS 50000
/* Asking in vain so seldom costs a request 0.05 us. */
#define SKIP_MAX 1023

bool spin_begin(struct spin *spin)
{
	if (spin->n_to_skip > 0) {
		spin->n_to_skip--;
		return false;
	}
	spin->until_ns = time_now_ns() + SPIN_NS;
	return true;
}

bool spin_goes_on(const struct spin *spin)
{
	return time_now_ns() < spin->until_ns;
}

void spin_end(struct spin *spin, bool came)
{
	if (came)
		spin->n_skips = 0;
	else if (spin->n_skips < SKIP_MAX)
		spin->n_skips = 2 * spin->n_skips + 1;
	spin->n_to_skip = spin->n_skips;
}
