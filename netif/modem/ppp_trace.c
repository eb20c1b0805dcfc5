/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Protocol, code and identifier tell how a negotiation went; what is in the
 * packets may be a password and is not looked at. Echoes and their answers are
 * left out: they would push all else out of the link's log.
 *
 * Of a frame only the first bytes are needed; they are unstuffed here (RFC 1662
 * 4.2), with or without flag and address in front.
 */
#include "netif/modem/ppp_trace.h"

#include "netif/modem/guard.h"

#include <stdio.h>

#define FLAG	   0x7e
#define ESCAPE	   0x7d
#define ESCAPE_BIT 0x20
#define ADDRESS	   0xff
#define HEAD_MAX   6 /* address, control, protocol, code, identifier */

/* RFC 1661 5, RFC 1334 2.2, RFC 1994 4; by code, NULL: not told. */
static const char *const configure_codes[] = { NULL, "Configure-Request", "Configure-Ack",
	"Configure-Nak", "Configure-Reject", "Terminate-Request", "Terminate-Ack",
	"Code-Reject", "Protocol-Reject" };
static const char *const pap_codes[] = { NULL, "Authenticate-Request", "Authenticate-Ack",
	"Authenticate-Nak" };
static const char *const chap_codes[] = { NULL, "Challenge", "Response", "Success", "Failure" };

#define CODES(names) (names), sizeof(names) / sizeof((names)[0])

static const struct {
	uint16_t protocol;
	const char *name;
	const char *const *codes;
	size_t n_codes;
} protocols[] = {
	{ PPP_PROTOCOL_LCP, "LCP", CODES(configure_codes) },
	{ PPP_PROTOCOL_PAP, "PAP", CODES(pap_codes) },
	{ PPP_PROTOCOL_CHAP, "CHAP", CODES(chap_codes) },
	{ PPP_PROTOCOL_IPCP, "IPCP", CODES(configure_codes) },
	{ PPP_PROTOCOL_IPV6CP, "IPV6CP", CODES(configure_codes) },
};

bool ppp_trace_packet(char text[PPP_TRACE_MAX], uint16_t protocol, const uint8_t *packet,
	size_t len)
{
	if (len < 2)
		return false;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (protocols[i].protocol != protocol)
			continue;
		if (packet[0] >= protocols[i].n_codes || !protocols[i].codes[packet[0]])
			return false;
		snprintf(text, PPP_TRACE_MAX, "%s %s %u", protocols[i].name,
			protocols[i].codes[packet[0]], packet[1]);
		return true;
	}
	return false;
}

/* Returns how many bytes of the frame's beginning there are, unstuffed. */
static size_t unstuff(uint8_t head[HEAD_MAX], const uint8_t *frame, size_t len)
{
	uint8_t bit = 0;
	size_t n = 0;

	for (size_t i = 0; i < len && n < HEAD_MAX; i++) {
		if (frame[i] == FLAG)
			continue;
		if (frame[i] == ESCAPE) {
			bit = ESCAPE_BIT;
			continue;
		}
		head[n++] = frame[i] ^ bit;
		bit = 0;
	}
	return n;
}

bool ppp_trace_frame(char text[PPP_TRACE_MAX], const uint8_t *frame, size_t len)
{
	uint8_t head[HEAD_MAX];
	size_t n = unstuff(head, frame, len), at = n > 0 && head[0] == ADDRESS ? 2 : 0;

	if (n < at + 4)
		return false;
	return ppp_trace_packet(text, (uint16_t)(head[at] << 8 | head[at + 1]), head + at + 2,
		n - at - 2);
}
