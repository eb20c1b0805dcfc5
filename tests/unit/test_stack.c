/* SPDX-License-Identifier: MIT */
/*
 * The stack and its timers, on loopback only.
 */
#include "netif/checksum.h"
#include "netif/isn.h"
#include "netif/loopback.h"
#include "tests/unit/netif_test.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

static struct tcp_pcb *listener, *accepted, *client;
static size_t n_received;
static bool is_connected;

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	(void)arg;
	(void)error;
	if (!p)
		return ERR_OK;
	n_received += p->tot_len;
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	ck_assert_int_eq(error, ERR_OK);
	accepted = pcb;
	tcp_recv(pcb, on_receive);
	return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	(void)pcb;
	is_connected = error == ERR_OK;
	return ERR_OK;
}

static bool check_connected(void *arg)
{
	(void)arg;
	return is_connected && accepted;
}

static void connect_over(const ip_addr_t *ip)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

	n_received = 0;
	is_connected = false;
	accepted = NULL;
	ck_assert_int_eq(tcp_bind(pcb, IP_ANY_TYPE, 8080), ERR_OK);
	listener = tcp_listen(pcb);
	tcp_accept(listener, on_accept);
	client = tcp_new_ip_type(IP_GET_TYPE(ip));
	ck_assert_int_eq(tcp_connect(client, ip, 8080, on_connected), ERR_OK);
	ck_assert(run_until(check_connected, NULL, 2000));
}

static void disconnect(void)
{
	tcp_abort(client);
	run_for(10);
	tcp_close(listener);
}

static void loopback_carries(const ip_addr_t *ip)
{
	static char data[100000];

	connect_over(ip);
	ck_assert_int_eq(tcp_write(client, data, 60000, TCP_WRITE_FLAG_COPY), ERR_OK);
	ck_assert_int_eq(tcp_write(client, data, 40000, TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(client);
	run_for(50);
	ck_assert_uint_eq(n_received, 100000);
	ck_assert_int_eq(client->mss, TCP_MSS);
	disconnect();
}

START_TEST(stack_loopback_ip4_carries_tcp)
{
	ip_addr_t ip = IPADDR4_INIT_BYTES(127, 0, 0, 1);

	loopback_carries(&ip);
}
END_TEST

START_TEST(stack_loopback_ip6_carries_tcp)
{
	ip_addr_t ip = IPADDR6_INIT_HOST(0, 0, 0, 1);

	loopback_carries(&ip);
}
END_TEST

START_TEST(stack_without_link_has_no_route)
{
	ip_addr_t ip4 = IPADDR4_INIT_BYTES(192, 0, 2, 1);
	ip_addr_t ip6 = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

	ck_assert_int_eq(tcp_connect(pcb, &ip4, 80, NULL), ERR_RTE);
	ck_assert_int_eq(tcp_connect(pcb, &ip6, 80, NULL), ERR_RTE);
	tcp_abort(pcb);
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

START_TEST(stack_largest_datagram_passes_loopback)
{
	ip_addr_t ip = IPADDR4_INIT_BYTES(127, 0, 0, 1);
	struct udp_pcb *receiver = udp_new(), *sender = udp_new();
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 65507, PBUF_RAM);

	memset(p->payload, 0, 65507);
	udp_bind(receiver, &ip, 4000);
	udp_recv(receiver, on_datagram, NULL);
	ck_assert_int_eq(udp_sendto(sender, p, &ip, 4000), ERR_OK);
	pbuf_free(p);
	run_for(10);
	ck_assert_int_eq(n_datagrams, 1);
	udp_remove(receiver);
	udp_remove(sender);
}
END_TEST

/* What a raw socket of ours may send. */
START_TEST(stack_malformed_loopback_packet_is_dropped)
{
	static const uint8_t us[4] = { 127, 0, 0, 1 };
	struct pbuf *p = pbuf_alloc(PBUF_LINK, 40, PBUF_RAM);
	uint8_t tcp[20] = { 0x0f, 0xa0, 0x1f, 0x90, [12] = 0xf0, 2 };

	make_ip4(p->payload, 6, us, us, tcp, sizeof(tcp));
	stack_loop_back(p);
	run_for(10);
	ck_assert_ptr_null(tcp_active_pcbs);
}
END_TEST

START_TEST(stack_loopback_queue_is_bounded)
{
	ip_addr_t ip = IPADDR4_INIT_BYTES(127, 0, 0, 1);
	struct udp_pcb *receiver = udp_new(), *sender = udp_new();
	int i;

	udp_bind(receiver, &ip, 4000);
	udp_recv(receiver, on_datagram, NULL);
	n_datagrams = 0;
	for (i = 0; i < 1000; i++) {
		struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 60000, PBUF_RAM);

		memset(p->payload, 0, 60000);
		udp_sendto(sender, p, &ip, 4000);
		pbuf_free(p);
	}
	run_for(50);
	ck_assert_int_gt(n_datagrams, 100);
	ck_assert_int_lt(n_datagrams, 200);
	udp_remove(receiver);
	udp_remove(sender);
}
END_TEST

static unsigned int count_wakeups(unsigned int ms)
{
	uint64_t end = stack_now_ns() + (uint64_t)ms * 1000000;
	struct timeval limit = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000 };
	unsigned int n = 0;

	/* What the last run_until() left behind. */
	usleep(5000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loopexit(base, &limit);
	while (stack_now_ns() < end && event_base_loop(base, EVLOOP_ONCE) == 0)
		n++;
	return n;
}

START_TEST(timers_idle_stack_does_not_wake)
{
	run_for(20);
	/* The end of the measurement is one itself. */
	ck_assert_uint_le(count_wakeups(1500), 1);
}
END_TEST

START_TEST(timers_idle_connection_wakes_four_times_a_second)
{
	ip_addr_t ip = IPADDR4_INIT_BYTES(127, 0, 0, 1);
	unsigned int n;

	connect_over(&ip);
	run_for(300);
	n = count_wakeups(2000);
	ck_assert_uint_ge(n, 7);
	ck_assert_uint_le(n, 10);
	disconnect();
	ck_assert_ptr_null(tcp_active_pcbs);
	run_for(300);
	ck_assert_uint_le(count_wakeups(1000), 2);
}
END_TEST

START_TEST(timers_retransmission_happens)
{
	ip_addr_t ip = IPADDR4_INIT_BYTES(127, 0, 0, 9);
	struct tcp_pcb *pcb = tcp_new();

	/* Nobody has this address: the SYN is lost and sent again. */
	ck_assert_int_eq(tcp_connect(pcb, &ip, 80, NULL), ERR_OK);
	run_for(2600);
	ck_assert_uint_ge(pcb->nrtx, 1);
	tcp_abort(pcb);
}
END_TEST

static int n_timeouts;

static void on_timeout(void *arg)
{
	n_timeouts += *(int *)arg;
}

START_TEST(timers_sys_timeout_comes_once)
{
	int one = 1, ten = 10;

	n_timeouts = 0;
	sys_timeout(20, on_timeout, &one);
	sys_timeout(20, on_timeout, &ten);
	sys_untimeout(on_timeout, &ten);
	run_for(5);
	ck_assert_int_eq(n_timeouts, 0);
	run_for(60);
	ck_assert_int_eq(n_timeouts, 1);
}
END_TEST

/* Vectors of the paper that describes SipHash, key and input 00 01 02 ... */
START_TEST(isn_hash_gives_published_values)
{
	uint8_t key[ISN_SECRET_SIZE], input[15];
	uint8_t i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	for (i = 0; i < sizeof(input); i++)
		input[i] = i;
	ck_assert_uint_eq(isn_hash(key, input, 0), 0x726fdb47dd0e0e31);
	ck_assert_uint_eq(isn_hash(key, input, 8), 0x93f5f5799a932462);
	ck_assert_uint_eq(isn_hash(key, input, 15), 0xa129ca6149be45e5);
}
END_TEST

/* Byte by byte, as the RFC puts it. */
static uint16_t plain_sum(const uint8_t *p, int len)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < len; i++) {
		uint8_t pair[2] = { 0, 0 };
		uint16_t word;

		pair[i % 2] = p[i];
		memcpy(&word, pair, 2);
		sum += word;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)sum;
}

START_TEST(checksum_of_any_length_and_place_is_right)
{
	uint8_t bytes[240];
	int start_at, len, i;

	for (i = 0; i < (int)sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (start_at = 0; start_at < 8; start_at++) {
		for (len = 0; len <= 200; len++)
			ck_assert_uint_eq(checksum_add(bytes + start_at, len),
				plain_sum(bytes + start_at, len));
	}
}
END_TEST

START_TEST(checksum_of_largest_sums_carries)
{
	static uint8_t ones[65535];

	memset(ones, 0xff, sizeof(ones));
	ck_assert_uint_eq(checksum_add(ones, 65534), 0xffff);
	ck_assert_uint_eq(checksum_add(ones, 65535), plain_sum(ones, 65535));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stack");
	TCase *stack = tcase_create("stack"), *timers = tcase_create("timers");
	TCase *numbers = tcase_create("numbers");

	tcase_add_checked_fixture(stack, stack_setup, stack_teardown);
	tcase_add_test(stack, stack_loopback_ip4_carries_tcp);
	tcase_add_test(stack, stack_loopback_ip6_carries_tcp);
	tcase_add_test(stack, stack_without_link_has_no_route);
	tcase_add_test(stack, stack_largest_datagram_passes_loopback);
	tcase_add_test(stack, stack_malformed_loopback_packet_is_dropped);
	tcase_add_test(stack, stack_loopback_queue_is_bounded);
	suite_add_tcase(suite, stack);
	tcase_add_checked_fixture(timers, stack_setup, stack_teardown);
	tcase_set_timeout(timers, 30);
	tcase_add_test(timers, timers_idle_stack_does_not_wake);
	tcase_add_test(timers, timers_idle_connection_wakes_four_times_a_second);
	tcase_add_test(timers, timers_retransmission_happens);
	tcase_add_test(timers, timers_sys_timeout_comes_once);
	suite_add_tcase(suite, timers);
	tcase_add_test(numbers, isn_hash_gives_published_values);
	tcase_add_test(numbers, checksum_of_any_length_and_place_is_right);
	tcase_add_test(numbers, checksum_of_largest_sums_carries);
	suite_add_tcase(suite, numbers);
	return run_all(suite);
}
