/* SPDX-License-Identifier: MIT */
/*
 * Segments longer than the MSS, against a peer that is played here: it gets what the
 * device would have cut them to. The stream's bytes tell where they belong.
 */
#include "netif/tcp_lso.h"

#include "netif/ipif.h"
#include "netif/pmtu.h"
#include "netif/route.h"
#include "netif/timers.h"
#include "netif/vnet_header.h"
#include "tests/unit/tcp_peer.h"

#include <event2/event.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>
#include <unistd.h>

#define MSS	    1460
#define LONGEST	    44 /* of them fit into 64 KB */
#define WINDOW	    (4 << 20)
#define SCALE	    7
#define STREAM_MAX  (3 << 20)
#define PACKETS_MAX 4096

static struct ipif ipif;
static struct route route;
static int wire; /* the test's end */

/* Our side of the stream, in bytes from its beginning. */
static uint32_t first; /* sequence number of byte 0 */
static size_t n_written;
static bool is_given_up;

/* The peer's. */
static bool has[STREAM_MAX];
static size_t n_in_order, n_packets;
static bool has_fin;
static unsigned int n_long, next_id;
static struct {
	size_t at, len;
	uint8_t flags;
} packets[PACKETS_MAX];
/* More comes in the same turn of the loop: nothing is done between. */
static bool is_turn_going_on;
/* Whether the packet of that number is lost on its way; NULL: none is. */
static bool (*is_lost)(size_t number);

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 31 + (i >> 16));
}

/* ---- as the daemon does ------------------------------------------------------------- */

static void on_error(void *arg, err_t error)
{
	(void)arg;
	(void)error;
	is_given_up = true;
	pcb = NULL;
}

/* Returns how many bytes were taken. */
static size_t queue_stream(size_t n)
{
	static uint8_t bytes[STREAM_MAX];
	size_t done = 0, taken;

	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(n_written + i);
	do {
		size_t step = LWIP_MIN(n - done, (size_t)pcb->snd_buf);

		taken = step ? tcp_lso_write(pcb, bytes + done, step, false) : 0;
		done += taken;
	} while (taken > 0 && done < n);
	n_written += done;
	return done;
}

static size_t write_stream(size_t n)
{
	n = queue_stream(n);
	tcp_output(pcb);
	return n;
}

/* ---- the peer ------------------------------------------------------------------------ */

static void take_packet(size_t at, const uint8_t *data, size_t len, uint8_t flags)
{
	size_t number = n_packets++, i;

	ck_assert_uint_lt(number, PACKETS_MAX);
	ck_assert_uint_le(at + len, n_written);
	ck_assert_uint_le(len, MSS);
	packets[number].at = at;
	packets[number].len = len;
	packets[number].flags = flags;
	/* An assertion each would be a write to a file each. */
	for (i = 0; i < len && data[i] == byte_at(at + i); i++)
		;
	ck_assert_uint_eq(i, len);
	if (is_lost && is_lost(number))
		return;
	memset(has + at, true, len);
	while (n_in_order < STREAM_MAX && has[n_in_order])
		n_in_order++;
	if (flags & TCP_FIN)
		has_fin = true;
}

static void take_message(const uint8_t *message, size_t len)
{
	const uint8_t *ip = message + VNET_HEADER_SIZE, *tcp = ip + 20;
	const uint8_t *data = tcp + (tcp[12] >> 4) * 4;
	size_t total = len - VNET_HEADER_SIZE, n = (size_t)(message + len - data), step, at;
	struct virtio_net_hdr h;
	uint8_t flags = tcp[13];

	memcpy(&h, message, sizeof(h));
	ck_assert_uint_eq(ip[2] << 8 | ip[3], total);
	ck_assert_uint_eq(internet_sum(ip, 20, 0), 0);
	ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		ck_assert_uint_le(total, MSS + 40);
		step = MSS;
	} else {
		ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
		ck_assert_uint_eq(h.hdr_len, 40);
		step = h.gso_size;
		ck_assert_uint_le(step, MSS);
		n_long++;
	}
	/* No two packets have the same identification. */
	ck_assert_uint_eq(ip[4] << 8 | ip[5], next_id & 0xffff);
	next_id += n ? (unsigned int)((n - 1) / step) + 1 : 1;
	at = ((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7]) -
		first;
	if (n == 0 && flags & TCP_FIN)
		take_packet(at, data, 0, flags);
	for (size_t i = 0; i < n; i += step) {
		bool is_last = n - i <= step;

		take_packet(at + i, data + i, is_last ? n - i : step,
			is_last ? flags : flags & (uint8_t) ~(TCP_FIN | TCP_PSH));
	}
}

/* Takes all that has been sent. */
static void take_all(void)
{
	static uint8_t message[VNET_HEADER_SIZE + 65535];
	int idle = 0;

	while (idle < 2) {
		ssize_t n = recv(wire, message, sizeof(message), MSG_DONTWAIT);

		if (n > 0)
			take_message(message, (size_t)n);
		else
			idle++;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static void peer_sends(uint8_t flags, uint32_t sequence, uint32_t ack, uint32_t window,
	const uint8_t *options, size_t n_options)
{
	const uint16_t sum_at[2] = { 20, 16 };
	uint8_t message[VNET_HEADER_SIZE + PEER_PACKET_MAX] = { VIRTIO_NET_HDR_F_NEEDS_CSUM };
	size_t len = VNET_HEADER_SIZE +
		make_peer_packet(message + VNET_HEADER_SIZE, flags, sequence, ack,
			window >> (flags & TCP_SYN ? 0 : SCALE), options, n_options);

	memcpy(message + 6, sum_at, sizeof(sum_at));
	ck_assert_int_eq(send(wire, message, len, 0), (ssize_t)len);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (pcb && !is_turn_going_on)
		tcp_lso_adjust(pcb);
	ck_assert_uint_le(n_acked, ack - first);
}

static void acknowledge_with(size_t n, uint32_t window)
{
	peer_sends(TCP_ACK, PEER_ISN + 1, first + (uint32_t)n, window, NULL, 0);
}

static void acknowledge(size_t n)
{
	acknowledge_with(n, WINDOW);
}

/* Up to @n; and it has bytes from @from to before @to, and more room. */
static void acknowledge_selectively(size_t n, size_t from, size_t to)
{
	uint8_t options[12] = { 1, 1, 5, 10 };

	put32(options + 4, first + (uint32_t)from);
	put32(options + 8, first + (uint32_t)to);
	peer_sends(TCP_ACK, PEER_ISN + 1, first + (uint32_t)n,
		WINDOW + (uint32_t)(to - from), options, sizeof(options));
}

/* ---- the tests' state ------------------------------------------------------------------ */

static void on_moved(struct ipif *i, void *arg)
{
	(void)i;
	(void)arg;
}

static void attach_ipif(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	wire = pair[0];
	ck_assert_int_eq(ipif_attach(&ipif, pair[1]), 0);
	netif_set_link_up(&ipif.netif);
}

static void open_ipif(void)
{
	struct ipif_params params = {
		.base = base,
		.format = { .framing = IPIF_FRAMING_RAW,
			.has_offload_header = true,
			.offloads = true },
		.mtu = MSS + 40,
		.moved = on_moved,
	};
	ip4_addr_t ip, mask, gateway;

	ck_assert_int_eq(ipif_init(&ipif, &params), 0);
	IP4_ADDR(&ip, 10, 0, 2, 15);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 10, 0, 2, 2);
	netif_set_addr(&ipif.netif, &ip, &mask, &gateway);
	attach_ipif();
	route.netif = &ipif.netif;
	route_add(&route);
}

/* What the ipif says of itself at first: group reports. */
static void throw_away_all(void)
{
	run_for(5);
	while (recv(wire, &(char){ 0 }, 1, MSG_DONTWAIT) >= 0)
		;
}

static void connect_peer(unsigned int mss)
{
	const uint8_t options[12] = { 2, 4, (uint8_t)(mss >> 8), (uint8_t)mss, 3, 3, SCALE, 1, 4, 2,
		1, 1 };
	ip_addr_t to;

	memset(&recovery, 0, sizeof(recovery));
	throw_away_all();
	next_id = ipif.tso.next_id;
	pcb = tcp_new();
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	IP_ADDR4(&to, 10, 0, 2, 2);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	first = pcb->snd_nxt;
	n_packets = n_long = 0;
	n_written = n_acked = n_in_order = n_retransmitted = 0;
	memset(has, false, sizeof(has));
	has_fin = is_given_up = is_turn_going_on = false;
	is_lost = NULL;
	take_all();
	peer_sends(TCP_SYN | TCP_ACK, PEER_ISN, first, 0xffff, options, sizeof(options));
	ck_assert_int_eq(pcb->state, ESTABLISHED);
	/* As fast as it gets. */
	acknowledge(0);
	pcb->cwnd = pcb->ssthresh = WINDOW;
	take_all();
	n_packets = 0;
}

static void setup(void)
{
	stack_setup();
	open_ipif();
	tcp_hooks_set(&recovery_hooks);
	connect_peer(MSS);
}

static void teardown(void)
{
	ip4_addr_t none = { 0 };

	if (pcb)
		tcp_abort(pcb);
	tcp_hooks_set(NULL);
	netif_set_addr(&ipif.netif, &none, &none, &none);
	route_remove(&route);
	ipif_fini(&ipif);
	close(wire);
	pmtu_fini();
	stack_teardown();
}

/* Everything is acknowledged, and lwIP holds nothing more. */
static void expect_done(void)
{
	ck_assert_uint_eq(n_in_order, n_written);
	acknowledge(n_written);
	ck_assert_uint_eq(n_acked, n_written);
	ck_assert_ptr_null(pcb->unacked);
	ck_assert_ptr_null(pcb->unsent);
	ck_assert_uint_eq(pcb->snd_queuelen, 0);
	ck_assert_uint_eq(pcb->snd_buf, TCP_SND_BUF);
}

/* Until all of it has come. */
static void acknowledge_as_it_comes(void)
{
	for (int i = 0; i < PACKETS_MAX && n_acked < n_written; i++) {
		acknowledge(n_in_order);
		take_all();
	}
}

/* As if what was sent again were all that the peer has. */
static void acknowledge_what_is_sent_again(void)
{
	for (int i = 0; i < PACKETS_MAX && n_acked < n_written; i++) {
		acknowledge(packets[n_packets - 1].at + packets[n_packets - 1].len);
		take_all();
	}
}

/* Until something is sent again. */
static void let_timer_expire(void)
{
	size_t before = n_packets;

	for (int i = 0; i < 100 && n_packets == before; i++) {
		timers_tick_tcp();
		take_all();
	}
	ck_assert_uint_gt(n_packets, before);
}

/* ---- tests ------------------------------------------------------------------------------ */

static const struct {
	uint32_t window;
	unsigned int n; /* of the MSS */
} sizes[] = {
	{ WINDOW, LONGEST },
	{ 8 * 30 * MSS, 30 },
	{ 8 * 15 * MSS, 15 },
	{ 8 * 14 * MSS, 1 },
	{ 10 * MSS, 1 },
};

START_TEST(lso_segments_are_as_long_as_the_window_is_wide)
{
	pcb->cwnd = sizes[_i].window;
	write_stream(5 * LONGEST * MSS);
	ck_assert_uint_eq(pcb->unacked->len, sizes[_i].n * MSS);
	take_all();
	/* Joined by tso.c or long by themselves: the peer sees the same. */
	for (size_t i = 0; i < n_packets; i++) {
		ck_assert_uint_eq(packets[i].at, i * MSS);
		ck_assert_uint_eq(packets[i].len, MSS);
	}
	ck_assert_uint_eq(ipif.counters.packets_sent, n_packets + 2);
	acknowledge_as_it_comes();
	expect_done();
}
END_TEST

START_TEST(lso_is_for_an_mss_that_is_the_devices)
{
	tcp_abort(pcb);
	ipif.netif.mtu = 1500;
	connect_peer(_i == 0 ? 1000 : MSS);
	if (_i == 1)
		ipif.is_joining = false;
	write_stream(4 * LONGEST * MSS);
	ck_assert_uint_eq(pcb->unacked->len, pcb->mss);
}
END_TEST

START_TEST(lso_many_small_writes_are_one_segment)
{
	size_t n = 0;

	/* One is on its way, so they wait for each other. */
	write_stream(MSS);
	while (n < 40 * MSS)
		n += write_stream(700);
	tcp_nagle_disable(pcb);
	while (n < 100 * MSS) {
		n += write_stream(1 + n % 300);
		take_all();
	}
	acknowledge_as_it_comes();
	expect_done();
}
END_TEST

START_TEST(lso_window_may_shrink_between_writes)
{
	queue_stream(LONGEST * MSS);
	pcb->cwnd = 10 * MSS;
	queue_stream(3000);
	pcb->cwnd = WINDOW;
	/* Room for more behind the last one, and then less than that. */
	queue_stream(LONGEST * MSS + 1295);
	pcb->cwnd = 10 * MSS;
	queue_stream(3000);
	pcb->cwnd = WINDOW;
	queue_stream(LONGEST * MSS);
	pcb->cwnd = 10 * MSS;
	queue_stream(3000);
	pcb->cwnd = WINDOW;
	tcp_nagle_disable(pcb);
	tcp_output(pcb);
	take_all();
	expect_done();
}
END_TEST

START_TEST(lso_last_piece_has_no_room_behind_it)
{
	/* Small ones leave room for each other. */
	queue_stream(30 * MSS);
	queue_stream(100);
	ck_assert_uint_gt(pcb->unsent_oversize, 0);
	ck_assert(tcp_lso_cut(pcb));
	ck_assert_uint_eq(pcb->unsent_oversize, 0);
	tcp_nagle_disable(pcb);
	write_stream(1000);
	take_all();
	ck_assert_uint_eq(packets[30].len, 1100);
	expect_done();
}
END_TEST

START_TEST(lso_partial_acknowledgement_is_told_and_not_sent_again)
{
	/* Of packets, and of bytes as no peer of good will has them. */
	static const size_t acks[] = { 2 * MSS, 4 * MSS, 4 * MSS + 1, 10 * MSS + 7,
		(LONGEST - 1) * MSS + 1, (LONGEST + 3) * MSS };

	write_stream(3 * LONGEST * MSS);
	take_all();
	ck_assert_uint_eq(n_long, 3);
	for (size_t i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
		acknowledge(acks[i]);
		ck_assert_uint_eq(n_acked, acks[i]);
		ck_assert_uint_eq(pcb->snd_buf, TCP_SND_BUF - n_written + acks[i]);
	}
	take_all();
	n_packets = 0;
	let_timer_expire();
	/* By the MSS, one at first (RFC 5681). */
	ck_assert_uint_eq(packets[0].at, acks[5]);
	ck_assert_uint_eq(packets[0].len, MSS);
	ck_assert_uint_eq(n_packets, 1);
	acknowledge_what_is_sent_again();
	expect_done();
}
END_TEST

START_TEST(lso_front_of_a_segment_of_many_pieces_is_taken_off)
{
	size_t n = 0;

	tcp_nagle_disable(pcb);
	while (n < 30 * MSS)
		n += queue_stream(100);
	ck_assert_uint_eq(pcb->unsent->len, n);
	tcp_output(pcb);
	take_all();
	for (size_t at = 1; at < 30 * MSS; at += at / 2 + 1) {
		acknowledge(at);
		ck_assert_uint_eq(n_acked, at);
	}
	n_packets = 0;
	let_timer_expire();
	ck_assert_uint_eq(packets[0].at, n_acked);
	expect_done();
}
END_TEST

static size_t lost_number;

static bool is_the_lost_one(size_t number)
{
	return number == lost_number;
}

START_TEST(lso_lost_packet_alone_is_sent_again)
{
	lost_number = LONGEST + 5;
	is_lost = is_the_lost_one;
	write_stream(3 * LONGEST * MSS);
	take_all();
	n_packets = LONGEST + 6;
	/* What was acknowledged before is not what the loss is about. */
	acknowledge(3 * MSS);
	for (size_t end = lost_number + 2; end <= 3 * LONGEST; end += 2)
		acknowledge_selectively(lost_number * MSS, (lost_number + 1) * MSS, end * MSS);
	take_all();
	ck_assert_uint_eq(n_packets, LONGEST + 7);
	ck_assert_uint_eq(packets[LONGEST + 6].at, lost_number * MSS);
	ck_assert_uint_eq(packets[LONGEST + 6].len, MSS);
	ck_assert_uint_eq(n_retransmitted, 1);
	expect_done();
	/* When all is well again they are long again. */
	pcb->cwnd = WINDOW;
	write_stream(LONGEST * MSS);
	ck_assert_uint_eq(pcb->unacked->len, LONGEST * MSS);
	take_all();
	expect_done();
}
END_TEST

START_TEST(lso_loss_that_is_told_in_the_same_turn_is_of_what_is_left)
{
	write_stream(2 * LONGEST * MSS);
	take_all();
	n_packets = 0;
	is_turn_going_on = true;
	acknowledge(5 * MSS);
	for (size_t end = 7; end <= 12; end++)
		acknowledge_selectively(5 * MSS, 6 * MSS, end * MSS);
	take_all();
	ck_assert_uint_eq(n_acked, 5 * MSS);
	ck_assert_uint_eq(n_packets, 1);
	ck_assert_uint_eq(packets[0].at, 5 * MSS);
	is_turn_going_on = false;
	/* Until that is over new ones are short. */
	pcb->cwnd = WINDOW;
	queue_stream(LONGEST * MSS);
	for (const struct tcp_seg *segment = pcb->unsent; segment; segment = segment->next)
		ck_assert_uint_le(segment->len, MSS);
	take_all();
	tcp_output(pcb);
	take_all();
	expect_done();
}
END_TEST

START_TEST(lso_packet_that_waits_for_its_neighbour_is_left_alone)
{
	struct pbuf *held;

	write_stream(2 * LONGEST * MSS);
	take_all();
	held = pcb->unacked->p;
	pbuf_ref(held);
	acknowledge(3 * MSS);
	ck_assert_uint_eq(n_acked, 0);
	ck_assert(!tcp_lso_cut(pcb));
	ck_assert_uint_eq(pcb->unacked->len, LONGEST * MSS);
	ck_assert_uint_eq(pcb->unacked->next->len, MSS);
	pbuf_free(held);
	ck_assert(tcp_lso_cut(pcb));
	ck_assert_uint_eq(n_acked, 3 * MSS);
	ck_assert_uint_eq(pcb->unacked->len, MSS);
	expect_done();
}
END_TEST

START_TEST(lso_window_is_probed_with_no_more_than_the_mss)
{
	queue_stream(LONGEST * MSS);
	tcp_lso_before_tick(pcb);
	ck_assert_uint_eq(pcb->unsent->len, LONGEST * MSS);
	pcb->persist_backoff = 1;
	tcp_lso_before_tick(pcb);
	ck_assert_uint_eq(pcb->unsent->len, MSS);
	tcp_output(pcb);
	take_all();
	expect_done();
}
END_TEST

START_TEST(lso_lost_packet_of_a_peer_without_sack_is_sent_again)
{
	lost_number = 2;
	is_lost = is_the_lost_one;
	write_stream(2 * LONGEST * MSS);
	take_all();
	n_packets = 10;
	acknowledge(2 * MSS);
	for (int i = 0; i < 3; i++)
		acknowledge(2 * MSS);
	take_all();
	ck_assert_uint_eq(n_packets, 11);
	ck_assert_uint_eq(packets[10].at, 2 * MSS);
	ck_assert_uint_eq(packets[10].len, MSS);
	expect_done();
}
END_TEST

static const uint32_t shrunk_windows[] = { 100 * MSS, 20 * MSS, 2 * MSS, MSS + 128, MSS / 2 };

START_TEST(lso_window_that_shrinks_is_filled_all_the_same)
{
	uint32_t window = shrunk_windows[_i];

	/* Long ones wait for room when the peer takes it back. */
	queue_stream(TCP_SND_BUF);
	ck_assert_uint_eq(pcb->unsent->len, LONGEST * MSS);
	pcb->cwnd = LONGEST * MSS;
	tcp_output(pcb);
	take_all();
	pcb->cwnd = WINDOW;
	for (int i = 0; n_acked < n_written && i < 20000; i++) {
		size_t before = n_in_order;

		acknowledge_with(n_in_order, window);
		take_all();
		/* Nothing needs to wait for lwIP's timer but less than a segment. */
		if (n_in_order == before && n_acked < n_written) {
			ck_assert_uint_lt(window, MSS);
			timers_tick_tcp();
		}
		take_all();
		ck_assert_uint_le(n_in_order - before, window);
	}
	expect_done();
}
END_TEST

START_TEST(lso_closed_window_is_probed)
{
	write_stream(LONGEST * MSS);
	take_all();
	/* What is written next finds the window closed. */
	acknowledge_with(LONGEST * MSS, 0);
	pcb->cwnd = WINDOW;
	write_stream(5 * MSS);
	n_packets = 0;
	let_timer_expire();
	ck_assert_uint_eq(packets[0].at, LONGEST * MSS);
	ck_assert_uint_eq(packets[0].len, 1);
	/* The byte may be taken. */
	acknowledge_with(LONGEST * MSS + 1, 0);
	acknowledge_with(LONGEST * MSS + 1, WINDOW);
	take_all();
	expect_done();
}
END_TEST

START_TEST(lso_fin_is_the_last_pieces)
{
	queue_stream(2 * LONGEST * MSS);
	tcp_shutdown(pcb, 0, 1);
	tcp_output(pcb);
	take_all();
	ck_assert(has_fin);
	acknowledge(3 * MSS);
	n_packets = 0;
	let_timer_expire();
	acknowledge_what_is_sent_again();
	for (size_t i = 0; i < n_packets; i++)
		ck_assert_uint_eq(packets[i].flags & (TCP_FIN | TCP_PSH),
			packets[i].at + packets[i].len == n_written ? TCP_FIN | TCP_PSH : 0);
	ck_assert_int_eq(pcb->state, FIN_WAIT_1);
	acknowledge(n_written + 1);
	ck_assert_int_eq(pcb->state, FIN_WAIT_2);
	ck_assert_uint_eq(n_acked, n_written);
	ck_assert_uint_eq(pcb->snd_queuelen, 0);
}
END_TEST

START_TEST(lso_narrower_path_cuts_what_is_on_its_way_and_what_waits)
{
	struct pmtu_report report = {
		.local_port = pcb->local_port,
		.remote_port = 80,
		.mtu = 1300,
		.length = 1500,
	};

	queue_stream(4 * LONGEST * MSS);
	pcb->cwnd = 2 * LONGEST * MSS;
	tcp_output(pcb);
	take_all();
	ck_assert_uint_eq(pcb->unsent->len, LONGEST * MSS);
	acknowledge(MSS);
	take_all();
	report.sequence = first + MSS;
	ip_addr_copy(report.local, pcb->local_ip);
	ip_addr_copy(report.remote, pcb->remote_ip);
	n_packets = 0;
	ck_assert(pmtu_heed_tcp(&report));
	ck_assert_uint_eq(pcb->mss, 1260);
	take_all();
	for (int i = 0; i < 400 && n_acked < n_written; i++) {
		acknowledge(n_packets ? packets[n_packets - 1].at + packets[n_packets - 1].len
				      : n_in_order);
		take_all();
	}
	ck_assert_uint_eq(packets[0].at, MSS);
	for (size_t i = 0; i < n_packets; i++)
		ck_assert_uint_le(packets[i].len, 1260);
	expect_done();
}
END_TEST

START_TEST(lso_wider_device_gets_no_more_than_the_peer_takes)
{
	queue_stream(2 * LONGEST * MSS);
	ck_assert_uint_eq(pcb->unsent->len, LONGEST * MSS);
	ipif_detach(&ipif);
	close(wire);
	ck_assert_int_eq(ipif_set_mtu(&ipif, 9000), 0);
	attach_ipif();
	pmtu_netif_changed(&ipif.netif);
	tcp_output(pcb);
	take_all();
	ck_assert_uint_eq(n_packets, 2 * LONGEST);
	for (size_t i = 0; i < n_packets; i++)
		ck_assert_uint_eq(packets[i].len, MSS);
	expect_done();
}
END_TEST

START_TEST(lso_device_that_cuts_no_more_gets_single_packets)
{
	write_stream(3 * LONGEST * MSS);
	take_all();
	acknowledge(MSS);
	ipif.is_joining = false;
	n_packets = 0;
	let_timer_expire();
	acknowledge_what_is_sent_again();
	ck_assert_uint_eq(packets[0].at, MSS);
	ck_assert_uint_eq(n_long, 3);
	expect_done();
}
END_TEST

/* ---- anything may happen ------------------------------------------------------------------ */

static uint32_t seed;
static unsigned int loss; /* of a thousand packets */

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

static bool is_lost_by_chance(size_t number)
{
	(void)number;
	return draw(1000) < loss;
}

/* What the peer has beyond the gap, as SACK says it. */
static void acknowledge_what_is_there(size_t n, uint32_t window)
{
	uint8_t options[12] = { 1, 1, 5, 10 };
	size_t from = n_in_order, to;

	while (from < n_written && !has[from])
		from++;
	for (to = from; to < n_written && has[to]; to++)
		;
	put32(options + 4, first + (uint32_t)from);
	put32(options + 8, first + (uint32_t)to);
	peer_sends(TCP_ACK, PEER_ISN + 1, first + (uint32_t)n, window, options,
		from < to ? sizeof(options) : 0);
}

START_TEST(lso_stream_arrives_whatever_happens)
{
	static const unsigned int losses[] = { 0, 2, 10, 100 };
	static const uint32_t windows[] = { WINDOW, 1 << 20, 300000, 70000, 3 * MSS, 700, 0 };
	size_t total = 1200000, n_told = 0;
	uint32_t window = WINDOW;
	bool has_sack = _i & 1;
	int i;

	seed = (uint32_t)_i * 2654435761u;
	loss = losses[_i / 2 % 4];
	is_lost = is_lost_by_chance;
	tcp_nagle_disable(pcb);
	for (i = 0; i < 20000 && !is_given_up && n_acked < total; i++) {
		size_t before = n_packets, n = draw(draw(2) ? 300 : 200000);

		n_packets = 0;
		if (draw(16) < 6)
			write_stream(LWIP_MIN(total - n_written, n));
		take_all();
		if (draw(40) == 0)
			window = windows[draw(sizeof(windows) / sizeof(windows[0]))];
		/* Sometimes less than there is, and anywhere. */
		if (draw(4))
			n_told = n_in_order;
		else
			n_told += draw((uint32_t)(n_in_order - n_told) + 1);
		if (draw(8) == 0 && pcb)
			pcb->cwnd = LWIP_MAX(pcb->cwnd, (tcpwnd_size_t)draw(WINDOW));
		if (has_sack)
			acknowledge_what_is_there(n_told, window);
		else
			acknowledge_with(n_told, window);
		take_all();
		/* It is over soon if nothing but the timers helps. */
		for (int t = 0; t < 4 && n_packets == 0 && before == 0 && !is_given_up; t++)
			timers_tick_tcp();
		if (window < MSS && draw(8) == 0)
			window = WINDOW;
	}
	ck_assert_msg(!is_given_up && n_acked == total, "%zu of %zu bytes in %d steps", n_acked,
		total, i);
	ck_assert_uint_gt(n_long, 0);
	expect_done();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_lso");
	TCase *tc = tcase_create("tcp_lso");

	tcase_add_checked_fixture(tc, setup, teardown);
	LOOP(tc, lso_segments_are_as_long_as_the_window_is_wide, sizes);
	tcase_add_loop_test(tc, lso_is_for_an_mss_that_is_the_devices, 0, 2);
	tcase_add_test(tc, lso_many_small_writes_are_one_segment);
	tcase_add_test(tc, lso_window_may_shrink_between_writes);
	tcase_add_test(tc, lso_last_piece_has_no_room_behind_it);
	tcase_add_test(tc, lso_partial_acknowledgement_is_told_and_not_sent_again);
	tcase_add_test(tc, lso_front_of_a_segment_of_many_pieces_is_taken_off);
	tcase_add_test(tc, lso_lost_packet_alone_is_sent_again);
	tcase_add_test(tc, lso_loss_that_is_told_in_the_same_turn_is_of_what_is_left);
	tcase_add_test(tc, lso_packet_that_waits_for_its_neighbour_is_left_alone);
	tcase_add_test(tc, lso_window_is_probed_with_no_more_than_the_mss);
	tcase_add_test(tc, lso_lost_packet_of_a_peer_without_sack_is_sent_again);
	LOOP(tc, lso_window_that_shrinks_is_filled_all_the_same, shrunk_windows);
	tcase_add_test(tc, lso_closed_window_is_probed);
	tcase_add_test(tc, lso_fin_is_the_last_pieces);
	tcase_add_test(tc, lso_narrower_path_cuts_what_is_on_its_way_and_what_waits);
	tcase_add_test(tc, lso_wider_device_gets_no_more_than_the_peer_takes);
	tcase_add_test(tc, lso_device_that_cuts_no_more_gets_single_packets);
	tcase_add_loop_test(tc, lso_stream_arrives_whatever_happens, 0, 24);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
