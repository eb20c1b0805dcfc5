/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor stands for.
 */
#ifndef CLIENT_PRELOAD_KIND_H
#define CLIENT_PRELOAD_KIND_H

#include <stdbool.h>
#include <sys/types.h>

enum kind {
	/* Not asked yet, or given up since. */
	KIND_UNKNOWN,
	/* Neither ours nor an internet socket. */
	KIND_OTHER,
	/* An internet socket of the kernel's. */
	KIND_KERNEL,
	/* Ours, TCP, not known to be connected. */
	KIND_STREAM,
	/* Ours, TCP, has been connected: its bytes are the channel's. */
	KIND_CONNECTED,
	/* Ours, TCP, listening. */
	KIND_LISTENER,
	/* Ours, UDP or raw. */
	KIND_DATAGRAM,
};

/*
 * From memory, for calls that must cost nothing. An answer that says "ours" may
 * be out of date (see kind_is_stale()). Keeps errno.
 */
enum kind kind_of(int fd);

/* Asks the kernel. For all calls but those that carry data. Keeps errno. */
enum kind kind_look(int fd);

/* Notes what is known, or KIND_UNKNOWN: the number stands for something else. */
void kind_note(int fd, enum kind kind);
void kind_forget_range(unsigned int first, unsigned int last);

/* Notes that the usocket @fd has been found to be connected TCP. */
void kind_note_connected(int fd);

/*
 * Whether the connection table says nothing bad of a KIND_CONNECTED socket. From
 * memory, without a system call; false also if nothing can be said.
 */
bool kind_is_sound(int fd);

static inline bool kind_is_ours(enum kind kind)
{
	return kind >= KIND_STREAM;
}

/*
 * Whether a call of libusocket's has failed because the descriptor is not ours
 * any more; that is noted then, and libc's call is to be made.
 */
bool kind_is_stale(int fd, ssize_t result);

#endif
