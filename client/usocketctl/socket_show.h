/* SPDX-License-Identifier: MIT */
/*
 * One socket's record as a row of text, and what can be said of it.
 */
#ifndef CLIENT_USOCKETCTL_SOCKET_SHOW_H
#define CLIENT_USOCKETCTL_SOCKET_SHOW_H

#include <stdint.h>

struct columns;
struct usocket_socket_info;

/* What a socket is about, for the filter. */
enum socket_class {
	SOCKET_CLASS_CONNECTED, /* it has a connection or peer, or makes one */
	SOCKET_CLASS_WAITING,	/* it listens, or has no peer */
	SOCKET_CLASS_PASSING,	/* TIME-WAIT and half-made connections */
};

/*
 * getsocketsta()'s number, SYN_SENT also while a connect waits for its link;
 * for what is not TCP 4 with a peer and 0 without.
 */
unsigned int socket_show_state(const struct usocket_socket_info *info);

enum socket_class socket_show_class(const struct usocket_socket_info *info);

/* "tcp", "udp", "raw" */
const char *socket_show_type(const struct usocket_socket_info *info);

uint64_t socket_show_age_ms(const struct usocket_socket_info *info, uint64_t now_ns);

/* Titles and cells for the CTL_INFO, CTL_EXTENDED and CTL_NUMERIC in @flags. */
struct columns *socket_show_new_columns(uint32_t flags);

/*
 * @link_name is that of its link, "" if it has none; @now_ns CLOCK_MONOTONIC.
 */
void socket_show_add_row(struct columns *columns, uint32_t flags,
	const struct usocket_socket_info *info, const char *link_name,
	uint64_t now_ns);

#endif
