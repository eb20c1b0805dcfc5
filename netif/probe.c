/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The question leaves by the link that is asked about, whatever the routes
 * say. Its pcb stays until the next one, so that the answer finds somebody and
 * is not sent back with an error. The look-up asks for localhost, which name
 * servers answer themselves (RFC 6761 6.3), in few bytes: cellular links are
 * billed.
 */
#include "netif/probe.h"

#include "lwip/icmp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#include <errno.h>
#include <string.h>

#define PORT_DOMAIN 53

/* RFC 1035 4.1: id, recursion desired, one question: localhost, A, IN. */
static const uint8_t question[] = { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 'l', 'o', 'c', 'a',
	'l', 'h', 'o', 's', 't', 0, 0, 1, 0, 1 };

/* Type, code, checksum, identifier, sequence. */
#define ECHO_SIZE 8

static struct pbuf *make_pbuf(pbuf_layer layer, const void *bytes, size_t len)
{
	struct pbuf *p = pbuf_alloc(layer, (u16_t)len, PBUF_RAM);

	if (p)
		pbuf_take(p, bytes, (u16_t)len);
	return p;
}

static int to_errno(err_t err)
{
	if (err == ERR_OK)
		return 0;
	return err == ERR_MEM ? -ENOMEM : -EHOSTUNREACH;
}

static void drop(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	(void)arg;
	(void)pcb;
	(void)from;
	(void)port;
	pbuf_free(p);
}

static int send_lookup(struct probe *probe, struct netif *netif, const ip_addr_t *to)
{
	struct pbuf *p = make_pbuf(PBUF_TRANSPORT, question, sizeof(question));
	u32_t random = LWIP_RAND();
	err_t err = ERR_MEM;

	probe->udp = udp_new_ip_type(IP_GET_TYPE(to));
	if (p && probe->udp) {
		memcpy(p->payload, &random, 2);
		udp_recv(probe->udp, drop, NULL);
		udp_bind_netif(probe->udp, netif);
		err = udp_sendto_if(probe->udp, p, to, PORT_DOMAIN, netif);
	}
	if (p)
		pbuf_free(p);
	return to_errno(err);
}

static int send_ping(struct netif *netif, const ip_addr_t *to)
{
	uint8_t echo[ECHO_SIZE] = { IP_IS_V4(to) ? ICMP_ECHO : ICMP6_TYPE_EREQ };
	struct raw_pcb *pcb =
		raw_new_ip_type(IP_GET_TYPE(to), IP_IS_V4(to) ? IP_PROTO_ICMP : IP6_NEXTH_ICMP6);
	u32_t random = LWIP_RAND();
	struct pbuf *p = NULL;
	err_t err = ERR_MEM;
	u16_t sum;

	memcpy(echo + 4, &random, 4);
	if (IP_IS_V4(to)) {
		sum = inet_chksum(echo, sizeof(echo));
		memcpy(echo + 2, &sum, sizeof(sum));
	}
	if (pcb)
		p = make_pbuf(PBUF_IP, echo, sizeof(echo));
	if (p) {
		/* ICMPv6's sum covers the addresses, which lwIP chooses. */
		pcb->chksum_reqd = IP_IS_V6(to);
		pcb->chksum_offset = 2;
		raw_bind_netif(pcb, netif);
		err = raw_sendto(pcb, p, to);
		pbuf_free(p);
	}
	if (pcb)
		raw_remove(pcb);
	return to_errno(err);
}

static void end_connect(struct probe *probe)
{
	struct tcp_pcb *pcb = probe->tcp;

	if (!pcb)
		return;
	probe->tcp = NULL;
	tcp_arg(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_abort(pcb);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)pcb;
	(void)err;
	end_connect(arg);
	return ERR_ABRT;
}

static void on_connect_failed(void *arg, err_t err)
{
	struct probe *probe = arg;

	(void)err;
	probe->tcp = NULL;
}

static int start_connect(struct probe *probe, struct netif *netif, const ip_addr_t *to,
	uint16_t port)
{
	err_t err;

	probe->tcp = tcp_new_ip_type(IP_GET_TYPE(to));
	if (!probe->tcp)
		return -ENOMEM;
	tcp_arg(probe->tcp, probe);
	tcp_err(probe->tcp, on_connect_failed);
	tcp_bind_netif(probe->tcp, netif);
	err = tcp_connect(probe->tcp, to, port, on_connected);
	if (err != ERR_OK)
		end_connect(probe);
	return to_errno(err);
}

static void to_ip(ip_addr_t *ip, const struct address *a, const struct netif *netif)
{
	memset(ip, 0, sizeof(*ip));
	if (a->family == ADDRESS_IPV4) {
		memcpy(&ip_2_ip4(ip)->addr, a->ip, 4);
		IP_SET_TYPE(ip, IPADDR_TYPE_V4);
		return;
	}
	memcpy(ip_2_ip6(ip)->addr, a->ip, 16);
	IP_SET_TYPE(ip, IPADDR_TYPE_V6);
	ip6_addr_assign_zone(ip_2_ip6(ip), IP6_UNICAST, netif);
}

int probe_send(struct probe *probe, struct netif *netif, enum probe_kind kind,
	const struct address *to)
{
	ip_addr_t ip;

	probe_end(probe);
	to_ip(&ip, to, netif);
	switch (kind) {
	case PROBE_LOOKUP:
		return send_lookup(probe, netif, &ip);
	case PROBE_PING:
		return send_ping(netif, &ip);
	case PROBE_CONNECT:
		return start_connect(probe, netif, &ip, to->port);
	}
	return -EINVAL;
}

void probe_end(struct probe *probe)
{
	if (probe->udp)
		udp_remove(probe->udp);
	probe->udp = NULL;
	end_connect(probe);
}
