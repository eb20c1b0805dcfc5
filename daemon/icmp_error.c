/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * Two raw pcbs see a copy of every ICMP and ICMPv6 packet. An error message
 * quotes the packet it is about: our address and port, the peer's, and for
 * TCP the sequence number. The quote is the network's word, so it counts only
 * if it fits a socket exactly: a connected UDP socket's both ends (as Linux),
 * or a TCP connect under way with its very sequence number (RFC 5927 4.1).
 *
 * What was too big for its path is pmtu.c's, and a connected UDP socket's error.
 */
#include "daemon/icmp_error.h"

#include "daemon/inet.h"
#include "daemon/ports.h"
#include "daemon/tcp_private.h"
#include "netif/pmtu.h"
#include "netif/route.h"

#include <errno.h>
#include <lwip/pbuf.h>
#include <lwip/prot/icmp6.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/raw.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

struct icmp_error {
	struct socket_registry *registry;
	struct raw_pcb *v4, *v6;
};

/* Bytes of the quote that matter: ports, and TCP's sequence number. */
#define QUOTE_TRANSPORT 8
#define ICMP_HEADER	8

/* What the quoted packet said of itself. */
struct quote {
	uint8_t protocol;
	struct address local, remote;
	uint32_t sequence;
	uint16_t length; /* of the whole packet */
	uint32_t mtu;	 /* with EMSGSIZE: of the hop it did not fit; 0: not said */
};

/* RFC 1122 3.2.2.1; the errnos are Linux'. 0: not an error for sockets. */
static const int unreachable4[] = {
	[ICMP_NET_UNREACH] = ENETUNREACH,
	[ICMP_HOST_UNREACH] = EHOSTUNREACH,
	[ICMP_PROT_UNREACH] = ENOPROTOOPT,
	[ICMP_PORT_UNREACH] = ECONNREFUSED,
	[ICMP_FRAG_NEEDED] = EMSGSIZE,
	[ICMP_SR_FAILED] = EOPNOTSUPP,
	[ICMP_NET_UNKNOWN] = ENETUNREACH,
	[ICMP_HOST_UNKNOWN] = EHOSTDOWN,
	[ICMP_HOST_ISOLATED] = ENONET,
	[ICMP_NET_ANO] = ENETUNREACH,
	[ICMP_HOST_ANO] = EHOSTUNREACH,
	[ICMP_NET_UNR_TOS] = ENETUNREACH,
	[ICMP_HOST_UNR_TOS] = EHOSTUNREACH,
	[ICMP_PKT_FILTERED] = EHOSTUNREACH,
	[ICMP_PREC_VIOLATION] = EHOSTUNREACH,
	[ICMP_PREC_CUTOFF] = EHOSTUNREACH,
};

/* RFC 4443 3.1. */
static const int unreachable6[] = {
	[ICMP6_DUR_NO_ROUTE] = ENETUNREACH,
	[ICMP6_DUR_PROHIBITED] = EACCES,
	[ICMP6_DUR_SCOPE] = EHOSTUNREACH,
	[ICMP6_DUR_ADDRESS] = EHOSTUNREACH,
	[ICMP6_DUR_PORT] = ECONNREFUSED,
	[ICMP6_DUR_POLICY] = EACCES,
	[ICMP6_DUR_REJECT_ROUTE] = EACCES,
};

#define LOOK_UP(table, code) \
	((code) < sizeof(table) / sizeof((table)[0]) ? (table)[code] : 0)

static int error_of4(uint8_t type, uint8_t code)
{
	if (type == ICMP_DEST_UNREACH)
		return LOOK_UP(unreachable4, code);
	return type == ICMP_TIME_EXCEEDED ? EHOSTUNREACH : 0;
}

static int error_of6(uint8_t type, uint8_t code)
{
	switch (type) {
	case ICMP6_TYPE_DUR:
		return LOOK_UP(unreachable6, code);
	case ICMP6_TYPE_PTB:
		return EMSGSIZE;
	case ICMP6_TYPE_TE:
		return EHOSTUNREACH;
	default:
		return 0;
	}
}

static bool parse_transport(const uint8_t *bytes, size_t len, struct quote *quote)
{
	if (len < QUOTE_TRANSPORT)
		return false;
	quote->local.port = (uint16_t)(bytes[0] << 8 | bytes[1]);
	quote->remote.port = (uint16_t)(bytes[2] << 8 | bytes[3]);
	quote->sequence = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
		(uint32_t)bytes[6] << 8 | bytes[7];
	return true;
}

static bool parse_quote4(const uint8_t *bytes, size_t len, struct quote *quote)
{
	struct ip_hdr ip;
	size_t header;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, bytes, sizeof(ip));
	header = IPH_HL_BYTES(&ip);
	/* Only a first fragment has the ports. */
	if (IPH_V(&ip) != 4 || header < sizeof(ip) || header > len ||
		IPH_OFFSET_BYTES(&ip) != 0)
		return false;
	quote->protocol = IPH_PROTO(&ip);
	quote->length = lwip_ntohs(IPH_LEN(&ip));
	quote->local.family = ADDRESS_IPV4;
	quote->remote.family = ADDRESS_IPV4;
	memcpy(quote->local.ip, &ip.src, 4);
	memcpy(quote->remote.ip, &ip.dest, 4);
	return parse_transport(bytes + header, len - header, quote);
}

static bool parse_quote6(const uint8_t *bytes, size_t len, struct quote *quote)
{
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, bytes, sizeof(ip));
	quote->protocol = IP6H_NEXTH(&ip);
	quote->length = (uint16_t)(IP6H_PLEN(&ip) + IP6_HLEN);
	quote->local.family = ADDRESS_IPV6;
	quote->remote.family = ADDRESS_IPV6;
	memcpy(quote->local.ip, &ip.src, sizeof(quote->local.ip));
	memcpy(quote->remote.ip, &ip.dest, sizeof(quote->remote.ip));
	return parse_transport(bytes + sizeof(ip), len - sizeof(ip), quote);
}

static bool is_about(const struct usock *s, const struct quote *quote)
{
	struct address remote = address_unmap_v4(&s->record.remote);
	struct address local = address_unmap_v4(&s->record.local);

	return remote.family == quote->remote.family && remote.port == quote->remote.port &&
		address_ip_equal(&remote, &quote->remote) &&
		(address_is_any(&local) || address_ip_equal(&local, &quote->local));
}

static void heed_mtu(struct socket_registry *registry, const struct quote *quote,
	bool (*heed)(const struct pmtu_report *report))
{
	struct pmtu_report report = {
		.local_port = quote->local.port,
		.remote_port = quote->remote.port,
		.sequence = quote->sequence,
		.mtu = quote->mtu,
		.length = quote->length,
	};

	inet_to_lwip(registry->daemon, &quote->local, &report.local);
	inet_to_lwip(registry->daemon, &quote->remote, &report.remote);
	heed(&report);
}

static void tell_udp(struct socket_registry *registry, const struct quote *quote, int error)
{
	struct usock *s = ports_first(&registry->udp_ports, quote->local.port);

	/* Whoever has the port: most sockets are not connected. */
	if (s && error == EMSGSIZE)
		heed_mtu(registry, quote, pmtu_heed_datagram);
	for (; s; s = LIST_NEXT(s, port_link))
		if (is_about(s, quote))
			udp_socket_unreachable(s, error);
}

static void tell_tcp(struct socket_registry *registry, const struct quote *quote, int error)
{
	struct usock *s = ports_first(&registry->tcp_ports, quote->local.port), *next;

	/* That is no failure, and a protocol unreachable is a refusal. */
	if (error == EMSGSIZE) {
		heed_mtu(registry, quote, pmtu_heed_tcp);
		return;
	}
	if (error == ENOPROTOOPT)
		error = ECONNREFUSED;
	for (; s; s = next) {
		struct tcp_socket *t = tcp_of(s);

		next = LIST_NEXT(s, port_link);
		if (t->pcb && t->phase == TCP_PHASE_CONNECTING && is_about(s, quote) &&
			quote->sequence == t->pcb->lastack)
			tcp_socket_unreachable(s, error);
	}
}

static void tell_of(struct socket_registry *registry, const struct quote *quote, int error)
{
	if (quote->protocol == IPPROTO_UDP)
		tell_udp(registry, quote, error);
	else if (quote->protocol == IPPROTO_TCP)
		tell_tcp(registry, quote, error);
}

/* What went to a NAT64 prefix may be of a socket that talks IPv4: see inet.h. */
static void tell(struct socket_registry *registry, const struct quote *quote, int error)
{
	struct quote mapped = *quote;
	ip6_addr_t ip6 = { 0 };
	ip4_addr_t ip4;

	tell_of(registry, quote, error);
	if (quote->remote.family != ADDRESS_IPV6)
		return;
	memcpy(ip6.addr, quote->remote.ip, sizeof(ip6.addr));
	if (!route_unmap6(&ip6, &ip4))
		return;
	mapped.local = inet_nat64_local(quote->local.port, false);
	mapped.remote = (struct address){ .family = ADDRESS_IPV4, .port = quote->remote.port };
	memcpy(mapped.remote.ip, &ip4.addr, 4);
	tell_of(registry, &mapped, error);
}

/* ICMPv6's field is as wide as the header's rest, RFC 4443 3.2; RFC 1191 4. */
static uint32_t mtu_of(const uint8_t *header, bool v6)
{
	uint32_t mtu = (uint32_t)(header[6] << 8 | header[7]);

	return v6 ? (uint32_t)header[4] << 24 | (uint32_t)header[5] << 16 | mtu : mtu;
}

static u8_t on_icmp(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *ip)
{
	uint8_t bytes[ICMP_HEADER + IP_HLEN_MAX + QUOTE_TRANSPORT];
	struct icmp_error *icmp = arg;
	struct quote quote = { 0 };
	bool v6 = pcb == icmp->v6, parsed;
	uint16_t len;
	int error;

	(void)ip;
	len = pbuf_copy_partial(p, bytes, sizeof(bytes), ip_current_header_tot_len());
	if (len < ICMP_HEADER)
		return 0;
	error = v6 ? error_of6(bytes[0], bytes[1]) : error_of4(bytes[0], bytes[1]);
	if (error == 0)
		return 0;
	parsed = v6 ? parse_quote6(bytes + ICMP_HEADER, len - ICMP_HEADER, &quote)
		    : parse_quote4(bytes + ICMP_HEADER, len - ICMP_HEADER, &quote);
	quote.mtu = mtu_of(bytes, v6);
	if (parsed)
		tell(icmp->registry, &quote, error);
	return 0;
}

int icmp_error_new(struct icmp_error **out, struct socket_registry *registry)
{
	struct icmp_error *icmp = calloc(1, sizeof(*icmp));

	if (!icmp)
		return -ENOMEM;
	icmp->registry = registry;
	icmp->v4 = raw_new_ip_type(IPADDR_TYPE_V4, IPPROTO_ICMP);
	icmp->v6 = raw_new_ip_type(IPADDR_TYPE_V6, IPPROTO_ICMPV6);
	if (!icmp->v4 || !icmp->v6) {
		icmp_error_free(icmp);
		return -ENOMEM;
	}
	raw_recv(icmp->v4, on_icmp, icmp);
	raw_recv(icmp->v6, on_icmp, icmp);
	*out = icmp;
	return 0;
}

void icmp_error_free(struct icmp_error *icmp)
{
	if (!icmp)
		return;
	if (icmp->v4)
		raw_remove(icmp->v4);
	if (icmp->v6)
		raw_remove(icmp->v6);
	free(icmp);
}
