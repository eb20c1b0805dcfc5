/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The headers are those of the first segment; what may differ in the others is
 * what segment_is_same() leaves out. As the checksum of a joined segment cannot
 * be looked at, that of each is before it is joined; a wrong one is left to lwIP,
 * which counts it.
 *
 * A segment with PSH ends what is held, and one alone is never held: it is the
 * end of what the peer has to say, and is not worth a copy. So is one shorter than
 * those before it.
 */
#include "netif/gro.h"

#include "netif/checksum.h"
#include "netif/segment.h"

#include "lwip/pbuf.h"
#include "lwip/prot/ip.h"

#include <string.h>

void gro_fini(struct gro *gro)
{
	rx_buffer_fini(&gro->buffer);
	gro->length = 0;
}

/* Bytes of both headers, with data behind them; 0: not for joining. */
static size_t headers_of(const uint8_t *packet, const struct ingress_packet *info)
{
	const uint8_t *tcp = packet + info->payload_at;
	size_t headers;

	if (info->protocol != IP_PROTO_TCP || info->flags & INGRESS_FRAGMENT ||
		segment_ip_header(packet, info->length) != info->payload_at ||
		!segment_is_plain(tcp))
		return 0;
	headers = info->payload_at + segment_tcp_header(tcp);
	if (headers < (size_t)info->payload_at + SEGMENT_HEADER_MIN || headers >= info->length)
		return 0;
	return headers;
}

static bool is_right(const uint8_t *packet, const struct ingress_packet *info)
{
	size_t len = (size_t)info->length - info->payload_at;
	uint32_t sum = segment_pseudo_sum(packet, len);

	sum += checksum_add(packet + info->payload_at, (int)len);
	return (sum >> 16) + (sum & 0xffff) == 0xffff;
}

static bool has_push(const uint8_t *tcp)
{
	return tcp[SEGMENT_FLAGS] & SEGMENT_FLAG_PSH;
}

static bool continues(const struct gro *gro, const uint8_t *packet,
	const struct ingress_packet *info, size_t headers)
{
	size_t ip_header = gro->info.payload_at;

	return headers == gro->headers && info->payload_at == ip_header &&
		segment_get32(packet + ip_header + SEGMENT_SEQUENCE) == gro->next_sequence &&
		info->length - headers <= gro->segment &&
		segment_is_same(rx_buffer_bytes(&gro->buffer), packet, ip_header,
			headers - ip_header);
}

static bool has_room(const struct gro *gro)
{
	return gro->length + gro->segment <= SEGMENT_PACKET_MAX;
}

bool gro_join(struct gro *gro, const uint8_t *packet, const struct ingress_packet *info,
	bool is_verified)
{
	size_t headers, len;
	uint8_t *held, *flags;

	if (gro->length == 0 || !gro->is_open)
		return false;
	headers = headers_of(packet, info);
	if (headers == 0 || !continues(gro, packet, info, headers) ||
		(!is_verified && !is_right(packet, info)))
		return false;
	len = info->length - headers;
	held = rx_buffer_bytes(&gro->buffer);
	flags = held + gro->info.payload_at + SEGMENT_FLAGS;
	*flags |= packet[info->payload_at + SEGMENT_FLAGS];
	memcpy(held + gro->length, packet + headers, len);
	gro->length += len;
	gro->next_sequence += (uint32_t)len;
	gro->is_open = len == gro->segment && !(*flags & SEGMENT_FLAG_PSH) && has_room(gro);
	return true;
}

bool gro_begin(struct gro *gro, const uint8_t *packet, const struct ingress_packet *info,
	bool is_verified)
{
	size_t headers = headers_of(packet, info);
	const uint8_t *tcp = packet + info->payload_at;

	/* One that is so long that no other fits behind it was joined by the kernel. */
	if (headers == 0 || has_push(tcp) ||
		2 * (size_t)info->length - headers > SEGMENT_PACKET_MAX ||
		(!is_verified && !is_right(packet, info)) ||
		rx_buffer_resize(&gro->buffer, SEGMENT_PACKET_MAX) != 0)
		return false;
	memcpy(rx_buffer_bytes(&gro->buffer), packet, info->length);
	gro->info = *info;
	gro->length = info->length;
	gro->headers = headers;
	gro->segment = info->length - headers;
	gro->next_sequence = segment_get32(tcp + SEGMENT_SEQUENCE) + (uint32_t)gro->segment;
	gro->is_open = true;
	return true;
}

struct pbuf *gro_take(struct gro *gro, struct ingress_packet *info)
{
	size_t len = gro->length;
	uint8_t *held;

	if (len == 0)
		return NULL;
	held = rx_buffer_bytes(&gro->buffer);
	segment_set_length(held, gro->info.payload_at, len);
	*info = gro->info;
	info->length = (uint16_t)len;
	gro->length = 0;
	return rx_buffer_give(&gro->buffer, held, len);
}
