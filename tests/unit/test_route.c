/* SPDX-License-Identifier: MIT */
/*
 * Which of two links is used: netifs that can send but never do.
 */
#include "netif/route.h"

#include "netif/link_private.h"
#include "tests/unit/netif_test.h"

#include "lwip/ip.h"
#include "lwip/netif.h"

struct end {
	struct netif netif;
	struct route route;
};

static struct end one, two;

static err_t setup_netif(struct netif *netif)
{
	netif->name[0] = 't';
	netif->name[1] = 'e';
	netif->mtu = 1500;
	return ERR_OK;
}

static void set_address4(struct end *end, const char *ip4)
{
	ip4_addr_t ip = { 0 }, mask = { 0 };
	struct address a;

	if (ip4) {
		ck_assert_int_eq(link_parse_prefix(&a, ip4), 0);
		memcpy(&ip.addr, a.ip, 4);
		mask.addr = lwip_htonl(UINT32_MAX << (32 - a.port));
	}
	netif_set_addr(&end->netif, &ip, &mask, NULL);
}

static void set_address6(struct end *end, const char *ip6)
{
	ip6_addr_t ip;

	netif_ip6_addr_set_state(&end->netif, 1, IP6_ADDR_INVALID);
	if (!ip6)
		return;
	ck_assert(ip6addr_aton(ip6, &ip));
	netif_ip6_addr_set(&end->netif, 1, &ip);
	netif_ip6_addr_set_valid_life(&end->netif, 1, IP6_ADDR_LIFE_STATIC);
	netif_ip6_addr_set_state(&end->netif, 1, IP6_ADDR_PREFERRED);
}

/* NULL: none of that family. */
static void set_addresses(struct end *end, const char *ip4, const char *ip6)
{
	set_address4(end, ip4);
	set_address6(end, ip6);
	route_update();
}

static void go_up(struct end *end)
{
	netif_set_link_up(&end->netif);
	route_update();
}

static void go_down(struct end *end)
{
	netif_set_link_down(&end->netif);
	route_update();
}

static void make(struct end *end, const char *ip4, const char *ip6)
{
	memset(end, 0, sizeof(*end));
	netif_add(&end->netif, NULL, NULL, NULL, NULL, setup_netif, ip_input);
	netif_set_up(&end->netif);
	end->route.netif = &end->netif;
	end->route.metric = LINK_METRIC_DEFAULT;
	route_add(&end->route);
	set_addresses(end, ip4, ip6);
	go_up(end);
}

static void setup(void)
{
	stack_setup();
	make(&one, "10.1.0.2/24", "fd01::2");
	make(&two, "10.2.0.2/24", "fd02::2");
}

static void end_end(struct end *end)
{
	set_addresses(end, NULL, NULL);
	route_remove(&end->route);
	netif_remove(&end->netif);
}

static void teardown(void)
{
	end_end(&one);
	end_end(&two);
	stack_teardown();
}

/* The name of the end that is used; @from NULL: any. */
static const char *way(const char *from, const char *to)
{
	ip_addr_t src = *IP_ANY_TYPE, dst;
	struct netif *netif;

	ck_assert(ipaddr_aton(to, &dst));
	if (from)
		ck_assert(ipaddr_aton(from, &src));
	else
		ip_addr_set_any(IP_IS_V6(&dst), &src);
	netif = ip_route(&src, &dst);
	if (netif == &one.netif)
		return "one";
	return netif == &two.netif ? "two" : netif ? "other"
						   : "none";
}

/* ---- which is better ---------------------------------------------------------------- */

static const struct {
	uint32_t metric_one, metric_two;
	bool one_degraded, two_degraded, one_down, two_down;
	const char *expected;
	unsigned int rank_one, rank_two;
} orders[] = {
	{ 100, 100, false, false, false, false, "one", 1, 2 },
	{ 101, 100, false, false, false, false, "two", 2, 1 },
	{ 100, 101, false, false, false, false, "one", 1, 2 },
	{ 0, 9999, true, false, false, false, "two", 2, 1 },
	{ 0, 9999, true, true, false, false, "one", 1, 2 },
	{ 9999, 0, false, true, false, false, "one", 1, 2 },
	{ 100, 100, false, false, true, false, "two", 0, 1 },
	{ 100, 100, false, false, false, true, "one", 1, 0 },
	{ 100, 100, false, true, true, false, "two", 0, 1 },
	{ 100, 100, false, false, true, true, "none", 0, 0 },
};

START_TEST(better_link_is_used)
{
	one.route.metric = orders[_i].metric_one;
	two.route.metric = orders[_i].metric_two;
	one.route.is_degraded = orders[_i].one_degraded;
	two.route.is_degraded = orders[_i].two_degraded;
	if (orders[_i].one_down)
		go_down(&one);
	if (orders[_i].two_down)
		go_down(&two);
	route_update();
	ck_assert_str_eq(way(NULL, "192.0.2.1"), orders[_i].expected);
	ck_assert_str_eq(way(NULL, "2001:db8::1"), orders[_i].expected);
	ck_assert_uint_eq(route_rank(&one.route), orders[_i].rank_one);
	ck_assert_uint_eq(route_rank(&two.route), orders[_i].rank_two);
	ck_assert_int_eq(route_is_default4(&one.route), strcmp(orders[_i].expected, "one") == 0);
	ck_assert_int_eq(route_is_default6(&two.route), strcmp(orders[_i].expected, "two") == 0);
}
END_TEST

START_TEST(link_that_waits_for_an_address_has_no_route)
{
	one.route.is_waiting = true;
	route_update();
	ck_assert_str_eq(way(NULL, "192.0.2.1"), "two");
	ck_assert_uint_eq(route_rank(&one.route), 0);
}
END_TEST

START_TEST(link_is_default_for_families_it_has)
{
	set_addresses(&one, NULL, "fd01::2");
	set_addresses(&two, "10.2.0.2/24", NULL);
	ck_assert_str_eq(way(NULL, "192.0.2.1"), "two");
	ck_assert_str_eq(way(NULL, "2001:db8::1"), "one");
	ck_assert(!route_is_default4(&one.route) && route_is_default6(&one.route));
	ck_assert(route_is_default4(&two.route) && !route_is_default6(&two.route));
	go_down(&two);
	ck_assert_str_eq(way(NULL, "192.0.2.1"), "none");
}
END_TEST

/* ---- networks and sources -------------------------------------------------------------- */

START_TEST(bound_address_goes_before_all)
{
	ck_assert_str_eq(way("10.2.0.2", "192.0.2.1"), "two");
	ck_assert_str_eq(way("10.2.0.2", "10.1.0.9"), "two");
	ck_assert_str_eq(way("fd02::2", "fd01::9"), "two");
	go_down(&two);
	/* Not by the other with this source. */
	ck_assert_str_eq(way("10.2.0.2", "192.0.2.1"), "two");
	ck_assert_str_eq(way("fd02::2", "2001:db8::1"), "two");
}
END_TEST

START_TEST(network_goes_before_the_default)
{
	ck_assert_str_eq(way(NULL, "10.2.0.9"), "two");
	ck_assert_str_eq(way(NULL, "fd02::9"), "two");
	ck_assert_str_eq(way(NULL, "127.0.0.1"), "other");
}
END_TEST

START_TEST(network_of_the_longer_prefix_goes_first_then_of_the_better_link)
{
	set_addresses(&one, "10.2.0.3/16", "fd02::3");
	ck_assert_str_eq(way(NULL, "10.2.0.9"), "two");
	ck_assert_str_eq(way(NULL, "10.2.1.9"), "one");
	ck_assert_str_eq(way(NULL, "fd02::9"), "one");
	two.route.metric = 1;
	ck_assert_str_eq(way(NULL, "fd02::9"), "two");
}
END_TEST

START_TEST(neighbour_of_a_far_destination_is_the_gateway)
{
	ip6_addr_t far, near, gateway;

	ck_assert(ip6addr_aton("2001:db8::1", &far));
	ck_assert(ip6addr_aton("fd01::9", &near));
	ck_assert(ip6addr_aton("fd01::1", &gateway));
	ck_assert_ptr_eq(route_next_hop6(&one.netif, &far), &far);
	one.route.gateway6 = gateway;
	ck_assert(ip6_addr_eq(route_next_hop6(&one.netif, &far), &gateway));
	ck_assert_ptr_eq(route_next_hop6(&one.netif, &near), &near);
	/* An address by a router need not make its prefix one of the link. */
	netif_ip6_addr_set_valid_life(&one.netif, 1, IP6_ADDR_LIFE_INFINITE);
	ck_assert(ip6_addr_eq(route_next_hop6(&one.netif, &near), &gateway));
}
END_TEST

/* ---- NAT64 ------------------------------------------------------------------------------- */

static void set_nat64(struct end *end, const char *prefix)
{
	memset(&end->route.nat64, 0, sizeof(end->route.nat64));
	if (prefix)
		ck_assert_int_eq(link_parse_prefix(&end->route.nat64, prefix), 0);
	route_update();
}

/* As what IPv4 to @to travels; NULL: as it is. */
static const char *map(const struct end *end, const char *to)
{
	ip4_addr_t dest, back;
	ip6_addr_t mapped;

	ck_assert(ip4addr_aton(to, &dest));
	if (!route_map4(end ? &end->netif : NULL, &dest, &mapped))
		return NULL;
	ck_assert(route_unmap6(&mapped, &back));
	ck_assert(ip4_addr_eq(&back, &dest));
	return ip6addr_ntoa(&mapped);
}

START_TEST(nat64_carries_ipv4_of_a_link_without)
{
	static const char mapped[] = "64:FF9B::808:808";

	set_addresses(&one, NULL, "fd01::2");
	ck_assert_ptr_null(map(NULL, "8.8.8.8"));
	set_nat64(&one, "64:ff9b::/96");
	ck_assert(route_is_default4(&one.route));
	ck_assert_str_eq(map(NULL, "8.8.8.8"), mapped);
	ck_assert_str_eq(way(NULL, "64:ff9b::808:808"), "one");
	/* What the prefix may not carry, or another link has, goes by that. */
	ck_assert_ptr_null(map(NULL, "10.9.9.9"));
	ck_assert_ptr_null(map(NULL, "10.2.0.9"));
	ck_assert_ptr_null(map(NULL, "10.2.0.2"));
	ck_assert_ptr_null(map(NULL, "127.0.0.1"));
	ck_assert_ptr_null(map(&two, "8.8.8.8"));
	ck_assert_str_eq(map(&one, "8.8.8.8"), mapped);
	one.route.is_degraded = true;
	ck_assert_ptr_null(map(NULL, "8.8.8.8"));
	ck_assert(route_is_default4(&two.route));
	go_down(&two);
	ck_assert_str_eq(map(NULL, "8.8.8.8"), mapped);
	set_nat64(&one, NULL);
	ck_assert_ptr_null(map(NULL, "8.8.8.8"));
}
END_TEST

START_TEST(nat64_of_a_link_with_ipv4_is_not_used)
{
	set_nat64(&one, "64:ff9b::/96");
	ck_assert_ptr_null(map(NULL, "8.8.8.8"));
	ck_assert_ptr_null(map(&one, "8.8.8.8"));
}
END_TEST

START_TEST(nat64_prefix_goes_by_its_link)
{
	set_addresses(&two, NULL, "fd02::2");
	set_nat64(&two, "2001:db8:64::/96");
	ck_assert_str_eq(way(NULL, "2001:db8:64::808:808"), "two");
	ck_assert_str_eq(way(NULL, "2001:db8::1"), "one");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route");
	TCase *tcase = tcase_create("route");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, better_link_is_used, 0, sizeof(orders) / sizeof(orders[0]));
	tcase_add_test(tcase, link_that_waits_for_an_address_has_no_route);
	tcase_add_test(tcase, link_is_default_for_families_it_has);
	tcase_add_test(tcase, bound_address_goes_before_all);
	tcase_add_test(tcase, network_goes_before_the_default);
	tcase_add_test(tcase, network_of_the_longer_prefix_goes_first_then_of_the_better_link);
	tcase_add_test(tcase, neighbour_of_a_far_destination_is_the_gateway);
	tcase_add_test(tcase, nat64_carries_ipv4_of_a_link_without);
	tcase_add_test(tcase, nat64_of_a_link_with_ipv4_is_not_used);
	tcase_add_test(tcase, nat64_prefix_goes_by_its_link);
	suite_add_tcase(suite, tcase);
	return run_all(suite);
}
