/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocket-slirp speaks Ethernet, PPP speaks IP: a header is put in front of
 * what goes in and taken off what comes out. Ethernet asks for neighbours
 * besides (ARP, neighbour discovery); each question is answered with the same
 * hardware address, so that whatever address the caller was given, its packets
 * find it. The helper's router advertisements are left to the modem, which
 * knows what the caller is to be told.
 *
 * A TUN device speaks IP itself. It must be there, with its addresses; the
 * kernel is the network behind it.
 */
#include "tests/modem-sim/network.h"

#include "netif/helper.h"
#include "tests/modem-sim/icmp6.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER	  14
#define ARP_SIZE  28
#define FRAME_MAX (HEADER + 65535)
#define MTU	  1500

enum ethernet {
	ETHERNET_IP4 = 0x0800,
	ETHERNET_ARP = 0x0806,
	ETHERNET_IP6 = 0x86dd,
};

static const uint8_t caller_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static const uint8_t host_mac[6] = { 0x52, 0x55, 10, 0, 2, 2 };

/* What is behind the modem. */
struct network_kind {
	int (*start)(struct network *network, const char *device);
	event_callback_fn readable;
	void (*send)(struct network *network, const void *packet, size_t len);
};

struct network {
	const struct network_kind *kind;
	struct event_base *base;
	struct helper helper;
	int packets;
	bool is_ready; /* the helper has said so */
	/* Whom the helper knows: the last caller. */
	uint8_t known4[4], known6[16];
	struct event *readable;
	network_packet_fn packet;
	void *arg;
	uint8_t frame[FRAME_MAX];
};

static void on_helper_event(struct helper *helper, const ush_HelperEvent *event, void *arg)
{
	struct network *network = arg;

	(void)helper;
	if (event->which_body == ush_HelperEvent_ready_tag)
		network->is_ready = true;
	if (event->which_body == ush_HelperEvent_failed_tag)
		fprintf(stderr, "modem-sim: usocket-slirp: %s\n", event->body.failed.cause);
}

static void on_helper_lost(struct helper *helper, const char *cause, void *arg)
{
	(void)helper;
	(void)arg;
	fprintf(stderr, "modem-sim: %s\n", cause);
	exit(1);
}

static const struct helper_handlers handlers = {
	.event = on_helper_event,
	.lost = on_helper_lost,
};

static void send_frame(struct network *network, size_t len)
{
	if (send(network->packets, network->frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void put_header(struct network *network, enum ethernet type)
{
	memcpy(network->frame, host_mac, 6);
	memcpy(network->frame + 6, caller_mac, 6);
	network->frame[12] = (uint8_t)(type >> 8);
	network->frame[13] = (uint8_t)type;
}

static void send_ip6(struct network *network, const uint8_t *packet, size_t len)
{
	put_header(network, ETHERNET_IP6);
	memcpy(network->frame + HEADER, packet, len);
	send_frame(network, HEADER + len);
}

/* ---- neighbours ----------------------------------------------------------------- */

static void answer_arp(struct network *network, size_t len)
{
	uint8_t *arp = network->frame + HEADER, asked[4];

	if (len < HEADER + ARP_SIZE || arp[7] != 1)
		return;
	memcpy(asked, arp + 24, 4);
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10);
	memcpy(arp + 8, caller_mac, 6);
	memcpy(arp + 14, asked, 4);
	memcpy(network->frame, host_mac, 6);
	memcpy(network->frame + 6, caller_mac, 6);
	send_frame(network, HEADER + ARP_SIZE);
}

static void answer_neighbour(struct network *network, const uint8_t *packet, size_t len)
{
	const uint8_t *asked = icmp6_solicited(packet, len);
	uint8_t answer[ICMP6_ANSWER_MAX];

	if (asked)
		send_ip6(network, answer,
			icmp6_advertise_neighbour(answer, asked, packet + 8, caller_mac));
}

static void introduce4(struct network *network, const uint8_t *address)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t *arp = network->frame + HEADER;

	put_header(network, ETHERNET_ARP);
	memset(arp, 0, ARP_SIZE);
	memcpy(arp, request, sizeof(request));
	memcpy(arp + 8, caller_mac, 6);
	memcpy(arp + 14, address, 4);
	memcpy(arp + 24, address, 4);
	send_frame(network, HEADER + ARP_SIZE);
}

static void introduce6(struct network *network, const uint8_t *address)
{
	static const uint8_t router[16] = { 0xfe, 0x80, [15] = 2 };
	uint8_t packet[ICMP6_ANSWER_MAX];

	send_ip6(network, packet, icmp6_advertise_neighbour(packet, address, router, caller_mac));
}

/*
 * Tells the helper where the caller's address is found before it must ask: with
 * no other traffic libslirp would keep the packet that made it ask.
 */
static void introduce(struct network *network, const uint8_t *packet, size_t len)
{
	bool is_ip6 = packet[0] >> 4 == 6;
	const uint8_t *source = packet + (is_ip6 ? 8 : 12);
	uint8_t *known = is_ip6 ? network->known6 : network->known4;
	size_t size = is_ip6 ? 16 : 4;

	if (source + size > packet + len || memcmp(known, source, size) == 0)
		return;
	memcpy(known, source, size);
	if (is_ip6)
		introduce6(network, source);
	else
		introduce4(network, source);
}

/* ---- frames ---------------------------------------------------------------------- */

static void take_ip6(struct network *network, const uint8_t *packet, size_t len)
{
	switch (icmp6_type(packet, len)) {
	case ICMP6_SOLICIT_NEIGHBOUR:
		answer_neighbour(network, packet, len);
		break;
	case ICMP6_ADVERTISE_ROUTER:
		break;
	default:
		network->packet(packet, len, network->arg);
		break;
	}
}

static void on_frame(evutil_socket_t fd, short what, void *arg)
{
	struct network *network = arg;
	ssize_t n = recv(fd, network->frame, sizeof(network->frame), MSG_DONTWAIT);

	(void)what;
	if (n < HEADER)
		return;
	switch (network->frame[12] << 8 | network->frame[13]) {
	case ETHERNET_ARP:
		answer_arp(network, (size_t)n);
		break;
	case ETHERNET_IP6:
		take_ip6(network, network->frame + HEADER, (size_t)n - HEADER);
		break;
	case ETHERNET_IP4:
		network->packet(network->frame + HEADER, (size_t)n - HEADER, network->arg);
		break;
	default:
		break;
	}
}

static void send_in_frame(struct network *network, const void *packet, size_t len)
{
	if (len == 0 || len > FRAME_MAX - HEADER)
		return;
	introduce(network, packet, len);
	put_header(network, *(const uint8_t *)packet >> 4 == 6 ? ETHERNET_IP6 : ETHERNET_IP4);
	memcpy(network->frame + HEADER, packet, len);
	send_frame(network, HEADER + len);
}

static int start_slirp(struct network *network, const char *device)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	int error = helper_start(&network->helper);

	(void)device;
	if (error)
		return error;
	network->packets = helper_take_packets(&network->helper);
	command.which_body = ush_HelperCommand_start_tag;
	strcpy(command.body.start.link, "sim");
	command.body.start.mtu = MTU;
	error = helper_send(&network->helper, &command);
	/* What it gets before it has started is lost. */
	while (!error && !network->is_ready)
		event_base_loop(network->base, EVLOOP_ONCE);
	return error;
}

static const struct network_kind slirp_kind = { start_slirp, on_frame, send_in_frame };

/* ---- a TUN device --------------------------------------------------------------- */

static void on_packet(evutil_socket_t fd, short what, void *arg)
{
	struct network *network = arg;
	ssize_t n = read(fd, network->frame, sizeof(network->frame));

	(void)what;
	if (n > 0)
		network->packet(network->frame, (size_t)n, network->arg);
}

static void send_packet(struct network *network, const void *packet, size_t len)
{
	/* As a router does with what it cannot pass on. */
	if (write(network->packets, packet, len) < 0)
		return;
}

static int start_tun(struct network *network, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	network->packets = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (network->packets < 0 || ioctl(network->packets, TUNSETIFF, &request) != 0)
		return -errno;
	return 0;
}

static const struct network_kind tun_kind = { start_tun, on_packet, send_packet };

/* ---- life ------------------------------------------------------------------------- */

struct network *network_new(struct event_base *base, const char *device, network_packet_fn packet,
	void *arg)
{
	struct network *network = calloc(1, sizeof(*network));
	const struct helper_params params = {
		.base = base,
		.program = "usocket-slirp",
		.link = "sim",
		.handlers = &handlers,
		.arg = network,
		.ping_interval_ms = 10000,
	};
	int error;

	if (!network)
		return NULL;
	network->kind = device ? &tun_kind : &slirp_kind;
	network->base = base;
	network->packet = packet;
	network->arg = arg;
	network->packets = -1;
	helper_init(&network->helper, &params);
	error = network->kind->start(network, device);
	if (!error)
		network->readable = event_new(base, network->packets, EV_READ | EV_PERSIST,
			network->kind->readable, network);
	if (!network->readable) {
		fprintf(stderr, "modem-sim: %s: %s\n", device ? device : params.program,
			strerror(-error));
		network_free(network);
		return NULL;
	}
	event_add(network->readable, NULL);
	return network;
}

void network_free(struct network *network)
{
	if (!network)
		return;
	if (network->readable)
		event_free(network->readable);
	if (network->packets >= 0)
		close(network->packets);
	helper_fini(&network->helper);
	free(network);
}

void network_send(struct network *network, const void *packet, size_t len)
{
	network->kind->send(network, packet, len);
}
