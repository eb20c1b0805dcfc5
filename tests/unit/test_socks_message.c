/* SPDX-License-Identifier: MIT */
#include "tests/unit/run_suite.h"

#include "daemon/socks_message.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define BYTES(...) ((const uint8_t[]){ __VA_ARGS__ })

/* A parser asks for no more than the rest of a message, however slowly that comes. */
static void check_missing(int missing, size_t n_read, size_t len)
{
	ck_assert_int_gt(missing, 0);
	ck_assert_uint_le(n_read + (size_t)missing, len);
}

static void check_greeting(struct socks_greeting *out, const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++)
		check_missing(socks_parse_greeting(out, bytes, n), n, len);
	ck_assert_int_eq(socks_parse_greeting(out, bytes, len), 0);
}

static void check_login(struct socks_login *out, const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++)
		check_missing(socks_parse_login(out, bytes, n), n, len);
	ck_assert_int_eq(socks_parse_login(out, bytes, len), 0);
}

static void check_request(struct socks_request *out, const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++)
		check_missing(socks_parse_request(out, bytes, n), n, len);
	ck_assert_int_eq(socks_parse_request(out, bytes, len), 0);
}

START_TEST(greeting_is_read)
{
	struct socks_greeting greeting;

	check_greeting(&greeting, BYTES(5, 3, 1, 0, 2), 5);
	ck_assert(greeting.offers_none && greeting.offers_password);
	ck_assert_int_eq(socks_parse_greeting(&greeting, BYTES(5, 1, 2), 3), 0);
	ck_assert(!greeting.offers_none && greeting.offers_password);
	ck_assert_int_eq(socks_parse_greeting(&greeting, BYTES(4), 1), -EPROTO);
	ck_assert_int_eq(socks_parse_greeting(&greeting, BYTES(5, 0), 2), -EPROTO);
}
END_TEST

START_TEST(login_is_read)
{
	struct socks_login login;

	check_login(&login, BYTES(1, 2, 'm', 'e', 1, 'x'), 6);
	ck_assert_str_eq(login.name, "me");
	ck_assert_str_eq(login.password, "x");
	ck_assert_uint_eq(login.name_len, 2);
	ck_assert_uint_eq(login.password_len, 1);
	ck_assert_int_eq(socks_parse_login(&login, BYTES(1, 0, 0), 3), 0);
	ck_assert_int_eq(socks_parse_login(&login, BYTES(5), 1), -EPROTO);
}
END_TEST

START_TEST(longest_login_fits)
{
	uint8_t bytes[SOCKS_MESSAGE_MAX];
	struct socks_login login;

	memset(bytes, 'a', sizeof(bytes));
	bytes[0] = 1;
	bytes[1] = 255;
	bytes[257] = 255;
	check_login(&login, bytes, sizeof(bytes));
	ck_assert_uint_eq(strlen(login.name), 255);
	ck_assert_uint_eq(strlen(login.password), 255);
}
END_TEST

START_TEST(request_to_an_address)
{
	char text[ADDRESS_TEXT_MAX];
	struct socks_request request;

	check_request(&request, BYTES(5, 1, 0, 1, 192, 0, 2, 1, 0x1f, 0x90), 10);
	ck_assert_int_eq(request.command, SOCKS_CONNECT);
	ck_assert_str_eq(address_text(&request.target.address, text), "192.0.2.1:8080");
	check_request(&request,
		BYTES(5, 3, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 53),
		22);
	ck_assert_int_eq(request.command, SOCKS_UDP_ASSOCIATE);
	ck_assert_str_eq(address_text(&request.target.address, text), "[2001:db8::1]:53");
}
END_TEST

START_TEST(request_to_a_mapped_address_is_one_of_ipv4)
{
	char text[ADDRESS_TEXT_MAX];
	struct socks_request request;

	ck_assert_int_eq(socks_parse_request(&request,
				 BYTES(5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192,
					 0, 2, 1, 0, 80),
				 22),
		0);
	ck_assert_str_eq(address_text(&request.target.address, text), "192.0.2.1:80");
}
END_TEST

START_TEST(request_to_a_name)
{
	char text[ADDRESS_TEXT_MAX];
	struct socks_request request;

	check_request(&request, BYTES(5, 1, 0, 3, 3, 'a', '.', 'b', 0, 80), 10);
	ck_assert_str_eq(request.target.name, "a.b");
	ck_assert_int_eq(request.target.address.family, ADDRESS_NONE);
	ck_assert_uint_eq(request.target.address.port, 80);
	check_request(&request, BYTES(5, 1, 0, 3, 7, '1', '.', '2', '.', '3', '.', '4', 0, 80), 14);
	ck_assert_str_eq(request.target.name, "");
	ck_assert_str_eq(address_text(&request.target.address, text), "1.2.3.4:80");
}
END_TEST

START_TEST(requests_that_are_none)
{
	struct socks_request request;

	ck_assert_int_eq(socks_parse_request(&request, BYTES(4), 1), -EPROTO);
	ck_assert_int_eq(socks_parse_request(&request, BYTES(5, 1, 0, 3, 0, 0, 80), 7), -EPROTO);
	ck_assert_int_eq(socks_parse_request(&request, BYTES(5, 1, 0, 3, 2, 'a', 0, 0, 80), 9),
		-EPROTO);
	/* No message's end can be told, so what is there has to do. */
	ck_assert_int_eq(socks_parse_request(&request, BYTES(5, 1, 0, 9, 0), 5), 0);
	ck_assert_int_eq(request.target.address.family, ADDRESS_NONE);
	ck_assert_str_eq(request.target.name, "");
}
END_TEST

START_TEST(datagram_is_read)
{
	const uint8_t *bytes = BYTES(0, 0, 0, 1, 192, 0, 2, 1, 0, 53, 'x');
	struct socks_target target;

	ck_assert_int_eq(socks_parse_datagram(&target, bytes, 11), 10);
	ck_assert_uint_eq(target.address.port, 53);
	ck_assert_int_eq(socks_parse_datagram(&target, bytes, 10), 10);
	for (size_t n = 0; n < 10; n++)
		ck_assert_int_eq(socks_parse_datagram(&target, bytes, n), -EPROTO);
	/* A fragment, an unknown type, an empty name. */
	ck_assert_int_eq(socks_parse_datagram(&target, BYTES(0, 0, 1, 1, 1, 2, 3, 4, 0, 53), 10),
		-EPROTO);
	ck_assert_int_eq(socks_parse_datagram(&target, BYTES(0, 0, 0, 2, 1, 2, 3, 4, 0, 53), 10),
		-EPROTO);
	ck_assert_int_eq(socks_parse_datagram(&target, BYTES(0, 0, 0, 3, 0, 0, 53), 7), -EPROTO);
}
END_TEST

START_TEST(what_is_written_can_be_read)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1" };
	uint8_t bytes[SOCKS_HEADER_MAX];
	struct address address;
	struct socks_target target;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(address_parse_ip(&address, texts[i]), 0);
		address.port = 0x1234;
		len = socks_write_datagram(bytes, &address);
		ck_assert_int_eq(socks_parse_datagram(&target, bytes, len), (ssize_t)len);
		ck_assert(address_ip_equal(&target.address, &address));
		ck_assert_uint_eq(target.address.port, 0x1234);
	}
}
END_TEST

START_TEST(reply_is_written)
{
	static const struct address none;
	uint8_t bytes[SOCKS_HEADER_MAX];

	ck_assert_uint_eq(socks_write_reply(bytes, SOCKS_REPLY_REFUSED, &none), 10);
	ck_assert_mem_eq(bytes, BYTES(5, 5, 0, 1, 0, 0, 0, 0, 0, 0), 10);
}
END_TEST

static const struct {
	int error;
	enum socks_reply reply;
} errors[] = {
	{ 0, SOCKS_REPLY_OK },
	{ EACCES, SOCKS_REPLY_NOT_ALLOWED },
	{ ENETUNREACH, SOCKS_REPLY_NETWORK_UNREACHABLE },
	{ EHOSTUNREACH, SOCKS_REPLY_HOST_UNREACHABLE },
	{ ECONNREFUSED, SOCKS_REPLY_REFUSED },
	{ ETIMEDOUT, SOCKS_REPLY_EXPIRED },
	{ EINVAL, SOCKS_REPLY_ADDRESS_UNKNOWN },
	{ EMFILE, SOCKS_REPLY_FAILURE },
};

START_TEST(reply_of_an_error)
{
	ck_assert_int_eq(socks_reply_of(errors[_i].error), errors[_i].reply);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("socks_message");

	tcase_add_test(tc, greeting_is_read);
	tcase_add_test(tc, login_is_read);
	tcase_add_test(tc, longest_login_fits);
	tcase_add_test(tc, request_to_an_address);
	tcase_add_test(tc, request_to_a_mapped_address_is_one_of_ipv4);
	tcase_add_test(tc, request_to_a_name);
	tcase_add_test(tc, requests_that_are_none);
	tcase_add_test(tc, datagram_is_read);
	tcase_add_test(tc, what_is_written_can_be_read);
	tcase_add_test(tc, reply_is_written);
	tcase_add_loop_test(tc, reply_of_an_error, 0, sizeof(errors) / sizeof(errors[0]));
	return run_suite("socks_message", tc);
}
