/* SPDX-License-Identifier: MIT */
/*
 * lwIP's list of connections, and who moves what in it.
 */
#include "netif/tcp_front.h"

#include "tests/unit/netif_test.h"

#include "lwip/priv/tcp_priv.h"

#include <stdlib.h>

#define N 200

static struct tcp_pcb *pcbs[N];

static struct tcp_pcb *make(bool is_4, uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new();
	ip_addr_t to;

	ck_assert_ptr_nonnull(pcb);
	if (is_4)
		IP_ADDR4(&to, 127, 0, 0, 1);
	else
		IP_ADDR6(&to, 0, 0, 0, PP_HTONL(1));
	/* Its SYN waits in loopback: no turn of the loop is run. */
	ck_assert_int_eq(tcp_connect(pcb, &to, port, NULL), ERR_OK);
	return pcb;
}

/* A segment for @pcb, as far as it is looked at. */
static void bring(const struct tcp_pcb *pcb)
{
	bool is_4 = IP_IS_V4(&pcb->remote_ip);
	size_t header = is_4 ? 20 : 40;
	uint8_t packet[60] = { 0 };
	struct ingress_packet info = {
		.family = is_4 ? ADDRESS_IPV4 : ADDRESS_IPV6,
		.protocol = 6,
		.length = (uint16_t)(header + 20),
		.payload_at = (uint16_t)header,
	};

	if (is_4) {
		memcpy(packet + 12, &ip_2_ip4(&pcb->remote_ip)->addr, 4);
		memcpy(packet + 16, &ip_2_ip4(&pcb->local_ip)->addr, 4);
	} else {
		memcpy(packet + 8, ip_2_ip6(&pcb->remote_ip)->addr, 16);
		memcpy(packet + 24, ip_2_ip6(&pcb->local_ip)->addr, 16);
	}
	put16(packet + header, pcb->remote_port);
	put16(packet + header + 2, pcb->local_port);
	tcp_front_bring(packet, &info);
}

/* Each of pcbs[] but NULL is in lwIP's list once, and nothing else is. */
static void check_list(void)
{
	size_t expected = 0, n = 0;

	for (size_t i = 0; i < N; i++) {
		struct tcp_pcb *pcb;

		if (!pcbs[i])
			continue;
		expected++;
		for (pcb = tcp_active_pcbs; pcb && pcb != pcbs[i]; pcb = pcb->next)
			;
		ck_assert_ptr_eq(pcb, pcbs[i]);
	}
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		n++;
		ck_assert_uint_le(n, expected);
	}
	ck_assert_uint_eq(n, expected);
}

static void abort_all(void)
{
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
}

START_TEST(front_brings_each_to_the_head)
{
	for (size_t i = 0; i < N; i++)
		pcbs[i] = make(i % 2, (uint16_t)(1000 + i));
	for (size_t i = 0; i < N; i++) {
		bring(pcbs[i]);
		ck_assert_ptr_eq(tcp_active_pcbs, pcbs[i]);
	}
	check_list();
	abort_all();
}
END_TEST

START_TEST(front_leaves_the_list_for_who_is_not_in_it)
{
	struct tcp_pcb stranger, *head;

	pcbs[0] = make(true, 1000);
	pcbs[1] = make(true, 1001);
	stranger = *pcbs[0];
	stranger.remote_port++;
	stranger.local_port++;
	head = tcp_active_pcbs;
	bring(&stranger);
	ck_assert_ptr_eq(tcp_active_pcbs, head);
	/* The same ports, but another address. */
	stranger = *pcbs[0];
	ip_2_ip4(&stranger.remote_ip)->addr ^= PP_HTONL(1);
	bring(&stranger);
	ck_assert_ptr_eq(tcp_active_pcbs, head);
	check_list();
	abort_all();
}
END_TEST

static void into_time_wait(struct tcp_pcb *pcb)
{
	tcp_pcb_purge(pcb);
	TCP_RMV_ACTIVE(pcb);
	pcb->state = TIME_WAIT;
	TCP_REG(&tcp_tw_pcbs, pcb);
}

/* As lwIP does when it has walked to it, which it does after we have looked. */
static void move_behind_our_back(struct tcp_pcb *pcb)
{
	struct tcp_pcb stranger = *pcb;

	stranger.remote_port = 1;
	bring(&stranger);
	TCP_RMV(&tcp_active_pcbs, pcb);
	TCP_REG(&tcp_active_pcbs, pcb);
}

START_TEST(front_keeps_up_with_all_that_lwip_does)
{
	uint16_t port = 1000;

	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)random() % N;

		if (!pcbs[i]) {
			pcbs[i] = make(i % 2, port++);
			port = port < 60000 ? port : 1000;
			continue;
		}
		switch (random() % 40) {
		case 0:
			tcp_abort(pcbs[i]);
			pcbs[i] = NULL;
			break;
		case 1:
			into_time_wait(pcbs[i]);
			bring(pcbs[i]);
			ck_assert_ptr_ne(tcp_active_pcbs, pcbs[i]);
			pcbs[i] = NULL;
			break;
		case 2:
			move_behind_our_back(pcbs[i]);
			break;
		case 3:
			if (tcp_tw_pcbs)
				tcp_abort(tcp_tw_pcbs);
			break;
		default:
			bring(pcbs[i]);
			ck_assert_ptr_eq(tcp_active_pcbs, pcbs[i]);
			break;
		}
		if (round % 50 == 0)
			check_list();
	}
	check_list();
	abort_all();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_front");
	TCase *tc = tcase_create("tcp_front");

	tcase_add_checked_fixture(tc, stack_setup, stack_teardown);
	tcase_add_test(tc, front_brings_each_to_the_head);
	tcase_add_test(tc, front_leaves_the_list_for_who_is_not_in_it);
	tcase_add_test(tc, front_keeps_up_with_all_that_lwip_does);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
