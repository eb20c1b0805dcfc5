/* SPDX-License-Identifier: MIT */
#include "tests/unit/run_suite.h"
#include "tests/unit/socket_fixture.h"

#include "daemon/dgram.h"
#include "proto/channel.h"

#include <check.h>
#include <errno.h>
#include <lwip/inet_chksum.h>
#include <lwip/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct socket_fixture f;

static void setup(void)
{
	fixture_init(&f);
}

static void teardown(void)
{
	fixture_fini(&f);
}

static const uint8_t families[] = { ADDRESS_IPV4, ADDRESS_IPV6 };

static struct test_socket bound_socket(uint8_t family, uint16_t port)
{
	struct test_socket t = fixture_socket(&f, TABLE_TYPE_DATAGRAM, family);
	struct address local = fixture_loopback(family, port);

	ck_assert_int_eq(t.s->ops->bind(t.s, &local), 0);
	socket_publish(t.s);
	return t;
}

/* One message of the channel; @to may be NULL for the connected peer. */
static void put(int fd, const struct address *to, const void *data, size_t len)
{
	struct channel_header header = { .kind = CHANNEL_DATA };
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)data, len } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	if (to)
		header.address = *to;
	ck_assert_int_eq(sendmsg(fd, &message, 0), (ssize_t)(sizeof(header) + len));
}

/* Payload length, or -1 if there is no message. */
static ssize_t get(int fd, struct channel_header *header, void *data, size_t size)
{
	struct iovec iov[2] = { { header, sizeof(*header) }, { data, size } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

	return n < 0 ? -1 : n - (ssize_t)sizeof(*header);
}

START_TEST(datagram_any_length_arrives_whole)
{
	static const size_t lengths[] = { 0, 1, 1472, 1473, 20000, 65507 };
	static uint8_t out[65507], in[65507];
	struct test_socket a = bound_socket(families[_i], 5000);
	struct test_socket b = bound_socket(families[_i], 5001);
	struct channel_header header;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 13);
	/* IPv6's loopback packets have a larger header (RFC 8200 3). */
	for (size_t i = 0; i < 6; i++) {
		bool too_long = lengths[i] > 65487 && families[_i] == ADDRESS_IPV6;
		size_t len = too_long ? 65487 : lengths[i];

		put(a.fd, &b.s->bound, out, len);
		fixture_settle(&f);
		ck_assert_int_eq(get(b.fd, &header, in, sizeof(in)), (ssize_t)len);
		ck_assert_mem_eq(in, out, len);
		ck_assert_uint_eq(header.length, len);
		ck_assert(address_ip_equal(&header.address, &a.s->bound));
		ck_assert_uint_eq(header.address.port, 5000);
	}
	ck_assert_int_eq(get(b.fd, &header, in, sizeof(in)), -1);
}
END_TEST

START_TEST(datagram_to_unbound_sender_gets_a_dynamic_port)
{
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_DATAGRAM, families[_i]);
	struct test_socket b = bound_socket(families[_i], 5002);
	struct channel_header header;
	char in[8];

	put(a.fd, &b.s->bound, "hello", 5);
	fixture_settle(&f);
	ck_assert_int_eq(get(b.fd, &header, in, sizeof(in)), 5);
	ck_assert_uint_ge(header.address.port, 49152);
	ck_assert_uint_eq(fixture_record(&f, a.s->id).local.port, header.address.port);
}
END_TEST

START_TEST(connected_socket_hears_only_its_peer)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5003);
	struct test_socket b = bound_socket(ADDRESS_IPV4, 5004);
	struct test_socket c = bound_socket(ADDRESS_IPV4, 5005);
	struct channel_header header;
	char in[8];

	ck_assert_int_eq(a.s->ops->connect(a.s, &b.s->bound, false), 0);
	put(c.fd, &a.s->bound, "no", 2);
	put(b.fd, &a.s->bound, "yes", 3);
	fixture_settle(&f);
	ck_assert_int_eq(get(a.fd, &header, in, sizeof(in)), 3);
	ck_assert_int_eq(get(a.fd, &header, in, sizeof(in)), -1);
	ck_assert_uint_eq(fixture_record(&f, a.s->id).drops, 1);
	/* And sends to it by default. */
	put(a.fd, NULL, "x", 1);
	fixture_settle(&f);
	ck_assert_int_eq(get(b.fd, &header, in, sizeof(in)), 1);
	/* Until the association is dissolved. */
	ck_assert_int_eq(a.s->ops->disconnect(a.s), 0);
	put(c.fd, &a.s->bound, "again", 5);
	fixture_settle(&f);
	ck_assert_int_eq(get(a.fd, &header, in, sizeof(in)), 5);
}
END_TEST

START_TEST(peer_changed_after_a_write_does_not_redirect_it)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5006);
	struct test_socket b = bound_socket(ADDRESS_IPV4, 5007);
	struct test_socket c = bound_socket(ADDRESS_IPV4, 5008);
	struct channel_header header;
	char in[8];

	ck_assert_int_eq(a.s->ops->connect(a.s, &b.s->bound, false), 0);
	put(a.fd, NULL, "for b", 5);
	ck_assert_int_eq(a.s->ops->connect(a.s, &c.s->bound, false), 0);
	fixture_settle(&f);
	ck_assert_int_eq(get(b.fd, &header, in, sizeof(in)), 5);
	ck_assert_int_eq(get(c.fd, &header, in, sizeof(in)), -1);
}
END_TEST

/* More than are sent in one turn of the loop. */
START_TEST(peer_changed_after_many_writes_redirects_none)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5020);
	struct test_socket b = bound_socket(ADDRESS_IPV4, 5021);
	struct test_socket c = bound_socket(ADDRESS_IPV4, 5022);
	int n_b = 0, n_c = 0;
	struct channel_header header;
	char in[8];

	ck_assert_int_eq(a.s->ops->connect(a.s, &b.s->bound, false), 0);
	for (int i = 0; i < 100; i++)
		put(a.fd, NULL, "old", 3);
	ck_assert_int_eq(a.s->ops->connect(a.s, &c.s->bound, false), 0);
	put(a.fd, NULL, "new", 3);
	fixture_settle(&f);
	while (get(b.fd, &header, in, sizeof(in)) == 3)
		n_b++;
	while (get(c.fd, &header, in, sizeof(in)) == 3)
		n_c++;
	ck_assert_int_eq(n_b, 100);
	ck_assert_int_eq(n_c, 1);
}
END_TEST

START_TEST(port_unreachable_is_reported_once)
{
	struct test_socket a = bound_socket(families[_i], 5009);
	struct address nobody = fixture_loopback(families[_i], 5010);
	struct channel_header header;
	int32_t error;
	char in[8];

	ck_assert_int_eq(a.s->ops->connect(a.s, &nobody, false), 0);
	put(a.fd, NULL, "?", 1);
	fixture_settle(&f);
	ck_assert_int_eq(get(a.fd, &header, in, sizeof(in)), 0);
	ck_assert_int_eq(header.kind, CHANNEL_ERROR);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, ECONNREFUSED);
	ck_assert_int_eq(socket_get_option(a.s, usp_Option_OPTION_ERROR, &error), 0);
	ck_assert_int_eq(error, ECONNREFUSED);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, 0);
}
END_TEST

START_TEST(receive_queue_full_drops_and_counts)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5011);
	struct test_socket b = bound_socket(ADDRESS_IPV4, 5012);
	struct channel_header header;
	static char block[1000];
	uint32_t drops;
	int n = 0;

	for (int i = 0; i < 400; i++) {
		put(a.fd, &b.s->bound, block, sizeof(block));
		fixture_settle(&f);
	}
	drops = fixture_record(&f, b.s->id).drops;
	ck_assert_uint_gt(drops, 0);
	while (get(b.fd, &header, block, sizeof(block)) == sizeof(block))
		n++;
	ck_assert_int_ge(n, 30);
	ck_assert_uint_eq((uint32_t)n + drops, 400);
}
END_TEST

START_TEST(dual_stack_socket_sees_ipv4_as_mapped)
{
	struct test_socket six = fixture_socket(&f, TABLE_TYPE_DATAGRAM, ADDRESS_IPV6);
	struct test_socket four = bound_socket(ADDRESS_IPV4, 5013);
	struct address any6 = { .family = ADDRESS_IPV6, .port = 5014 };
	struct address to = fixture_loopback(ADDRESS_IPV4, 5014), mapped;
	struct channel_header header;
	char in[8];

	ck_assert_int_eq(six.s->ops->bind(six.s, &any6), 0);
	put(four.fd, &to, "hi", 2);
	fixture_settle(&f);
	ck_assert_int_eq(get(six.fd, &header, in, sizeof(in)), 2);
	mapped = address_map_v4(&four.s->bound);
	ck_assert(address_ip_equal(&header.address, &mapped));
	put(six.fd, &mapped, "re", 2);
	fixture_settle(&f);
	ck_assert_int_eq(get(four.fd, &header, in, sizeof(in)), 2);
	ck_assert_int_eq(header.address.family, ADDRESS_IPV4);
}
END_TEST

/* What a hostile client may write into its channel. */
START_TEST(malformed_messages_are_dropped)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5015);
	struct address broadcast = {
		.family = ADDRESS_IPV4,
		.port = 9,
		.ip = { 255, 255, 255, 255 },
	};
	struct address port0 = fixture_loopback(ADDRESS_IPV4, 0);
	struct address six = fixture_loopback(ADDRESS_IPV6, 9);
	struct channel_header wrong_kind = { .kind = CHANNEL_ACCEPTED };
	static char huge[CHANNEL_DATAGRAM_MAX + 1];

	ck_assert_int_eq(send(a.fd, "short", 5, 0), 5);
	ck_assert_int_eq(send(a.fd, &wrong_kind, sizeof(wrong_kind), 0), sizeof(wrong_kind));
	put(a.fd, NULL, "no peer", 7);
	put(a.fd, &broadcast, "no right", 8);
	put(a.fd, &port0, "x", 1);
	put(a.fd, &six, "x", 1);
	put(a.fd, &six, huge, sizeof(huge));
	fixture_settle(&f);
	ck_assert_uint_eq(fixture_record(&f, a.s->id).drops, 6);
	ck_assert_ptr_eq(socket_find(f.daemon.sockets, a.s->id), a.s);
}
END_TEST

START_TEST(group_joined_once_and_left_once)
{
	struct test_socket b = fixture_socket(&f, TABLE_TYPE_DATAGRAM, ADDRESS_IPV4);
	struct address any = { .family = ADDRESS_IPV4, .port = 5017 };
	struct address group = { .family = ADDRESS_IPV4, .port = 5017, .ip = { 239, 1, 2, 3 } };
	struct address none = { 0 };

	ck_assert_int_eq(b.s->ops->bind(b.s, &any), 0);
	ck_assert_int_eq(b.s->ops->set_group(b.s, true, &group, &none), 0);
	ck_assert_int_eq(b.s->ops->set_group(b.s, true, &group, &none), -EADDRINUSE);
	ck_assert_int_eq(b.s->ops->set_group(b.s, false, &group, &none), 0);
	ck_assert_int_eq(b.s->ops->set_group(b.s, false, &group, &none), -EADDRNOTAVAIL);
	/* There is no such link. */
	none.scope = 1;
	ck_assert_int_eq(b.s->ops->set_group(b.s, true, &group, &none), -ENODEV);
}
END_TEST

START_TEST(raw_icmp_echo_is_answered_by_the_stack)
{
	struct test_socket r = fixture_socket(&f, TABLE_TYPE_RAW, ADDRESS_IPV4);
	struct address to = fixture_loopback(ADDRESS_IPV4, 0);
	uint8_t echo[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g' };
	uint16_t sum = inet_chksum(echo, sizeof(echo));
	struct channel_header header;
	uint8_t in[256];
	int replies = 0;
	ssize_t n;

	memcpy(echo + 2, &sum, 2);
	put(r.fd, &to, echo, sizeof(echo));
	fixture_settle(&f);
	/* The request is seen too: it comes in on loopback. */
	while ((n = get(r.fd, &header, in, sizeof(in))) >= 0) {
		ck_assert_int_eq(in[0] >> 4, 4);
		ck_assert_int_eq(n, 20 + (ssize_t)sizeof(echo));
		if (in[20] == 0) {
			ck_assert_mem_eq(in + 28, "ping", 4);
			replies++;
		}
	}
	ck_assert_int_eq(replies, 1);
}
END_TEST

/* The resolver's ports are lwIP's alone: no registered socket has them. */
START_TEST(dynamic_port_taken_in_the_stack_is_passed_over)
{
	struct address any = { .family = ADDRESS_IPV4 };
	static struct udp_pcb *taken[8192];

	for (size_t i = 0; i < 8192; i++) {
		taken[i] = udp_new_ip_type(IPADDR_TYPE_V4);
		ck_assert_int_eq(udp_bind(taken[i], IP4_ADDR_ANY, (u16_t)(49152 + 2 * i)), ERR_OK);
	}
	for (int i = 0; i < 20; i++) {
		struct test_socket t = fixture_socket(&f, TABLE_TYPE_DATAGRAM, ADDRESS_IPV4);

		ck_assert_int_eq(t.s->ops->bind(t.s, &any), 0);
		ck_assert_int_eq(t.s->bound.port % 2, 1);
	}
	for (size_t i = 0; i < 8192; i++)
		udp_remove(taken[i]);
}
END_TEST

static bool none_left(void *arg)
{
	(void)arg;
	return socket_registry_count(f.daemon.sockets) == 0;
}

START_TEST(channel_closed_frees_the_socket)
{
	struct test_socket a = bound_socket(ADDRESS_IPV4, 5018);

	put(a.fd, &a.s->bound, "self", 4);
	close(a.fd);
	fixture_run_until(&f, none_left, NULL);
	ck_assert_uint_eq(account_used(f.account, RESOURCE_SOCKET), 0);
	/* The port is free again. */
	bound_socket(ADDRESS_IPV4, 5018);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("loopback");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, datagram_any_length_arrives_whole, 0, 2);
	tcase_add_loop_test(tc, datagram_to_unbound_sender_gets_a_dynamic_port, 0, 2);
	tcase_add_test(tc, connected_socket_hears_only_its_peer);
	tcase_add_test(tc, peer_changed_after_a_write_does_not_redirect_it);
	tcase_add_test(tc, peer_changed_after_many_writes_redirects_none);
	tcase_add_loop_test(tc, port_unreachable_is_reported_once, 0, 2);
	tcase_add_test(tc, receive_queue_full_drops_and_counts);
	tcase_add_test(tc, dual_stack_socket_sees_ipv4_as_mapped);
	tcase_add_test(tc, malformed_messages_are_dropped);
	tcase_add_test(tc, group_joined_once_and_left_once);
	tcase_add_test(tc, raw_icmp_echo_is_answered_by_the_stack);
	tcase_add_test(tc, dynamic_port_taken_in_the_stack_is_passed_over);
	tcase_add_test(tc, channel_closed_frees_the_socket);
	return run_suite("udp", tc);
}
