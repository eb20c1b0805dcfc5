/* SPDX-License-Identifier: MIT */
/*
 * Which link a command is for.
 */
#ifndef CLIENT_USOCKETCTL_LINK_NAME_H
#define CLIENT_USOCKETCTL_LINK_NAME_H

#include "client/usocketctl/ctl.h"

#include "usocket.h"

/*
 * Finds the link @name, or with NULL the only one there is, or the only one with
 * a modem. Returns enum ctl_exit, having said on stderr what is wrong.
 */
int link_name_find(const char *name, struct usocket_link_info *link);

#endif
