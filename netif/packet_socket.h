/* SPDX-License-Identifier: MIT */
/*
 * A packet socket (packet(7)) as a link's descriptor.
 */
#ifndef NETIF_PACKET_SOCKET_H
#define NETIF_PACKET_SOCKET_H

#include "netif/ipif.h"

/*
 * Opens one that carries the interface's packets in the given format, which
 * names it. Returns the descriptor or -errno; -EPERM: CAP_NET_RAW is missing.
 */
int packet_socket_open(const struct ipif_format *format);

#endif
