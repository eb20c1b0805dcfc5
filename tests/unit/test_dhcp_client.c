/* SPDX-License-Identifier: MIT */
/*
 * The DHCP client of a link: the test is the server at the other end of the
 * wire. Time passes by calling lwIP's timers.
 */
#include "netif/dhcp_client.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/stack.h"
#include "tests/unit/netif_test.h"

#include "lwip/dhcp.h"
#include "lwip/netif.h"
#include "lwip/prot/dhcp.h"
#include "lwip/tcp.h"

#include <stdlib.h>

#define LIMIT_MS  10000
#define FRAME_MAX 600

static const uint8_t server_mac[6] = { 0x52, 0x55, 0x0a, 0, 0, 1 };
static const uint8_t server_ip[4] = { 10, 3, 0, 1 };

/* ---- the driver --------------------------------------------------------------------- */

struct fake {
	int wire;
	struct dhcp_client dhcp;
};

static struct link *link_;

static struct fake *fake(void)
{
	return link_->driver_state;
}

static struct link_parameters parameters(void)
{
	struct link_parameters p = { .mtu = 1500 };

	dhcp_client_add(&fake()->dhcp, &p);
	return p;
}

static void on_dhcp(void *arg)
{
	struct link_parameters p = parameters();

	(void)arg;
	link_ready(link_, -1, &p);
}

static void fake_init(struct link *link)
{
	ck_assert_int_eq(dhcp_client_init(&fake()->dhcp, base, link_netif(link), on_dhcp, NULL), 0);
}

static void fake_open(struct link *link)
{
	struct link_parameters p = parameters();
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fake()->wire = pair[0];
	p.is_pending4 = true;
	link_ready(link, pair[1], &p);
	ck_assert_int_eq(dhcp_client_start(&fake()->dhcp), 0);
}

static void fake_close(struct link *link)
{
	(void)link;
	if (fake()->wire >= 0)
		close(fake()->wire);
	fake()->wire = -1;
}

static void fake_fini(struct link *link)
{
	fake_close(link);
	dhcp_client_fini(&fake()->dhcp);
}

static const struct link_key no_keys[] = { { NULL, NULL } };

static const struct link_driver driver = {
	.name = "fake",
	.framing = IPIF_FRAMING_ETHERNET,
	.keys = no_keys,
	.state_size = sizeof(struct fake),
	.init = fake_init,
	.open = fake_open,
	.close = fake_close,
	.fini = fake_fini,
};

static void on_changed(struct link *link, void *arg)
{
	(void)link;
	(void)arg;
}

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	link_ = link_new("lan");
	link_->driver = &driver;
	link_->driver_state = calloc(1, sizeof(struct fake));
	fake()->wire = -1;
	ck_assert_int_eq(link_start(link_, base, on_changed, NULL), 0);
}

static void teardown(void)
{
	link_free(link_);
	stack_teardown();
}

/* ---- the server ----------------------------------------------------------------------- */

static uint8_t request[FRAME_MAX]; /* the DHCP message of the latest */

static bool has_request(void *arg)
{
	uint8_t frame[FRAME_MAX];
	uint8_t wanted = *(uint8_t *)arg;

	for (;;) {
		ssize_t len = recv(fake()->wire, frame, sizeof(frame), MSG_DONTWAIT);

		if (len < 0)
			return false;
		/* Ethernet 14, IPv4 20, UDP 8, fixed part 240, then option 53. */
		if (len < 286 || frame[12] != 8 || frame[23] != 17 || frame[37] != 67 ||
			frame[284] != wanted)
			continue;
		memcpy(request, frame + 42, (size_t)len - 42);
		return true;
	}
}

/* Waits for a discover (1) or request (3). */
static void expect(uint8_t type)
{
	ck_assert_msg(run_until(has_request, &type, LIMIT_MS), "no message of type %u", type);
}

static void answer(uint8_t type, const uint8_t ip[4], uint32_t lease_s)
{
	uint8_t udp[8 + 300] = { 0, 67, 0, 68 }, *m = udp + 8, frame[FRAME_MAX];
	static const uint8_t options[] = { 54, 4, 10, 3, 0, 1, 1, 4, 255, 255, 255, 0, 3, 4, 10, 3,
		0, 1, 6, 4, 10, 3, 0, 53, 26, 2, 5, 120, 255 };
	const uint8_t head[] = { 53, 1, type, 51, 4, (uint8_t)(lease_s >> 24),
		(uint8_t)(lease_s >> 16), (uint8_t)(lease_s >> 8), (uint8_t)lease_s };

	memcpy(m, request, 240);
	m[0] = 2;
	if (type != DHCP_MESSAGE_NAK)
		memcpy(m + 16, ip, 4);
	memcpy(m + 240, head, sizeof(head));
	memcpy(m + 240 + sizeof(head), options, sizeof(options));
	put16(udp + 4, sizeof(udp));
	memcpy(frame, link_netif(link_)->hwaddr, 6);
	memcpy(frame + 6, server_mac, 6);
	put16(frame + 12, 0x0800);
	ck_assert_int_ge(send(fake()->wire, frame,
				 14 + make_ip4(frame + 14, 17, server_ip, ip, udp, sizeof(udp)), 0),
		0);
	run_for(20);
}

static bool is_up(void *arg)
{
	(void)arg;
	return link_state(link_) == TABLE_LINK_UP;
}

static void get_lease(const uint8_t ip[4], uint32_t lease_s)
{
	expect(1);
	answer(DHCP_MESSAGE_OFFER, ip, lease_s);
	expect(3);
	answer(DHCP_MESSAGE_ACK, ip, lease_s);
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
}

static const uint8_t first[4] = { 10, 3, 0, 9 };
static const uint8_t second[4] = { 10, 3, 0, 10 };

/* ---- a connection that has the address ---------------------------------------------------- */

static int n_aborts;
static bool was_changing;

static void on_error(void *arg, err_t error)
{
	(void)arg;
	(void)error;
	n_aborts++;
	was_changing = stack_address_changing();
}

static struct tcp_pcb *connect_out(void)
{
	struct tcp_pcb *pcb = tcp_new();
	ip_addr_t to = IPADDR4_INIT_BYTES(192, 0, 2, 1);

	n_aborts = 0;
	tcp_err(pcb, on_error);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	return pcb;
}

static void disconnect(struct tcp_pcb *pcb)
{
	ck_assert_int_eq(n_aborts, 0);
	tcp_err(pcb, NULL);
	tcp_abort(pcb);
}

/* ---- cases --------------------------------------------------------------------------------- */

START_TEST(client_gets_what_the_server_gives)
{
	const struct link_parameters *p = &link_->current;

	get_lease(first, 3600);
	ck_assert_mem_eq(p->address4.ip, first, 4);
	ck_assert_uint_eq(p->address4.port, 24);
	ck_assert_mem_eq(p->gateway4.ip, server_ip, 4);
	ck_assert_uint_eq(p->n_dns, 1);
	ck_assert_mem_eq(p->dns[0].ip, ((uint8_t[]){ 10, 3, 0, 53 }), 4);
	ck_assert_uint_eq(p->mtu, 1400);
}
END_TEST

START_TEST(client_with_a_lease_needs_no_timer)
{
	get_lease(first, 3600);
	/* No request waits. */
	ck_assert_uint_eq(
		((struct dhcp *)netif_dhcp_data(link_netif(link_)))->request_timeout, 0);
}
END_TEST

START_TEST(client_whose_server_is_silent_asks_again)
{
	expect(1);
	dhcp_fine_tmr();
	dhcp_fine_tmr();
	dhcp_fine_tmr();
	dhcp_fine_tmr();
	expect(1);
}
END_TEST

START_TEST(client_ignores_answers_to_others)
{
	expect(1);
	request[4] ^= 1; /* xid */
	answer(DHCP_MESSAGE_OFFER, first, 3600);
	ck_assert_int_eq(((struct dhcp *)netif_dhcp_data(link_netif(link_)))->state,
		DHCP_STATE_SELECTING);
}
END_TEST

START_TEST(client_that_renews_keeps_connections)
{
	struct tcp_pcb *pcb;

	get_lease(first, 120);
	pcb = connect_out();
	dhcp_coarse_tmr();
	/* To the server itself: who is it? */
	run_for(10);
	ck_assert_int_eq(((struct dhcp *)netif_dhcp_data(link_netif(link_)))->state,
		DHCP_STATE_RENEWING);
	answer(DHCP_MESSAGE_ACK, first, 120);
	ck_assert(is_up(NULL));
	ck_assert_int_eq(((struct dhcp *)netif_dhcp_data(link_netif(link_)))->state,
		DHCP_STATE_BOUND);
	disconnect(pcb);
}
END_TEST

START_TEST(client_with_another_address_ends_connections)
{
	get_lease(first, 120);
	connect_out();
	dhcp_coarse_tmr();
	run_for(10);
	answer(DHCP_MESSAGE_ACK, second, 120);
	ck_assert_int_eq(n_aborts, 1);
	ck_assert(was_changing);
	ck_assert_mem_eq(link_->current.address4.ip, second, 4);
	ck_assert(is_up(NULL));
}
END_TEST

START_TEST(client_that_is_refused_starts_anew)
{
	get_lease(first, 120);
	connect_out();
	dhcp_coarse_tmr();
	run_for(10);
	answer(DHCP_MESSAGE_NAK, first, 0);
	ck_assert_int_eq(n_aborts, 1);
	ck_assert(was_changing);
	/* It was the link's only address. */
	ck_assert(!is_up(NULL));
	get_lease(second, 120);
	ck_assert_mem_eq(link_->current.address4.ip, second, 4);
}
END_TEST

START_TEST(client_whose_lease_ends_has_no_address)
{
	int i;

	get_lease(first, 120);
	connect_out();
	/* dhcp_client_second() brackets this. */
	for (i = 0; i < 2 * DHCP_COARSE_TIMER_SECS; i++)
		dhcp_client_second();
	run_for(20);
	ck_assert_int_eq(n_aborts, 1);
	ck_assert(was_changing);
	ck_assert(!is_up(NULL));
}
END_TEST

START_TEST(client_of_a_link_that_comes_back_keeps_its_address)
{
	struct tcp_pcb *pcb;

	get_lease(first, 3600);
	pcb = connect_out();
	link_reset(link_, "test");
	/* The server is asked whether the lease still holds. */
	expect(3);
	ck_assert(!is_up(NULL));
	answer(DHCP_MESSAGE_ACK, first, 3600);
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	disconnect(pcb);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcp_client");
	TCase *tc = tcase_create("dhcp_client");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, client_gets_what_the_server_gives);
	tcase_add_test(tc, client_with_a_lease_needs_no_timer);
	tcase_add_test(tc, client_whose_server_is_silent_asks_again);
	tcase_add_test(tc, client_ignores_answers_to_others);
	tcase_add_test(tc, client_that_renews_keeps_connections);
	tcase_add_test(tc, client_with_another_address_ends_connections);
	tcase_add_test(tc, client_that_is_refused_starts_anew);
	tcase_add_test(tc, client_whose_lease_ends_has_no_address);
	tcase_add_test(tc, client_of_a_link_that_comes_back_keeps_its_address);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
