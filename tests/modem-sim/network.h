/* SPDX-License-Identifier: MIT */
/*
 * The network behind the simulated modem: usocket-slirp, spoken to in IP.
 */
#ifndef TESTS_MODEM_SIM_NETWORK_H
#define TESTS_MODEM_SIM_NETWORK_H

#include <stddef.h>

struct event_base;
struct network;

typedef void (*network_packet_fn)(const void *packet, size_t len, void *arg);

/* Starts the helper; NULL with a message on stderr if that fails. */
struct network *network_new(struct event_base *base, network_packet_fn packet, void *arg);
void network_free(struct network *network);

void network_send(struct network *network, const void *packet, size_t len);

#endif
