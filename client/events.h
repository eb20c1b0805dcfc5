/* SPDX-License-Identifier: MIT */
/*
 * The program's end of an event channel: descriptors that usocket_watch_links()
 * and its like return.
 */
#ifndef CLIENT_EVENTS_H
#define CLIENT_EVENTS_H

#include "client/session.h"

#include <stddef.h>
#include <stdint.h>

/* A request that is answered by a channel. Returns the descriptor, or -errno. */
int events_open(struct session_call *call);

/*
 * Takes the next message off a channel, never waits. Returns its length; 0: none
 * yet; -ENODATA: it has ended; -EINVAL: no such descriptor.
 */
int events_receive(int fd, uint8_t *bytes, size_t size);

#endif
