/* SPDX-License-Identifier: MIT */
#include "client/usocketctl/text.h"

#include "tests/unit/run_suite.h"
#include "usocket.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* ---- names that programs gave themselves ---- */

static const struct {
	const char *text;
	size_t len;
	const char *escaped;
	const char *utf8;
} names[] = {
	{ "python3", 32, "python3", "python3" },
	{ "", 32, "", "" },
	{ "not\0read", 8, "not", "not" },
	{ "cut here", 3, "cut", "cut" },
	{ "\x1b[2J", 32, "\\x1b[2J", "\x1b[2J" },
	{ "tab\tnew\nline\x7f", 32, "tab\\x09new\\x0aline\\x7f", "tab\tnew\nline\x7f" },
	{ "back\\slash", 32, "back\\\\slash", "back\\slash" },
	{ "gr\xc3\xbc\xc3\x9f", 32, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xf0\x9f\x90\x8d", 32, "\xf0\x9f\x90\x8d", "\xf0\x9f\x90\x8d" },
	{ "c1\xc2\x9b", 32, "c1\\xc2\\x9b", "c1\xc2\x9b" },
	{ "bidi\xe2\x80\xae", 32, "bidi\\xe2\\x80\\xae", "bidi\xe2\x80\xae" },
	{ "\xff\xfe", 32, "\\xff\\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "overlong\xc0\xaf", 32, "overlong\\xc0\\xaf", "overlong\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xe0\x80\x80", 32, "\\xe0\\x80\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xed\xa0\x80", 32, "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf5\x80", 32, "\\xf5\\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
	/* Cut in the middle of a character. */
	{ "gr\xc3\xbc", 3, "gr\\xc3", "gr\xef\xbf\xbd" },
};

START_TEST(escape_names_leaves_nothing_harmful)
{
	char out[TEXT_ESCAPED_MAX(64)];

	ck_assert_str_eq(text_escape(out, sizeof(out), names[_i].text, names[_i].len),
		names[_i].escaped);
	ck_assert_str_eq(text_utf8(out, sizeof(out), names[_i].text, names[_i].len),
		names[_i].utf8);
}
END_TEST

START_TEST(escape_small_buffer_is_cut_between_characters)
{
	char out[8];

	ck_assert_str_eq(text_escape(out, sizeof(out), "abcd\x1b", 5), "abcd");
	ck_assert_str_eq(text_escape(out, sizeof(out), "abc\x1b", 4), "abc\\x1b");
	ck_assert_str_eq(text_utf8(out, sizeof(out), "abcdef\xc3\xbc", 8), "abcdef");
}
END_TEST

/* ---- numbers ---- */

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 1536, "1.5 KiB" },
	{ 1048523, "1023.9 KiB" },
	{ 1048575, "1.0 MiB" },
	{ UINT64_C(5) << 30, "5.0 GiB" },
	{ UINT64_MAX, "16.0 EiB" },
};

START_TEST(bytes_number_gets_its_unit)
{
	char out[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_bytes(out, sizes[_i].bytes), sizes[_i].text);
}
END_TEST

static const struct {
	uint64_t ms;
	const char *text;
} durations[] = {
	{ 0, "0 s" },
	{ 59999, "59 s" },
	{ 60000, "1 min 0 s" },
	{ 3599999, "59 min 59 s" },
	{ 3600000, "1 h 0 min" },
	{ 86399999, "23 h 59 min" },
	{ 86400000, "1 d 0 h" },
	{ UINT64_MAX, "213503982334 d 14 h" },
};

START_TEST(duration_number_gets_two_units)
{
	char out[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_duration(out, durations[_i].ms), durations[_i].text);
}
END_TEST

START_TEST(rtt_number_gets_its_unit)
{
	char out[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_rtt(out, 0), "-");
	ck_assert_str_eq(text_rtt(out, 999), "999 us");
	ck_assert_str_eq(text_rtt(out, 1000), "1.0 ms");
	ck_assert_str_eq(text_rtt(out, 12345), "12.3 ms");
	ck_assert_str_eq(text_rtt(out, UINT32_MAX), "4294.967 s");
}
END_TEST

/* ---- addresses ---- */

static const struct {
	int family;
	const char *ip;
	uint32_t scope;
	uint16_t port;
	const char *service;
	const char *text;
} endpoints[] = {
	{ AF_INET, "10.0.2.15", 0, 50000, NULL, "10.0.2.15:50000" },
	{ AF_INET, "10.0.2.15", 0, 80, NULL, "10.0.2.15:80" },
	{ AF_INET, "0.0.0.0", 0, 0, NULL, "0.0.0.0:*" },
	{ AF_INET6, "::1", 0, 1, NULL, "[::1]:1" },
	{ AF_INET6, "fe80::1", 2, 65535, NULL, "[fe80::1%2]:65535" },
	{ AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", UINT32_MAX, 65535, "tcp",
		"[2001:db8:1111:2222:3333:4444:5555:6666%4294967295]:65535" },
	{ AF_INET, "10.0.2.15", 0, 50001, "tcp", "10.0.2.15:50001" },
};

START_TEST(endpoint_address_is_as_in_ss)
{
	struct usocket_address address = {
		.family = (uint16_t)endpoints[_i].family,
		.port = endpoints[_i].port,
		.scope = endpoints[_i].scope,
	};
	char out[TEXT_ADDRESS_MAX];

	ck_assert_int_eq(inet_pton(endpoints[_i].family, endpoints[_i].ip, address.ip), 1);
	ck_assert_str_eq(text_endpoint(out, &address, endpoints[_i].family, endpoints[_i].service),
		endpoints[_i].text);
}
END_TEST

START_TEST(endpoint_no_address_is_the_wildcard)
{
	struct usocket_address none = { .family = AF_UNSPEC };
	char out[TEXT_ADDRESS_MAX];

	ck_assert_str_eq(text_endpoint(out, &none, AF_INET, NULL), "0.0.0.0:*");
	ck_assert_str_eq(text_endpoint(out, &none, AF_INET6, "udp"), "[::]:*");
	ck_assert_str_eq(text_ip(out, &none), "-");
}
END_TEST

#define N(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
	TCase *tc = tcase_create("text");

	tcase_add_loop_test(tc, escape_names_leaves_nothing_harmful, 0, N(names));
	tcase_add_test(tc, escape_small_buffer_is_cut_between_characters);
	tcase_add_loop_test(tc, bytes_number_gets_its_unit, 0, N(sizes));
	tcase_add_loop_test(tc, duration_number_gets_two_units, 0, N(durations));
	tcase_add_test(tc, rtt_number_gets_its_unit);
	tcase_add_loop_test(tc, endpoint_address_is_as_in_ss, 0, N(endpoints));
	tcase_add_test(tc, endpoint_no_address_is_the_wildcard);
	return run_suite("ctl_text", tc);
}
