/* SPDX-License-Identifier: MIT */
/*
 * Clients' look-ups: from a Resolve request to the result on its channel.
 */
#ifndef DAEMON_RESOLVER_REQUESTS_H
#define DAEMON_RESOLVER_REQUESTS_H

struct resolver_requests;
struct usocketd;

/* NULL: no memory. */
struct resolver_requests *resolver_requests_new(struct usocketd *daemon);
/* Cancels all; called before the resolver ends. */
void resolver_requests_free(struct resolver_requests *requests);

#endif
