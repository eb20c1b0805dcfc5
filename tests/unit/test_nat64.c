/* SPDX-License-Identifier: MIT */
#include "proto/nat64.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <string.h>

static struct address parse(const char *text)
{
	struct address a;

	ck_assert_msg(address_parse_ip(&a, text) == 0, "%s", text);
	return a;
}

static struct address parse_prefix(const char *text, uint16_t bits)
{
	struct address a = parse(text);

	a.port = bits;
	return a;
}

static const char *ip_text(const uint8_t *bytes, enum address_family family)
{
	static char text[ADDRESS_TEXT_MAX];
	struct address a = { .family = (uint8_t)family };

	memcpy(a.ip, bytes, family == ADDRESS_IPV4 ? 4 : 16);
	return address_ip_text(&a, text);
}

/* RFC 6052 2.4, and the corners of every length. */
static const struct {
	const char *prefix;
	uint16_t bits;
	const char *ip4, *ip6;
} mappings[] = {
	{ "2001:db8::", 32, "192.0.2.33", "2001:db8:c000:221::" },
	{ "2001:db8:100::", 40, "192.0.2.33", "2001:db8:1c0:2:21::" },
	{ "2001:db8:122::", 48, "192.0.2.33", "2001:db8:122:c000:2:2100::" },
	{ "2001:db8:122:300::", 56, "192.0.2.33", "2001:db8:122:3c0:0:221::" },
	{ "2001:db8:122:344::", 64, "192.0.2.33", "2001:db8:122:344:c0:2:2100:0" },
	{ "2001:db8:122:344::", 96, "192.0.2.33", "2001:db8:122:344::c000:221" },
	{ "64:ff9b::", 96, "8.8.4.4", "64:ff9b::808:404" },
	{ "2001:db8::", 32, "255.1.2.254", "2001:db8:ff01:2fe::" },
	{ "2001:db8:ff00::", 40, "1.2.3.4", "2001:db8:ff01:203:4::" },
	{ "2001:db8:122:ff00::", 56, "1.2.3.4", "2001:db8:122:ff01:2:304::" },
};

START_TEST(address_goes_to_its_place_and_back)
{
	struct address prefix = parse_prefix(mappings[_i].prefix, mappings[_i].bits);
	struct address ip4 = parse(mappings[_i].ip4), ip6 = parse(mappings[_i].ip6);
	uint8_t out6[16], out4[4];

	ck_assert(nat64_is_prefix(&prefix));
	nat64_map(&prefix, ip4.ip, out6);
	ck_assert_str_eq(ip_text(out6, ADDRESS_IPV6), ip_text(ip6.ip, ADDRESS_IPV6));
	ck_assert_mem_eq(out6, ip6.ip, 16);
	ck_assert(nat64_unmap(&prefix, out6, out4));
	ck_assert_mem_eq(out4, ip4.ip, 4);
	/* What follows the address does not matter. */
	if (mappings[_i].bits < 96) {
		out6[15] ^= 0xff;
		ck_assert(nat64_unmap(&prefix, out6, out4));
		ck_assert_mem_eq(out4, ip4.ip, 4);
	}
	out6[3] ^= 1;
	ck_assert(!nat64_unmap(&prefix, out6, out4));
}
END_TEST

START_TEST(address_with_the_reserved_byte_set_is_nobodys)
{
	struct address prefix = parse_prefix("2001:db8::", 32);
	struct address ip6 = parse("2001:db8:c000:221:100::");
	uint8_t ip4[4];

	ck_assert(!nat64_unmap(&prefix, ip6.ip, ip4));
}
END_TEST

static const struct {
	const char *prefix;
	uint16_t bits;
	bool is_valid;
} prefixes[] = {
	{ "64:ff9b::", 96, true },
	{ "64:ff9b:1::", 48, true },
	{ "2001:db8::", 32, true },
	{ "2001:db8::", 33, false },
	{ "2001:db8::", 128, false },
	{ "2001:db8::", 0, false },
	{ "2001:db8::1", 96, false },
	{ "2001:db8:0:0:100::", 96, false },
	{ "::", 96, false },
	{ "::ffff:0:0", 96, false },
	{ "fe80::", 64, false },
	{ "ff02::", 96, false },
	{ "192.0.2.0", 32, false },
};

START_TEST(prefix_that_cannot_be_one_is_refused)
{
	struct address prefix = parse_prefix(prefixes[_i].prefix, prefixes[_i].bits);

	ck_assert_int_eq(nat64_is_prefix(&prefix), prefixes[_i].is_valid);
}
END_TEST

static const struct {
	const char *ip4;
	bool by_own, by_well_known;
} carried[] = {
	{ "8.8.8.8", true, true },
	{ "1.1.1.1", true, true },
	{ "100.63.255.255", true, true },
	{ "100.64.0.1", true, false },
	{ "100.127.255.255", true, false },
	{ "100.128.0.0", true, true },
	{ "10.0.0.1", true, false },
	{ "172.15.255.255", true, true },
	{ "172.16.0.1", true, false },
	{ "172.31.255.255", true, false },
	{ "172.32.0.1", true, true },
	{ "192.0.0.170", true, false },
	{ "192.0.2.1", true, false },
	{ "192.168.1.1", true, false },
	{ "198.17.255.255", true, true },
	{ "198.18.0.1", true, false },
	{ "198.51.100.1", true, false },
	{ "203.0.113.1", true, false },
	{ "0.0.0.0", false, false },
	{ "0.1.2.3", false, false },
	{ "127.0.0.1", false, false },
	{ "169.254.1.1", false, false },
	{ "224.0.0.1", false, false },
	{ "239.255.255.250", false, false },
	{ "240.0.0.1", false, false },
	{ "255.255.255.255", false, false },
};

START_TEST(address_of_no_use_elsewhere_is_not_carried)
{
	struct address own = parse_prefix("2001:db8:64::", 96);
	struct address well_known = parse_prefix("64:ff9b::", 96);
	struct address ip4 = parse(carried[_i].ip4);

	ck_assert_int_eq(nat64_may_carry(&own, ip4.ip), carried[_i].by_own);
	ck_assert_int_eq(nat64_may_carry(&well_known, ip4.ip), carried[_i].by_well_known);
}
END_TEST

#define ANSWERS_MAX 4

static const struct {
	const char *answers[ANSWERS_MAX];
	const char *prefix; /* NULL: none */
	uint16_t bits;
} findings[] = {
	{ { NULL }, NULL, 0 },
	{ { "64:ff9b::c000:aa" }, "64:ff9b::", 96 },
	{ { "64:ff9b::c000:ab" }, "64:ff9b::", 96 },
	{ { "64:ff9b::c000:aa", "64:ff9b::c000:ab" }, "64:ff9b::", 96 },
	{ { "2001:db8:c000:aa::" }, "2001:db8::", 32 },
	{ { "2001:db8:1c0:0:aa::" }, "2001:db8:100::", 40 },
	{ { "2001:db8:122:c000:0:aa00::" }, "2001:db8:122::", 48 },
	{ { "2001:db8:122:3c0:0:aa::" }, "2001:db8:122:300::", 56 },
	{ { "2001:db8:122:344:c0:0:aa00:0" }, "2001:db8:122:344::", 64 },
	/* Neither well-known address is in it: a server that makes answers up. */
	{ { "2001:db8::1" }, NULL, 0 },
	{ { "64:ff9b::c000:ac" }, NULL, 0 },
	{ { "::ffff:192.0.0.170" }, NULL, 0 },
	{ { "fe80::c000:aa" }, NULL, 0 },
	{ { "2001:db8::1", "64:ff9b::c000:ab" }, "64:ff9b::", 96 },
	/* In two places: only the other address tells. */
	{ { "2001:db8:c000:aa::c000:aa" }, "2001:db8:c000:aa::", 96 },
	{ { "2001:db8:c000:aa::c000:aa", "2001:db8:c000:ab::c000:aa" }, "2001:db8::", 32 },
	{ { "2001:db8:c000:aa::c000:aa", "2001:db8:c000:aa::c000:ab" }, "2001:db8:c000:aa::", 96 },
	/* Two prefixes: the one that both addresses confirm, else the first. */
	{ { "2001:db8:1::c000:aa", "2001:db8:2::c000:aa", "2001:db8:2::c000:ab" },
		"2001:db8:2::", 96 },
	{ { "2001:db8:1::c000:aa", "2001:db8:2::c000:aa" }, "2001:db8:1::", 96 },
};

START_TEST(prefix_is_found_in_what_the_name_says)
{
	struct address answers[ANSWERS_MAX], prefix, expected;
	size_t n = 0;

	while (n < ANSWERS_MAX && findings[_i].answers[n]) {
		answers[n] = parse(findings[_i].answers[n]);
		n++;
	}
	ck_assert_int_eq(nat64_find(answers, n, &prefix), findings[_i].prefix != NULL);
	if (!findings[_i].prefix)
		return;
	expected = parse_prefix(findings[_i].prefix, findings[_i].bits);
	ck_assert_str_eq(ip_text(prefix.ip, ADDRESS_IPV6), findings[_i].prefix);
	ck_assert_uint_eq(prefix.port, expected.port);
}
END_TEST

#define ADD(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	TCase *tc = tcase_create("nat64");

	ADD(tc, address_goes_to_its_place_and_back, mappings);
	tcase_add_test(tc, address_with_the_reserved_byte_set_is_nobodys);
	ADD(tc, prefix_that_cannot_be_one_is_refused, prefixes);
	ADD(tc, address_of_no_use_elsewhere_is_not_carried, carried);
	ADD(tc, prefix_is_found_in_what_the_name_says, findings);
	return run_suite("nat64", tc);
}
