/* SPDX-License-Identifier: MIT */
/*
 * What the modem of a link says of itself, its SIM and its place.
 */
#ifndef CLIENT_USOCKETCTL_LINK_MODEM_H
#define CLIENT_USOCKETCTL_LINK_MODEM_H

#include <stdio.h>

struct json_object;
struct usocket_link_info;

/* Lines for what is known; none for a link without a modem. */
void link_modem_print(FILE *out, const struct usocket_link_info *link);

/* A new object; NULL if the link has no modem. */
struct json_object *link_modem_new_json(const struct usocket_link_info *link);

#endif
