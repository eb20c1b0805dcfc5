/* SPDX-License-Identifier: MIT */
/*
 * A listening UNIX socket's place in the file system: the rendezvous socket's,
 * and those of other servers of the daemon.
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

struct rendezvous_place {
	const char *path; /* shorter than struct rendezvous' */
	int type;	  /* SOCK_SEQPACKET or SOCK_STREAM */
	mode_t mode;
	gid_t group; /* (gid_t)-1: unchanged */
};

/*
 * Makes the folder if it is missing and listens at the path. A path that
 * nobody serves is replaced. Returns the socket, or -errno with the reason
 * logged: -EADDRINUSE if another usocketd is there.
 */
int rendezvous_listen(struct rendezvous *rendezvous, const struct rendezvous_place *place);

/* Removes the path unless somebody else has replaced it. */
void rendezvous_close(struct rendezvous *rendezvous);

#endif
