/* SPDX-License-Identifier: MIT */
#include "client/preload/linux_errno.h"

#include "client/links.h"
#include "client/usocket.h"
#include "proto/address.h"

#include <errno.h>
#include <stdbool.h>

static bool a_link_is_up(void)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		if (link.state == USOCKET_LINK_UP || link.state == USOCKET_LINK_DEGRADED)
			return true;
	return false;
}

int linux_errno(int error)
{
	return error == EHOSTUNREACH && !a_link_is_up() ? ENETUNREACH : error;
}

int linux_errno_to(int error, const struct sockaddr *to, socklen_t len)
{
	struct address address;
	struct links_way way = { .to = &address };

	if (error == EHOSTUNREACH && to && address_from_sockaddr(&address, to, len) == 0 &&
		!links_reach(&way))
		return ENETUNREACH;
	return linux_errno(error);
}

ssize_t linux_result(ssize_t result)
{
	if (result < 0)
		errno = linux_errno(errno);
	return result;
}

int linux_fail(int error)
{
	errno = error;
	return -1;
}
