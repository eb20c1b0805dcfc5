/* SPDX-License-Identifier: MIT */
/*
 * Carries bytes between a usocket and standard input and output.
 */
#ifndef CLIENT_USOCKETCTL_RELAY_H
#define CLIENT_USOCKETCTL_RELAY_H

enum relay_end {
	RELAY_DONE,	    /* both directions have ended, or all was quiet */
	RELAY_STALLED,	    /* the time is over, and bytes were not delivered */
	RELAY_SOCKET_ERROR, /* errno says which */
	RELAY_INPUT_ERROR,  /* errno is that of reading standard input */
	RELAY_OUTPUT_ERROR, /* errno is that of writing standard output */
};

/*
 * Carries until it ends. The end of input becomes the end of what is sent, the
 * peer's end that of output. SIGPIPE comes as for write(2) on the output, never
 * for the socket.
 * @type      SOCK_STREAM, or SOCK_DGRAM: connected; one read is one datagram
 * @quiet_ms  ends when nothing moves for so long; -1: never
 */
enum relay_end relay(int fd, int type, int quiet_ms);

#endif
