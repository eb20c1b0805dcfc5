/* SPDX-License-Identifier: MIT */
/*
 * DHCP messages, of which only the options change from row to row.
 */
#include "netif/dhcp_message.h"

#include "tests/unit/hex.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define OPTIONS_AT 240
#define ACK	   "350105"
#define LEASE	   "330400000078"
#define SERVER	   "36040a000001"
#define MASK	   "0104ffffff00"
#define ROUTER	   "03040a000001"
#define END	   "ff"

struct row {
	const char *name;
	int expected;
	const char *options;
	const char *file; /* the field of that name, NULL: zeroes */
};

/* A reply for 02:00:00:00:00:01 with 10.0.0.9, in a buffer of its length. */
static int parse(struct dhcp_message *message, const struct row *row)
{
	static const uint8_t head[] = { 2, 1, 6, 0, 0xca, 0xfe, 0, 1 };
	size_t n_options, n_file = 0;
	uint8_t *options = hex_bytes(row->options, &n_options);
	uint8_t *file = row->file ? hex_bytes(row->file, &n_file) : NULL;
	uint8_t *bytes = calloc(1, OPTIONS_AT + n_options);
	int r;

	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + 16, "\x0a\0\0\x09", 4);
	memcpy(bytes + 28, "\x02\0\0\0\0\x01", 6);
	if (file)
		memcpy(bytes + 108, file, n_file);
	memcpy(bytes + 236, "\x63\x82\x53\x63", 4);
	memcpy(bytes + OPTIONS_AT, options, n_options);
	r = dhcp_message_parse(message, bytes, OPTIONS_AT + n_options);
	free(bytes);
	free(file);
	free(options);
	return r;
}

static const struct row rows[] = {
	{ "all that there can be", 0,
		ACK LEASE SERVER MASK ROUTER "3a040000003c"
					     "3b0400000069"
					     "0c0161" END,
		NULL },
	{ "padding before and after", 0, "0000" ACK "00" LEASE END "0000", NULL },
	{ "refusal", 0, "350106" SERVER END, NULL },
	{ "overloaded", 0, ACK "340101" END, LEASE END },
	{ "no options", -EBADMSG, "", NULL },
	{ "no end", -EBADMSG, ACK LEASE, NULL },
	{ "no type", -EBADMSG, LEASE END, NULL },
	{ "a client's type", -EBADMSG, "350103" END, NULL },
	{ "option past the end", -EBADMSG, ACK "3304000000", NULL },
	{ "option without length", -EBADMSG, ACK "33", NULL },
	{ "lease too short", -EBADMSG, ACK "3303000078" END, NULL },
	{ "type too long", -EBADMSG, "35020505" END, NULL },
	{ "mask with holes", -EBADMSG, ACK "0104ff00ff00" END, NULL },
	{ "mask of nothing", -EBADMSG, ACK "010400000000" END, NULL },
	{ "router is a group", -EBADMSG, ACK "0304e0000001" END, NULL },
	{ "no router in its option", -EBADMSG, ACK "0300" END, NULL },
	{ "half a router", -EBADMSG, ACK "03060a0000010a00" END, NULL },
	{ "server is loopback", -EBADMSG, ACK "36047f000001" END, NULL },
	{ "overloaded, no end there", -EBADMSG, ACK "340101" END, NULL },
	{ "overloaded with nonsense", -EBADMSG, ACK "340104" END, NULL },
};

START_TEST(message_is_useful_or_not)
{
	struct dhcp_message message;

	ck_assert_msg(parse(&message, &rows[_i]) == rows[_i].expected, "%s", rows[_i].name);
}
END_TEST

START_TEST(message_is_read)
{
	static const struct row row = {
		.options = ACK LEASE "06100a00000100000000e00000010a000002"
				     "1a0205dc" END,
	};
	struct dhcp_message message;

	ck_assert_int_eq(parse(&message, &row), 0);
	ck_assert_uint_eq(message.type, DHCP_MESSAGE_ACK);
	ck_assert_uint_eq(message.xid, 0xcafe0001);
	ck_assert_mem_eq(message.mac, "\x02\0\0\0\0\x01", 6);
	ck_assert_mem_eq(message.ip, "\x0a\0\0\x09", 4);
	ck_assert_uint_eq(message.mtu, 1500);
	/* Those that cannot be a server's are left out. */
	ck_assert_uint_eq(message.n_dns, 2);
	ck_assert_mem_eq(message.dns[1], "\x0a\0\0\x02", 4);
}
END_TEST

START_TEST(message_with_an_mtu_too_small_for_ipv6_gives_none)
{
	static const struct row row = { .options = ACK "1a020240" END };
	struct dhcp_message message;

	ck_assert_int_eq(parse(&message, &row), 0);
	ck_assert_uint_eq(message.mtu, 0);
}
END_TEST

/* Each byte that a client relies on, changed. */
START_TEST(message_of_another_kind_is_refused)
{
	static const size_t ats[] = { 0, 1, 2, 236, 16 };
	static const uint8_t values[] = { 1, 6, 16, 0, 127 };
	uint8_t bytes[OPTIONS_AT + 4] = { 2, 1, 6 };
	struct dhcp_message message;

	memcpy(bytes + 16, "\x0a\0\0\x09", 4);
	memcpy(bytes + 236, "\x63\x82\x53\x63\x35\x01\x05\xff", 8);
	ck_assert_int_eq(dhcp_message_parse(&message, bytes, sizeof(bytes)), 0);
	bytes[ats[_i]] = values[_i];
	ck_assert_int_eq(dhcp_message_parse(&message, bytes, sizeof(bytes)), -EBADMSG);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("dhcp_message");

	tcase_add_loop_test(tc, message_is_useful_or_not, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, message_is_read);
	tcase_add_test(tc, message_with_an_mtu_too_small_for_ipv6_gives_none);
	tcase_add_loop_test(tc, message_of_another_kind_is_refused, 0, 5);
	return run_suite("dhcp_message", tc);
}
