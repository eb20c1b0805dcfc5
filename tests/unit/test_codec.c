/* SPDX-License-Identifier: MIT */
#include "proto/codec.h"

#include "proto/protocol.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static usp_Request sample_request(void)
{
	usp_Request m = usp_Request_init_zero;

	m.sequence = 4000000000u;
	m.which_body = usp_Request_socket_connect_tag;
	m.body.socket_connect.socket = 0xfedcba9876543210u;
	m.body.socket_connect.has_address = true;
	m.body.socket_connect.address.family = usp_FAMILY_IPV6;
	m.body.socket_connect.address.port = 443;
	m.body.socket_connect.address.ip.size = 16;
	memset(m.body.socket_connect.address.ip.bytes, 0xa5, 16);
	m.body.socket_connect.wait_for_link = true;
	return m;
}

START_TEST(request_round_trip_keeps_all_fields)
{
	usp_Request in = sample_request(), out = usp_Request_init_zero;
	const usp_SocketConnect *connect = &out.body.socket_connect;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int len = codec_encode_request(&in, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(codec_decode_request(&out, buf, (size_t)len), 0);
	ck_assert_uint_eq(out.sequence, 4000000000u);
	ck_assert_int_eq(out.which_body, usp_Request_socket_connect_tag);
	ck_assert_uint_eq(connect->socket, 0xfedcba9876543210u);
	ck_assert(connect->has_address);
	ck_assert_uint_eq(connect->address.port, 443);
	ck_assert_uint_eq(connect->address.ip.size, 16);
	ck_assert_int_eq(connect->address.ip.bytes[15], 0xa5);
	ck_assert(connect->wait_for_link);
}
END_TEST

START_TEST(request_cut_short_is_bad_or_another)
{
	usp_Request in = sample_request();
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int len = codec_encode_request(&in, buf, sizeof(buf));
	int n_bad = 0;

	/* A cut between fields leaves a message; nothing else may. */
	for (int i = 0; i < len; i++) {
		usp_Request out = usp_Request_init_zero;
		int r = codec_decode_request(&out, buf, (size_t)i);

		ck_assert(r == 0 || r == -EBADMSG);
		n_bad += r < 0;
	}
	ck_assert_int_ge(n_bad, len - 4);
}
END_TEST

START_TEST(request_of_noise_is_bad)
{
	uint8_t noise[64];
	usp_Request out = usp_Request_init_zero;

	memset(noise, 0xff, sizeof(noise));
	ck_assert_int_eq(codec_decode_request(&out, noise, sizeof(noise)), -EBADMSG);
}
END_TEST

START_TEST(request_with_unknown_member_has_no_body)
{
	/* sequence 7, then field 100 with two bytes. */
	static const uint8_t newer[] = { 0x08, 7, 0xa2, 0x06, 2, 1, 2 };
	usp_Request out = usp_Request_init_zero;

	ck_assert_int_eq(codec_decode_request(&out, newer, sizeof(newer)), 0);
	ck_assert_uint_eq(out.sequence, 7);
	ck_assert_int_eq(out.which_body, 0);
}
END_TEST

START_TEST(request_with_string_too_long_is_bad)
{
	/* hello { program: 40 bytes } */
	uint8_t buf[44] = { 0x12, 42, 0x22, 40 };
	usp_Request out = usp_Request_init_zero;

	memset(buf + 4, 'x', 40);
	ck_assert_int_eq(codec_decode_request(&out, buf, sizeof(buf)), -EBADMSG);
}
END_TEST

START_TEST(request_with_ip_too_long_is_bad)
{
	/* socket_bind { address { ip: 17 bytes } } */
	uint8_t buf[23] = { 0x2a, 21, 0x12, 19, 0x12, 17 };
	usp_Request out = usp_Request_init_zero;

	ck_assert_int_eq(codec_decode_request(&out, buf, sizeof(buf)), -EBADMSG);
}
END_TEST

START_TEST(request_longest_fits_a_message)
{
	usp_Request m = usp_Request_init_zero;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	usp_Request out = usp_Request_init_zero;
	int len;

	m.sequence = UINT32_MAX;
	m.which_body = usp_Request_resolve_tag;
	memset(m.body.resolve.name, 'n', sizeof(m.body.resolve.name) - 1);
	len = codec_encode_request(&m, buf, sizeof(buf));
	ck_assert_int_gt(len, 255);
	ck_assert_int_eq(codec_decode_request(&out, buf, (size_t)len), 0);
	ck_assert_str_eq(out.body.resolve.name, m.body.resolve.name);
}
END_TEST

START_TEST(reply_round_trip_keeps_all_fields)
{
	usp_Reply in = usp_Reply_init_zero, out = usp_Reply_init_zero;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int len;

	in.sequence = 9;
	in.status = usp_STATUS_NAME_SERVICE;
	in.which_body = usp_Reply_hello_tag;
	in.body.hello.instance = UINT64_MAX;
	in.body.hello.session = 3;
	strcpy(in.body.hello.daemon_version, "1.2.3");
	len = codec_encode_reply(&in, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(codec_decode_reply(&out, buf, (size_t)len), 0);
	ck_assert_int_eq(out.status, usp_STATUS_NAME_SERVICE);
	ck_assert_uint_eq(out.body.hello.instance, UINT64_MAX);
	ck_assert_uint_eq(out.body.hello.session, 3);
	ck_assert_str_eq(out.body.hello.daemon_version, "1.2.3");
}
END_TEST

START_TEST(encode_without_room_says_so)
{
	usp_Request m = sample_request();
	uint8_t buf[8];

	ck_assert_int_eq(codec_encode_request(&m, buf, sizeof(buf)), -EMSGSIZE);
}
END_TEST

START_TEST(result_full_fits_an_event_message)
{
	usp_ResolveResult in = usp_ResolveResult_init_zero, out = usp_ResolveResult_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int len;

	memset(in.canonical, 'c', sizeof(in.canonical) - 1);
	in.address_count = 16;
	for (int i = 0; i < 16; i++) {
		in.address[i].family = usp_FAMILY_IPV6;
		in.address[i].ip.size = 16;
		memset(in.address[i].ip.bytes, i, 16);
		in.address[i].port = 65535;
		in.address[i].scope = UINT32_MAX;
	}
	len = codec_encode_result(&in, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(codec_decode_result(&out, buf, (size_t)len), 0);
	ck_assert_int_eq(out.address_count, 16);
	ck_assert_int_eq(out.address[15].ip.bytes[0], 15);
}
END_TEST

START_TEST(event_round_trip_keeps_all_fields)
{
	usp_Event in = { .link = 2, .state = 6, .cause = "modem says hello" };
	usp_Event out = usp_Event_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int len = codec_encode_event(&in, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(codec_decode_event(&out, buf, (size_t)len), 0);
	ck_assert_uint_eq(out.link, 2);
	ck_assert_uint_eq(out.state, 6);
	ck_assert_str_eq(out.cause, "modem says hello");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("codec");

	tcase_add_test(tc, request_round_trip_keeps_all_fields);
	tcase_add_test(tc, request_cut_short_is_bad_or_another);
	tcase_add_test(tc, request_of_noise_is_bad);
	tcase_add_test(tc, request_with_unknown_member_has_no_body);
	tcase_add_test(tc, request_with_string_too_long_is_bad);
	tcase_add_test(tc, request_with_ip_too_long_is_bad);
	tcase_add_test(tc, request_longest_fits_a_message);
	tcase_add_test(tc, reply_round_trip_keeps_all_fields);
	tcase_add_test(tc, encode_without_room_says_so);
	tcase_add_test(tc, result_full_fits_an_event_message);
	tcase_add_test(tc, event_round_trip_keeps_all_fields);
	return run_suite("codec", tc);
}
