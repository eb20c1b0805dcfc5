/* SPDX-License-Identifier: MIT */
#include "client/interrupts.h"

#include <stddef.h>
#include <time.h>

static _Thread_local __attribute__((tls_model("initial-exec"))) const sigset_t *wait_mask;

void interrupts_set_mask(const sigset_t *mask)
{
	wait_mask = mask;
}

int interrupts_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};

	if (!wait_mask)
		return poll(fds, n_fds, timeout_ms);
	return ppoll(fds, n_fds, timeout_ms < 0 ? NULL : &timeout, wait_mask);
}
