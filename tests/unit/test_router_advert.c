/* SPDX-License-Identifier: MIT */
/*
 * Router advertisements as text, and what is read from them.
 */
#include "netif/router_advert.h"

#include "tests/unit/hex.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Checksums are not looked at here. */
#define HEADER(flags, lifetime) "86000000 40" flags lifetime "00000000 00000000"
#define PREFIX(len, flags, valid, preferred, ip) \
	"0304" len flags valid preferred "00000000" ip
#define NET	"20010db8 00010002 00000000 00000000"
#define HOUR	"00000e10"
#define MTU	"05010000 00000578"
#define DNS(ip) "19030000 00000258" ip

static int parse(struct router_advert *advert, const char *text)
{
	size_t len;
	uint8_t *bytes = hex_bytes(text, &len);
	int r = router_advert_parse(advert, bytes, len);

	free(bytes);
	return r;
}

#define SOURCE	 "0101525500000002"
#define LINK_DNS DNS("fe800000 00000000 00000000 00000001")
#define EVERYTHING                                       \
	SOURCE PREFIX("40", "c0", HOUR, "00000708", NET) \
	MTU LINK_DNS

START_TEST(advert_with_everything_is_read)
{
	struct router_advert a;
	static const uint8_t net[16] = { 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2 };
	static const uint8_t dns[16] = { 0xfe, 0x80, [15] = 1 };

	ck_assert_int_eq(parse(&a, HEADER("08", "0708") EVERYTHING), 0);
	ck_assert_uint_eq(a.lifetime_s, 1800);
	ck_assert_int_eq(a.preference, 1);
	ck_assert_uint_eq(a.mtu, 1400);
	ck_assert_uint_eq(a.n_prefixes, 1);
	ck_assert_mem_eq(a.prefixes[0].ip, net, 16);
	ck_assert_uint_eq(a.prefixes[0].valid_s, 3600);
	ck_assert_uint_eq(a.prefixes[0].preferred_s, 1800);
	ck_assert(a.prefixes[0].is_on_link);
	ck_assert_uint_eq(a.n_dns, 1);
	ck_assert_mem_eq(a.dns[0].ip, dns, 16);
	ck_assert_uint_eq(a.dns[0].lifetime_s, 600);
}
END_TEST

/* Each of them has no usable prefix, DNS server or MTU. */
static const struct {
	const char *name;
	const char *options;
} useless[] = {
	{ "no options", "" },
	{ "not autonomous", PREFIX("40", "80", HOUR, HOUR, NET) },
	{ "not a /64", PREFIX("38", "c0", HOUR, HOUR, NET) },
	{ "preferred longer than valid", PREFIX("40", "c0", "00000001", HOUR, NET) },
	{ "link-local", PREFIX("40", "c0", HOUR, HOUR, "fe800000 00000000 00000000 00000000") },
	{ "multicast", PREFIX("40", "c0", HOUR, HOUR, "ff020000 00000000 00000000 00000000") },
	{ "prefix option too short", "03020000 00000000 00000000 00000000" },
	{ "MTU too small", "05010000 000004ff" },
	{ "DNS option without a server", "19010000 00000258" },
	{ "DNS server any", DNS("00000000 00000000 00000000 00000000") },
	{ "unknown option", "fe010000 00000000" },
};

START_TEST(advert_with_useless_option_says_nothing)
{
	struct router_advert a;
	char text[256];

	snprintf(text, sizeof(text), "%s%s", HEADER("00", "0000"), useless[_i].options);
	ck_assert_msg(parse(&a, text) == 0, "%s", useless[_i].name);
	ck_assert_msg(a.n_prefixes == 0 && a.n_dns == 0 && a.mtu == 0, "%s", useless[_i].name);
}
END_TEST

static const char *const malformed[] = {
	"",
	"86000000 40000000 00000000 000000",
	"87000000 40000000 00000000 00000000",
	"86010000 40000000 00000000 00000000",
	HEADER("00", "0000") "05",
	HEADER("00", "0000") "05000000 00000000",
	HEADER("00", "0000") "05020000 00000578",
};

START_TEST(advert_malformed_is_refused)
{
	struct router_advert a;

	ck_assert_msg(parse(&a, malformed[_i]) == -EBADMSG, "%s", malformed[_i]);
}
END_TEST

START_TEST(advert_with_too_many_options_is_cut)
{
	struct router_advert a;
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", HEADER("18", "0001"));
	int i;

	for (i = 0; i < 12; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"0304 40c0 " HOUR HOUR "00000000 20010db8 000000%02x 00000000 00000000", i);
	ck_assert_int_eq(parse(&a, text), 0);
	ck_assert_int_eq(a.preference, -1);
	ck_assert_uint_eq(a.n_prefixes, ROUTER_ADVERT_PREFIXES);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("router_advert");

	tcase_add_test(tc, advert_with_everything_is_read);
	tcase_add_loop_test(tc, advert_with_useless_option_says_nothing, 0,
		sizeof(useless) / sizeof(useless[0]));
	tcase_add_loop_test(tc, advert_malformed_is_refused, 0,
		sizeof(malformed) / sizeof(malformed[0]));
	tcase_add_test(tc, advert_with_too_many_options_is_cut);
	return run_suite("router_advert", tc);
}
