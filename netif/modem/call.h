/* SPDX-License-Identifier: MIT */
/*
 * One call: from a modem in whatever state to packets that flow.
 */
#ifndef NETIF_MODEM_CALL_H
#define NETIF_MODEM_CALL_H

#include "proto/helper.pb.h"

#include <stdbool.h>
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
	bool is_serial_line; /* no USB port: it is worth multiplexing */
};

/* Open ports, which stay the caller's. */
struct call_ports {
	struct serial *line;	/* carries the call */
	struct serial *control; /* for commands meanwhile; NULL: there is none */
};

struct call_handlers {
	void (*event)(const ush_HelperEvent *event, void *arg);
	void (*log)(uint32_t level, const char *text, void *arg);
	void (*packet)(const void *packet, size_t len, void *arg);
	/* call_pending() has become less. */
	void (*writable)(void *arg);
	void *arg;
};

/* NULL when out of memory. */
struct call *call_new(struct event_base *base, const struct call_ports *ports,
	const struct call_config *config, const struct call_handlers *handlers);
void call_free(struct call *call);

/* Another bearer, as long as it has not been asked for. */
void call_set_bearer(struct call *call, const ush_HelperBearer *bearer);

/* A packet for the network. */
void call_send(struct call *call, const void *packet, size_t len);

/* Bytes of packets that wait for the line. */
size_t call_pending(const struct call *call);

/* A person's AT command; HelperAtAnswer events follow, if only with a refusal. */
void call_user_command(struct call *call, uint32_t sequence, const char *text);

/* Hangs up as far as that goes without waiting. */
void call_hang_up(struct call *call);

#endif
