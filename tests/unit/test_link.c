/* SPDX-License-Identifier: MIT */
/*
 * A link's life with a driver made for the test, and the keys of the real
 * drivers.
 */
#include "netif/link.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "tests/unit/fake_driver.h"
#include "tests/unit/netif_test.h"

#include "lwip/tcp.h"
#include "lwip/udp.h"

#include <errno.h>
#include <linux/capability.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- fixture ------------------------------------------------------------------------ */

static struct link *one, *two;
static unsigned int n_changes;

static void on_changed(struct link *link, void *arg)
{
	(void)link;
	ck_assert_ptr_eq(arg, &n_changes);
	n_changes++;
}

static void start(struct link *link)
{
	ck_assert_int_eq(link_start(link, base, on_changed, &n_changes), 0);
}

static bool is_down(void *arg)
{
	return link_state(arg) == TABLE_LINK_DOWN;
}

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	one = make_link("one");
	two = make_link("two");
	set_addresses(two, "10.2.0.2/24", "fd02::2/64");
}

static void teardown(void)
{
	free_fake(one);
	free_fake(two);
	stack_teardown();
}

/* ---- states -------------------------------------------------------------------------- */

START_TEST(link_start_leads_up_and_tells)
{
	struct table_link t = { 0 };

	ck_assert_ptr_null(link_netif(one));
	start(one);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	ck_assert_uint_eq(n_changes, 0);
	ck_assert(run_until(is_up, one, 10000));
	run_for(10);
	ck_assert_uint_ge(n_changes, 1);
	link_describe(one, &t);
	ck_assert_int_eq(t.used, 1);
	ck_assert_int_eq(t.state, TABLE_LINK_UP);
	ck_assert_int_eq(t.is_default, TABLE_DEFAULT_IPV4 | TABLE_DEFAULT_IPV6);
	ck_assert_int_eq(t.rank, 1);
	ck_assert_str_eq(t.name, "one");
	ck_assert_str_eq(t.driver, "fake");
	ck_assert_uint_eq(t.mtu, 1400);
	ck_assert_uint_eq(t.restarts, 0);
	ck_assert_int_eq(t.address4.family, ADDRESS_IPV4);
	ck_assert_int_eq(t.address4.port, 24);
	ck_assert_int_eq(t.n_addresses6, 1);
	ck_assert_int_eq(t.dns[0].family, ADDRESS_IPV4);
	ck_assert_int_eq(t.dns[1].family, ADDRESS_NONE);
	ck_assert(netif_is_link_up(link_netif(one)));
	ck_assert_int_eq(link_netif(one)->mtu, 1400);
}
END_TEST

START_TEST(link_stop_takes_the_netif_away)
{
	start(one);
	ck_assert(run_until(is_up, one, 10000));
	link_stop(one);
	ck_assert_ptr_null(link_netif(one));
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	/* And again. */
	start(one);
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

static int n_tries_expected;

static bool is_tried_so_often(void *arg)
{
	return fake_of(arg)->n_opens >= n_tries_expected;
}

/* After the @n-th try, until the next one: ms. The open itself takes some of it, too. */
static unsigned int pause_after(int n)
{
	n_tries_expected = n;
	ck_assert(run_until(is_tried_so_often, one, 20000));
	ck_assert_int_eq(fake_of(one)->n_opens, n);
	return (unsigned int)((one->retry_ns - fake_of(one)->opened_ns[n - 1]) / 1000000);
}

START_TEST(link_that_is_refused_tries_with_growing_pauses)
{
	fake_of(one)->refuses = true;
	start(one);
	/* The second try is quick. */
	ck_assert_uint_ge(pause_after(1), 100);
	ck_assert_uint_lt(pause_after(1), 800);
	ck_assert_uint_ge(pause_after(2), 800);
	ck_assert_uint_ge(pause_after(3), 1600);
	ck_assert_int_eq(fake_of(one)->n_closes, 3);
	ck_assert_str_eq(one->cause, "refused");
	fake_of(one)->refuses = false;
	ck_assert(run_until(is_up, one, 20000));
	ck_assert_uint_ge(stack_now_ns(), fake_of(one)->opened_ns[2] + 1590000000);
}
END_TEST

START_TEST(link_whose_device_closes_comes_up_again)
{
	struct table_link t = { 0 };

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	close(fake_of(one)->wire);
	fake_of(one)->wire = -1;
	ck_assert(run_until(is_down, one, 10000));
	ck_assert(!netif_is_link_up(link_netif(one)));
	ck_assert(run_until(is_up, one, 10000));
	link_describe(one, &t);
	ck_assert_uint_eq(t.restarts, 1);
}
END_TEST

START_TEST(link_reset_restarts_at_once)
{
	start(one);
	ck_assert(run_until(is_up, one, 10000));
	link_reset(one, "asked for");
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	ck_assert_str_eq(one->cause, "asked for");
	ck_assert_int_eq(fake_of(one)->n_closes, 1);
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

START_TEST(link_taken_down_stays_down_until_told)
{
	struct table_link t = { 0 };

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	link_down(one, "asked for");
	ck_assert_int_eq(fake_of(one)->n_closes, 1);
	link_reset(one, "not now");
	link_redial(one, "not now");
	run_for(300);
	link_describe(one, &t);
	ck_assert_int_eq(t.state, TABLE_LINK_DOWN);
	ck_assert_int_eq(t.reason, TABLE_REASON_COMMAND);
	ck_assert_str_eq(t.cause, "asked for");
	ck_assert_uint_eq(t.retry_ns, 0);
	link_up(one, "asked for");
	ck_assert(run_until(is_up, one, 10000));
	link_describe(one, &t);
	ck_assert_uint_eq(t.redials, 1);
}
END_TEST

START_TEST(link_that_waits_for_its_next_try_is_taken_down)
{
	struct table_link t = { 0 };

	fake_of(one)->refuses = true;
	start(one);
	run_for(10);
	link_describe(one, &t);
	ck_assert_uint_gt(t.retry_ns, 0);
	link_down(one, "asked for");
	run_for(300);
	link_describe(one, &t);
	ck_assert_int_eq(fake_of(one)->n_opens, 1);
	ck_assert_int_eq(t.reason, TABLE_REASON_COMMAND);
	ck_assert_uint_eq(t.retry_ns, 0);
}
END_TEST

START_TEST(link_refused_is_tried_again_when_told)
{
	struct table_link t = { 0 };

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	link_refuse(one, TABLE_REASON_SIM_PIN, "no PIN");
	run_for(300);
	link_describe(one, &t);
	ck_assert(t.is_refused);
	ck_assert_uint_eq(t.retry_ns, 0);
	link_up(one, "asked for");
	ck_assert(run_until(is_up, one, 10000));
	link_describe(one, &t);
	ck_assert(!t.is_refused);
}
END_TEST

/* What is written to standard error while @fn runs with the first link. */
static void capture(void (*fn)(void), char *out, size_t size)
{
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	fflush(stderr);
	dup2(ends[1], STDERR_FILENO);
	fn();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static void fail_after_a_whisper(void)
{
	link_log_text(one, LOG_LEVEL_DEBUG, "< NO CARRIER");
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
}

START_TEST(link_that_was_up_tells_what_led_to_its_failure)
{
	enum log_level level = log_level();
	char out[8192];

	log_set_level(LOG_LEVEL_NOTICE);
	start(one);
	ck_assert(run_until(is_up, one, 10000));
	capture(fail_after_a_whisper, out, sizeof(out));
	ck_assert_ptr_nonnull(strstr(out, "link one: up -> down (no carrier)"));
	ck_assert_ptr_nonnull(strstr(out, "< NO CARRIER"));
	/* It has been told, and it is not even a minute ago. */
	ck_assert(run_until(is_up, one, 10000));
	capture(fail_after_a_whisper, out, sizeof(out));
	ck_assert_ptr_null(strstr(out, "< NO CARRIER"));
	log_set_level(level);
}
END_TEST

START_TEST(link_log_has_what_the_level_hides)
{
	struct link_log_line line;
	uint64_t position = 0;
	bool found = false;

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	while (link_log_read(link_log_of(one), &position, &line) == 1)
		found |= strstr(line.text, "opening -> up (address ") != NULL;
	ck_assert(found);
}
END_TEST

static void count(void *arg)
{
	(*(unsigned int *)arg)++;
}

START_TEST(link_log_tells_its_followers)
{
	unsigned int n = 0;
	struct link_follower follower = { .fn = count, .arg = &n };

	link_follow(one, &follower);
	link_log_text(one, LOG_LEVEL_DEBUG, "a line");
	ck_assert_uint_eq(n, 1);
	link_unfollow(&follower);
	link_log_text(one, LOG_LEVEL_DEBUG, "a line");
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(link_negotiating_that_fails_goes_down)
{
	fake_of(one)->negotiates = true;
	start(one);
	run_for(10);
	ck_assert_int_eq(link_state(one), TABLE_LINK_NEGOTIATING);
	link_fail(one, TABLE_REASON_CARRIER, "no carrier %d", 7);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	ck_assert_str_eq(one->cause, "no carrier 7");
	fake_of(one)->negotiates = false;
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

START_TEST(link_that_waits_has_no_deadline)
{
	fake_of(one)->negotiates = true;
	start(one);
	run_for(10);
	ck_assert(event_pending(one->timer, EV_TIMEOUT, NULL));
	/* A state of before is not gone back to. */
	link_wait(one, TABLE_LINK_REGISTERING, TABLE_REASON_CARRIER, "no carrier");
	ck_assert_int_eq(link_state(one), TABLE_LINK_NEGOTIATING);
	ck_assert_int_eq(one->reason, TABLE_REASON_CARRIER);
	ck_assert_str_eq(one->cause, "no carrier");
	ck_assert(!event_pending(one->timer, EV_TIMEOUT, NULL));
	fake_ready(one);
	ck_assert(is_up(one));
	ck_assert_int_eq(one->reason, TABLE_REASON_NONE);
}
END_TEST

START_TEST(link_hastened_is_tried_soon)
{
	uint64_t before_ns;

	fake_of(one)->refuses = true;
	start(one);
	ck_assert_uint_ge(pause_after(3), 1600);
	ck_assert(is_down(one));
	fake_of(one)->refuses = false;
	before_ns = stack_now_ns();
	link_hasten(one);
	ck_assert_uint_le(one->retry_ns, stack_now_ns() + 100000000);
	ck_assert_uint_ge(one->retry_ns, before_ns);
	ck_assert(run_until(is_up, one, 10000));
	/* One that is up has nothing to hasten to. */
	link_hasten(one);
	run_for(200);
	ck_assert(is_up(one));
}
END_TEST

START_TEST(link_counters_that_move_are_told_once_a_second)
{
	static const uint8_t peer[4] = { 10, 1, 0, 1 }, us[4] = { 10, 1, 0, 2 };
	uint8_t packet[64];
	size_t len = make_echo4(packet, peer, us);
	struct table_link t = { 0 };
	int i;

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	/* Its own first reports. */
	run_for(2500);
	n_changes = 0;
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(send(fake_of(one)->wire, packet, len, 0), (ssize_t)len);
	run_for(1200);
	ck_assert_uint_eq(n_changes, 1);
	run_for(1200);
	ck_assert_uint_eq(n_changes, 1);
	link_describe(one, &t);
	ck_assert_uint_eq(t.packets_received, 5);
}
END_TEST

/* ---- addresses (semantics G12) -------------------------------------------------------- */

static int n_aborts;
static bool was_changing;

static void on_error(void *arg, err_t error)
{
	(void)arg;
	ck_assert_int_eq(error, ERR_ABRT);
	n_aborts++;
	was_changing = stack_address_changing();
}

static struct tcp_pcb *connect_by(const char *ip)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
	ip_addr_t to;

	ck_assert(ipaddr_aton(ip, &to));
	tcp_err(pcb, on_error);
	ck_assert_int_eq(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
	return pcb;
}

START_TEST(link_with_the_same_address_keeps_connections)
{
	struct tcp_pcb *pcb4, *pcb6;

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	pcb4 = connect_by("192.0.2.1");
	pcb6 = connect_by("2001:db8::1");
	link_reset(one, "test");
	ck_assert(run_until(is_up, one, 10000));
	ck_assert_int_eq(n_aborts, 0);
	ck_assert_int_eq(pcb4->state, SYN_SENT);
	ck_assert_int_eq(pcb6->state, SYN_SENT);
	tcp_abort(pcb4);
	tcp_abort(pcb6);
}
END_TEST

START_TEST(link_with_another_address_aborts_connections)
{
	struct tcp_pcb *pcb6, *listener = tcp_new();

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	connect_by("192.0.2.1");
	pcb6 = connect_by("2001:db8::1");
	tcp_bind(listener, IP4_ADDR_ANY, 80);
	listener = tcp_listen(listener);
	set_addresses(one, "10.1.0.3/24", "fd01::2/64");
	link_reset(one, "test");
	ck_assert_int_eq(n_aborts, 0);
	ck_assert(run_until(is_up, one, 10000));
	ck_assert_int_eq(n_aborts, 1);
	ck_assert(was_changing);
	ck_assert(!stack_address_changing());
	ck_assert_int_eq(listener->state, LISTEN);
	set_addresses(one, "10.1.0.3/24", "fd01::3/64");
	link_reset(one, "test");
	ck_assert(run_until(is_up, one, 10000));
	ck_assert_int_eq(n_aborts, 2);
	(void)pcb6;
	tcp_close(listener);
}
END_TEST

START_TEST(link_down_has_no_route)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
	ip_addr_t ip4 = IPADDR4_INIT_BYTES(192, 0, 2, 1);
	ip_addr_t ip6 = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);

	start(one);
	ck_assert(run_until(is_up, one, 10000));
	fake_of(one)->refuses = true;
	link_reset(one, "test");
	ck_assert_int_eq(tcp_connect(pcb, &ip4, 80, NULL), ERR_RTE);
	ck_assert_int_eq(tcp_connect(pcb, &ip6, 80, NULL), ERR_RTE);
	tcp_abort(pcb);
}
END_TEST

/* ---- several links --------------------------------------------------------------------- */

static bool both_up(void *arg)
{
	(void)arg;
	return is_up(one) && is_up(two);
}

static struct netif *route(const char *from, const char *to)
{
	ip_addr_t src = *IP_ANY_TYPE, dst;

	ck_assert(ipaddr_aton(to, &dst));
	if (from)
		ck_assert(ipaddr_aton(from, &src));
	else
		ip_addr_set_any(IP_IS_V6(&dst), &src);
	return ip_route(&src, &dst);
}

START_TEST(links_are_chosen_by_source_then_network_then_order)
{
	start(one);
	start(two);
	ck_assert(run_until(both_up, NULL, 10000));
	ck_assert_ptr_eq(route(NULL, "192.0.2.1"), link_netif(one));
	ck_assert_ptr_eq(route(NULL, "2001:db8::1"), link_netif(one));
	ck_assert_ptr_eq(route(NULL, "10.2.0.9"), link_netif(two));
	ck_assert_ptr_eq(route(NULL, "fd02::9"), link_netif(two));
	ck_assert_ptr_eq(route("10.2.0.2", "192.0.2.1"), link_netif(two));
	ck_assert_ptr_eq(route("fd02::2", "2001:db8::1"), link_netif(two));
	ck_assert_ptr_eq(route(NULL, "10.2.0.2"), link_netif(two));
}
END_TEST

START_TEST(links_first_down_makes_the_second_default)
{
	start(one);
	start(two);
	ck_assert(run_until(both_up, NULL, 10000));
	fake_of(one)->refuses = true;
	link_reset(one, "test");
	ck_assert_ptr_eq(route(NULL, "192.0.2.1"), link_netif(two));
	ck_assert_ptr_eq(route(NULL, "2001:db8::1"), link_netif(two));
	/* Not by the other with this source. */
	ck_assert_ptr_eq(route("10.1.0.2", "192.0.2.1"), link_netif(one));
	fake_of(one)->refuses = false;
	ck_assert(run_until(both_up, NULL, 10000));
	ck_assert_ptr_eq(route(NULL, "192.0.2.1"), link_netif(one));
}
END_TEST

static void set_metric(struct link *link, const char *metric)
{
	char error[200];

	ck_assert_int_eq(link_set(link, "metric", metric, error, sizeof(error)), 0);
}

static struct table_link described(const struct link *link)
{
	struct table_link t = { 0 };

	link_describe(link, &t);
	return t;
}

START_TEST(link_tells_metric_rank_and_nat64)
{
	struct address prefix, none = { 0 };

	ck_assert_int_eq(link_parse_prefix(&prefix, "64:ff9b::/96"), 0);
	set_metric(one, "101");
	set_addresses(one, NULL, "fd01::2/64");
	ck_assert(!link_seeks_nat64(one));
	start(one);
	start(two);
	ck_assert(run_until(both_up, NULL, 10000));
	ck_assert_int_eq(described(one).metric, 101);
	ck_assert_int_eq(described(one).rank, 2);
	ck_assert_int_eq(described(two).rank, 1);
	ck_assert_int_eq(described(one).is_default, 0);
	ck_assert(link_seeks_nat64(one));
	ck_assert(!link_seeks_nat64(two));
	link_set_nat64(one, &prefix);
	ck_assert_int_eq(described(one).nat64.port, 96);
	link_set_nat64(one, &none);
	ck_assert_int_eq(described(one).nat64.family, ADDRESS_NONE);
	link_stop(two);
	ck_assert_int_eq(described(one).is_default, TABLE_DEFAULT_IPV6);
	ck_assert_int_eq(described(two).rank, 0);
}
END_TEST

/* ---- keys ------------------------------------------------------------------------------- */

static const struct key_row {
	const char *driver, *key, *value;
	int expected;
} key_rows[] = {
	{ NULL, "driver", "slirp", 0 },
	{ NULL, "driver", "tun", 0 },
	{ NULL, "driver", "pigeon", -EINVAL },
	{ NULL, "mtu", "1500", -EINVAL },
	{ "slirp", "driver", "tun", -EINVAL },
	{ "slirp", "mtu", "1280", 0 },
	{ "slirp", "mtu", "65535", 0 },
	{ "slirp", "mtu", "1279", -EINVAL },
	{ "slirp", "mtu", "65536", -EINVAL },
	{ "slirp", "mtu", "-1500", -EINVAL },
	{ "slirp", "mtu", "1500 bytes", -EINVAL },
	{ "slirp", "mtu", "", -EINVAL },
	{ "slirp", "dns", "192.0.2.1, 2001:db8::1", 0 },
	{ "slirp", "dns", "192.0.2.1,", -EINVAL },
	{ "slirp", "dns", "dns.example", -EINVAL },
	{ "slirp", "dns", "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5", -EINVAL },
	{ "slirp", "metric", "0", 0 },
	{ "tun", "metric", "9999", 0 },
	{ "tun", "metric", "10000", -EINVAL },
	{ "tun", "metric", "best", -EINVAL },
	{ "slirp", "nat64", "auto", 0 },
	{ "tun", "nat64", "none", 0 },
	{ "tun", "nat64", "64:ff9b::/96", 0 },
	{ "tun", "nat64", "64:ff9b::/95", -EINVAL },
	{ "tun", "nat64", "64:ff9b::1/96", -EINVAL },
	{ "tun", "nat64", "64:ff9b::", -EINVAL },
	{ "tun", "nat64", "10.0.0.0/32", -EINVAL },
	{ "slirp", "address", "10.0.0.1/24", -ENOENT },
	{ "slirp", "colour", "red", -ENOENT },
	{ "slirp", "power_script", "/bin/true", -EINVAL },
	{ "slirp", "dial", "demand", 0 },
	{ "slirp", "dial", "sometimes", -EINVAL },
	{ "slirp", "idle_timeout", "0", 0 },
	{ "slirp", "idle_timeout", "5", 0 },
	{ "slirp", "idle_timeout", "86400", 0 },
	{ "slirp", "idle_timeout", "4", -EINVAL },
	{ "slirp", "idle_timeout", "86401", -EINVAL },
	{ "slirp", "idle_timeout", "never", -EINVAL },
	{ "slirp", "health", "yes", 0 },
	{ "modem", "health", "no", 0 },
	{ "modem", "health", "maybe", -EINVAL },
	{ "modem", "probe", "dns", 0 },
	{ "modem", "probe", "none", 0 },
	{ "modem", "probe", "192.0.2.1", 0 },
	{ "modem", "probe", "192.0.2.1:443", 0 },
	{ "modem", "probe", "2001:db8::1", 0 },
	{ "modem", "probe", "[2001:db8::1]:443", 0 },
	{ "modem", "probe", "192.0.2.1:0", -EINVAL },
	{ "modem", "probe", "192.0.2.1:", -EINVAL },
	{ "modem", "probe", "[192.0.2.1", -EINVAL },
	{ "modem", "probe", "[2001:db8::1]443", -EINVAL },
	{ "modem", "probe", "]:443", -EINVAL },
	{ "modem", "probe", "0.0.0.0", -EINVAL },
	{ "modem", "probe", "224.0.0.1", -EINVAL },
	{ "modem", "probe", "probe.example", -EINVAL },
	{ "modem", "probe", "", -EINVAL },
	{ "modem", "power_script", "/bin/true", 0 },
	{ "modem", "power_script", "true", -EINVAL },
	{ "modem", "power_script", "/nowhere/true", -EINVAL },
	{ "slirp", "forward", "tcp:127.0.0.1:8080:80", 0 },
	{ "slirp", "forward", "tcp::8080:80, udp:*:5353:53", 0 },
	{ "slirp", "forward", "tcp:[::1]:8080:80", 0 },
	{ "slirp", "forward", "tcp:::1:8080:80", 0 },
	{ "slirp", "forward", "tcp:127.0.0.1:8080", -EINVAL },
	{ "slirp", "forward", "tcp:127.0.0.1:0:80", -EINVAL },
	{ "slirp", "forward", "tcp:127.0.0.1:8080:65536", -EINVAL },
	{ "slirp", "forward", "sctp:127.0.0.1:8080:80", -EINVAL },
	{ "slirp", "forward", "tcp:localhost:8080:80", -EINVAL },
	{ "slirp", "forward", "", -EINVAL },
	{ "tun", "device", "usock1", 0 },
	{ "tun", "device", "", -EINVAL },
	{ "tun", "device", "sixteencharacter", -EINVAL },
	{ "tun", "device", "a/b", -EINVAL },
	{ "tun", "device", "tun%d", -EINVAL },
	{ "tun", "address", "192.0.2.2/24", 0 },
	{ "tun", "address", "192.0.2.2", 0 },
	{ "tun", "address", "192.0.2.2/0", -EINVAL },
	{ "tun", "address", "192.0.2.2/33", -EINVAL },
	{ "tun", "address", "192.0.2.2/", -EINVAL },
	{ "tun", "address", "0.0.0.0/8", -EINVAL },
	{ "tun", "address", "2001:db8::2/64", -EINVAL },
	{ "tun", "address6", "2001:db8::2/64", 0 },
	{ "tun", "address6", "2001:db8::2/64,fd00::2/64 , fd01::2/64", 0 },
	{ "tun", "address6", "fd00::1/64,fd00::2/64,fd00::3/64,fd00::4/64", -EINVAL },
	{ "tun", "address6", "fe80::2/64", -EINVAL },
	{ "tun", "address6", "ff02::1/64", -EINVAL },
	{ "tun", "address6", "192.0.2.2/24", -EINVAL },
	{ "tun", "gateway", "192.0.2.1", 0 },
	{ "tun", "gateway", "2001:db8::1", 0 },
	{ "tun", "gateway", "192.0.2.1/24", -EINVAL },
	{ "tun", "forward", "tcp::80:80", -ENOENT },
	{ "packet", "interface", "wwan0", 0 },
	{ "packet", "interface", "", -EINVAL },
	{ "packet", "interface", "sixteencharacter", -EINVAL },
	{ "packet", "mode", "raw", 0 },
	{ "packet", "mode", "ppp", -EINVAL },
	{ "packet", "dhcp", "yes", 0 },
	{ "packet", "dhcp", "maybe", -EINVAL },
	{ "packet", "router_advertisements", "no", 0 },
	{ "packet", "router_advertisements", "1", -EINVAL },
	{ "packet", "bearer", "modemmanager", 0 },
	{ "packet", "bearer", "ofono", -EINVAL },
	{ "packet", "modem", "0", 0 },
	{ "packet", "modem", "/org/freedesktop/ModemManager1/Modem/0", 0 },
	{ "packet", "modem", "-b", -EINVAL },
	{ "packet", "config_script", "/usr/local/bin/bearer", 0 },
	{ "packet", "config_script", "bearer", -EINVAL },
	{ "packet", "address", "192.0.2.2/24", 0 },
	{ "packet", "gateway", "2001:db8::1", 0 },
	{ "packet", "device", "wwan0", -ENOENT },
};

START_TEST(link_key_is_checked)
{
	const struct key_row *row = &key_rows[_i];
	struct link *link = link_new("test");
	char error[200] = "";
	int result;

	if (row->driver)
		ck_assert_int_eq(link_set(link, "driver", row->driver, error, sizeof(error)), 0);
	result = link_set(link, row->key, row->value, error, sizeof(error));
	ck_assert_msg(result == row->expected, "%s = %s: %d, not %d", row->key, row->value, result,
		row->expected);
	/* A sentence comes with every error, and only then. */
	ck_assert_int_eq(error[0] != '\0', result != 0);
	link_free(link);
}
END_TEST

START_TEST(link_section_that_lacks_something_is_told)
{
	struct link *link = link_new("test");
	char error[200] = "";

	ck_assert_int_eq(link_check(link, error, sizeof(error)), -EINVAL);
	ck_assert_str_ne(error, "");
	link_set(link, "driver", "tun", error, sizeof(error));
	ck_assert_int_eq(link_check(link, error, sizeof(error)), -EINVAL);
	link_set(link, "address6", "fd00::2/64", error, sizeof(error));
	ck_assert_int_eq(link_check(link, error, sizeof(error)), 0);
	link_free(link);
}
END_TEST

/* Sections of the driver packet, their lines one after the other. */
static const struct {
	int expected;
	const char *lines[8]; /* key, value, ... */
} packet_sections[] = {
	{ -EINVAL, { "mode", "raw" } },
	{ 0, { "interface", "wwan0" } },
	{ 0, { "interface", "wwan0", "bearer", "modemmanager", "modem", "1" } },
	{ 0, { "interface", "wwan0", "address", "192.0.2.2/24", "dhcp", "no" } },
	{ 0, { "interface", "wwan0", "address6", "fd00::2/64", "dhcp", "yes" } },
	{ -EINVAL, { "interface", "wwan0", "address", "192.0.2.2/24", "dhcp", "yes" } },
	{ -EINVAL, { "interface", "wwan0", "address", "192.0.2.2/24", "bearer", "modemmanager" } },
	{ -EINVAL, { "interface", "wwan0", "address6", "fd00::2/64", "config_script", "/b" } },
	{ -EINVAL, { "interface", "wwan0", "dhcp", "yes", "config_script", "/b" } },
	{ -EINVAL, { "interface", "wwan0", "dhcp", "yes", "mode", "raw" } },
};

START_TEST(link_section_of_packet_must_agree_with_itself)
{
	struct link *link = link_new("test");
	const char *const *line = packet_sections[_i].lines;
	char error[200] = "";

	link_set(link, "driver", "packet", error, sizeof(error));
	for (; line[0]; line += 2)
		ck_assert_int_eq(link_set(link, line[0], line[1], error, sizeof(error)), 0);
	ck_assert_int_eq(link_check(link, error, sizeof(error)), packet_sections[_i].expected);
	ck_assert_int_eq(error[0] != '\0', packet_sections[_i].expected != 0);
	link_free(link);
}
END_TEST

START_TEST(link_needs_the_rights_of_its_driver)
{
	struct link *link = link_new("test");
	char error[200];

	ck_assert_uint_eq(link_capabilities(link), 0);
	link_set(link, "driver", "packet", error, sizeof(error));
	ck_assert(link_capabilities(link) & 1 << CAP_NET_RAW);
	link_free(link);
	link = link_new("test");
	link_set(link, "driver", "modem", error, sizeof(error));
	ck_assert_uint_eq(link_capabilities(link), 0);
	link_free(link);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link");
	TCase *life = tcase_create("life"), *keys = tcase_create("keys");

	tcase_add_checked_fixture(life, setup, teardown);
	tcase_set_timeout(life, 60);
	tcase_add_test(life, link_start_leads_up_and_tells);
	tcase_add_test(life, link_stop_takes_the_netif_away);
	tcase_add_test(life, link_that_is_refused_tries_with_growing_pauses);
	tcase_add_test(life, link_whose_device_closes_comes_up_again);
	tcase_add_test(life, link_reset_restarts_at_once);
	tcase_add_test(life, link_taken_down_stays_down_until_told);
	tcase_add_test(life, link_that_waits_for_its_next_try_is_taken_down);
	tcase_add_test(life, link_refused_is_tried_again_when_told);
	tcase_add_test(life, link_that_was_up_tells_what_led_to_its_failure);
	tcase_add_test(life, link_log_has_what_the_level_hides);
	tcase_add_test(life, link_log_tells_its_followers);
	tcase_add_test(life, link_negotiating_that_fails_goes_down);
	tcase_add_test(life, link_that_waits_has_no_deadline);
	tcase_add_test(life, link_hastened_is_tried_soon);
	tcase_add_test(life, link_counters_that_move_are_told_once_a_second);
	tcase_add_test(life, link_with_the_same_address_keeps_connections);
	tcase_add_test(life, link_with_another_address_aborts_connections);
	tcase_add_test(life, link_down_has_no_route);
	tcase_add_test(life, links_are_chosen_by_source_then_network_then_order);
	tcase_add_test(life, links_first_down_makes_the_second_default);
	tcase_add_test(life, link_tells_metric_rank_and_nat64);
	suite_add_tcase(suite, life);
	tcase_add_loop_test(keys, link_key_is_checked, 0,
		sizeof(key_rows) / sizeof(key_rows[0]));
	tcase_add_test(keys, link_section_that_lacks_something_is_told);
	tcase_add_loop_test(keys, link_section_of_packet_must_agree_with_itself, 0,
		sizeof(packet_sections) / sizeof(packet_sections[0]));
	tcase_add_test(keys, link_needs_the_rights_of_its_driver);
	suite_add_tcase(suite, keys);
	return run_all(suite);
}
