/* SPDX-License-Identifier: MIT */
/*
 * One socket's record as JSON.
 */
#ifndef CLIENT_USOCKETCTL_SOCKET_JSON_H
#define CLIENT_USOCKETCTL_SOCKET_JSON_H

#include <stdint.h>

struct json_object;
struct usocket_socket_info;

/* A new object; @link_name is "" for none, @now_ns CLOCK_MONOTONIC. */
struct json_object *socket_json_new(const struct usocket_socket_info *info,
	const char *link_name, uint64_t now_ns);

#endif
