/* SPDX-License-Identifier: MIT */
/*
 * One call: from a modem in whatever state to packets that flow.
 */
#ifndef NETIF_MODEM_CALL_H
#define NETIF_MODEM_CALL_H

#include "proto/helper.pb.h"

#include <stddef.h>
#include <stdint.h>

struct call;
struct event_base;
struct serial;

#define CALL_INITS_MAX 8

struct call_config {
	ush_HelperModem modem;
	ush_HelperBearer bearer;
	ush_HelperInit inits[CALL_INITS_MAX];
	unsigned int n_inits;
	uint32_t mtu;
};

struct call_handlers {
	void (*event)(const ush_HelperEvent *event, void *arg);
	void (*log)(uint32_t level, const char *text, void *arg);
	void (*packet)(const void *packet, size_t len, void *arg);
	void *arg;
};

/* The port stays the caller's. NULL when out of memory. */
struct call *call_new(struct event_base *base, struct serial *serial,
	const struct call_config *config, const struct call_handlers *handlers);
void call_free(struct call *call);

/* A packet for the network. */
void call_send(struct call *call, const void *packet, size_t len);

/* Hangs up as far as that goes without waiting. */
void call_hang_up(struct call *call);

#endif
