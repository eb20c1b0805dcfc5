/* SPDX-License-Identifier: MIT */
#include "proto/address.h"

#include "proto/usocket.pb.h"
#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct address parse(const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse_ip(&a, text), 0);
	return a;
}

/* ---- literals ---- */

struct literal {
	const char *text;
	const char *ip; /* as written back; NULL: refused */
};

static const struct literal literals[] = {
	{ "1.2.3.4", "1.2.3.4" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "2001:DB8::1", "2001:db8::1" },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
	{ "fe80::1%3", "fe80::1%3" },
	{ "fe80::1%4294967295", "fe80::1%4294967295" },
	{ "", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3.04", NULL },
	{ "0x1.2.3.4", NULL },
	{ " 1.2.3.4", NULL },
	{ "1.2.3.4 ", NULL },
	{ "1.2.3.4%1", NULL },
	{ "16909060", NULL },
	{ "::1::", NULL },
	{ "12345::", NULL },
	{ "fe80::1%", NULL },
	{ "fe80::1%eth0", NULL },
	{ "fe80::1%-1", NULL },
	{ "fe80::1%4294967296", NULL },
	{ "[::1]", NULL },
	{ "example", NULL },
	{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
};

START_TEST(parse_literal_is_taken_or_refused)
{
	const struct literal *row = &literals[_i];
	struct address a = { .family = 77 };
	char text[ADDRESS_TEXT_MAX];
	int r = address_parse_ip(&a, row->text);

	if (!row->ip) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_int_eq(a.family, 77);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(address_ip_text(&a, text), row->ip);
}
END_TEST

START_TEST(text_with_port_has_brackets_for_ipv6)
{
	struct address a = parse("1.2.3.4");
	struct address b = parse("fe80::1%3");
	struct address none = { .port = 5 };
	char text[ADDRESS_TEXT_MAX];

	a.port = 80;
	b.port = 65535;
	ck_assert_str_eq(address_text(&a, text), "1.2.3.4:80");
	ck_assert_str_eq(address_text(&b, text), "[fe80::1%3]:65535");
	ck_assert_str_eq(address_text(&none, text), "-");
	ck_assert_str_eq(address_ip_text(&none, text), "-");
}
END_TEST

START_TEST(text_of_longest_address_fits)
{
	struct address a = parse("abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd%4294967295");
	char text[ADDRESS_TEXT_MAX];

	a.port = 65535;
	ck_assert_str_eq(address_text(&a, text),
		"[abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd%4294967295]:65535");
}
END_TEST

/* ---- sockaddr ---- */

START_TEST(from_sockaddr_ipv4_reads_all_fields)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(8080) };
	struct address a;

	inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(a.family, ADDRESS_IPV4);
	ck_assert_int_eq(a.port, 8080);
	ck_assert_mem_eq(a.ip, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}
END_TEST

START_TEST(from_sockaddr_ipv6_keeps_scope)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(53),
		.sin6_scope_id = 2,
	};
	struct address a;

	inet_pton(AF_INET6, "fe80::9", &in6.sin6_addr);
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in6, sizeof(in6)), 0);
	ck_assert_int_eq(a.family, ADDRESS_IPV6);
	ck_assert_uint_eq(a.scope, 2);
	ck_assert_int_eq(a.port, 53);
}
END_TEST

START_TEST(from_sockaddr_too_short_is_invalid)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct address a;

	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in, sizeof(in) - 1),
		-EINVAL);
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in6, sizeof(in6) - 1),
		-EINVAL);
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in, 1), -EINVAL);
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&in, 0), -EINVAL);
}
END_TEST

START_TEST(from_sockaddr_other_family_is_refused)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };
	struct address a;

	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&ss, sizeof(ss)),
		-EAFNOSUPPORT);
	ss.ss_family = AF_UNSPEC;
	ck_assert_int_eq(address_from_sockaddr(&a, (struct sockaddr *)&ss, sizeof(ss)),
		-EAFNOSUPPORT);
}
END_TEST

START_TEST(to_sockaddr_cuts_off_and_tells_full_length)
{
	struct address a = parse("192.0.2.7");
	unsigned char buf[sizeof(struct sockaddr_in)];
	socklen_t len = 4;

	a.port = 0x1234;
	memset(buf, 0xee, sizeof(buf));
	address_to_sockaddr(&a, (struct sockaddr *)buf, &len);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_in));
	ck_assert_int_eq(buf[2], 0x12);
	ck_assert_int_eq(buf[3], 0x34);
	ck_assert_int_eq(buf[4], 0xee);
}
END_TEST

START_TEST(to_sockaddr_without_family_is_unspec)
{
	struct address none = { 0 };
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	socklen_t len = sizeof(ss);

	address_to_sockaddr(&none, (struct sockaddr *)&ss, &len);
	ck_assert_int_eq(ss.ss_family, AF_UNSPEC);
	ck_assert_uint_eq(len, sizeof(sa_family_t));
}
END_TEST

START_TEST(sockaddr_round_trip_is_identity)
{
	static const char *const texts[] = { "1.2.3.4", "2001:db8::5", "fe80::1%7" };
	struct address a = parse(texts[_i]), b;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	a.port = 4711;
	address_to_sockaddr(&a, (struct sockaddr *)&ss, &len);
	ck_assert_int_eq(address_from_sockaddr(&b, (struct sockaddr *)&ss, len), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
}
END_TEST

/* ---- protobuf ---- */

START_TEST(proto_round_trip_is_identity)
{
	static const char *const texts[] = { "1.2.3.4", "2001:db8::5", "fe80::1%7" };
	struct address a = parse(texts[_i]), b;
	usp_Address p;

	a.port = 65535;
	address_to_proto(&a, &p);
	ck_assert_int_eq(address_from_proto(&b, &p), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
}
END_TEST

START_TEST(proto_without_bytes_is_any)
{
	usp_Address p = { .family = usp_FAMILY_IPV6, .port = 7 };
	struct address a;

	ck_assert_int_eq(address_from_proto(&a, &p), 0);
	ck_assert_int_eq(a.family, ADDRESS_IPV6);
	ck_assert_int_eq(a.port, 7);
	ck_assert(address_is_any(&a));
	p.family = usp_FAMILY_ANY;
	ck_assert_int_eq(address_from_proto(&a, &p), 0);
	ck_assert_int_eq(a.family, ADDRESS_NONE);
}
END_TEST

static const usp_Address wrong_protos[] = {
	{ .family = usp_FAMILY_IPV4, .ip = { .size = 16 } },
	{ .family = usp_FAMILY_IPV4, .ip = { .size = 3 } },
	{ .family = usp_FAMILY_IPV6, .ip = { .size = 4 } },
	{ .family = usp_FAMILY_ANY, .ip = { .size = 4 } },
	{ .family = usp_FAMILY_IPV4, .port = 65536 },
	{ .family = usp_FAMILY_IPV4, .scope = 1 },
	{ .family = (usp_Family)5 },
	{ .family = (usp_Family)-1 },
};

START_TEST(proto_that_contradicts_itself_is_invalid)
{
	struct address a = { .family = 77 };

	ck_assert_int_eq(address_from_proto(&a, &wrong_protos[_i]), -EINVAL);
	ck_assert_int_eq(a.family, 77);
}
END_TEST

/* ---- kinds ---- */

enum kind {
	KIND_ANY = 1 << 0,
	KIND_LOOPBACK = 1 << 1,
	KIND_MULTICAST = 1 << 2,
	KIND_LINK_LOCAL = 1 << 3,
	KIND_MAPPED = 1 << 4,
};

static const struct {
	const char *text;
	unsigned int kinds;
} kinds[] = {
	{ "0.0.0.0", KIND_ANY },
	{ "::", KIND_ANY },
	{ "127.0.0.1", KIND_LOOPBACK },
	{ "127.255.255.254", KIND_LOOPBACK },
	{ "128.0.0.1", 0 },
	{ "::1", KIND_LOOPBACK },
	{ "::2", 0 },
	{ "223.255.255.255", 0 },
	{ "224.0.0.1", KIND_MULTICAST },
	{ "239.255.255.255", KIND_MULTICAST },
	{ "240.0.0.1", 0 },
	{ "ff02::1", KIND_MULTICAST },
	{ "fe00::1", 0 },
	{ "fe80::1", KIND_LINK_LOCAL },
	{ "febf::1", KIND_LINK_LOCAL },
	{ "fec0::1", 0 },
	{ "169.254.1.1", 0 },
	{ "::ffff:1.2.3.4", KIND_MAPPED },
	{ "::fffe:1.2.3.4", 0 },
};

START_TEST(kind_of_address_is_recognized)
{
	struct address a = parse(kinds[_i].text);
	unsigned int k = kinds[_i].kinds;

	ck_assert_int_eq(address_is_any(&a), !!(k & KIND_ANY));
	ck_assert_int_eq(address_is_loopback(&a), !!(k & KIND_LOOPBACK));
	ck_assert_int_eq(address_is_multicast(&a), !!(k & KIND_MULTICAST));
	ck_assert_int_eq(address_is_link_local(&a), !!(k & KIND_LINK_LOCAL));
	ck_assert_int_eq(address_is_v4_mapped(&a), !!(k & KIND_MAPPED));
}
END_TEST

START_TEST(any_without_family_is_any)
{
	struct address none = { 0 };

	ck_assert(address_is_any(&none));
	ck_assert(!address_is_loopback(&none));
	ck_assert(!address_is_multicast(&none));
}
END_TEST

START_TEST(mapping_there_and_back_is_identity)
{
	struct address a = parse("192.0.2.7"), mapped, back;
	char text[ADDRESS_TEXT_MAX];

	a.port = 99;
	mapped = address_map_v4(&a);
	ck_assert_str_eq(address_ip_text(&mapped, text), "::ffff:192.0.2.7");
	ck_assert_int_eq(mapped.port, 99);
	back = address_unmap_v4(&mapped);
	ck_assert_mem_eq(&back, &a, sizeof(a));
}
END_TEST

START_TEST(mapping_leaves_others_alone)
{
	struct address a = parse("2001:db8::1");
	struct address mapped = address_map_v4(&a);
	struct address unmapped = address_unmap_v4(&a);

	ck_assert_mem_eq(&mapped, &a, sizeof(a));
	ck_assert_mem_eq(&unmapped, &a, sizeof(a));
}
END_TEST

START_TEST(ip_equal_looks_at_ip_not_port)
{
	struct address a = parse("192.0.2.7"), b = a;

	b.port = 9;
	ck_assert(address_ip_equal(&a, &b));
	b = parse("192.0.2.8");
	ck_assert(!address_ip_equal(&a, &b));
	b = address_map_v4(&a);
	ck_assert(!address_ip_equal(&a, &b));
	a = parse("fe80::1%1");
	b = parse("fe80::1%2");
	ck_assert(!address_ip_equal(&a, &b));
}
END_TEST

#define N(array) (int)(sizeof(array) / sizeof((array)[0]))

int main(void)
{
	TCase *tc = tcase_create("address");

	tcase_add_loop_test(tc, parse_literal_is_taken_or_refused, 0, N(literals));
	tcase_add_test(tc, text_with_port_has_brackets_for_ipv6);
	tcase_add_test(tc, text_of_longest_address_fits);
	tcase_add_test(tc, from_sockaddr_ipv4_reads_all_fields);
	tcase_add_test(tc, from_sockaddr_ipv6_keeps_scope);
	tcase_add_test(tc, from_sockaddr_too_short_is_invalid);
	tcase_add_test(tc, from_sockaddr_other_family_is_refused);
	tcase_add_test(tc, to_sockaddr_cuts_off_and_tells_full_length);
	tcase_add_test(tc, to_sockaddr_without_family_is_unspec);
	tcase_add_loop_test(tc, sockaddr_round_trip_is_identity, 0, 3);
	tcase_add_loop_test(tc, proto_round_trip_is_identity, 0, 3);
	tcase_add_test(tc, proto_without_bytes_is_any);
	tcase_add_loop_test(tc, proto_that_contradicts_itself_is_invalid, 0, N(wrong_protos));
	tcase_add_loop_test(tc, kind_of_address_is_recognized, 0, N(kinds));
	tcase_add_test(tc, any_without_family_is_any);
	tcase_add_test(tc, mapping_there_and_back_is_identity);
	tcase_add_test(tc, mapping_leaves_others_alone);
	tcase_add_test(tc, ip_equal_looks_at_ip_not_port);
	return run_suite("address", tc);
}
