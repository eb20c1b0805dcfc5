/* SPDX-License-Identifier: MIT */
/*
 * A link whose addresses are advertised: the test is the router at the other
 * end of the wire. Lifetimes end by moving their deadlines to now.
 */
#include "netif/autoconf.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/stack.h"
#include "tests/unit/netif_test.h"

#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"

#include <stdlib.h>

#define LIMIT_MS 10000
#define FOREVER	 UINT32_MAX

static const uint8_t mac[6] = { 0x52, 0x55, 0x0a, 0, 0, 1 };
static const uint8_t router_ip[16] = { 0xfe, 0x80, [15] = 1 };
static const uint8_t other_router_ip[16] = { 0xfe, 0x80, [15] = 2 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
static const uint8_t net_a[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0xaa };
static const uint8_t net_b[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0xbb };
static const uint8_t dns_ip[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 0x53 };
static const uint8_t given_id[8] = { 0, 0, 0, 0, 0, 0, 0, 7 };

/* ---- the driver ----------------------------------------------------------------- */

struct fake {
	int wire;
	struct link_parameters parameters;
};

static struct link *link_;

static struct fake *fake_of(const struct link *link)
{
	return link->driver_state;
}

static void fake_open(struct link *link)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fake_of(link)->wire = pair[0];
	link_ready(link, pair[1], &fake_of(link)->parameters);
}

static void fake_close(struct link *link)
{
	close(fake_of(link)->wire);
	fake_of(link)->wire = -1;
}

static const struct link_key no_keys[] = { { NULL, NULL } };

static const struct link_driver raw_driver = {
	.name = "fake",
	.framing = IPIF_FRAMING_RAW,
	.keys = no_keys,
	.state_size = sizeof(struct fake),
	.open = fake_open,
	.close = fake_close,
};

static const struct link_driver ethernet_driver = {
	.name = "fake",
	.framing = IPIF_FRAMING_ETHERNET,
	.keys = no_keys,
	.state_size = sizeof(struct fake),
	.open = fake_open,
	.close = fake_close,
};

static void on_changed(struct link *link, void *arg)
{
	(void)link;
	(void)arg;
}

static void make(const struct link_driver *driver)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	link_ = link_new("wan");
	link_->driver = driver;
	link_->driver_state = calloc(1, sizeof(struct fake));
	fake_of(link_)->wire = -1;
	fake_of(link_)->parameters.asks_routers = true;
}

static void raw_setup(void)
{
	make(&raw_driver);
	memcpy(fake_of(link_)->parameters.interface_id, given_id, sizeof(given_id));
}

static void ethernet_setup(void)
{
	make(&ethernet_driver);
	fake_of(link_)->parameters.detects_duplicates = true;
}

static void teardown(void)
{
	int wire = fake_of(link_)->wire;

	link_free(link_);
	if (wire >= 0)
		close(wire);
	stack_teardown();
}

static void start(void)
{
	ck_assert_int_eq(link_start(link_, base, on_changed, NULL), 0);
}

/* ---- the router ----------------------------------------------------------------- */

static size_t make_icmp6(uint8_t *out, const uint8_t *src, const uint8_t *dst, const void *icmp,
	size_t len)
{
	uint32_t sum = 0;
	size_t i;

	memset(out, 0, 40);
	out[0] = 0x60;
	put16(out + 4, (unsigned int)len);
	out[6] = 58;
	out[7] = 255;
	memcpy(out + 8, src, 16);
	memcpy(out + 24, dst, 16);
	memcpy(out + 40, icmp, len);
	for (i = 8; i < 40; i += 2)
		sum += (uint32_t)out[i] << 8 | out[i + 1];
	put16(out + 42, internet_sum(out + 40, len, sum + (uint32_t)len + 58));
	return 40 + len;
}

static void wire_send(const uint8_t *packet, size_t len)
{
	uint8_t frame[400] = { 0x33, 0x33, 0, 0, 0, 1 };
	bool has_header = link_->driver->framing == IPIF_FRAMING_ETHERNET;

	memcpy(frame + 6, mac, 6);
	put16(frame + 12, 0x86dd);
	memcpy(frame + 14, packet, len);
	ck_assert_int_ge(send(fake_of(link_)->wire, has_header ? frame : packet,
				 has_header ? len + 14 : len, 0),
		0);
}

struct advert {
	const uint8_t *from;
	unsigned int lifetime_s;
	const uint8_t *prefix; /* NULL: none */
	uint32_t valid_s, preferred_s;
	const uint8_t *dns;
	unsigned int mtu;
	bool breaks_checksum;
};

static void advertise(const struct advert *a)
{
	uint8_t icmp[128] = { 134 }, packet[256];
	size_t len = 16;

	put16(icmp + 6, a->lifetime_s);
	if (a->prefix) {
		icmp[len] = 3;
		icmp[len + 1] = 4;
		icmp[len + 2] = 64;
		icmp[len + 3] = 0x40;
		put32(icmp + len + 4, a->valid_s);
		put32(icmp + len + 8, a->preferred_s);
		memcpy(icmp + len + 16, a->prefix, 16);
		len += 32;
	}
	if (a->dns) {
		icmp[len] = 25;
		icmp[len + 1] = 3;
		put32(icmp + len + 4, 600);
		memcpy(icmp + len + 8, a->dns, 16);
		len += 24;
	}
	if (a->mtu) {
		icmp[len] = 5;
		icmp[len + 1] = 1;
		put32(icmp + len + 4, a->mtu);
		len += 8;
	}
	len = make_icmp6(packet, a->from, all_nodes, icmp, len);
	packet[42] ^= a->breaks_checksum;
	wire_send(packet, len);
	run_for(20);
}

static void advertise_net(const uint8_t *prefix)
{
	const struct advert a = {
		.from = router_ip,
		.lifetime_s = 1800,
		.prefix = prefix,
		.valid_s = 86400,
		.preferred_s = 3600,
		.dns = dns_ip,
	};

	advertise(&a);
}

/* Of the packets that came: how many are of this ICMPv6 type. */
static unsigned int count_received(uint8_t type)
{
	size_t header = link_->driver->framing == IPIF_FRAMING_ETHERNET ? 14 : 0;
	uint8_t packet[2000];
	unsigned int n = 0;

	for (;;) {
		ssize_t len = recv(fake_of(link_)->wire, packet, sizeof(packet), MSG_DONTWAIT);

		if (len < 0)
			return n;
		n += (size_t)len > header + 40 && packet[header + 6] == 58 &&
			packet[header + 40] == type;
	}
}

static bool is_up(void *arg)
{
	(void)arg;
	return link_state(link_) == TABLE_LINK_UP;
}

static bool is_negotiating(void *arg)
{
	(void)arg;
	return link_state(link_) == TABLE_LINK_NEGOTIATING;
}

/* The deadlines are moved; the timer would fire a moment later. */
static void let_pass(void)
{
	event_active(link_->autoconf.timer, EV_TIMEOUT, 0);
	run_for(10);
}

static void come_up_with(const uint8_t *prefix)
{
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	advertise_net(prefix);
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
}

/* ---- raw IP --------------------------------------------------------------------- */

START_TEST(autoconf_address_comes_from_prefix_and_given_id)
{
	struct table_link t = { 0 };
	char text[ADDRESS_TEXT_MAX];
	uint64_t left;

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	ck_assert(!netif_is_link_up(link_netif(link_)) || link_->route.is_waiting);
	run_for(10);
	ck_assert_uint_eq(count_received(133), 1);
	advertise_net(net_a);
	ck_assert(is_up(NULL));
	link_describe(link_, &t);
	ck_assert_uint_eq(t.n_addresses6, 1);
	ck_assert_str_eq(address_ip_text(&t.addresses6[0], text), "2001:db8:0:aa::7");
	ck_assert_uint_eq(t.addresses6[0].port, 64);
	ck_assert_mem_eq(t.gateway6.ip, router_ip, 16);
	ck_assert_mem_eq(t.dns[0].ip, dns_ip, 16);
	ck_assert(netif_ip6_addr(link_netif(link_), 0)->addr[3] == PP_HTONL(7));
	/* Nobody is asked again for long: the router's 1800 s are the shortest. */
	left = link_->autoconf.solicit_ns - stack_now_ns();
	ck_assert_uint_gt(left, 1340 * UINT64_C(1000000000));
	ck_assert_uint_le(left, 1350 * UINT64_C(1000000000));
}
END_TEST

START_TEST(autoconf_advert_with_wrong_checksum_is_ignored)
{
	const struct advert a = {
		.from = router_ip,
		.lifetime_s = 1800,
		.prefix = net_a,
		.valid_s = 3600,
		.breaks_checksum = true,
	};

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	advertise(&a);
	ck_assert(is_negotiating(NULL));
}
END_TEST

START_TEST(autoconf_link_without_routers_ignores_them)
{
	struct link_parameters *p = &fake_of(link_)->parameters;

	p->asks_routers = false;
	ck_assert_int_eq(link_parse_prefix(&p->addresses6[0], "fd01::2/64"), 0);
	p->n_addresses6 = 1;
	start();
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	advertise_net(net_a);
	ck_assert_uint_eq(link_->current.n_addresses6, 1);
	ck_assert_int_eq(link_->current.gateway6.family, ADDRESS_NONE);
}
END_TEST

START_TEST(autoconf_mtu_is_the_smaller_one)
{
	struct advert a = { .from = router_ip, .lifetime_s = 1800, .mtu = 1400 };

	start();
	come_up_with(net_a);
	advertise(&a);
	ck_assert_uint_eq(link_->current.mtu, 1400);
	ck_assert_uint_eq(link_netif(link_)->mtu, 1400);
	a.mtu = 9000;
	advertise(&a);
	ck_assert_uint_eq(link_netif(link_)->mtu, 1500);
}
END_TEST

START_TEST(autoconf_solicits_with_growing_pauses_until_answered)
{
	struct autoconf *a = &link_->autoconf;
	uint64_t wait_ns;

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	ck_assert_uint_eq(count_received(133), 1);
	wait_ns = a->solicit_wait_ns;
	a->solicit_ns = stack_now_ns();
	let_pass();
	ck_assert_uint_eq(count_received(133), 1);
	ck_assert_uint_eq(a->solicit_wait_ns, 2 * wait_ns);
}
END_TEST

START_TEST(autoconf_last_address_that_expires_takes_the_link_down)
{
	start();
	come_up_with(net_a);
	link_->autoconf.addresses[0].valid_ns = stack_now_ns();
	let_pass();
	ck_assert(!is_up(NULL));
	ck_assert_int_eq(link_->reason, TABLE_REASON_ADDRESS);
}
END_TEST

START_TEST(autoconf_second_prefix_outlives_the_first)
{
	struct netif *netif;
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V6);
	ip_addr_t to = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);
	char text[ADDRESS_TEXT_MAX];

	start();
	come_up_with(net_a);
	netif = link_netif(link_);
	advertise_net(net_b);
	ck_assert_uint_eq(link_->current.n_addresses6, 2);
	ip_addr_copy_from_ip6(pcb->local_ip, *netif_ip6_addr(netif, 2));
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	link_->autoconf.addresses[0].valid_ns = stack_now_ns();
	let_pass();
	ck_assert(is_up(NULL));
	ck_assert_uint_eq(link_->current.n_addresses6, 1);
	ck_assert_str_eq(address_ip_text(&link_->current.addresses6[0], text),
		"2001:db8:0:bb::7");
	/* The connection has it. */
	ck_assert_int_eq(pcb->state, SYN_SENT);
	tcp_abort(pcb);
}
END_TEST

START_TEST(autoconf_address_no_longer_preferred_is_deprecated)
{
	struct netif *netif;

	start();
	come_up_with(net_a);
	netif = link_netif(link_);
	link_->autoconf.addresses[0].preferred_ns = stack_now_ns();
	let_pass();
	ck_assert(is_up(NULL));
	ck_assert(netif_ip6_addr_state(netif, 1) == IP6_ADDR_DEPRECATED);
	advertise_net(net_a);
	ck_assert(netif_ip6_addr_state(netif, 1) == IP6_ADDR_PREFERRED);
}
END_TEST

START_TEST(autoconf_lifetime_is_not_cut_below_two_hours)
{
	const struct advert cut = {
		.from = router_ip,
		.lifetime_s = 1800,
		.prefix = net_a,
		.valid_s = 1,
		.preferred_s = 1,
	};
	uint64_t left;

	start();
	come_up_with(net_a);
	advertise(&cut);
	left = link_->autoconf.addresses[0].valid_ns - stack_now_ns();
	ck_assert_uint_gt(left, 7100 * UINT64_C(1000000000));
	ck_assert_uint_le(left, 7200 * UINT64_C(1000000000));
}
END_TEST

START_TEST(autoconf_infinite_lifetimes_arm_no_timer)
{
	const struct advert a = {
		.from = router_ip,
		.prefix = net_a,
		.valid_s = FOREVER,
		.preferred_s = FOREVER,
	};

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	advertise(&a);
	ck_assert(is_up(NULL));
	link_->autoconf.solicit_ns = UINT64_MAX;
	link_->autoconf.confirm_ns = stack_now_ns();
	let_pass();
	ck_assert(!event_pending(link_->autoconf.timer, EV_TIMEOUT, NULL));
}
END_TEST

START_TEST(autoconf_router_that_withdraws_leaves_to_the_other)
{
	struct advert a = { .from = other_router_ip, .lifetime_s = 1800 };

	start();
	come_up_with(net_a);
	advertise(&a);
	ck_assert_mem_eq(link_->current.gateway6.ip, router_ip, 16);
	a.from = router_ip;
	a.lifetime_s = 0;
	advertise(&a);
	ck_assert_mem_eq(link_->current.gateway6.ip, other_router_ip, 16);
	ck_assert(is_up(NULL));
	/* The last one gone, others are asked for. */
	a.from = other_router_ip;
	count_received(133);
	advertise(&a);
	ck_assert_int_eq(link_->current.gateway6.family, ADDRESS_NONE);
	ck_assert_uint_eq(count_received(133), 1);
}
END_TEST

/* ---- the link comes up again ------------------------------------------------------ */

static int n_aborts;

static void on_error(void *arg, err_t error)
{
	(void)arg;
	(void)error;
	ck_assert(stack_address_changing());
	n_aborts++;
}

static struct tcp_pcb *connect_out(void)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V6);
	ip_addr_t to = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);

	n_aborts = 0;
	tcp_err(pcb, on_error);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	return pcb;
}

START_TEST(autoconf_same_prefix_again_keeps_connections)
{
	struct tcp_pcb *pcb;

	start();
	come_up_with(net_a);
	pcb = connect_out();
	link_reset(link_, "test");
	/* What is remembered is no reason to be up. */
	come_up_with(net_a);
	ck_assert_int_eq(n_aborts, 0);
	tcp_err(pcb, NULL);
	tcp_abort(pcb);
}
END_TEST

START_TEST(autoconf_other_prefix_ends_connections)
{
	start();
	come_up_with(net_a);
	connect_out();
	link_reset(link_, "test");
	come_up_with(net_b);
	ck_assert_int_eq(n_aborts, 1);
	ck_assert_uint_eq(link_->current.n_addresses6, 1);
}
END_TEST

START_TEST(autoconf_address_that_nobody_confirms_goes)
{
	start();
	come_up_with(net_a);
	connect_out();
	link_reset(link_, "test");
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	ck_assert_int_eq(n_aborts, 0);
	link_->autoconf.confirm_ns = stack_now_ns();
	let_pass();
	ck_assert_int_eq(n_aborts, 1);
	ck_assert(is_negotiating(NULL));
}
END_TEST

START_TEST(autoconf_ipv4_that_is_pending_stays)
{
	struct link_parameters *p = &fake_of(link_)->parameters;
	struct netif *netif;

	ck_assert_int_eq(link_parse_prefix(&p->address4, "10.1.0.2/24"), 0);
	start();
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	netif = link_netif(link_);
	memset(&p->address4, 0, sizeof(p->address4));
	p->is_pending4 = true;
	link_reset(link_, "test");
	come_up_with(net_a);
	ck_assert(!ip4_addr_isany_val(*netif_ip4_addr(netif)));
	p->is_pending4 = false;
	link_ready(link_, -1, p);
	ck_assert(ip4_addr_isany_val(*netif_ip4_addr(netif)));
}
END_TEST

/* ---- Ethernet: duplicates ------------------------------------------------------------ */

static void probe_twice(void)
{
	nd6_tmr();
	nd6_tmr();
	run_for(10);
}

START_TEST(autoconf_address_is_probed_first)
{
	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	count_received(0);
	advertise_net(net_a);
	ck_assert(is_negotiating(NULL));
	nd6_tmr();
	/* One for the link-local address, one for the other. */
	ck_assert_uint_eq(count_received(135), 2);
	nd6_tmr();
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	ck_assert_uint_eq(link_->current.n_addresses6, 1);
}
END_TEST

/* Somebody else says that the address of a slot is his. */
static void claim(const uint8_t ip[16])
{
	uint8_t icmp[32] = { 136, 0, 0, 0, 0x20 }, packet[128];

	memcpy(icmp + 8, ip, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	wire_send(packet, make_icmp6(packet, ip, all_nodes, icmp, sizeof(icmp)));
	run_for(20);
}

START_TEST(autoconf_duplicate_is_replaced)
{
	uint8_t first[16];

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	advertise_net(net_a);
	memcpy(first, netif_ip6_addr(link_netif(link_), 1)->addr, 16);
	claim(first);
	ck_assert_uint_eq(link_->autoconf.n_clashes, 1);
	probe_twice();
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	ck_assert(memcmp(link_->current.addresses6[0].ip, first, 16) != 0);
	ck_assert_mem_eq(link_->current.addresses6[0].ip, net_a, 8);
}
END_TEST

START_TEST(autoconf_third_duplicate_is_the_last)
{
	uint8_t ip[16];
	int i;

	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
	advertise_net(net_a);
	for (i = 0; i < 4; i++) {
		memcpy(ip, netif_ip6_addr(link_netif(link_), 1)->addr, 16);
		claim(ip);
	}
	probe_twice();
	ck_assert(is_negotiating(NULL));
	ck_assert_mem_eq(netif_ip6_addr(link_netif(link_), 1)->addr, ip, 16);
}
END_TEST

static void configure_address(void)
{
	struct link_parameters *p = &fake_of(link_)->parameters;

	p->asks_routers = false;
	ck_assert_int_eq(link_parse_prefix(&p->addresses6[0], "fd01::2/64"), 0);
	p->n_addresses6 = 1;
	start();
	ck_assert(run_until(is_negotiating, NULL, LIMIT_MS));
	run_for(10);
}

START_TEST(autoconf_configured_address_is_probed_too)
{
	configure_address();
	ck_assert_uint_eq(count_received(133), 0);
	probe_twice();
	ck_assert(run_until(is_up, NULL, LIMIT_MS));
	ck_assert_uint_eq(link_->current.n_addresses6, 1);
}
END_TEST

START_TEST(autoconf_configured_duplicate_is_not_used)
{
	static const uint8_t ip[16] = { 0xfd, 1, [15] = 2 };

	configure_address();
	claim(ip);
	probe_twice();
	ck_assert(is_negotiating(NULL));
	ck_assert_uint_eq(link_->autoconf.n_clashes, 0);
	ck_assert_uint_eq(link_->current.n_addresses6, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("autoconf");
	TCase *raw = tcase_create("raw IP"), *ethernet = tcase_create("Ethernet");

	tcase_add_checked_fixture(raw, raw_setup, teardown);
	tcase_add_test(raw, autoconf_address_comes_from_prefix_and_given_id);
	tcase_add_test(raw, autoconf_advert_with_wrong_checksum_is_ignored);
	tcase_add_test(raw, autoconf_link_without_routers_ignores_them);
	tcase_add_test(raw, autoconf_mtu_is_the_smaller_one);
	tcase_add_test(raw, autoconf_solicits_with_growing_pauses_until_answered);
	tcase_add_test(raw, autoconf_last_address_that_expires_takes_the_link_down);
	tcase_add_test(raw, autoconf_second_prefix_outlives_the_first);
	tcase_add_test(raw, autoconf_address_no_longer_preferred_is_deprecated);
	tcase_add_test(raw, autoconf_lifetime_is_not_cut_below_two_hours);
	tcase_add_test(raw, autoconf_infinite_lifetimes_arm_no_timer);
	tcase_add_test(raw, autoconf_router_that_withdraws_leaves_to_the_other);
	tcase_add_test(raw, autoconf_same_prefix_again_keeps_connections);
	tcase_add_test(raw, autoconf_other_prefix_ends_connections);
	tcase_add_test(raw, autoconf_address_that_nobody_confirms_goes);
	tcase_add_test(raw, autoconf_ipv4_that_is_pending_stays);
	tcase_add_checked_fixture(ethernet, ethernet_setup, teardown);
	tcase_add_test(ethernet, autoconf_address_is_probed_first);
	tcase_add_test(ethernet, autoconf_duplicate_is_replaced);
	tcase_add_test(ethernet, autoconf_third_duplicate_is_the_last);
	tcase_add_test(ethernet, autoconf_configured_address_is_probed_too);
	tcase_add_test(ethernet, autoconf_configured_duplicate_is_not_used);
	suite_add_tcase(suite, raw);
	suite_add_tcase(suite, ethernet);
	return run_all(suite);
}
