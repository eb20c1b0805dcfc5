/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that bring lines for as long as somebody reads the output.
 */
#ifndef CLIENT_USOCKETCTL_FOLLOW_H
#define CLIENT_USOCKETCTL_FOLLOW_H

#include "client/usocketctl/ctl.h"

/* What follow() ends with, beside enum ctl_exit. */
enum follow_end {
	FOLLOW_ON = -1,	       /* not an end: there is more to come */
	FOLLOW_TIMED_OUT = -2, /* the time is over */
};

/* Takes what there is, never waits. Returns FOLLOW_ON, or an exit code to end with. */
typedef int (*follow_fn)(int fd, const struct ctl_options *options, FILE *out, void *arg);

/*
 * Calls @fn now and whenever @fd is readable, until it says so, nobody reads @out
 * any more, or the time is over. @timeout_ms -1: there is no limit.
 */
int follow(int fd, const struct ctl_options *options, FILE *out, follow_fn fn, void *arg,
	int timeout_ms);

#endif
