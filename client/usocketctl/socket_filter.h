/* SPDX-License-Identifier: MIT */
/*
 * Which sockets to show, by the rules of ss(8).
 */
#ifndef CLIENT_USOCKETCTL_SOCKET_FILTER_H
#define CLIENT_USOCKETCTL_SOCKET_FILTER_H

#include "client/usocketctl/ctl.h"

#include <stdbool.h>

struct usocket_socket_info;

bool socket_filter_match(const struct ctl_options *options,
	const struct usocket_socket_info *info);

#endif
