/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the ingress stage, and lwIP behind it.
 *
 * The input is a row of records: one byte of flags, two of length (big
 * endian), and a packet. What the ingress stage accepts goes into lwIP, in
 * buffers of exactly its length, so that AddressSanitizer sees lwIP read past
 * the end of what the stage let through.
 *
 * lwIP does not check checksums here, and the target can fill in what a fuzzer
 * does not guess: an IPv4 header's checksum, and the acknowledgement number
 * that answers our last TCP segment.
 */
#include "netif/ingress.h"
#include "netif/input.h"
#include "netif/log.h"
#include "netif/reassembly.h"
#include "netif/stack.h"
#include "netif/timers.h"

#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum record_flag {
	RECORD_ETHERNET = 1 << 0, /* a frame, else an IP packet */
	RECORD_ANSWER = 1 << 1,	  /* put our sequence number into its ACK field */
	RECORD_TIMERS = 1 << 2,	  /* half a second passes afterwards */
	RECORD_CHECKSUM = 1 << 3, /* make the IPv4 header's checksum right */
	RECORD_HOLD = 1 << 4,	  /* it may be joined with the next that has this */
};

static const uint8_t mac[6] = { 0x52, 0x55, 0, 0, 0, 1 };

static struct fuzz {
	struct netif netif;
	struct tcp_pcb *listener;
	struct udp_pcb *udp;
	struct raw_pcb *raw;
	struct input_reception reception;
	uint32_t next_sequence; /* after our last TCP segment */
} fuzz;

/* ---- the stack's side ---------------------------------------------------------- */

/* Remembers where our side of a TCP connection is. */
static void watch_tcp(struct pbuf *p, size_t header)
{
	uint8_t copy[80];
	struct tcp_hdr tcp;
	size_t n = pbuf_copy_partial(p, copy, sizeof(copy), 0);

	if (n < header + sizeof(tcp))
		return;
	memcpy(&tcp, copy + header, sizeof(tcp));
	fuzz.next_sequence = lwip_ntohl(tcp.seqno) + (TCPH_FLAGS(&tcp) & TCP_SYN ? 1 : 0) +
		p->tot_len - (uint32_t)header - TCPH_HDRLEN_BYTES(&tcp);
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
	const uint8_t *packet = p->payload;

	if (p->len >= 20 && packet[9] == 6)
		watch_tcp(p, 20);
	return etharp_output(netif, p, dest);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
	const uint8_t *packet = p->payload;
	const u8_t *hwaddr;

	if (p->len >= 40 && packet[6] == 6)
		watch_tcp(p, 40);
	return nd6_get_next_hop_addr_or_queue(netif, p, dest, &hwaddr);
}

static err_t swallow(struct netif *netif, struct pbuf *p)
{
	(void)netif;
	(void)p;
	return ERR_OK;
}

static err_t netif_setup(struct netif *netif)
{
	netif->name[0] = 'f';
	netif->name[1] = 'z';
	netif->mtu = 1500;
	netif->output = output4;
	netif->output_ip6 = output6;
	netif->linkoutput = swallow;
	netif->flags = NETIF_FLAG_IGMP | NETIF_FLAG_MLD6 | NETIF_FLAG_BROADCAST |
		NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
	netif->hwaddr_len = sizeof(mac);
	memcpy(netif->hwaddr, mac, sizeof(mac));
	NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
	return ERR_OK;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	(void)arg;
	(void)error;
	if (!p)
		return tcp_close(pcb);
	tcp_recved(pcb, p->tot_len);
	/* Answer, so that there is something to acknowledge. */
	tcp_write(pcb, "0123456789", 10, TCP_WRITE_FLAG_COPY);
	tcp_output(pcb);
	pbuf_free(p);
	return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	if (error == ERR_OK)
		tcp_recv(pcb, on_receive);
	return ERR_OK;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *ip,
	u16_t port)
{
	(void)arg;
	udp_sendto(pcb, p, ip, port);
	pbuf_free(p);
}

static u8_t on_raw(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *ip)
{
	(void)arg;
	(void)pcb;
	(void)ip;
	(void)p;
	return 0;
}

static void open_netif(void)
{
	ip4_addr_t ip, mask, gateway;
	ip6_addr_t ip6;

	IP4_ADDR(&ip, 10, 0, 2, 15);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 10, 0, 2, 2);
	netif_add(&fuzz.netif, &ip, &mask, &gateway, NULL, netif_setup, ip_input);
	netif_set_default(&fuzz.netif);
	netif_set_up(&fuzz.netif);
	netif_create_ip6_linklocal_address(&fuzz.netif, 1);
	netif_ip6_addr_set_state(&fuzz.netif, 0, IP6_ADDR_PREFERRED);
	memset(&ip6, 0, sizeof(ip6));
	ip6.addr[0] = PP_HTONL(0xfec00000);
	ip6.addr[3] = PP_HTONL(0x15);
	netif_ip6_addr_set(&fuzz.netif, 1, &ip6);
	netif_ip6_addr_set_state(&fuzz.netif, 1, IP6_ADDR_PREFERRED);
	netif_set_link_up(&fuzz.netif);
}

static void open_sockets(void)
{
	ip4_addr_t group;
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

	tcp_bind(pcb, IP_ANY_TYPE, 80);
	fuzz.listener = tcp_listen_with_backlog(pcb, 4);
	tcp_accept(fuzz.listener, on_accept);
	fuzz.udp = udp_new_ip_type(IPADDR_TYPE_ANY);
	udp_bind(fuzz.udp, IP_ANY_TYPE, 53);
	udp_recv(fuzz.udp, on_datagram, NULL);
	fuzz.raw = raw_new(IP_PROTO_ICMP);
	raw_recv(fuzz.raw, on_raw, NULL);
	IP4_ADDR(&group, 224, 1, 1, 1);
	igmp_joingroup_netif(&fuzz.netif, &group);
}

static void close_all(void)
{
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
	tcp_close(fuzz.listener);
	udp_remove(fuzz.udp);
	raw_remove(fuzz.raw);
	reassembly_fini();
	input_reception_fini(&fuzz.reception);
	netif_set_down(&fuzz.netif);
	netif_remove(&fuzz.netif);
}

/* ---- the wire's side ----------------------------------------------------------- */

static bool is_ours(enum address_family family, const uint8_t *ip, void *arg)
{
	static const uint8_t ours4[4] = { 10, 0, 2, 15 };
	static const uint8_t ours6[16] = { 0xfe, 0xc0, [15] = 0x15 };

	(void)arg;
	return memcmp(ip, family == ADDRESS_IPV4 ? ours4 : ours6,
		       family == ADDRESS_IPV4 ? 4 : 16) == 0;
}

static const struct ingress_source outside = { .ours = is_ours };

static void fix_checksum(uint8_t *packet, size_t len)
{
	size_t header;
	uint32_t sum = 0;
	size_t i;

	if (len < 20 || packet[0] >> 4 != 4)
		return;
	header = (size_t)(packet[0] & 15) * 4;
	if (header < 20 || header > len)
		return;
	packet[10] = packet[11] = 0;
	for (i = 0; i < header; i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	packet[10] = (uint8_t)(~sum >> 8);
	packet[11] = (uint8_t)~sum;
}

static void fix_answer(uint8_t *packet, size_t len)
{
	size_t header = 0;
	uint32_t ack = lwip_htonl(fuzz.next_sequence);

	if (len >= 20 && packet[0] >> 4 == 4 && packet[9] == 6)
		header = (size_t)(packet[0] & 15) * 4;
	else if (len >= 40 && packet[0] >> 4 == 6 && packet[6] == 6)
		header = 40;
	if (header && header + 12 <= len)
		memcpy(packet + header + 8, &ack, sizeof(ack));
}

static void take_held(const uint8_t *packet, size_t len)
{
	static const struct ingress_source verified = { .ours = is_ours, .is_verified = true };
	struct rx_buffer *buffer = &fuzz.reception.buffer;

	if (rx_buffer_resize(buffer, UINT16_MAX) != 0)
		abort();
	memcpy(rx_buffer_bytes(buffer), packet, len);
	input_received(&fuzz.netif, &fuzz.reception, rx_buffer_bytes(buffer), len, &verified);
}

static void take_packet(uint8_t *packet, size_t len, uint8_t flags)
{
	if (flags & RECORD_ANSWER)
		fix_answer(packet, len);
	if (flags & RECORD_CHECKSUM)
		fix_checksum(packet, len);
	if (flags & RECORD_HOLD) {
		take_held(packet, len);
		return;
	}
	input_flush(&fuzz.netif, &fuzz.reception);
	input_packet(&fuzz.netif, packet, len, &outside);
}

static void take_frame(uint8_t *frame, size_t len, uint8_t flags)
{
	enum ingress_frame kind;
	struct pbuf *p;

	if (ingress_check_frame(frame, len, mac, &outside, &kind) != INGRESS_ACCEPTED ||
		kind == INGRESS_FRAME_OTHER_HOST)
		return;
	frame += INGRESS_ETHERNET_HEADER;
	len -= INGRESS_ETHERNET_HEADER;
	if (kind == INGRESS_FRAME_IP) {
		take_packet(frame, len, flags);
		return;
	}
	p = pbuf_alloc(PBUF_LINK, (u16_t)len, PBUF_RAM);
	memcpy(p->payload, frame, len);
	etharp_input(p, &fuzz.netif);
}

static void run_timers(void)
{
	int i;

	for (i = 0; i < 2; i++)
		timers_tick_tcp();
	for (i = 0; i < 5; i++) {
		igmp_tmr();
		mld6_tmr();
	}
	nd6_tmr();
	etharp_tmr();
}

static void take_record(const uint8_t *packet, size_t len, uint8_t flags)
{
	/* A copy of its own, so that a read past the end is seen here too. */
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, packet, len);
	if (flags & RECORD_ETHERNET)
		take_frame(copy, len, flags);
	else
		take_packet(copy, len, flags);
	free(copy);
	if (flags & RECORD_TIMERS)
		run_timers();
}

static void init_once(void)
{
	static struct event_base *base;

	if (base)
		return;
	log_set_level(LOG_LEVEL_ERROR);
	base = event_base_new();
	stack_init(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	init_once();
	open_netif();
	open_sockets();
	while (size >= 3) {
		uint8_t flags = data[0];
		size_t len = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		take_record(data, len, flags);
		data += len;
		size -= len;
	}
	close_all();
	return 0;
}
