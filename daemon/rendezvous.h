/* SPDX-License-Identifier: MIT */
/*
 * The rendezvous socket's place in the file system.
 */
#ifndef DAEMON_RENDEZVOUS_H
#define DAEMON_RENDEZVOUS_H

#include "daemon/config.h"

#include <sys/types.h>

struct rendezvous {
	char path[sizeof(((struct config *)0)->socket)]; /* "": not ours */
	dev_t device;					 /* of the path that was made */
	ino_t inode;
	int lock; /* held while the path is served */
};

/*
 * Makes the folder if it is missing and listens at the configured path. A
 * path that nobody serves is replaced. Returns the socket, or -errno with the
 * reason logged: -EADDRINUSE if another usocketd is there.
 */
int rendezvous_listen(struct rendezvous *rendezvous, const struct config *config);

/* Removes the path unless somebody else has replaced it. */
void rendezvous_close(struct rendezvous *rendezvous);

#endif
