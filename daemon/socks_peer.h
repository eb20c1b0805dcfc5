/* SPDX-License-Identifier: MIT */
/*
 * Whose a SOCKS client is.
 */
#ifndef DAEMON_SOCKS_PEER_H
#define DAEMON_SOCKS_PEER_H

#include "proto/address.h"

#include <sys/types.h>

struct socks_peer {
	pid_t pid; /* 0: not known */
	uid_t uid;
};

/*
 * Of an accepted UNIX or loopback TCP connection. Returns 0, -ENOENT if the
 * client is gone, or -errno.
 */
int socks_peer_of_stream(struct socks_peer *peer, int fd);

/*
 * Sets *@uid to the owner of the UDP socket of this machine that is bound to
 * @local's port, and to its address or any. Returns 0, -ENOENT or -errno.
 */
int socks_peer_of_datagram(uid_t *uid, const struct address *local);

#endif
