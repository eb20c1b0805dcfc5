/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

struct message {
	struct channel_header header;
	uint8_t payload[CHANNEL_DATAGRAM_MAX];
};

static struct message message;

static int new_dgram(int family)
{
	int fd = usocket_socket(family, SOCK_DGRAM, 0);

	ck_assert_int_ge(fd, 0);
	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "2001:db8::2");
	return fd;
}

/* What the daemon gets; returns the payload's length, -1 for nothing. */
static ssize_t daemon_receives(int fd)
{
	ssize_t n = recv(fake_channel(fake, fd), &message, sizeof(message), MSG_DONTWAIT);

	if (n < 0)
		return -1;
	ck_assert_int_ge(n, (ssize_t)sizeof(message.header));
	ck_assert_int_eq(message.header.kind, CHANNEL_DATA);
	return n - (ssize_t)sizeof(message.header);
}

static void daemon_sends(int fd, const char *text, size_t len)
{
	message.header = (struct channel_header){
		.kind = CHANNEL_DATA,
		.length = (uint32_t)len,
		.address = { .family = ADDRESS_IPV4, .port = 53, .ip = { 192, 0, 2, 53 } },
	};
	memcpy(message.payload, text, len);
	ck_assert_int_eq(send(fake_channel(fake, fd), &message, sizeof(message.header) + len, 0),
		(ssize_t)(sizeof(message.header) + len));
}

START_TEST(sendto_carries_destination)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 4000);
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = new_dgram(AF_INET);

	ck_assert_int_eq(usocket_sendto(fd, "hello", 5, 0, ADDRESS(to)), 5);
	ck_assert_int_eq(daemon_receives(fd), 5);
	ck_assert_int_eq(message.header.address.family, ADDRESS_IPV4);
	ck_assert_int_eq(message.header.address.port, 4000);
	ck_assert_int_eq(message.header.address.ip[3], 7);
	ck_assert_mem_eq(message.payload, "hello", 5);
	/* It has a port now, that can be asked for. */
	ck_assert_int_eq(usocket_getsockname(fd, (struct sockaddr *)&name, &len), 0);
	ck_assert_int_eq(ntohs(name.sin_port), 50000);
}
END_TEST

START_TEST(empty_datagram_is_sent_once)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 4000);
	int fd = new_dgram(AF_INET);

	ck_assert_int_eq(usocket_sendto(fd, NULL, 0, 0, ADDRESS(to)), 0);
	ck_assert_int_eq(daemon_receives(fd), 0);
	ck_assert_int_eq(daemon_receives(fd), -1);
	ck_assert_int_eq(usocket_sendto_timeout(fd, "", 0, 0, ADDRESS(to), 0), 0);
	ck_assert_int_eq(daemon_receives(fd), 0);
}
END_TEST

START_TEST(connected_socket_needs_no_destination)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 4000), none = { .sin_family = AF_UNSPEC };
	size_t sent = 0;
	int fd = new_dgram(AF_INET);

	ck_fails(usocket_send(fd, "x", 1, 0), EDESTADDRREQ);
	ck_assert_int_eq(usocket_connect(fd, ADDRESS(to)), 0);
	ck_assert_int_eq(usocket_send(fd, "x", 1, 0), 1);
	ck_assert_int_eq(daemon_receives(fd), 1);
	ck_assert_int_eq(message.header.address.family, ADDRESS_NONE);
	/* Row W13. */
	ck_assert_int_eq(usocket_sendall_timeout(fd, "abc", 3, 0, 0, &sent), 0);
	ck_assert_uint_eq(sent, 3);
	ck_assert_int_eq(daemon_receives(fd), 3);
	ck_assert_int_eq(usocket_connect(fd, ADDRESS(none)), 0);
	ck_fails(usocket_send(fd, "x", 1, 0), EDESTADDRREQ);
}
END_TEST

struct bad_destination {
	const char *ip;
	uint16_t port;
	int error;
};

static const struct bad_destination bad_destinations[] = {
	{ "192.0.2.1", 0, EINVAL },
	{ "255.255.255.255", 9, EACCES },
	{ "10.0.0.255", 9, EACCES },
};

START_TEST(sendto_bad_destination_fails)
{
	const struct bad_destination *row = &bad_destinations[_i];
	struct sockaddr_in to = ipv4(row->ip, row->port);
	int fd = new_dgram(AF_INET);

	ck_fails(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), row->error);
	ck_assert_int_eq(daemon_receives(fd), -1);
	if (row->error != EACCES)
		return;
	fake_set_state(fake, fd, TABLE_STATE_CLOSED, TABLE_SOCKET_BROADCAST, 0);
	ck_assert_int_eq(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), 1);
}
END_TEST

START_TEST(sendto_other_family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	struct sockaddr_in four = ipv4("192.0.2.7", 9);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd4 = new_dgram(AF_INET), fd6 = new_dgram(AF_INET6);

	six.sin6_addr.s6_addr[0] = 0x20;
	ck_fails(usocket_sendto(fd4, "x", 1, 0, ADDRESS(six)), EAFNOSUPPORT);
	ck_fails(usocket_sendto(fd4, "x", 1, 0, ADDRESS(un)), EAFNOSUPPORT);
	ck_fails(usocket_sendto(fd4, "x", 1, 0, (struct sockaddr *)&four, 3), EINVAL);
	ck_assert_int_eq(usocket_sendto(fd6, "x", 1, 0, ADDRESS(six)), 1);
	ck_assert_int_eq(daemon_receives(fd6), 1);
	ck_assert_int_eq(usocket_sendto(fd6, "x", 1, 0, ADDRESS(four)), 1);
	ck_assert_int_eq(daemon_receives(fd6), 1);
	ck_assert_int_eq(message.header.address.family, ADDRESS_IPV6);
	ck_assert(address_is_v4_mapped(&message.header.address));
}
END_TEST

START_TEST(send_size_limits)
{
	static char bytes[CHANNEL_DATAGRAM_MAX + 1];
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	int fd = new_dgram(AF_INET);

	ck_assert_int_eq(usocket_sendto(fd, bytes, sizeof(bytes) - 1, 0, ADDRESS(to)),
		sizeof(bytes) - 1);
	ck_assert_int_eq(daemon_receives(fd), sizeof(bytes) - 1);
	ck_fails(usocket_sendto(fd, bytes, sizeof(bytes), 0, ADDRESS(to)), EMSGSIZE);
	ck_fails(usocket_sendto(fd, bytes, 1, MSG_OOB, ADDRESS(to)), EOPNOTSUPP);
}
END_TEST

struct reach {
	enum table_link_state state;
	const char *ip4, *ip6, *to;
	int error;
};

static const struct reach reaches[] = {
	{ TABLE_LINK_UP, "10.0.0.2", "", "192.0.2.1", 0 },
	{ TABLE_LINK_DEGRADED, "10.0.0.2", "", "192.0.2.1", 0 },
	{ TABLE_LINK_NEGOTIATING, "10.0.0.2", "", "192.0.2.1", EHOSTUNREACH },
	{ TABLE_LINK_DOWN, "", "", "192.0.2.1", EHOSTUNREACH },
	{ TABLE_LINK_UP, "", "2001:db8::2", "192.0.2.1", EHOSTUNREACH },
	{ TABLE_LINK_DOWN, "", "", "127.0.0.1", 0 },
	{ TABLE_LINK_UP, "10.0.0.2", "", "2001:db8::1", EHOSTUNREACH },
	{ TABLE_LINK_UP, "", "2001:db8::2", "2001:db8::1", 0 },
	{ TABLE_LINK_UP, "", "fe80::2", "2001:db8::1", EHOSTUNREACH },
	{ TABLE_LINK_UP, "", "fe80::2", "fe80::1", 0 },
	{ TABLE_LINK_DOWN, "", "", "::1", 0 },
	{ TABLE_LINK_UP, "10.0.0.2", "", "::ffff:192.0.2.1", 0 },
	{ TABLE_LINK_UP, "", "2001:db8::2", "::ffff:192.0.2.1", EHOSTUNREACH },
};

START_TEST(send_without_link_fails_at_once)
{
	const struct reach *row = &reaches[_i];
	struct sockaddr_storage to = { 0 };
	socklen_t len = sizeof(to);
	struct address a;
	int fd;

	ck_assert_int_eq(address_parse_ip(&a, row->to), 0);
	a.port = 9;
	address_to_sockaddr(&a, (struct sockaddr *)&to, &len);
	fd = new_dgram(to.ss_family);
	fake_set_link(fake, 0, row->state, row->ip4, row->ip6);
	if (row->error)
		ck_fails(usocket_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), row->error);
	else
		ck_assert_int_eq(usocket_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), 1);
}
END_TEST

static void action_link_up(void *arg)
{
	(void)arg;
	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "");
	fake_send_lookup(fake, "event", 5);
}

START_TEST(send_waits_for_link_if_asked)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	struct later later;
	int fd = new_dgram(AF_INET), one = 1;

	fake_set_link(fake, 0, TABLE_LINK_DOWN, "", "");
	if (_i == 0)
		usocket_set_wait_link(1);
	else
		usocket_setsockopt(fd, SOL_USOCKET, USOCKET_SO_WAIT_LINK, &one, sizeof(one));
	ck_fails(usocket_sendto_timeout(fd, "x", 1, 0, ADDRESS(to), 50), ETIMEDOUT);
	ck_fails(usocket_sendto(fd, "x", 1, MSG_DONTWAIT, ADDRESS(to)), EAGAIN);
	fake_close_lookups(fake);
	later_start(&later, 50, action_link_up, NULL);
	ck_assert_int_eq(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), 1);
	later_join(&later);
}
END_TEST

/* The daemon keeps it until the link is there. */
START_TEST(send_on_demand_is_handed_over)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	int fd = new_dgram(AF_INET);

	fake->links_dial = true;
	fake_set_link(fake, 0, TABLE_LINK_DOWN, "10.0.0.2", "");
	ck_assert_int_eq(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), 1);
	/* Who waits for a link waits. */
	ck_fails(usocket_wait_link(50), ETIMEDOUT);
}
END_TEST

START_TEST(wait_link_waits)
{
	struct later later;

	fake_set_link(fake, 0, TABLE_LINK_SIM, "", "");
	ck_fails(usocket_wait_link(0), EAGAIN);
	ck_fails(usocket_wait_link(50), ETIMEDOUT);
	fake_close_lookups(fake);
	later_start(&later, 50, action_link_up, NULL);
	ck_assert_int_eq(usocket_wait_link(-1), 0);
	later_join(&later);
	ck_assert_int_eq(usocket_wait_link(0), 0);
}
END_TEST

static void action_kill(void *arg)
{
	fake_kill(arg);
}

START_TEST(wait_link_ends_with_daemon)
{
	struct later later;

	later_start(&later, 50, action_kill, fake);
	ck_fails(usocket_wait_link(-1), ENODEV);
	later_join(&later);
}
END_TEST

START_TEST(recvfrom_gives_source_and_cuts)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char bytes[8] = "";
	struct iovec iov[2] = { { bytes, 2 }, { bytes + 4, 2 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_flags = 77 };
	int fd = new_dgram(AF_INET);

	daemon_sends(fd, "hello", 5);
	ck_assert_int_eq(usocket_recvfrom(fd, bytes, 8, 0, (struct sockaddr *)&from, &len), 5);
	ck_assert_mem_eq(bytes, "hello", 5);
	ck_assert_int_eq(ntohs(from.sin_port), 53);
	ck_assert_uint_eq(len, sizeof(from));
	daemon_sends(fd, "hello", 5);
	ck_assert_int_eq(usocket_recvmsg(fd, &m, 0), 4);
	ck_assert_int_eq(m.msg_flags, MSG_TRUNC);
	daemon_sends(fd, "hello", 5);
	ck_assert_int_eq(usocket_recv(fd, bytes, 3, MSG_PEEK | MSG_TRUNC), 5);
	ck_assert_int_eq(usocket_recv(fd, bytes, 3, MSG_TRUNC), 5);
	/* The rest is lost, not delivered with the next. */
	ck_fails(usocket_recv(fd, bytes, 3, MSG_DONTWAIT), EAGAIN);
	daemon_sends(fd, "", 0);
	ck_assert_int_eq(usocket_recv(fd, bytes, 3, 0), 0);
	ck_fails(usocket_recv_timeout(fd, bytes, 3, 0, 30), ETIMEDOUT);
}
END_TEST

START_TEST(many_parts_go_through_a_buffer)
{
	enum {
		N = 100
	};
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	char out[N], in[N] = "";
	struct iovec iov[N];
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = iov,
		.msg_iovlen = N,
	};
	int fd = new_dgram(AF_INET);

	for (int i = 0; i < N; i++) {
		out[i] = (char)i;
		iov[i] = (struct iovec){ &out[i], 1 };
	}
	ck_assert_int_eq(usocket_sendmsg(fd, &m, 0), N);
	ck_assert_int_eq(daemon_receives(fd), N);
	ck_assert_mem_eq(message.payload, out, N);
	daemon_sends(fd, out, N);
	for (int i = 0; i < N; i++)
		iov[i].iov_base = &in[i];
	ck_assert_int_eq(usocket_recvmsg(fd, &m, 0), N);
	ck_assert_mem_eq(in, out, N);
	ck_assert_int_eq(ntohs(to.sin_port), 53);
}
END_TEST

static void daemon_fails(int fd, int error)
{
	struct channel_header header = { .kind = CHANNEL_ERROR };

	fake_set_state(fake, fd, TABLE_STATE_CLOSED, 0, error);
	ck_assert_int_eq(send(fake_channel(fake, fd), &header, sizeof(header), 0), sizeof(header));
}

START_TEST(icmp_error_is_reported_once)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	struct pollfd p = { .events = POLLIN | POLLOUT };
	char bytes[8];
	int fd = new_dgram(AF_INET);

	ck_assert_int_eq(usocket_connect(fd, ADDRESS(to)), 0);
	p.fd = fd;
	ck_assert_int_eq(usocket_poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents, POLLOUT);
	daemon_fails(fd, ECONNREFUSED);
	daemon_sends(fd, "later", 5);
	ck_assert_int_eq(usocket_poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents, POLLIN | POLLOUT | POLLERR);
	switch (_i) {
	case 0:
		ck_fails(usocket_recv(fd, bytes, 8, 0), ECONNREFUSED);
		break;
	case 1:
		ck_fails(usocket_recv(fd, bytes, 8, MSG_PEEK), ECONNREFUSED);
		break;
	default:
		ck_fails(usocket_send(fd, "x", 1, 0), ECONNREFUSED);
		break;
	}
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, 0), 5);
	ck_fails(usocket_recv(fd, bytes, 8, MSG_DONTWAIT), EAGAIN);
	ck_assert_int_eq(usocket_send(fd, "x", 1, 0), 1);
}
END_TEST

START_TEST(nonsense_on_channel_is_skipped)
{
	struct channel_header header = { .kind = 99 };
	char bytes[8];
	int fd = new_dgram(AF_INET);

	ck_assert_int_eq(send(fake_channel(fake, fd), "short", 5, 0), 5);
	ck_assert_int_eq(send(fake_channel(fake, fd), &header, sizeof(header), 0), sizeof(header));
	ck_fails(usocket_recv(fd, bytes, 8, MSG_DONTWAIT), EAGAIN);
	/* A length that cannot be. */
	daemon_sends(fd, "hello", 5);
	message.header.length = UINT32_MAX;
	ck_assert_int_eq(send(fake_channel(fake, fd), &message, sizeof(header) + 5, 0),
		sizeof(header) + 5);
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, MSG_TRUNC), 5);
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, MSG_TRUNC), 5);
}
END_TEST

START_TEST(daemon_gone_is_103_then_end)
{
	struct sockaddr_in to = ipv4("192.0.2.7", 9);
	char bytes[8];
	int fd = new_dgram(AF_INET);

	daemon_sends(fd, "kept", 4);
	fake_kill(fake);
	if (_i == 0) {
		ck_assert_int_eq(usocket_recv(fd, bytes, 8, 0), 4);
		ck_fails(usocket_recv(fd, bytes, 8, 0), ECONNABORTED);
	} else {
		ck_fails(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), ECONNABORTED);
		ck_assert_int_eq(usocket_recv(fd, bytes, 8, 0), 4);
	}
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, 0), 0);
	ck_fails(usocket_sendto(fd, "x", 1, 0, ADDRESS(to)), EPIPE);
}
END_TEST

START_TEST(daemon_killed_outweighs_what_its_record_says)
{
	int fd = new_dgram(AF_INET);

	fake_kill(fake);
	ck_fails(usocket_send(fd, "x", 1, 0), ECONNABORTED);
	ck_fails(usocket_send(fd, "x", 1, 0), EPIPE);
}
END_TEST

START_TEST(states_of_tcp_do_not_apply)
{
	int fd = new_dgram(AF_INET);

	ck_fails(usocket_getsocketsta(fd), EOPNOTSUPP);
	ck_fails(usocket_getsendacksize(fd), EOPNOTSUPP);
	ck_fails(usocket_connect_wait(fd, 0), ENOTCONN);
	ck_fails(usocket_shutdown(fd, SHUT_WR), ENOTCONN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client datagram");
	TCase *tc = tcase_create("datagram");

	tcase_add_checked_fixture(tc, setup_queues, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sendto_carries_destination);
	tcase_add_test(tc, empty_datagram_is_sent_once);
	tcase_add_test(tc, connected_socket_needs_no_destination);
	tcase_add_loop_test(tc, sendto_bad_destination_fails, 0,
		sizeof(bad_destinations) / sizeof(bad_destinations[0]));
	tcase_add_test(tc, sendto_other_family);
	tcase_add_test(tc, send_size_limits);
	tcase_add_loop_test(tc, send_without_link_fails_at_once, 0,
		sizeof(reaches) / sizeof(reaches[0]));
	tcase_add_loop_test(tc, send_waits_for_link_if_asked, 0, 2);
	tcase_add_test(tc, send_on_demand_is_handed_over);
	tcase_add_test(tc, wait_link_waits);
	tcase_add_test(tc, wait_link_ends_with_daemon);
	tcase_add_test(tc, recvfrom_gives_source_and_cuts);
	tcase_add_test(tc, many_parts_go_through_a_buffer);
	tcase_add_loop_test(tc, icmp_error_is_reported_once, 0, 3);
	tcase_add_test(tc, nonsense_on_channel_is_skipped);
	tcase_add_loop_test(tc, daemon_gone_is_103_then_end, 0, 2);
	tcase_add_test(tc, daemon_killed_outweighs_what_its_record_says);
	tcase_add_test(tc, states_of_tcp_do_not_apply);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
