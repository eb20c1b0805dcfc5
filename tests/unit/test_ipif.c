/* SPDX-License-Identifier: MIT */
/*
 * The netif over a descriptor: one end of a pair is its device, the other end
 * is the test.
 */
#include "netif/ipif.h"

#include "netif/route.h"
#include "netif/timers.h"
#include "tests/unit/netif_test.h"

#include "lwip/igmp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#include <errno.h>
#include <stdlib.h>

static const uint8_t us[4] = { 10, 0, 2, 15 };
static const uint8_t peer[4] = { 10, 0, 2, 2 };
static const uint8_t mac[6] = { 0x52, 0x55, 0, 0, 0, 1 };
static const uint8_t peer_mac[6] = { 0x52, 0x55, 0, 0, 0, 2 };

static struct ipif ipif;
static struct route route;
static int wire; /* the test's end */
static int n_lost, lost_error;
static int n_moved;

static void on_lost(struct ipif *i, int error, void *arg)
{
	(void)arg;
	n_lost++;
	lost_error = error;
	ipif_detach(i);
}

static void on_moved(struct ipif *i, void *arg)
{
	(void)i;
	(void)arg;
	n_moved++;
}

static void set_up(enum ipif_framing framing)
{
	struct ipif_params params = {
		.base = base,
		.format.framing = framing,
		.format.has_offload_header = framing == IPIF_FRAMING_NOARP,
		.mtu = 1500,
		.lost = on_lost,
		.moved = on_moved,
	};
	ip4_addr_t ip, mask, gateway;
	int pair[2];

	memcpy(params.format.mac, mac, sizeof(mac));
	ck_assert_int_eq(ipif_init(&ipif, &params), 0);
	IP4_ADDR(&ip, 10, 0, 2, 15);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 10, 0, 2, 2);
	netif_set_addr(&ipif.netif, &ip, &mask, &gateway);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				 pair),
		0);
	wire = pair[0];
	ck_assert_int_eq(ipif_attach(&ipif, pair[1]), 0);
	netif_set_link_up(&ipif.netif);
	route.netif = &ipif.netif;
	route_add(&route);
	/* What it says of itself at first: ARP, group reports. */
	run_for(5);
	while (recv(wire, &(char){ 0 }, 1, MSG_DONTWAIT) >= 0)
		;
}

static void raw_setup(void)
{
	stack_setup();
	set_up(IPIF_FRAMING_RAW);
}

static void ethernet_setup(void)
{
	stack_setup();
	set_up(IPIF_FRAMING_ETHERNET);
}

static void noarp_setup(void)
{
	stack_setup();
	set_up(IPIF_FRAMING_NOARP);
}

static void teardown(void)
{
	ip4_addr_t none = { 0 };

	netif_set_addr(&ipif.netif, &none, &none, &none);
	route_remove(&route);
	ipif_fini(&ipif);
	close(wire);
	stack_teardown();
}

static void wire_send(const void *bytes, size_t len)
{
	ck_assert_int_eq(send(wire, bytes, len, 0), (ssize_t)len);
}

/* 0: nothing came. */
static size_t wire_receive(uint8_t *buf, size_t size)
{
	ssize_t n;

	run_for(10);
	n = recv(wire, buf, size, MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

static err_t send_udp(struct udp_pcb *pcb, const uint8_t ip[4], size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	ip_addr_t to;
	err_t error;

	memset(p->payload, 'x', len);
	IP_ADDR4(&to, ip[0], ip[1], ip[2], ip[3]);
	error = udp_sendto(pcb, p, &to, 4000);
	pbuf_free(p);
	return error;
}

/* ---- raw IP ---------------------------------------------------------------------- */

START_TEST(ipif_echo_request_is_answered)
{
	uint8_t packet[64], reply[64];
	size_t len = make_echo4(packet, peer, us);

	wire_send(packet, len);
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), len);
	ck_assert_int_eq(reply[20], 0);
	ck_assert_mem_eq(reply + 12, us, 4);
	ck_assert_mem_eq(reply + 16, peer, 4);
	ck_assert_uint_eq(ipif.counters.packets_received, 1);
	ck_assert_uint_eq(ipif.counters.bytes_received, len);
	ck_assert_uint_eq(ipif.counters.packets_sent, 1);
}
END_TEST

START_TEST(ipif_malformed_packet_is_counted_by_reason)
{
	uint8_t packet[64];
	size_t len = make_echo4(packet, peer, us);

	packet[3] = 255;
	wire_send(packet, len);
	packet[0] = 0x55;
	wire_send(packet, len);
	len = make_echo4(packet, us, us);
	wire_send(packet, len);
	run_for(10);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_LENGTH], 1);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_VERSION], 1);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_MARTIAN], 1);
	ck_assert_uint_eq(ipif.counters.packets_received, 0);
}
END_TEST

static void count_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
	u16_t port)
{
	(void)pcb;
	(void)from;
	(void)port;
	++*(int *)arg;
	pbuf_free(p);
}

static void set_format(const struct ipif_format *format)
{
	int pair[2];

	ipif_detach(&ipif);
	close(wire);
	ck_assert_int_eq(ipif_set_format(&ipif, format), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	wire = pair[0];
	ck_assert_int_eq(ipif_attach(&ipif, pair[1]), 0);
	netif_set_link_up(&ipif.netif);
}

static const struct ipif_format offloaded = {
	.framing = IPIF_FRAMING_RAW,
	.has_offload_header = true,
	.offloads = true,
};

START_TEST(ipif_partial_checksum_is_taken_for_right)
{
	/* NEEDS_CSUM, start, offset: native numbers. */
	static const uint8_t pseudo[] = { 10, 0, 2, 2, 10, 0, 2, 15, 0, 17, 0, 12 };
	uint8_t message[64] = { 1 }, udp[12] = { 0x0f, 0xa0, 0, 53, 0, 12, [8] = 'd' };
	struct udp_pcb *pcb = udp_new();
	uint16_t at[2] = { 20, 6 };
	int n = 0;
	size_t len;

	ck_assert_int_eq(udp_bind(pcb, IP4_ADDR_ANY, 53), ERR_OK);
	udp_recv(pcb, count_datagram, &n);
	set_format(&offloaded);
	/* The pseudo header's sum. */
	put16(udp + 6, 0xffff & ~internet_sum(pseudo, sizeof(pseudo), 0));
	memcpy(message + 6, at, sizeof(at));
	len = 10 + make_ip4(message + 10, 17, peer, us, udp, sizeof(udp));
	wire_send(message, len);
	run_for(10);
	ck_assert_int_eq(n, 1);
	/* Nothing is left out of this one, and it is wrong. */
	message[0] = 0;
	wire_send(message, len);
	run_for(10);
	ck_assert_int_eq(n, 1);
	/* Short, and with a checksum beyond its end. */
	wire_send(message, 10);
	message[0] = 1;
	message[6] = message[7] = 0xff;
	wire_send(message, len);
	run_for(10);
	ck_assert_int_eq(n, 1);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_SHORT], 1);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_TRANSPORT], 1);
	udp_remove(pcb);
}
END_TEST

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A segment from the peer's port 80 to @port, whose checksum is left out. */
static size_t make_segment(uint8_t *message, uint16_t port, uint32_t seq, uint32_t ack,
	uint8_t flags, size_t len)
{
	const uint16_t at[2] = { 20, 16 };
	uint8_t tcp[20 + 8000] = { 0, 80, [12] = 0x50 };

	memset(message, 0, 10);
	message[0] = 1;
	memcpy(message + 6, at, sizeof(at));
	put16(tcp + 2, port);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[13] = flags;
	put16(tcp + 14, 0xffff);
	memset(tcp + 20, 'd', len);
	return 10 + make_ip4(message + 10, 6, peer, us, tcp, 20 + len);
}

/* Opens @pcb to the peer by way of the wire; the peer's sequence begins with 1000. */
static void connect_peer(struct tcp_pcb *pcb)
{
	uint8_t syn[128], answer[64];
	ip_addr_t to;
	size_t len;

	IP_ADDR4(&to, 10, 0, 2, 2);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	ck_assert_uint_gt(wire_receive(syn, sizeof(syn)), 50);
	/* It is left to the kernel to add up, and says where. */
	ck_assert_uint_eq(syn[0], 1);
	ck_assert_uint_eq(syn[6] | syn[7] << 8, 20);
	ck_assert_uint_eq(syn[8] | syn[9] << 8, 16);
	len = make_segment(answer, pcb->local_port, 1000, get32(syn + 34) + 1, 0x12, 0);
	wire_send(answer, len);
	ck_assert_uint_eq(wire_receive(syn, sizeof(syn)), 10 + 40);
	ck_assert_int_eq(pcb->state, ESTABLISHED);
}

START_TEST(ipif_segments_of_a_turn_go_out_as_one)
{
	static uint8_t data[1608], message[4096];
	struct tcp_pcb *pcb = tcp_new();
	uint64_t n_packets, n_bytes;

	set_format(&offloaded);
	connect_peer(pcb);
	n_packets = ipif.counters.packets_sent;
	n_bytes = ipif.counters.bytes_sent;
	memset(data, 'x', sizeof(data));
	/* The peer has not said its MSS: 536 it is. */
	ck_assert_int_eq(tcp_write(pcb, data, sizeof(data), TCP_WRITE_FLAG_COPY), ERR_OK);
	ck_assert_int_eq(tcp_output(pcb), ERR_OK);
	ck_assert_uint_eq(wire_receive(message, sizeof(message)), 10 + 40 + 1608);
	ck_assert_uint_eq(message[1], 1); /* TCPv4 */
	ck_assert_uint_eq(message[4] | message[5] << 8, pcb->mss);
	ck_assert_uint_eq(message[2] | message[3] << 8, 40);
	ck_assert_uint_eq(internet_sum(message + 10, 20, 0), 0);
	ck_assert_uint_eq(ipif.counters.packets_sent - n_packets, 3);
	ck_assert_uint_eq(ipif.counters.bytes_sent - n_bytes, 1608 + 3 * 40);
	ck_assert_uint_eq(wire_receive(message, sizeof(message)), 0);
	tcp_abort(pcb);
}
END_TEST

START_TEST(ipif_held_segment_is_dropped_with_the_descriptor)
{
	static const uint8_t flags = TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE;
	static uint8_t data[536];
	struct tcp_pcb *pcb = tcp_new();
	uint64_t n_drops;

	set_format(&offloaded);
	connect_peer(pcb);
	n_drops = ipif.counters.send_drops;
	ck_assert_int_eq(tcp_write(pcb, data, sizeof(data), flags), ERR_OK);
	ck_assert_int_eq(tcp_output(pcb), ERR_OK);
	ipif_detach(&ipif);
	ck_assert_uint_eq(ipif.counters.send_drops - n_drops, 1);
	run_for(10);
	tcp_abort(pcb);
}
END_TEST

static err_t count_bytes(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	(void)error;
	if (!p)
		return ERR_OK;
	*(size_t *)arg += p->tot_len;
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

/* With offload headers, and @take for what comes in, whose bytes it counts in @n. */
static struct tcp_pcb *connect_to_receive(tcp_recv_fn take, size_t *n)
{
	struct tcp_pcb *pcb = tcp_new();

	set_format(&offloaded);
	connect_peer(pcb);
	tcp_arg(pcb, n);
	tcp_recv(pcb, take);
	return pcb;
}

/* The peer sends @len bytes to @pcb. */
static void peer_sends(const struct tcp_pcb *pcb, uint32_t seq, uint8_t flags, size_t len)
{
	uint8_t message[2048];

	wire_send(message,
		make_segment(message, pcb->local_port, seq, pcb->snd_nxt, flags, len));
}

/* The next that goes out is an acknowledgement of what comes before @seq. */
static void expect_acknowledged(uint32_t seq)
{
	uint8_t message[64];

	ck_assert_uint_eq(wire_receive(message, sizeof(message)), 10 + 40);
	ck_assert_uint_eq(get32(message + 10 + 28), seq);
}

START_TEST(ipif_joined_segments_are_taken_whole_and_acknowledged)
{
	static uint8_t message[8192];
	size_t n = 0, len;
	struct tcp_pcb *pcb = connect_to_receive(count_bytes, &n);
	uint64_t n_packets, n_bytes;
	uint16_t segment = 536;

	n_packets = ipif.counters.packets_received;
	n_bytes = ipif.counters.bytes_received;
	len = make_segment(message, pcb->local_port, 1001, pcb->snd_nxt, 0x10, 5000);
	message[1] = 1;
	memcpy(message + 4, &segment, sizeof(segment));
	wire_send(message, len);
	/* The answer does not wait for a timer: none runs here. */
	expect_acknowledged(6001);
	ck_assert_uint_eq(n, 5000);
	ck_assert_uint_eq(ipif.counters.packets_received - n_packets, 10);
	ck_assert_uint_eq(ipif.counters.bytes_received - n_bytes, 5000 + 10 * 40);
	tcp_abort(pcb);
}
END_TEST

START_TEST(ipif_segment_that_fills_the_last_gap_is_acknowledged_at_once)
{
	size_t n = 0;
	struct tcp_pcb *pcb = connect_to_receive(count_bytes, &n);

	/* The second of two, which the peer is told of, and the first. */
	peer_sends(pcb, 1101, 0x18, 100);
	expect_acknowledged(1001);
	peer_sends(pcb, 1001, 0x18, 100);
	/* No timer runs here. */
	expect_acknowledged(1201);
	ck_assert_uint_eq(n, 200);
	tcp_abort(pcb);
}
END_TEST

static err_t take_and_delay(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	timers_ack_delayed(tcp_fasttmr);
	return count_bytes(arg, pcb, p, error);
}

START_TEST(ipif_acknowledgement_alone_is_put_off_only_a_little)
{
	uint8_t message[64];
	size_t n = 0;
	struct tcp_pcb *pcb = connect_to_receive(take_and_delay, &n);

	peer_sends(pcb, 1001, 0x18, 100);
	ck_assert_uint_eq(wire_receive(message, sizeof(message)), 0);
	ck_assert_uint_eq(n, 100);
	/* lwIP's own timer comes later than this. */
	run_for(100);
	expect_acknowledged(1101);
	tcp_abort(pcb);
}
END_TEST

START_TEST(ipif_segments_of_a_turn_come_in_as_one)
{
	uint8_t message[64];
	size_t n = 0;
	struct tcp_pcb *pcb = connect_to_receive(count_bytes, &n);
	uint64_t n_packets;

	n_packets = ipif.counters.packets_received;
	/* The kernel has joined nothing. */
	for (uint32_t i = 0; i < 5; i++)
		peer_sends(pcb, 1001 + i * 500, 0x10, 500);
	peer_sends(pcb, 1001 + 2500, 0x18, 100);
	/* One answer, to all of it. */
	expect_acknowledged(3601);
	ck_assert_uint_eq(wire_receive(message, sizeof(message)), 0);
	ck_assert_uint_eq(n, 2600);
	ck_assert_uint_eq(ipif.counters.packets_received - n_packets, 6);
	tcp_abort(pcb);
}
END_TEST

static err_t accept_any(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	(void)pcb;
	return error;
}

START_TEST(ipif_own_address_needs_no_checksum)
{
	struct tcp_pcb *listener = tcp_new(), *pcb = tcp_new();
	ip_addr_t own;

	set_format(&offloaded);
	IP_ADDR4(&own, 10, 0, 2, 15);
	ck_assert_int_eq(tcp_bind(listener, &own, 8080), ERR_OK);
	listener = tcp_listen(listener);
	tcp_accept(listener, accept_any);
	ck_assert_int_eq(tcp_connect(pcb, &own, 8080, NULL), ERR_OK);
	run_for(10);
	ck_assert_int_eq(pcb->state, ESTABLISHED);
	tcp_abort(pcb);
	run_for(10);
	tcp_close(listener);
}
END_TEST

START_TEST(ipif_fragments_in_any_order_are_answered_whole)
{
	uint8_t icmp[3008] = { 8 }, packet[1500], reply[1500];
	static const unsigned int offsets[] = { 2960, 0, 1480 };
	size_t i;

	put16(icmp + 2, internet_sum(icmp, sizeof(icmp), 0));
	for (i = 0; i < 3; i++) {
		unsigned int offset = offsets[i];
		size_t n = sizeof(icmp) - offset > 1480 ? 1480 : sizeof(icmp) - offset;
		size_t len = make_ip4(packet, 1, peer, us, icmp + offset, n);

		put16(packet + 6, offset / 8 | (offset + n < sizeof(icmp) ? 0x2000u : 0));
		put16(packet + 10, 0);
		put16(packet + 10, internet_sum(packet, 20, 0));
		wire_send(packet, len);
	}
	/* The answer comes in three fragments too. */
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), 1500);
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), 1500);
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), 68);
}
END_TEST

START_TEST(ipif_flood_leaves_the_loop_its_turns)
{
	uint8_t packet[64];
	size_t len = make_ip4(packet, 132, peer, us, "none", 4);
	int i;

	for (i = 0; i < 150; i++)
		wire_send(packet, len);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_ge(ipif.counters.packets_received, 1);
	ck_assert_uint_le(ipif.counters.packets_received, 128);
	run_for(10);
	ck_assert_uint_eq(ipif.counters.packets_received, 150);
}
END_TEST

START_TEST(ipif_full_device_queues_then_drops_then_resumes)
{
	struct udp_pcb *pcb = udp_new();
	uint8_t buf[1500];
	uint64_t n_accepted;
	unsigned int n;

	for (n = 0; n < 3000; n++)
		send_udp(pcb, peer, 1000);
	ck_assert_uint_gt(ipif.counters.send_drops, 0);
	ck_assert_uint_gt(ipif.n_queued, 100);
	n_accepted = ipif.counters.packets_sent + ipif.n_queued;
	ck_assert_uint_eq(n_accepted + ipif.counters.send_drops, 3000);
	for (n = 0; wire_receive(buf, sizeof(buf)) > 0; n++) {
		while (recv(wire, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			n++;
	}
	ck_assert_uint_eq(n, n_accepted);
	ck_assert_uint_eq(ipif.n_queued, 0);
	ck_assert_int_eq(n_lost, 0);
	udp_remove(pcb);
}
END_TEST

START_TEST(ipif_closed_device_is_lost_once)
{
	close(wire);
	wire = -1;
	run_for(10);
	ck_assert_int_eq(n_lost, 1);
	ck_assert_int_eq(lost_error, 0);
	ck_assert(!netif_is_link_up(&ipif.netif));
}
END_TEST

START_TEST(ipif_write_to_closed_device_is_lost_from_the_loop)
{
	struct udp_pcb *pcb = udp_new();

	close(wire);
	wire = -1;
	send_udp(pcb, peer, 10);
	ck_assert_int_eq(n_lost, 0);
	run_for(10);
	ck_assert_int_eq(n_lost, 1);
	udp_remove(pcb);
}
END_TEST

START_TEST(ipif_detached_has_no_route)
{
	struct udp_pcb *pcb = udp_new();
	struct tcp_pcb *tcp = tcp_new();
	ip_addr_t to;

	ipif_detach(&ipif);
	route_update();
	ck_assert_int_eq(send_udp(pcb, peer, 10), ERR_RTE);
	IP_ADDR4(&to, 192, 0, 2, 1);
	ck_assert_int_eq(tcp_connect(tcp, &to, 80, NULL), ERR_RTE);
	udp_bind(pcb, netif_ip_addr4(&ipif.netif), 4001);
	ck_assert_int_eq(send_udp(pcb, peer, 10), ERR_RTE);
	tcp_abort(tcp);
	udp_remove(pcb);
}
END_TEST

static int n_datagrams;

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *ip,
	u16_t port)
{
	(void)arg;
	(void)pcb;
	(void)ip;
	(void)port;
	n_datagrams++;
	pbuf_free(p);
}

static struct udp_pcb *open_receiver(void)
{
	struct udp_pcb *pcb = udp_new();

	n_datagrams = 0;
	udp_bind(pcb, IP4_ADDR_ANY, 4000);
	udp_recv(pcb, on_datagram, NULL);
	return pcb;
}

START_TEST(ipif_own_address_is_looped_back)
{
	struct udp_pcb *receiver = open_receiver(), *sender = udp_new();
	uint8_t buf[1500];

	ck_assert_int_eq(send_udp(sender, us, 10), ERR_OK);
	ck_assert_int_eq(n_datagrams, 0);
	ck_assert_uint_eq(wire_receive(buf, sizeof(buf)), 0);
	ck_assert_int_eq(n_datagrams, 1);
	/* More than the MTU: in fragments, there and back again. */
	send_udp(sender, us, 5000);
	ck_assert_uint_eq(wire_receive(buf, sizeof(buf)), 0);
	ck_assert_int_eq(n_datagrams, 2);
	ipif_detach(&ipif);
	ck_assert_int_eq(send_udp(sender, us, 10), ERR_OK);
	run_for(10);
	ck_assert_int_eq(n_datagrams, 3);
	udp_remove(receiver);
	udp_remove(sender);
}
END_TEST

START_TEST(ipif_multicast_goes_out_and_loops)
{
	static const uint8_t group[4] = { 224, 1, 1, 1 };
	struct udp_pcb *receiver = open_receiver(), *sender = udp_new();
	uint8_t buf[1500];
	ip4_addr_t ip;

	IP4_ADDR(&ip, 224, 1, 1, 1);
	ck_assert_int_eq(igmp_joingroup_netif(&ipif.netif, &ip), ERR_OK);
	while (wire_receive(buf, sizeof(buf)) > 0)
		;
	udp_set_flags(sender, UDP_FLAGS_MULTICAST_LOOP);
	ck_assert_int_eq(send_udp(sender, group, 10), ERR_OK);
	ck_assert_uint_eq(wire_receive(buf, sizeof(buf)), 38);
	ck_assert_int_eq(n_datagrams, 1);
	udp_remove(receiver);
	udp_remove(sender);
}
END_TEST

START_TEST(ipif_movement_is_told_once_until_rest)
{
	uint8_t packet[64];
	size_t len = make_echo4(packet, peer, us);

	ipif_rest(&ipif);
	n_moved = 0;
	wire_send(packet, len);
	wire_send(packet, len);
	run_for(10);
	ck_assert_int_eq(n_moved, 1);
	ipif_rest(&ipif);
	wire_send(packet, len);
	run_for(10);
	ck_assert_int_eq(n_moved, 2);
}
END_TEST

/* ---- Ethernet --------------------------------------------------------------------- */

static size_t make_frame(uint8_t *frame, const uint8_t dst[6], unsigned int type)
{
	memcpy(frame, dst, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, type);
	return 14;
}

static void make_arp(uint8_t frame[42], unsigned int operation, const uint8_t asked[4])
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t fixed[6] = { 0, 1, 8, 0, 6, 4 };

	memset(frame, 0, 42);
	make_frame(frame, everybody, 0x0806);
	memcpy(frame + 14, fixed, 6);
	put16(frame + 20, operation);
	memcpy(frame + 22, peer_mac, 6);
	memcpy(frame + 28, peer, 4);
	memcpy(frame + 38, asked, 4);
}

START_TEST(ipif_arp_request_is_answered)
{
	uint8_t frame[42], reply[64];

	make_arp(frame, 1, us);
	wire_send(frame, sizeof(frame));
	ck_assert_uint_ge(wire_receive(reply, sizeof(reply)), 42);
	ck_assert_mem_eq(reply, peer_mac, 6);
	ck_assert_mem_eq(reply + 6, mac, 6);
	ck_assert_int_eq(reply[21], 2);
	ck_assert_mem_eq(reply + 22, mac, 6);
}
END_TEST

START_TEST(ipif_packet_waits_for_arp)
{
	struct udp_pcb *pcb = udp_new();
	uint8_t frame[42], buf[1514];

	send_udp(pcb, peer, 10);
	ck_assert_uint_ge(wire_receive(buf, sizeof(buf)), 42);
	ck_assert_int_eq(buf[13], 0x06);
	make_arp(frame, 2, us);
	wire_send(frame, sizeof(frame));
	ck_assert_uint_eq(wire_receive(buf, sizeof(buf)), 14 + 38);
	ck_assert_mem_eq(buf, peer_mac, 6);
	udp_remove(pcb);
}
END_TEST

START_TEST(ipif_frame_of_another_host_is_ignored)
{
	uint8_t frame[128];
	size_t len = make_frame(frame, peer_mac, 0x0800);
	uint64_t n_before = ipif.counters.packets_received;

	frame[0] = 2;
	frame[5] = 9;
	len += make_echo4(frame + len, peer, us);
	wire_send(frame, len);
	run_for(10);
	ck_assert_uint_eq(ipif.counters.packets_received, n_before);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_FRAME], 0);
}
END_TEST

START_TEST(ipif_unknown_frame_is_counted)
{
	uint8_t frame[64] = { 0 };

	make_frame(frame, mac, 0x88cc);
	wire_send(frame, sizeof(frame));
	wire_send(frame, 5);
	run_for(10);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_FRAME], 2);
}
END_TEST

/* ---- frames without addresses --------------------------------------------------------- */

START_TEST(ipif_frame_without_arp_is_answered_to_ourselves)
{
	uint8_t message[64] = { 0 }, reply[128], *frame = message + 10;
	size_t len;

	len = make_frame(frame, mac, 0x0800);
	/* As cdc_mbim makes them: from nobody. */
	memset(frame + 6, 0, 6);
	len += 10 + make_echo4(frame + len, peer, us);
	wire_send(message, len);
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), len);
	frame = reply + 10;
	ck_assert_mem_eq(frame, mac, 6);
	ck_assert_mem_eq(frame + 6, mac, 6);
	ck_assert_uint_eq(frame[12] << 8 | frame[13], 0x0800);
	ck_assert_mem_eq(frame + 26, us, 4);
	ck_assert_int_eq(frame[34], 0);
}
END_TEST

START_TEST(ipif_frame_without_arp_waits_whole_for_room)
{
	static const uint8_t no_offload[10];
	struct udp_pcb *pcb = udp_new();
	uint8_t message[2000];
	int n = 0;

	while (!ipif.first)
		ck_assert_int_eq(send_udp(pcb, peer, 1000), ERR_OK);
	/* What was queued has its headers, too. */
	while (n < 2000 && ipif.first) {
		run_for(2);
		while (recv(wire, message, sizeof(message), MSG_DONTWAIT) > 0) {
			ck_assert_mem_eq(message, no_offload, 10);
			ck_assert_mem_eq(message + 10, mac, 6);
			ck_assert_uint_eq(message[24], 0x45);
			n++;
		}
	}
	ck_assert_ptr_null(ipif.first);
	udp_remove(pcb);
}
END_TEST

START_TEST(ipif_arp_where_there_is_none_is_dropped)
{
	uint8_t message[52] = { 0 }, reply[64];

	make_arp(message + 10, 1, us);
	wire_send(message, sizeof(message));
	ck_assert_uint_eq(wire_receive(reply, sizeof(reply)), 0);
	ck_assert_uint_eq(ipif.counters.drops[TABLE_DROP_FRAME], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipif");
	TCase *raw = tcase_create("raw"), *ethernet = tcase_create("ethernet");
	TCase *noarp = tcase_create("frames without ARP");

	tcase_add_checked_fixture(raw, raw_setup, teardown);
	tcase_add_test(raw, ipif_echo_request_is_answered);
	tcase_add_test(raw, ipif_malformed_packet_is_counted_by_reason);
	tcase_add_test(raw, ipif_partial_checksum_is_taken_for_right);
	tcase_add_test(raw, ipif_segments_of_a_turn_go_out_as_one);
	tcase_add_test(raw, ipif_held_segment_is_dropped_with_the_descriptor);
	tcase_add_test(raw, ipif_joined_segments_are_taken_whole_and_acknowledged);
	tcase_add_test(raw, ipif_segment_that_fills_the_last_gap_is_acknowledged_at_once);
	tcase_add_test(raw, ipif_acknowledgement_alone_is_put_off_only_a_little);
	tcase_add_test(raw, ipif_segments_of_a_turn_come_in_as_one);
	tcase_add_test(raw, ipif_own_address_needs_no_checksum);
	tcase_add_test(raw, ipif_fragments_in_any_order_are_answered_whole);
	tcase_add_test(raw, ipif_flood_leaves_the_loop_its_turns);
	tcase_add_test(raw, ipif_full_device_queues_then_drops_then_resumes);
	tcase_add_test(raw, ipif_closed_device_is_lost_once);
	tcase_add_test(raw, ipif_write_to_closed_device_is_lost_from_the_loop);
	tcase_add_test(raw, ipif_detached_has_no_route);
	tcase_add_test(raw, ipif_own_address_is_looped_back);
	tcase_add_test(raw, ipif_multicast_goes_out_and_loops);
	tcase_add_test(raw, ipif_movement_is_told_once_until_rest);
	suite_add_tcase(suite, raw);
	tcase_add_checked_fixture(noarp, noarp_setup, teardown);
	tcase_add_test(noarp, ipif_frame_without_arp_is_answered_to_ourselves);
	tcase_add_test(noarp, ipif_frame_without_arp_waits_whole_for_room);
	tcase_add_test(noarp, ipif_arp_where_there_is_none_is_dropped);
	suite_add_tcase(suite, noarp);
	tcase_add_checked_fixture(ethernet, ethernet_setup, teardown);
	tcase_add_test(ethernet, ipif_arp_request_is_answered);
	tcase_add_test(ethernet, ipif_packet_waits_for_arp);
	tcase_add_test(ethernet, ipif_frame_of_another_host_is_ignored);
	tcase_add_test(ethernet, ipif_unknown_frame_is_counted);
	tcase_set_timeout(raw, 30);
	suite_add_tcase(suite, ethernet);
	return run_all(suite);
}
