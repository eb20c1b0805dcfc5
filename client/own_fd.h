/* SPDX-License-Identifier: MIT */
/*
 * A descriptor that the library keeps for itself inside a foreign program:
 * close-on-exec, with a high number, and never trusted to be there still.
 */
#ifndef CLIENT_OWN_FD_H
#define CLIENT_OWN_FD_H

#include <stdbool.h>
#include <sys/types.h>

struct own_fd {
	int fd;	      /* -1: none */
	dev_t device; /* what the number stood for when it was ours */
	ino_t inode;
};

#define OWN_FD_NONE      \
	{                \
		.fd = -1 \
	}

/*
 * Takes @fd over, moving it to a high number where one is free.
 * Returns 0 or -errno; @fd is closed then.
 */
int own_fd_adopt(struct own_fd *own, int fd);

/* False if there is none, or the program has closed or replaced it. */
bool own_fd_intact(const struct own_fd *own);

/* Closes it if it is still ours, and forgets it. */
void own_fd_close(struct own_fd *own);

#endif
