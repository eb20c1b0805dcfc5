/* SPDX-License-Identifier: MIT */
/*
 * The file of names and passwords that SOCKS clients log in with.
 */
#ifndef DAEMON_SOCKS_USERS_H
#define DAEMON_SOCKS_USERS_H

#include <stdbool.h>
#include <stddef.h>

struct socks_users;

/*
 * Reads @path: a line NAME:PASSWORD a user, each of 1 to 255 bytes (RFC 1929);
 * empty lines and those that begin with # count for nothing. None but the file's
 * owner may write it, none but its owner and group may read it. Returns 0 with
 * *@out set, or -errno with the reason logged.
 */
int socks_users_read(struct socks_users **out, const char *path);
void socks_users_free(struct socks_users *users);

/* In a time that tells nothing of the passwords. */
bool socks_users_know(const struct socks_users *users, const char *name, size_t name_len,
	const char *password, size_t password_len);

#endif
