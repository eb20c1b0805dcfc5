/* SPDX-License-Identifier: MIT */
#include "proto/channel.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSTANCE UINT64_C(0x0123456789abcdef)
#define ID	 UINT64_C(0xfedcba9800000042)

/* The daemon's end is pair[0] and has the name. */
static void named_pair(int type, int pair[2])
{
	struct sockaddr_un un;
	uint64_t instance = INSTANCE ^ (uint64_t)getpid();
	socklen_t len = channel_name(&un, instance, ID);

	ck_assert_int_eq(socketpair(AF_UNIX, type, 0, pair), 0);
	ck_assert_int_eq(bind(pair[0], (struct sockaddr *)&un, len), 0);
}

START_TEST(name_round_trip_is_identity)
{
	struct sockaddr_un un;
	socklen_t len = channel_name(&un, INSTANCE, ID);
	uint64_t instance;
	socket_id id;

	ck_assert_int_eq(un.sun_path[0], '\0');
	ck_assert_int_eq(channel_parse_name(&un, len, &instance, &id), 0);
	ck_assert_uint_eq(instance, INSTANCE);
	ck_assert_uint_eq(id, ID);
}
END_TEST

START_TEST(name_of_extreme_numbers_is_read_back)
{
	static const uint64_t numbers[] = { 0, 1, UINT64_MAX, UINT64_C(1) << 63 };
	struct sockaddr_un un;
	socklen_t len = channel_name(&un, numbers[_i], numbers[3 - _i]);
	uint64_t instance;
	socket_id id;

	ck_assert_int_eq(channel_parse_name(&un, len, &instance, &id), 0);
	ck_assert_uint_eq(instance, numbers[_i]);
	ck_assert_uint_eq(id, numbers[3 - _i]);
}
END_TEST

START_TEST(name_with_any_other_byte_is_refused)
{
	struct sockaddr_un un;
	socklen_t len = channel_name(&un, INSTANCE, ID);
	size_t n = len - offsetof(struct sockaddr_un, sun_path);
	uint64_t instance;
	socket_id id;

	for (size_t i = 0; i < n; i++) {
		char was = un.sun_path[i];

		un.sun_path[i] = 'G';
		ck_assert_int_eq(channel_parse_name(&un, len, &instance, &id), -ENOTSOCK);
		un.sun_path[i] = was;
	}
	ck_assert_int_eq(channel_parse_name(&un, len, &instance, &id), 0);
}
END_TEST

START_TEST(name_of_other_length_is_refused)
{
	struct sockaddr_un un;
	socklen_t len = channel_name(&un, INSTANCE, ID);
	uint64_t instance;
	socket_id id;

	for (socklen_t i = 0; i <= sizeof(un); i++) {
		if (i != len)
			ck_assert_int_eq(channel_parse_name(&un, i, &instance, &id), -ENOTSOCK);
	}
}
END_TEST

START_TEST(identify_clients_end_gives_id)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	uint64_t instance;
	socket_id id;
	int pair[2];

	named_pair(types[_i], pair);
	ck_assert_int_eq(channel_identify(pair[1], &instance, &id), 0);
	ck_assert_uint_eq(instance, INSTANCE ^ (uint64_t)getpid());
	ck_assert_uint_eq(id, ID);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(identify_after_daemons_end_is_closed_gives_id)
{
	uint64_t instance;
	socket_id id;
	int pair[2];

	named_pair(SOCK_STREAM, pair);
	close(pair[0]);
	ck_assert_int_eq(channel_identify(pair[1], &instance, &id), 0);
	ck_assert_uint_eq(id, ID);
	close(pair[1]);
}
END_TEST

START_TEST(identify_daemons_own_end_is_no_socket)
{
	uint64_t instance;
	socket_id id;
	int pair[2];

	named_pair(SOCK_STREAM, pair);
	ck_assert_int_eq(channel_identify(pair[0], &instance, &id), -ENOTSOCK);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(identify_closed_descriptor_is_bad)
{
	uint64_t instance;
	socket_id id;
	int fd = dup(0);

	close(fd);
	ck_assert_int_eq(channel_identify(fd, &instance, &id), -EBADF);
	ck_assert_int_eq(channel_identify(-1, &instance, &id), -EBADF);
}
END_TEST

START_TEST(identify_other_descriptor_is_no_socket)
{
	struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	uint64_t instance;
	socket_id id;
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int pipes[2], pair[2];

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(channel_identify(pipes[0], &instance, &id), -ENOTSOCK);
	ck_assert_int_eq(channel_identify(udp, &instance, &id), -ENOTSOCK);
	ck_assert_int_eq(connect(udp, (struct sockaddr *)&loopback, sizeof(loopback)), 0);
	ck_assert_int_eq(channel_identify(udp, &instance, &id), -ENOTSOCK);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(channel_identify(pair[0], &instance, &id), -ENOTSOCK);
	close(udp);
	close(pipes[0]);
	close(pipes[1]);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("channel");

	tcase_add_test(tc, name_round_trip_is_identity);
	tcase_add_loop_test(tc, name_of_extreme_numbers_is_read_back, 0, 4);
	tcase_add_test(tc, name_with_any_other_byte_is_refused);
	tcase_add_test(tc, name_of_other_length_is_refused);
	tcase_add_loop_test(tc, identify_clients_end_gives_id, 0, 2);
	tcase_add_test(tc, identify_after_daemons_end_is_closed_gives_id);
	tcase_add_test(tc, identify_daemons_own_end_is_no_socket);
	tcase_add_test(tc, identify_closed_descriptor_is_bad);
	tcase_add_test(tc, identify_other_descriptor_is_no_socket);
	return run_suite("channel", tc);
}
