/* SPDX-License-Identifier: MIT */
/*
 * Clients that control links: up and down, keys, AT commands, and their logs.
 */
#ifndef DAEMON_LINK_REQUESTS_H
#define DAEMON_LINK_REQUESTS_H

struct link_requests;
struct usocketd;

/* NULL: no memory. */
struct link_requests *link_requests_new(struct usocketd *daemon);
/* Ends what is under way; before the links are freed. */
void link_requests_free(struct link_requests *requests);

#endif
