/* SPDX-License-Identifier: MIT */
/*
 * What the environment and the program say: where the daemon is, and whether
 * to wait for a link.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Paths that are tried, at most. */
#define SETTINGS_PATHS_MAX 2

/*
 * Writes the @index-th path to try, as snprintf(3) does. Returns its length;
 * -ENOENT when there are no more.
 */
int settings_socket_path(unsigned int index, char *path, size_t size);

bool settings_wait_link(void);

#endif
