/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * datagrams: sends one datagram of each size "from", "from" + "step", ... "to"
 * to a reflector and checks what comes back, length and bytes. One datagram is
 * under way at a time, so nothing is ever lost for want of room, and a lost
 * one is a failure, not a wait: SO_RCVTIMEO ends it.
 *
 * reflect: sends back what comes, until its input ends.
 *
 * group: "receive=1" joins a multicast group, says "joined" and waits for one
 * datagram with the text "over there"; else it sends one, with "interface"
 * (an address of ours, for the kernel's sockets).
 *
 * ping: an ICMP echo request over a raw socket.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define DATAGRAM_MAX 65507
#define WAIT_S	     10

static const char group_text[] = "over there";

static void limit_waiting(int fd)
{
	struct timeval limit = { .tv_sec = WAIT_S };

	require(net->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0,
		"SO_RCVTIMEO");
}

/* The kernel's default takes few of the largest datagrams. */
static void want_room(int fd)
{
	int bytes = 1 << 20;

	require(net->setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0,
		"SO_RCVBUF");
	require(net->setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0,
		"SO_SNDBUF");
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	const struct sockaddr_in *a4 = (const void *)&a->address, *b4 = (const void *)&b->address;
	const struct sockaddr_in6 *a6 = (const void *)&a->address,
				  *b6 = (const void *)&b->address;

	if (a->address.ss_family != b->address.ss_family)
		return false;
	if (a->address.ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
		memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static void check_one(int fd, const struct endpoint *peer, size_t len)
{
	static uint8_t bytes[DATAGRAM_MAX + 1];
	struct endpoint from = { .len = sizeof(from.address) };
	ssize_t n;

	pattern_fill(bytes, len, 0, len);
	n = net->sendto(fd, bytes, len, 0, (const struct sockaddr *)&peer->address, peer->len);
	require(n == (ssize_t)len, "sendto of %zu bytes gave %zd", len, n);
	memset(bytes, 0, len);
	n = net->recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from.address,
		&from.len);
	require(n == (ssize_t)len, "recvfrom of %zu bytes gave %zd", len, n);
	require(pattern_check(bytes, len, 0, len) == len, "the %zu bytes differ", len);
	require(same_place(&from, peer), "%zu bytes came from elsewhere", len);
}

int load_datagrams(const struct args *args)
{
	size_t from = (size_t)arg_number(args, "from", 0);
	size_t to = (size_t)arg_number(args, "to", DATAGRAM_MAX);
	size_t step = (size_t)arg_number(args, "step", 1);
	struct endpoint peer;
	size_t n = 0;
	int fd;

	arg_endpoint(args, &peer);
	fd = net->socket(peer.address.ss_family, SOCK_DGRAM, 0);
	require(fd >= 0, "socket");
	want_room(fd);
	limit_waiting(fd);
	for (size_t len = from; len <= to; len += step, n++)
		check_one(fd, &peer, len);
	require(net->close(fd) == 0, "close");
	say("checked %zu", n);
	return 0;
}

static void reflect_one(int fd)
{
	static uint8_t bytes[DATAGRAM_MAX + 1];
	struct endpoint from = { .len = sizeof(from.address) };
	ssize_t n = net->recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT,
		(struct sockaddr *)&from.address, &from.len);

	if (n < 0)
		return;
	require(net->sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from.address,
			from.len) == n,
		"sendto");
}

int load_reflect(const struct args *args)
{
	struct endpoint local;
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };

	arg_endpoint(args, &local);
	fds[1].fd = open_bound(&local, SOCK_DGRAM);
	fds[1].events = POLLIN;
	want_room(fds[1].fd);
	say("listening %d", local_port(fds[1].fd));
	while (!fds[0].revents) {
		require(net->poll(fds, 2, -1) > 0, "poll");
		if (fds[1].revents)
			reflect_one(fds[1].fd);
	}
	return 0;
}

/* ---- multicast ------------------------------------------------------------- */

static void join4(int fd, const struct endpoint *group, const char *interface)
{
	struct ip_mreq request = { 0 };

	request.imr_multiaddr = ((const struct sockaddr_in *)&group->address)->sin_addr;
	if (interface)
		inet_pton(AF_INET, interface, &request.imr_interface);
	require(net->setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
			sizeof(request)) == 0,
		"IP_ADD_MEMBERSHIP");
}

static void join6(int fd, const struct endpoint *group, unsigned int index)
{
	struct ipv6_mreq request = { .ipv6mr_interface = index };

	request.ipv6mr_multiaddr = ((const struct sockaddr_in6 *)&group->address)->sin6_addr;
	require(net->setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request,
			sizeof(request)) == 0,
		"IPV6_JOIN_GROUP");
}

static int receive_from_group(const struct endpoint *group, const struct args *args)
{
	struct endpoint any = { .len = group->len };
	char text[64] = "";
	int fd;

	any.address.ss_family = group->address.ss_family;
	((struct sockaddr_in *)&any.address)->sin_port =
		((const struct sockaddr_in *)&group->address)->sin_port;
	fd = open_bound(&any, SOCK_DGRAM);
	limit_waiting(fd);
	if (group->address.ss_family == AF_INET)
		join4(fd, group, arg_text(args, "interface", NULL));
	else
		join6(fd, group, (unsigned int)arg_number(args, "index", 0));
	say("joined");
	require(net->recv(fd, text, sizeof(text) - 1, 0) == (ssize_t)strlen(group_text), "recv");
	require(strcmp(text, group_text) == 0, "received \"%s\"", text);
	say("received");
	return net->close(fd);
}

static int send_to_group(const struct endpoint *group, const struct args *args)
{
	int fd = net->socket(group->address.ss_family, SOCK_DGRAM, 0);
	const char *interface = arg_text(args, "interface", NULL);
	unsigned int index = (unsigned int)arg_number(args, "index", 0);
	struct in_addr via;

	require(fd >= 0, "socket");
	if (interface && inet_pton(AF_INET, interface, &via) == 1)
		require(net->setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &via,
				sizeof(via)) == 0,
			"IP_MULTICAST_IF");
	if (index > 0)
		require(net->setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index,
				sizeof(index)) == 0,
			"IPV6_MULTICAST_IF");
	require(net->sendto(fd, group_text, strlen(group_text), 0,
			(const struct sockaddr *)&group->address, group->len) ==
			(ssize_t)strlen(group_text),
		"sendto");
	say("sent");
	return net->close(fd);
}

int load_group(const struct args *args)
{
	struct endpoint group;

	arg_endpoint(args, &group);
	if (arg_number(args, "receive", 0))
		return receive_from_group(&group, args);
	return send_to_group(&group, args);
}

/* ---- ping ------------------------------------------------------------------ */

#define PING_PAYLOAD 56
#define PING_ID	     0x5573

struct ping {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t payload[PING_PAYLOAD];
};

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Where the ICMP message begins: IPv4 raw sockets receive the header too. */
static size_t icmp_at(int family, const uint8_t *packet, size_t len)
{
	if (family == AF_INET6)
		return 0;
	return len > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
}

static bool is_our_reply(const uint8_t *message, size_t len, const struct ping *request,
	uint8_t type)
{
	struct ping reply;

	if (len != sizeof(reply))
		return false;
	memcpy(&reply, message, sizeof(reply));
	return reply.type == type && reply.id == request->id &&
		memcmp(reply.payload, request->payload, PING_PAYLOAD) == 0;
}

int load_ping(const struct args *args)
{
	struct ping request = { .id = htons(PING_ID), .sequence = htons(1) };
	struct endpoint peer;
	uint8_t packet[2048];
	bool v6, found = false;
	int fd;

	arg_endpoint(args, &peer);
	v6 = peer.address.ss_family == AF_INET6;
	request.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	pattern_fill(request.payload, PING_PAYLOAD, 0, 1);
	if (!v6)
		request.checksum = checksum(&request, sizeof(request));
	fd = net->socket(peer.address.ss_family, SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0) {
		say("refused %d", errno);
		return 0;
	}
	limit_waiting(fd);
	require(net->sendto(fd, &request, sizeof(request), 0,
			(const struct sockaddr *)&peer.address, peer.len) ==
			(ssize_t)sizeof(request),
		"sendto");
	while (!found) {
		ssize_t n = net->recv(fd, packet, sizeof(packet), 0);
		size_t at;

		require(n >= 0, "recv");
		at = icmp_at(peer.address.ss_family, packet, (size_t)n);
		found = at <= (size_t)n &&
			is_our_reply(packet + at, (size_t)n - at, &request,
				v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY);
	}
	say("answered");
	return net->close(fd);
}
