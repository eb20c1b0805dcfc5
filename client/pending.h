/* SPDX-License-Identifier: MIT */
/*
 * Connects in progress: keeps the channel unwritable until they complete.
 */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include <stdbool.h>

struct holder;

/*
 * Fills the channel's send queue, so that POLLOUT waits for the daemon, and
 * remembers the size it had. Returns 0 or -errno.
 */
int pending_start(const struct holder *h);

/*
 * Gives the channel its size back. Call it once the record says that no
 * connect is under way. Returns whether this process had one in progress, or
 * another one left the channel as it was during a connect.
 */
bool pending_finish(const struct holder *h);

/*
 * pending_finish() for a socket that may be one of those; costs a load where
 * no connect of this process is in progress.
 */
void pending_check(const struct holder *h);

/*
 * Gives a connected socket whose buffer some process left small the usual one.
 * Returns whether it was so.
 */
bool pending_repair(const struct holder *h);

/*
 * SO_SNDBUF of a socket whose connect is in progress: the value it will have.
 * Both return false if there is no connect of this process.
 */
bool pending_get_buffer(const struct holder *h, int *bytes);
bool pending_set_buffer(const struct holder *h, int bytes);

/* The least SO_SNDBUF a program may set: just above the smallest, which is ours. */
int pending_least_buffer(void);

#endif
