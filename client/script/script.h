/* SPDX-License-Identifier: MIT */
/*
 * A script's socket from the inside; see usocket_script.h.
 */
#ifndef CLIENT_SCRIPT_SCRIPT_H
#define CLIENT_SCRIPT_SCRIPT_H

#include "client/script/buffer.h"
#include "client/usocket_script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What struct usocket_script holds. All members: under the lock. */
struct script {
	int fd;		    /* owned; -1: closed */
	int family;	    /* AF_INET, AF_INET6 */
	int type;	    /* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
	int protocol;	    /* as given, or what fits the type */
	int64_t timeout_ns; /* USOCKET_SCRIPT_WAIT; 0: non-blocking */
	/* errno the next call reports, 0: none; a call met it after it had something
	 * to return */
	int deferred_error;
	struct buffer pushback;		  /* received, and not returned by any call yet */
	struct usocket_identity identity; /* daemon 0: not asked for yet */
};

_Static_assert(sizeof(struct script) <= sizeof(struct usocket_script), "it fits");
_Static_assert(_Alignof(struct script) <= _Alignof(struct usocket_script), "it fits");

static inline struct script *script_of(const struct usocket_script *s)
{
	return (struct script *)(uintptr_t)s;
}

/*
 * The one lock of all sockets of the process. Held for moments only, never
 * while anything waits.
 */
void script_lock(void);
void script_unlock(void);

/* -1: closed. */
int script_fd(const struct usocket_script *s);

/* SOCK_STREAM or another; never changes while the socket is open. */
static inline bool script_is_stream(const struct usocket_script *s)
{
	return script_of(s)->type == SOCK_STREAM;
}

/*
 * A call of the library. Returns -1 and errno on failure; @timeout_ms as in
 * usocket.h.
 */
typedef ssize_t (*script_fn)(int fd, void *argument, int timeout_ms);

/*
 * Makes one that may wait, with what is left of the call's time. Once the time
 * is over it is still tried without waiting, but only if nothing has been done
 * yet. Returns what @fn returned, or -errno.
 */
ssize_t script_wait(struct usocket_script *s, const struct usocket_script_call *call,
	script_fn fn, void *argument);

/* Makes one that does not wait. Returns what @fn returned, or -errno. */
ssize_t script_request(struct usocket_script *s, script_fn fn, void *argument);

/*
 * The errno that an earlier call left for this one, which nobody else reports
 * then; 0: none.
 */
int script_take_error(struct usocket_script *s);

/* Leaves an errno for the next call, unless @error is the end of time-outs. */
void script_defer(struct usocket_script *s, const struct usocket_script_call *call, int error);

/*
 * Receives, from what was pushed back first. Behind all other calls that
 * receive. @address may be NULL.
 */
ssize_t script_receive(struct usocket_script *s, const struct usocket_script_call *call,
	void *buffer, size_t len, int flags,
	struct usocket_script_address *address);

/* The same past what was pushed back. */
ssize_t script_receive_fresh(struct usocket_script *s, const struct usocket_script_call *call,
	void *buffer, size_t len, int flags);

/* What a receive of unknown size begins with; holds the largest datagram. */
#define SCRIPT_RECEIVE_SIZE 65536

/* Room for @len bytes at the end of @bytes. Returns 0 or -ENOMEM. */
int script_bytes_reserve(struct usocket_script_bytes *bytes, size_t len);

/* The host has to be looked up. */
bool script_is_name(const struct usocket_script *s, const struct usocket_script_endpoint *endpoint);

/* Options with the numbers of constants: the library's. Returns 0 or -ENOENT. */
int script_option_translate(int *level, int *option);

#endif
