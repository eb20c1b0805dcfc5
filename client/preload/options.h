/* SPDX-License-Identifier: MIT */
/*
 * Linux' socket options that usocket.h does not have, and that programs set or
 * ask for nevertheless.
 */
#ifndef CLIENT_PRELOAD_OPTIONS_H
#define CLIENT_PRELOAD_OPTIONS_H

#include "client/preload/kind.h"

#include <sys/socket.h>

/* For a socket of ours; as setsockopt(2) and getsockopt(2). */
int options_set(int fd, enum kind kind, int level, int option, const void *value, socklen_t len);
int options_get(int fd, enum kind kind, int level, int option, void *value, socklen_t *len);

#endif
