/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * As in ss: without an option those that have a connection or are about it;
 * with -l those that wait for one, which are listeners and sockets without a
 * peer; with -a all of them. Types and families add up, everything else narrows
 * down. Records that the daemon has taken for a socket and not filled in yet
 * are never shown.
 */
#include "client/usocketctl/socket_filter.h"

#include "client/usocketctl/socket_show.h"

#include "usocket.h"

#include <string.h>

static uint32_t type_flag(const struct usocket_socket_info *info)
{
	switch (info->type) {
	case SOCK_STREAM:
		return CTL_TCP;
	case SOCK_DGRAM:
		return CTL_UDP;
	default:
		return CTL_RAW;
	}
}

/* True if none of the options in @group was given, or @flag was. */
static bool group_match(uint32_t flags, uint32_t group, uint32_t flag)
{
	return !(flags & group) || (flags & flag);
}

static bool state_match(uint32_t flags, enum socket_class class)
{
	if (flags & CTL_ALL)
		return true;
	if (flags & CTL_LISTENING)
		return class == SOCKET_CLASS_WAITING;
	return class == SOCKET_CLASS_CONNECTED;
}

bool socket_filter_match(const struct ctl_options *options,
	const struct usocket_socket_info *info)
{
	uint32_t family = info->family == AF_INET6 ? CTL_IPV6 : CTL_IPV4;

	if (info->created_ns == 0)
		return false;
	if (!group_match(options->flags, CTL_TCP | CTL_UDP | CTL_RAW, type_flag(info)) ||
		!group_match(options->flags, CTL_IPV4 | CTL_IPV6, family) ||
		!state_match(options->flags, socket_show_class(info)))
		return false;
	if ((options->flags & CTL_PID) && options->pid != info->pid)
		return false;
	if ((options->flags & CTL_PROGRAM) &&
		strncmp(options->program, info->program, sizeof(info->program)) != 0)
		return false;
	return true;
}
