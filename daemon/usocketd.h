/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a whole: what its parts need to find each other. No part
 * keeps state in file scope, so a test can have two (of all but lwIP).
 */
#ifndef DAEMON_USOCKETD_H
#define DAEMON_USOCKETD_H

#include "daemon/config.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stdint.h>

struct accounts;
struct event_base;
struct link;
struct link_requests;
struct nat64_finder;
struct netif;
struct reaper;
struct resolver;
struct resolver_requests;
struct server;
struct socket_registry;
struct socks;
struct table_writer;
struct watchers;

struct usocketd {
	struct event_base *base; /* owned */
	struct config config;	 /* owned; limits may change on SIGHUP */
	uint64_t instance;	 /* random; in the hello, table and names */
	uint64_t started_ns;	 /* CLOCK_MONOTONIC */
	bool has_stack;		 /* stack_init() has been called */
	struct reaper *reaper;	 /* owned, as all below */
	struct accounts *accounts;
	struct table_writer *table;
	struct socket_registry *sockets;
	struct resolver *resolver;
	struct resolver_requests *resolver_requests;
	struct nat64_finder *nat64;
	struct watchers *watchers;
	struct link_requests *link_requests;
	struct server *server;
	struct socks *socks;
	struct link *links[CONFIG_LINKS_MAX];
	struct table_link link_records[CONFIG_LINKS_MAX]; /* as published */
	uint32_t n_links;
	uint64_t n_requests;
	uint64_t n_malformed;
	uint64_t n_clients_dropped;
	uint32_t n_sessions_without_queue; /* now */
	bool lacks_queues;		   /* the system refused the latest client's */
};

/*
 * Builds and starts all parts from daemon->config, which has been filled;
 * everything else must be zero. @listen_fd is the listening rendezvous socket
 * or -1 to make one; it is taken over on success. Returns 0, or -errno with
 * the reason logged; usocketd_stop() is to be called in either case.
 */
int usocketd_start(struct usocketd *daemon, int listen_fd);

/* Ends and frees all parts, in reverse; legal after a failed start. */
void usocketd_stop(struct usocketd *daemon);

/*
 * A program has nowhere to send to: wakes the link that is to be dialed on
 * demand, @owner's if that is a link's, else the one of the lowest metric.
 * Returns true if waiting for it makes sense.
 */
bool usocketd_dial(struct usocketd *daemon, const struct netif *owner);

/* Publishes what a link has come to at once, for whoever has changed it. */
void usocketd_publish_link(struct usocketd *daemon, struct link *link);

/* The configuration may have changed (config_reload()). */
void usocketd_reconfigure(struct usocketd *daemon);

#endif
