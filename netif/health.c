/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A link over which no data passes shows itself by what the programs' packets
 * lack: SYNs without an answer, segments that TCP sends again and again,
 * look-ups that time out. All of these are packets that want an answer, so they
 * are counted, at most one a second, which makes a burst one and a time-out
 * each a count of its own. One packet from afar clears them all: then data
 * passes, and whoever got no answer has called at the wrong door.
 *
 * Suspect: three counted, nothing received for eight seconds since the first.
 * Somebody may be asking one dead server again and again, so that is a reason
 * to ask a question of our own (probe.c), not to act. Where nobody can be asked
 * the programs' packets must do: condemned is a link after twice the number and
 * more than twice the time, with more than one destination among them.
 *
 * From afar is what does not come from the link's own gateway, which on many
 * modems is the modem itself, answers ARP, pings and even look-ups, and knows
 * nothing of the network behind. Link-local senders and groups are not afar
 * either.
 *
 * Datagrams other than look-ups are not counted: many want no answer. Without
 * packets there is no verdict.
 *
 * Bytes, numbers and the time given; no lwIP and no clock.
 */
#include "netif/health.h"

#include <stdio.h>
#include <string.h>

#define SECOND_NS	   UINT64_C(1000000000)
#define INTERVAL_NS	   SECOND_NS
#define SUSPECT_COUNT	   3
#define SUSPECT_NS	   (8 * SECOND_NS)
#define CONDEMNED_COUNT	   6
#define CONDEMNED_NS	   (20 * SECOND_NS)

#define PROTOCOL_ICMP	   1
#define PROTOCOL_TCP	   6
#define PROTOCOL_UDP	   17
#define PROTOCOL_ICMP6	   58
#define ICMP_ECHO_REQUEST  8
#define ICMP6_ECHO_REQUEST 128
#define PORT_DOMAIN	   53
#define TCP_FIN		   0x01
#define TCP_SYN		   0x02
#define TCP_RST		   0x04
#define TCP_ACK		   0x10

#define IP4_HEADER	   20
#define IP6_HEADER	   40

/* A packet's parts; pointers into it. */
struct view {
	enum address_family family;
	const uint8_t *source, *destination;
	uint8_t protocol;
	const uint8_t *payload;
	size_t len;   /* of the payload, as far as it is there */
	size_t total; /* of the payload, as the header says */
};

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static bool view4(struct view *v, const uint8_t *packet, size_t len)
{
	size_t header = (size_t)(packet[0] & 0xf) * 4;

	if (len < IP4_HEADER || header < IP4_HEADER || len < header ||
		get16(packet + 2) < header)
		return false;
	/* Only a first fragment has the header of what it carries. */
	if (get16(packet + 6) & 0x1fff)
		return false;
	v->family = ADDRESS_IPV4;
	v->source = packet + 12;
	v->destination = packet + 16;
	v->protocol = packet[9];
	v->payload = packet + header;
	v->len = len - header;
	v->total = get16(packet + 2) - header;
	return true;
}

static bool view6(struct view *v, const uint8_t *packet, size_t len)
{
	if (len < IP6_HEADER)
		return false;
	v->family = ADDRESS_IPV6;
	v->source = packet + 8;
	v->destination = packet + 24;
	v->protocol = packet[6];
	v->payload = packet + IP6_HEADER;
	v->len = len - IP6_HEADER;
	v->total = get16(packet + 4);
	return true;
}

static bool view_packet(struct view *v, const uint8_t *packet, size_t len)
{
	if (len == 0)
		return false;
	switch (packet[0] >> 4) {
	case 4:
		return view4(v, packet, len);
	case 6:
		return view6(v, packet, len);
	default:
		return false;
	}
}

/* ---- out ------------------------------------------------------------------------ */

static int tcp_kind(const struct view *v)
{
	size_t header;

	if (v->len < 20)
		return -1;
	header = (size_t)(v->payload[12] >> 4) * 4;
	if (v->payload[13] & TCP_RST)
		return -1;
	/* An answer to a peer's SYN shows that data has passed a moment ago. */
	if (v->payload[13] & TCP_SYN)
		return v->payload[13] & TCP_ACK ? -1 : HEALTH_CONNECT;
	return v->total > header || (v->payload[13] & TCP_FIN) ? HEALTH_SEGMENT : -1;
}

/* The kind of a packet that wants an answer, or -1. */
static int kind_of(const struct view *v)
{
	if (v->protocol == PROTOCOL_TCP)
		return tcp_kind(v);
	if (v->protocol == PROTOCOL_UDP && v->len >= 8)
		return get16(v->payload + 2) == PORT_DOMAIN ? HEALTH_LOOKUP : -1;
	if (v->protocol == PROTOCOL_ICMP && v->family == ADDRESS_IPV4 && v->len >= 8)
		return v->payload[0] == ICMP_ECHO_REQUEST ? HEALTH_PING : -1;
	if (v->protocol == PROTOCOL_ICMP6 && v->family == ADDRESS_IPV6 && v->len >= 8)
		return v->payload[0] == ICMP6_ECHO_REQUEST ? HEALTH_PING : -1;
	return -1;
}

static size_t ip_size(enum address_family family)
{
	return family == ADDRESS_IPV4 ? 4 : 16;
}

/* FNV-1a: to tell destinations apart, not to keep them. */
static uint32_t digest(const uint8_t *bytes, size_t len)
{
	uint32_t hash = 2166136261u;

	while (len-- > 0)
		hash = (hash ^ *bytes++) * 16777619u;
	return hash;
}

static void forget(struct health *health)
{
	health->first_ns = 0;
	health->counted_ns = 0;
	health->n_counted = 0;
	memset(health->n, 0, sizeof(health->n));
	health->is_several = false;
}

void health_begin(struct health *health, const struct address *gateway4,
	const struct address *gateway6)
{
	memset(health, 0, sizeof(*health));
	health->gateways[0] = *gateway4;
	health->gateways[1] = *gateway6;
}

static bool is_gateway(const struct health *health, const struct view *v, const uint8_t *ip)
{
	for (size_t i = 0; i < sizeof(health->gateways) / sizeof(health->gateways[0]); i++) {
		if (health->gateways[i].family == v->family &&
			memcmp(health->gateways[i].ip, ip, ip_size(v->family)) == 0)
			return true;
	}
	return false;
}

static bool is_near(const struct view *v, const uint8_t *ip)
{
	if (v->family == ADDRESS_IPV4)
		return (ip[0] == 169 && ip[1] == 254) || ip[0] >= 224;
	return (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) || ip[0] == 0xff;
}

bool health_sent(struct health *health, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	uint32_t destination;
	struct view v;
	int kind;

	if (!view_packet(&v, packet, len) || is_near(&v, v.destination) ||
		is_gateway(health, &v, v.destination))
		return false;
	kind = kind_of(&v);
	if (kind < 0)
		return false;
	destination = digest(v.destination, ip_size(v.family));
	if (health->first_ns == 0) {
		health->first_ns = now_ns;
		health->destination = destination;
	} else {
		health->is_several |= destination != health->destination;
		if (now_ns - health->counted_ns < INTERVAL_NS)
			return false;
	}
	health->counted_ns = now_ns;
	health->n_counted++;
	health->n[kind]++;
	return true;
}

/* ---- in ------------------------------------------------------------------------- */

bool health_received(struct health *health, const uint8_t *packet, size_t len)
{
	struct view v;

	if (!view_packet(&v, packet, len) || is_near(&v, v.source) ||
		is_near(&v, v.destination) || is_gateway(health, &v, v.source))
		return false;
	health->has_received = true;
	forget(health);
	return true;
}

/* ---- the verdict ------------------------------------------------------------------ */

uint64_t health_due_ns(const struct health *health)
{
	if (health->n_counted < SUSPECT_COUNT)
		return 0;
	return health->first_ns + SUSPECT_NS;
}

enum health_verdict health_judge(const struct health *health, uint64_t now_ns)
{
	uint64_t silence_ns = health->first_ns ? now_ns - health->first_ns : 0;

	if (health->n_counted < SUSPECT_COUNT || silence_ns < SUSPECT_NS)
		return HEALTH_WELL;
	if (health->is_several && health->n_counted >= CONDEMNED_COUNT &&
		silence_ns >= CONDEMNED_NS)
		return HEALTH_CONDEMNED;
	return HEALTH_SUSPECT;
}

void health_describe(const struct health *health, uint64_t now_ns, char *text, size_t size)
{
	uint64_t silence_ns = health->first_ns ? now_ns - health->first_ns : 0;

	snprintf(text, size, "no data for %u s: unanswered connects %u, segments %u, look-ups %u, "
			     "pings %u",
		(unsigned int)(silence_ns / SECOND_NS), health->n[HEALTH_CONNECT],
		health->n[HEALTH_SEGMENT], health->n[HEALTH_LOOKUP], health->n[HEALTH_PING]);
}
