/* SPDX-License-Identifier: MIT */
/*
 * The network behind the simulated modem: usocket-slirp, or a TUN device of the
 * host, spoken to in IP.
 */
#ifndef TESTS_MODEM_SIM_NETWORK_H
#define TESTS_MODEM_SIM_NETWORK_H

#include <stddef.h>

struct event_base;
struct network;

typedef void (*network_packet_fn)(const void *packet, size_t len, void *arg);

/*
 * @device: the name of the TUN device; NULL: usocket-slirp is started. Returns
 * NULL with a message on stderr if that fails.
 */
struct network *network_new(struct event_base *base, const char *device, network_packet_fn packet,
	void *arg);
void network_free(struct network *network);

void network_send(struct network *network, const void *packet, size_t len);

#endif
