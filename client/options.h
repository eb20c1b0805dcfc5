/* SPDX-License-Identifier: MIT */
/*
 * What options.c shares with the one option that has a file of its own.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stddef.h>
#include <sys/socket.h>

struct holder;

/*
 * Writes @value as getsockopt(2) does: *@len is the room, then what was used.
 * Returns 0 or -EINVAL.
 */
int option_store(void *to, socklen_t *len, const void *value, size_t size);

/* tcp_info.c: TCP_INFO of a stream socket. */
int option_get_tcp_info(struct holder *h, void *value, socklen_t *len);

#endif
