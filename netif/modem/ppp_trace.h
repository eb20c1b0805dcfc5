/* SPDX-License-Identifier: MIT */
/*
 * Control frames of PPP as the log may have them: what, not which values.
 */
#ifndef NETIF_MODEM_PPP_TRACE_H
#define NETIF_MODEM_PPP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPP_TRACE_MAX 48

/*
 * "LCP Configure-Request 1" of a packet of @protocol. False: it is no control
 * packet, or one of those that come all the time.
 */
bool ppp_trace_packet(char text[PPP_TRACE_MAX], uint16_t protocol, const uint8_t *packet,
	size_t len);

/* The same of the beginning of a frame as it goes over the line. */
bool ppp_trace_frame(char text[PPP_TRACE_MAX], const uint8_t *frame, size_t len);

#endif
