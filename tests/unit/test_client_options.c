/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include <linux/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

enum kind {
	TCP4,
	UDP4,
	TCP6
};

static int socket_of(enum kind kind)
{
	int fd = usocket_socket(kind == TCP6 ? AF_INET6 : AF_INET,
		kind == UDP4 ? SOCK_DGRAM : SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* An option of one number: what the daemon must be told for @value. */
struct number {
	enum kind kind;
	int level, option, value;
	usp_Option wire;
	int told;
};

static const struct number numbers[] = {
	{ TCP4, SOL_SOCKET, SO_REUSEADDR, 7, usp_Option_OPTION_REUSE_ADDRESS, 1 },
	{ TCP4, SOL_SOCKET, SO_KEEPALIVE, 1, usp_Option_OPTION_KEEP_ALIVE, 1 },
	{ UDP4, SOL_SOCKET, SO_BROADCAST, 1, usp_Option_OPTION_BROADCAST, 1 },
	{ TCP4, SOL_SOCKET, SO_RCVBUF, 5000, usp_Option_OPTION_RECEIVE_BUFFER, 5000 },
	{ TCP4, IPPROTO_TCP, TCP_NODELAY, 1, usp_Option_OPTION_NO_DELAY, 1 },
	{ TCP4, IPPROTO_TCP, TCP_KEEPIDLE, 60, usp_Option_OPTION_KEEP_IDLE, 60 },
	{ TCP4, IPPROTO_TCP, TCP_KEEPINTVL, 10, usp_Option_OPTION_KEEP_INTERVAL, 10 },
	{ TCP4, IPPROTO_TCP, TCP_KEEPCNT, 4, usp_Option_OPTION_KEEP_COUNT, 4 },
	{ TCP4, IPPROTO_TCP, TCP_USER_TIMEOUT, 2500, usp_Option_OPTION_USER_TIMEOUT, 2500 },
	{ TCP4, IPPROTO_IP, IP_TTL, 9, usp_Option_OPTION_TTL, 9 },
	{ TCP4, IPPROTO_IP, IP_TTL, -1, usp_Option_OPTION_TTL, 64 },
	{ TCP4, IPPROTO_IP, IP_TOS, 0x10, usp_Option_OPTION_TOS, 0x10 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_TTL, -1, usp_Option_OPTION_MULTICAST_TTL, 1 },
	{ UDP4, IPPROTO_IP, IP_MULTICAST_LOOP, 5, usp_Option_OPTION_MULTICAST_LOOP, 1 },
	{ TCP6, IPPROTO_IPV6, IPV6_V6ONLY, 1, usp_Option_OPTION_V6ONLY, 1 },
	{ TCP6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, usp_Option_OPTION_TTL, 64 },
	{ TCP6, IPPROTO_IPV6, IPV6_TCLASS, 3, usp_Option_OPTION_TOS, 3 },
	{ TCP6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3, usp_Option_OPTION_MULTICAST_TTL, 3 },
	{ TCP6, IPPROTO_IP, IP_TOS, 3, usp_Option_OPTION_TOS, 3 },
	{ TCP4, SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES, 5,
		usp_Option_OPTION_KEEP_ALIVE_MINUTES, 5 },
};

START_TEST(number_is_translated)
{
	const struct number *row = &numbers[_i];
	int fd = socket_of(row->kind), back = -1;
	socklen_t len = sizeof(back);

	ck_assert_int_eq(usocket_setsockopt(fd, row->level, row->option, &row->value,
				 sizeof(row->value)),
		0);
	ck_assert_int_eq(fake_last(fake).body.socket_set_option.option, row->wire);
	ck_assert_int_eq(fake_last(fake).body.socket_set_option.value, row->told);
	ck_assert_int_eq(usocket_getsockopt(fd, row->level, row->option, &back, &len), 0);
	ck_assert_int_eq(back, row->told);
	ck_assert_uint_eq(len, sizeof(back));
	ck_fails(usocket_setsockopt(fd, row->level, row->option, &row->value, 0), EINVAL);
	ck_fails(usocket_setsockopt(fd, row->level, row->option, NULL, 4), EFAULT);
	ck_fails(usocket_getsockopt(fd, row->level, row->option, &back, NULL), EFAULT);
}
END_TEST

static const struct {
	enum kind kind;
	int level, option;
} unknown[] = {
	{ TCP4, SOL_SOCKET, 999 },
	{ TCP4, SOL_SOCKET, SO_PRIORITY },
	{ TCP4, 77, SO_REUSEADDR },
	{ TCP4, SOL_SOCKET, SO_REUSEPORT },
	{ TCP4, IPPROTO_IPV6, IPV6_V6ONLY },
	{ TCP4, IPPROTO_TCP, TCP_FASTOPEN },
	{ TCP4, IPPROTO_IP, IP_PKTINFO },
	{ TCP4, SOL_SOCKET, SO_PEERCRED },
	{ TCP4, SOL_USOCKET, 99 },
	{ UDP4, SOL_SOCKET, SO_PASSCRED },
};

START_TEST(unknown_option_is_92)
{
	int fd = socket_of(unknown[_i].kind), value = 1;
	socklen_t len = sizeof(value);
	unsigned int before = atomic_load(&fake->n_requests);

	ck_fails(usocket_setsockopt(fd, unknown[_i].level, unknown[_i].option, &value, 4),
		ENOPROTOOPT);
	ck_fails(usocket_getsockopt(fd, unknown[_i].level, unknown[_i].option, &value, &len),
		ENOPROTOOPT);
	ck_assert_uint_eq(atomic_load(&fake->n_requests), before);
}
END_TEST

START_TEST(linger_is_translated)
{
	static const struct {
		struct linger linger;
		int told;
	} rows[] = {
		{ { 0, 5 }, -1 },
		{ { 1, 0 }, 0 },
		{ { 1, 30 }, 30 },
		{ { 1, 1000000 }, 65535 },
		{ { 1, -1 }, 65535 },
	};
	int fd = socket_of(TCP4);
	struct linger back = { 9, 9 };
	socklen_t len = sizeof(back);

	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_LINGER, &rows[_i].linger, 8), 0);
	ck_assert_int_eq(fake_last(fake).body.socket_set_option.value, rows[_i].told);
	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len), 0);
	ck_assert_int_eq(back.l_onoff, rows[_i].told >= 0);
	ck_assert_int_eq(back.l_linger, rows[_i].told >= 0 ? rows[_i].told : 0);
}
END_TEST

START_TEST(membership_is_translated)
{
	struct ip_mreq mreq = { .imr_multiaddr.s_addr = htonl(0xe0000105) };
	struct ip_mreqn mreqn = { .imr_multiaddr.s_addr = htonl(0xe0000105), .imr_ifindex = 2 };
	struct ipv6_mreq mreq6 = { .ipv6mr_interface = 3 };
	usp_SocketSetOption told;
	int fd = socket_of(UDP4), fd6 = socket_of(TCP6);

	mreq.imr_interface.s_addr = htonl(0x0a000002);
	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)),
		0);
	told = fake_last(fake).body.socket_set_option;
	ck_assert_int_eq(told.option, usp_Option_OPTION_JOIN_GROUP);
	ck_assert_int_eq(told.group.ip.bytes[0], 224);
	ck_assert_int_eq(told.interface.ip.bytes[0], 10);
	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreqn,
				 sizeof(mreqn)),
		0);
	told = fake_last(fake).body.socket_set_option;
	ck_assert_int_eq(told.option, usp_Option_OPTION_LEAVE_GROUP);
	ck_assert_uint_eq(told.interface.scope, 2);
	ck_assert_int_eq(told.interface.family, usp_Family_FAMILY_IPV6);
	mreq6.ipv6mr_multiaddr.s6_addr[0] = 0xff;
	ck_assert_int_eq(usocket_setsockopt(fd6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq6,
				 sizeof(mreq6)),
		0);
	told = fake_last(fake).body.socket_set_option;
	ck_assert_int_eq(told.group.family, usp_Family_FAMILY_IPV6);
	ck_assert_uint_eq(told.interface.scope, 3);
	mreq.imr_multiaddr.s_addr = htonl(0x0a000001);
	ck_fails(usocket_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)),
		EINVAL);
	ck_fails(usocket_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, 4), EINVAL);
}
END_TEST

START_TEST(multicast_interface_is_translated)
{
	struct ip_mreqn mreqn = { .imr_ifindex = 2 };
	struct in_addr ip = { htonl(0x0a000002) }, got;
	socklen_t len = sizeof(got);
	usp_SocketSetOption told;
	int fd = socket_of(UDP4), fd6 = socket_of(TCP6), index = 3;

	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &ip, sizeof(ip)), 0);
	told = fake_last(fake).body.socket_set_option;
	ck_assert_int_eq(told.option, usp_Option_OPTION_MULTICAST_INTERFACE);
	ck_assert_int_eq(told.interface.family, usp_Family_FAMILY_IPV4);
	ck_assert_int_eq(told.interface.ip.bytes[0], 10);
	/* An IPv4 address has no scope: the daemon would not take it. */
	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreqn,
				 sizeof(mreqn)),
		0);
	told = fake_last(fake).body.socket_set_option;
	ck_assert_int_eq(told.interface.family, usp_Family_FAMILY_IPV6);
	ck_assert_uint_eq(told.interface.scope, 2);
	ck_assert_int_eq(usocket_setsockopt(fd6, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, 4), 0);
	ck_assert_uint_eq(fake_last(fake).body.socket_set_option.interface.scope, 3);
	index = -1;
	ck_fails(usocket_setsockopt(fd6, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, 4), ENODEV);
	ck_fails(usocket_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &ip, 3), EINVAL);
	ck_assert_int_eq(usocket_getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &got, &len), 0);
	ck_assert_uint_eq(len, sizeof(got));
	ck_assert_uint_eq(got.s_addr, 0);
}
END_TEST

static int get(int fd, int level, int option)
{
	int value = -77;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(usocket_getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

START_TEST(facts_come_from_the_record)
{
	int tcp = socket_of(TCP4), udp = socket_of(UDP4), six = socket_of(TCP6);

	ck_assert_int_eq(get(tcp, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	ck_assert_int_eq(get(udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	ck_assert_int_eq(get(six, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	ck_assert_int_eq(get(tcp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	ck_assert_int_eq(get(tcp, SOL_SOCKET, SO_ACCEPTCONN), 0);
	ck_assert_int_eq(usocket_listen(tcp, 1), 0);
	ck_assert_int_eq(get(tcp, SOL_SOCKET, SO_ACCEPTCONN), 1);
	ck_assert_int_eq(get(tcp, SOL_SOCKET, SO_RCVLOWAT), 1);
	ck_assert_int_eq(get(tcp, IPPROTO_TCP, TCP_MAXSEG), 536);
	ck_fails(usocket_setsockopt(tcp, SOL_SOCKET, SO_RCVLOWAT, &(int){ 5 }, 4), ENOPROTOOPT);
	ck_assert_int_eq(usocket_setsockopt(tcp, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 }, 4), 0);
	ck_assert_int_eq(usocket_setsockopt(tcp, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, 4), 0);
}
END_TEST

START_TEST(segment_size_comes_from_the_link)
{
	int fd = fake_connected(fake);

	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "");
	fake_socket(fake, fd)->record.link = 1;
	fake_publish(fake, fd);
	ck_assert_int_eq(get(fd, IPPROTO_TCP, TCP_MAXSEG), 1360);
	ck_assert_int_eq(get(fd, IPPROTO_IP, IP_MTU), 1400);
}
END_TEST

START_TEST(buffers_and_times_are_the_channels)
{
	struct timeval tv = { 3, 250000 }, back = { 0, 0 };
	socklen_t len = sizeof(back);
	int fd = socket_of(TCP4);

	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &len), 0);
	ck_assert_int_eq(back.tv_sec, 3);
	tv.tv_usec = 2000000;
	ck_fails(usocket_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 40000 }, 4), 0);
	ck_assert_int_eq(get(fd, SOL_SOCKET, SO_SNDBUF), 80000);
	/* Never the smallest: that is the mark of a connect under way. */
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, 4), 0);
	ck_assert_int_gt(get(fd, SOL_SOCKET, SO_SNDBUF), 4608);
}
END_TEST

START_TEST(tcp_info_tells_what_the_table_knows)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int fd = fake_connected(fake), udp = socket_of(UDP4);
	struct fake_socket *s = fake_socket(fake, fd);

	s->record.rtt_us = 31000;
	s->record.send_queue = 3000;
	s->record.retransmissions = 2;
	s->record.bytes_acked = 1ull << 40;
	s->record.bytes_received = 77;
	fake_publish(fake, fd);
	ck_assert_int_eq(usocket_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	ck_assert_uint_eq(info.tcpi_state, 1);
	ck_assert_uint_eq(info.tcpi_rtt, 31000);
	ck_assert_uint_eq(info.tcpi_unacked, 3);
	ck_assert_uint_eq(info.tcpi_total_retrans, 2);
	ck_assert(info.tcpi_bytes_acked == 1ull << 40);
	len = 8;
	ck_assert_int_eq(usocket_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(len, 8);
	ck_fails(usocket_getsockopt(udp, IPPROTO_TCP, TCP_INFO, &info, &len), ENOPROTOOPT);
	ck_assert(usocket_getsendacksize(fd) == 1ll << 40);
}
END_TEST

START_TEST(wait_link_is_shared_by_holders)
{
	int fd = socket_of(TCP4), copy = dup(fd);

	ck_assert_int_eq(get(fd, SOL_USOCKET, USOCKET_SO_WAIT_LINK), 0);
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_USOCKET, USOCKET_SO_WAIT_LINK, &(int){ 1 }, 4),
		0);
	ck_assert_int_eq(get(copy, SOL_USOCKET, USOCKET_SO_WAIT_LINK), 1);
	usocket_set_wait_link(1);
	ck_assert_int_eq(usocket_wait_link_default(), 1);
	ck_assert_int_eq(get(socket_of(TCP4), SOL_USOCKET, USOCKET_SO_WAIT_LINK), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client options");
	TCase *tc = tcase_create("options");

	tcase_add_checked_fixture(tc, setup_queues, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, number_is_translated, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_loop_test(tc, unknown_option_is_92, 0, sizeof(unknown) / sizeof(unknown[0]));
	tcase_add_loop_test(tc, linger_is_translated, 0, 5);
	tcase_add_test(tc, membership_is_translated);
	tcase_add_test(tc, multicast_interface_is_translated);
	tcase_add_test(tc, facts_come_from_the_record);
	tcase_add_test(tc, segment_size_comes_from_the_link);
	tcase_add_test(tc, buffers_and_times_are_the_channels);
	tcase_add_test(tc, tcp_info_tells_what_the_table_knows);
	tcase_add_test(tc, wait_link_is_shared_by_holders);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
