/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The socket is made for no protocol, filtered, and bound only then, so that it
 * never holds a packet that its filter would not have let through. The filter
 * leaves out what the host itself sends, what a promiscuous interface shows of
 * others, VLANs, and protocols that the stack does not speak: what it drops
 * costs no wake-up.
 *
 * The offload header lets the kernel hand over packets as it has them, with
 * partial checksums and joined segments, which vnet_header.c deals with.
 */
#include "netif/packet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* Bytes that may wait for us, 64 KB packets among them. */
#define RECEIVE_BUFFER		(4 << 20)

#define LOAD(what)		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + (what)))
#define JUMP_IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define VERDICT(bytes)		BPF_STMT(BPF_RET | BPF_K, (bytes))

static const struct sock_filter filter[] = {
	LOAD(SKF_AD_PKTTYPE),
	JUMP_IF(PACKET_OUTGOING, 7, 0),
	JUMP_IF(PACKET_OTHERHOST, 6, 0),
	LOAD(SKF_AD_VLAN_TAG_PRESENT),
	JUMP_IF(0, 0, 4),
	LOAD(SKF_AD_PROTOCOL),
	JUMP_IF(ETH_P_IP, 3, 0),
	JUMP_IF(ETH_P_IPV6, 2, 0),
	JUMP_IF(ETH_P_ARP, 1, 0),
	VERDICT(0),
	VERDICT(UINT32_MAX),
};

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* Groups: an interface of which the kernel has no address joins none itself. */
static int join_groups(int fd, int interface)
{
	struct packet_mreq request = { .mr_ifindex = interface, .mr_type = PACKET_MR_ALLMULTI };

	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) != 0)
		return -errno;
	return 0;
}

static void enlarge_buffer(int fd)
{
	/* Beyond the system's limit only with CAP_NET_ADMIN; less is only slower. */
	if (set_number(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) != 0)
		set_number(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
}

static int set_up(int fd, const struct ipif_format *format)
{
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)filter,
	};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = format->interface,
	};
	int r;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	r = set_number(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0 && format->framing != IPIF_FRAMING_RAW)
		r = join_groups(fd, format->interface);
	if (r < 0)
		return r;
	/* Only saves the filter's work; Linux 4.20. */
	set_number(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	enlarge_buffer(fd);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
}

int packet_socket_open(const struct ipif_format *format)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return errno == EACCES ? -EPERM : -errno;
	r = set_up(fd, format);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}
