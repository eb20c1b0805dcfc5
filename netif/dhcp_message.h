/* SPDX-License-Identifier: MIT */
/*
 * What a DHCP server says (RFC 2131, 2132), read from its bytes: for the
 * ingress stage, which lets nothing else reach lwIP's client, and for what
 * that client does not keep.
 */
#ifndef NETIF_DHCP_MESSAGE_H
#define NETIF_DHCP_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define DHCP_MESSAGE_DNS      4
#define DHCP_MESSAGE_MAC_SIZE 6

#define DHCP_PORT_SERVER      67
#define DHCP_PORT_CLIENT      68

enum dhcp_message_type {
	DHCP_MESSAGE_OFFER = 2,
	DHCP_MESSAGE_ACK = 5,
	DHCP_MESSAGE_NAK = 6,
};

struct dhcp_message {
	uint8_t type; /* enum dhcp_message_type */
	uint8_t n_dns;
	uint16_t mtu; /* 0: not given */
	uint32_t xid; /* host byte order */
	uint8_t mac[DHCP_MESSAGE_MAC_SIZE];
	uint8_t ip[4];
	uint8_t dns[DHCP_MESSAGE_DNS][4];
};

/*
 * Reads the payload of a datagram. Returns 0; -EBADMSG for what is malformed,
 * or is no offer, acknowledgement or refusal that a client could use.
 */
int dhcp_message_parse(struct dhcp_message *out, const uint8_t *bytes, size_t len);

#endif
