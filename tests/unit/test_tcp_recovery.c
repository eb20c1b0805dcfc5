/* SPDX-License-Identifier: MIT */
/*
 * What is sent again, and when, against a peer that is played here segment by
 * segment. Segments are told by their number: 0 is the first with data.
 */
#include "netif/tcp_recovery.h"

#include "netif/route.h"
#include "tests/unit/tcp_peer.h"

#include "lwip/ip.h"

#define MSS	 1000
#define SENT_MAX 256

static struct netif netif;
static struct route route;
static uint32_t first; /* sequence number of segment 0 */
static unsigned int sent[SENT_MAX];
static size_t n_sent;

/* Notes the numbers of segments with data. */
static err_t note_output(struct netif *out, struct pbuf *p, const ip4_addr_t *to)
{
	uint8_t packet[60];

	(void)out;
	(void)to;
	pbuf_copy_partial(p, packet, sizeof(packet), 0);
	if (p->tot_len > 20 + (packet[32] >> 4) * 4) {
		ck_assert_uint_lt(n_sent, SENT_MAX);
		sent[n_sent++] = (unsigned int)(((uint32_t)packet[24] << 24 |
							(uint32_t)packet[25] << 16 |
							(uint32_t)packet[26] << 8 | packet[27]) -
					 first) /
			MSS;
	}
	return ERR_OK;
}

static err_t netif_setup(struct netif *made)
{
	made->output = note_output;
	made->mtu = MSS + 40;
	NETIF_SET_CHECKSUM_CTRL(made, NETIF_CHECKSUM_DISABLE_ALL);
	return ERR_OK;
}

static void peer_sends(uint8_t flags, uint32_t sequence, uint32_t ack, const uint8_t *options,
	size_t n_options)
{
	uint8_t packet[PEER_PACKET_MAX];
	size_t len = make_peer_packet(packet, flags, sequence, ack, 0xffff, options, n_options);
	struct pbuf *p;

	p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	pbuf_take(p, packet, (u16_t)len);
	ip_input(p, &netif);
}

/* Everything before @number has come. */
static void acknowledge(unsigned int number)
{
	peer_sends(TCP_ACK, PEER_ISN + 1, first + number * MSS, NULL, 0);
}

/* And those from @from to before @to. */
static void acknowledge_selectively(unsigned int number, unsigned int from, unsigned int to)
{
	uint8_t options[12] = { 1, 1, 5, 10 };

	put32(options + 4, first + from * MSS);
	put32(options + 8, first + to * MSS);
	peer_sends(TCP_ACK, PEER_ISN + 1, first + number * MSS, options, sizeof(options));
}

static void setup(void)
{
	static const uint8_t syn_options[8] = { 2, 4, MSS >> 8, MSS & 0xff, 1, 1, 4, 2 };
	static uint8_t data[40 * MSS];
	ip4_addr_t ip, mask, gateway;
	ip_addr_t to;

	stack_setup();
	IP4_ADDR(&ip, 10, 0, 2, 15);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 10, 0, 2, 2);
	netif_add(&netif, &ip, &mask, &gateway, NULL, netif_setup, ip_input);
	netif_set_up(&netif);
	netif_set_link_up(&netif);
	route.netif = &netif;
	route_add(&route);
	tcp_hooks_set(&recovery_hooks);
	pcb = tcp_new();
	tcp_sent(pcb, on_sent);
	IP_ADDR4(&to, 10, 0, 2, 2);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	first = pcb->snd_nxt;
	peer_sends(TCP_SYN | TCP_ACK, PEER_ISN, first, syn_options, sizeof(syn_options));
	ck_assert_int_eq(pcb->state, ESTABLISHED);
	ck_assert_uint_eq(pcb->mss, MSS);
	pcb->cwnd = 20 * MSS;
	pcb->ssthresh = 20 * MSS;
	ck_assert_int_eq(tcp_write(pcb, data, sizeof(data), TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(pcb);
	ck_assert_uint_eq(n_sent, 20);
	n_sent = 0;
}

static void teardown(void)
{
	tcp_abort(pcb);
	tcp_hooks_set(NULL);
	route_remove(&route);
	netif_remove(&netif);
	stack_teardown();
}

static bool was_sent(unsigned int number)
{
	for (size_t i = 0; i < n_sent; i++) {
		if (sent[i] == number)
			return true;
	}
	return false;
}

START_TEST(recovery_sends_each_hole_once)
{
	/* 0, 1, 5 and 9 are lost; what comes next tells so. */
	acknowledge_selectively(0, 2, 4);
	ck_assert_uint_eq(n_sent, 0);
	acknowledge_selectively(0, 2, 5);
	ck_assert(recovery.is_active);
	ck_assert_uint_eq(pcb->ssthresh, 10 * MSS);
	ck_assert_uint_eq(sent[0], 0);
	acknowledge_selectively(0, 6, 9);
	acknowledge_selectively(0, 10, 15);
	acknowledge_selectively(0, 15, 20);
	ck_assert(was_sent(1));
	ck_assert(was_sent(5));
	ck_assert(was_sent(9));
	for (size_t i = 0; i < n_sent; i++) {
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(sent[i], sent[j]);
		/* What the peer has is not sent again. */
		ck_assert(sent[i] == 0 || sent[i] == 1 || sent[i] == 5 || sent[i] == 9 ||
			sent[i] >= 20);
	}
	/*
	 * 16 are with the peer and 4 under way again: there is room for 6 new ones, and
	 * one that lwIP adds for the last acknowledgement.
	 */
	ck_assert(was_sent(25));
	ck_assert(!was_sent(27));
	n_sent = 0;
	acknowledge(20);
	ck_assert(!recovery.is_active);
	ck_assert_uint_ge(pcb->cwnd, 10 * MSS);
	ck_assert_uint_le(pcb->cwnd, 11 * MSS);
}
END_TEST

START_TEST(recovery_keeps_to_half_the_window)
{
	/* All but the last three are lost, and sent again; but for the first, as fit. */
	acknowledge_selectively(0, 17, 20);
	ck_assert_uint_eq(pcb->ssthresh, 10 * MSS);
	ck_assert_uint_eq(n_sent, 10);
	for (unsigned int i = 0; i < 10; i++)
		ck_assert_uint_eq(sent[i], i);
}
END_TEST

START_TEST(recovery_needs_more_than_a_reordering)
{
	acknowledge_selectively(0, 1, 3);
	acknowledge_selectively(0, 1, 3);
	ck_assert(!recovery.is_active);
	acknowledge(3);
	ck_assert(!recovery.is_active);
	for (size_t i = 0; i < n_sent; i++)
		ck_assert_uint_ge(sent[i], 20);
}
END_TEST

START_TEST(recovery_of_a_peer_without_sack_goes_by_partial_acknowledgements)
{
	/* lwIP's three duplicates; the first one told of the window. */
	for (int i = 0; i < 4; i++)
		acknowledge(0);
	ck_assert_uint_eq(sent[0], 0);
	ck_assert_uint_eq(n_sent, 1);
	acknowledge(4);
	ck_assert(was_sent(4));
	acknowledge(7);
	ck_assert(was_sent(7));
	acknowledge(20);
	ck_assert(!recovery.is_active);
}
END_TEST

START_TEST(recovery_ends_with_the_timer)
{
	acknowledge_selectively(0, 1, 6);
	ck_assert(recovery.is_active);
	n_sent = 0;
	/* What was sent again is lost, too. */
	for (int i = 0; i < 20 && n_sent == 0; i++)
		tcp_slowtmr();
	ck_assert_uint_eq(sent[0], 0);
	ck_assert(!recovery.is_active);
	/* The peer may have forgotten what it said it had. */
	n_sent = 0;
	acknowledge(1);
	ck_assert(was_sent(1));
	acknowledge(20);
	ck_assert(!recovery.is_active);
}
END_TEST

/* Blocks of what is not outstanding, and options that are none. */
static const struct {
	const char *name;
	uint8_t options[20];
	size_t len;
	uint32_t left, right; /* from the first byte; put at 4 and 8 */
} lies[] = {
	{ "behind", { 1, 1, 5, 10 }, 12, (uint32_t)-5000, (uint32_t)-1000 },
	{ "beyond what was sent", { 1, 1, 5, 10 }, 12, 1000, 21000 },
	{ "backwards", { 1, 1, 5, 10 }, 12, 9000, 1000 },
	{ "from the first byte on", { 1, 1, 5, 10 }, 12, 0, 9000 },
	{ "longer than the options", { 1, 1, 5, 18 }, 12, 1000, 9000 },
	{ "of no length", { 5, 0, 0, 0 }, 12, 1000, 9000 },
	{ "cut short", { 1, 1, 5, 6 }, 12, 1000, 9000 },
	{ "behind the end", { 0, 1, 5, 10 }, 12, 1000, 9000 },
};

START_TEST(recovery_believes_no_lies)
{
	uint8_t options[20];

	memcpy(options, lies[_i].options, sizeof(options));
	put32(options + 4, first + lies[_i].left);
	put32(options + 8, first + lies[_i].right);
	peer_sends(TCP_ACK, PEER_ISN + 1, first, options, lies[_i].len);
	ck_assert_msg(!recovery.is_active, "%s", lies[_i].name);
	ck_assert_uint_eq(n_sent, 0);
	acknowledge(20);
	ck_assert_uint_eq(pcb->state, ESTABLISHED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_recovery");
	TCase *tc = tcase_create("tcp_recovery");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, recovery_sends_each_hole_once);
	tcase_add_test(tc, recovery_keeps_to_half_the_window);
	tcase_add_test(tc, recovery_needs_more_than_a_reordering);
	tcase_add_test(tc, recovery_of_a_peer_without_sack_goes_by_partial_acknowledgements);
	tcase_add_test(tc, recovery_ends_with_the_timer);
	LOOP(tc, recovery_believes_no_lies, lies);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
