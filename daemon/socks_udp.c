/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two descriptors: a UDP socket of the kernel's on loopback, for the client, and
 * the client's end of the channel of a UDP socket in the stack. A datagram from
 * the one goes to the other with its header exchanged, at once or not at all, as
 * a full queue drops datagrams anywhere.
 *
 * The first datagram decides who the client is: its sender, if the socket it
 * was sent from belongs to the user who asked for the association. Others are
 * dropped from then on, for good.
 *
 * A datagram to a name is held until the name has been looked up. Those behind
 * it may overtake it, and what is too much is dropped. What is held ends with
 * the association.
 */
#include "daemon/socks_udp.h"

#include "daemon/limits.h"
#include "daemon/socks_message.h"
#include "daemon/socks_peer.h"
#include "proto/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Datagrams of one direction before others have their turn. */
#define BUDGET 64
/* Datagrams that wait for a look-up. */
#define HELD_MAX 16

struct held {
	struct socks_udp *udp;
	struct socks_lookup *lookup; /* under way, or NULL */
	uint16_t port;
	size_t len;
	LIST_ENTRY(held) link;
	uint8_t payload[];
};

struct socks_udp {
	struct socket_registry *registry;
	struct socks_lookup_list *lookups;
	struct account *account; /* referenced */
	uid_t uid;
	socket_id id;	       /* of the stack's socket */
	int client_fd;	       /* the kernel's UDP socket */
	int channel;	       /* our end of the stack's socket */
	struct address client; /* family none: not known yet */
	uint16_t client_port;  /* that it said it would use, or 0 */
	struct event *on_client, *on_channel;
	LIST_HEAD(, held) held;
	size_t n_held;
};

static struct usock *stack_socket(const struct socks_udp *udp)
{
	return socket_find(udp->registry, udp->id);
}

static void count_drop(const struct socks_udp *udp)
{
	struct usock *s = stack_socket(udp);

	if (!s)
		return;
	s->record.drops++;
	socket_schedule(s);
}

/* ---- to the network ------------------------------------------------------- */

static void send_to_stack(const struct socks_udp *udp, const struct address *to,
	const uint8_t *payload, size_t len)
{
	struct channel_header header = {
		.kind = CHANNEL_DATA,
		.length = (uint32_t)len,
		.address = address_map_v4(to),
	};
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)payload, len } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	if (sendmsg(udp->channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		count_drop(udp);
}

static void held_free(struct held *held)
{
	LIST_REMOVE(held, link);
	held->udp->n_held--;
	socks_lookup_abandon(held->lookup);
	free(held);
}

static void on_answer(const struct resolver_answer *answer, void *arg)
{
	struct held *held = arg;
	struct address to;

	held->lookup = NULL;
	if (answer->n_addresses > 0) {
		to = answer->addresses[0];
		to.port = held->port;
		send_to_stack(held->udp, &to, held->payload, held->len);
	} else {
		count_drop(held->udp);
	}
	held_free(held);
}

/* Returns 0, or -errno: the datagram is dropped. */
static int hold(struct socks_udp *udp, const struct socks_target *target, const uint8_t *payload,
	size_t len)
{
	struct held *held;
	int r;

	if (udp->n_held == HELD_MAX)
		return -ENOBUFS;
	held = calloc(1, sizeof(*held) + len);
	if (!held)
		return -ENOMEM;
	held->udp = udp;
	held->port = target->address.port;
	held->len = len;
	memcpy(held->payload, payload, len);
	LIST_INSERT_HEAD(&udp->held, held, link);
	udp->n_held++;
	r = socks_lookup_new(&held->lookup, udp->lookups, udp->registry->daemon->resolver,
		udp->account, target->name, on_answer, held);
	if (r < 0)
		held_free(held);
	return r;
}

static bool is_the_client(struct socks_udp *udp, const struct address *from)
{
	uid_t uid;

	if (udp->client.family != ADDRESS_NONE)
		return address_ip_equal(&udp->client, from) && udp->client.port == from->port;
	if (udp->client_port != 0 && udp->client_port != from->port)
		return false;
	if (socks_peer_of_datagram(&uid, from) < 0 || uid != udp->uid)
		return false;
	udp->client = *from;
	return true;
}

static void take_datagram(struct socks_udp *udp, const struct address *from, const uint8_t *bytes,
	size_t len)
{
	struct socks_target target;
	ssize_t header = -EPROTO;

	if (is_the_client(udp, from))
		header = socks_parse_datagram(&target, bytes, len);
	if (header < 0) {
		count_drop(udp);
		return;
	}
	bytes += header;
	len -= (size_t)header;
	if (target.name[0] == '\0')
		send_to_stack(udp, &target.address, bytes, len);
	else if (hold(udp, &target, bytes, len) < 0)
		count_drop(udp);
}

static void on_client(evutil_socket_t fd, short events, void *arg)
{
	struct socks_udp *udp = arg;
	uint8_t *scratch = udp->registry->scratch;

	(void)events;
	for (int i = 0; i < BUDGET; i++) {
		struct sockaddr_storage storage;
		socklen_t size = sizeof(storage);
		struct address from;
		ssize_t n = recvfrom(fd, scratch, SOCKET_SCRATCH_SIZE, MSG_DONTWAIT,
			(struct sockaddr *)&storage, &size);

		/* An ICMP error of an earlier datagram, should there be one. */
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			continue;
		if (n < 0)
			return;
		if (address_from_sockaddr(&from, (struct sockaddr *)&storage, size) == 0)
			take_datagram(udp, &from, scratch, (size_t)n);
	}
}

/* ---- to the client ---------------------------------------------------------- */

static void send_to_client(const struct socks_udp *udp, const struct address *from,
	const uint8_t *payload, size_t len)
{
	uint8_t header[SOCKS_HEADER_MAX];
	struct iovec iov[] = {
		{ header, socks_write_datagram(header, from) },
		{ (void *)payload, len },
	};
	struct sockaddr_storage storage;
	struct msghdr message = {
		.msg_name = &storage,
		.msg_namelen = sizeof(storage),
		.msg_iov = iov,
		.msg_iovlen = 2,
	};

	address_to_sockaddr(&udp->client, (struct sockaddr *)&storage, &message.msg_namelen);
	if (sendmsg(udp->client_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		count_drop(udp);
}

static void on_channel(evutil_socket_t fd, short events, void *arg)
{
	struct socks_udp *udp = arg;
	uint8_t *scratch = udp->registry->scratch;

	(void)events;
	for (int i = 0; i < BUDGET; i++) {
		struct channel_header header;
		ssize_t n = recv(fd, scratch, SOCKET_SCRATCH_SIZE, MSG_DONTWAIT);

		if (n < 0)
			return;
		/* The stack's socket has ended; the client may, too. */
		if (n == 0) {
			event_del(udp->on_channel);
			return;
		}
		if ((size_t)n < sizeof(header))
			continue;
		memcpy(&header, scratch, sizeof(header));
		/* SOCKS has no way to tell an error of ICMP. */
		if (header.kind == CHANNEL_DATA && udp->client.family != ADDRESS_NONE)
			send_to_client(udp, &header.address, scratch + sizeof(header),
				(size_t)n - sizeof(header));
	}
}

/* ---- life ------------------------------------------------------------------- */

static int open_client_side(struct socks_udp *udp, const struct address *local,
	struct address *bound)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	address_to_sockaddr(local, (struct sockaddr *)&storage, &len);
	udp->client_fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (udp->client_fd < 0 || bind(udp->client_fd, (struct sockaddr *)&storage, len) < 0)
		return -errno;
	len = sizeof(storage);
	if (getsockname(udp->client_fd, (struct sockaddr *)&storage, &len) < 0)
		return -errno;
	return address_from_sockaddr(bound, (struct sockaddr *)&storage, len);
}

static int open_stack_side(struct socks_udp *udp, const struct socket_owner *owner)
{
	const struct socket_params params = {
		.owner = *owner,
		.family = ADDRESS_IPV6,
		.type = TABLE_TYPE_DATAGRAM,
	};
	struct usock *s;
	int r = udp_socket_new(udp->registry, &params, &s, &udp->channel);

	if (r < 0)
		return r;
	udp->id = s->id;
	socket_publish(s);
	return 0;
}

static int watch(struct socks_udp *udp)
{
	struct event_base *base = udp->registry->daemon->base;

	udp->on_client = event_new(base, udp->client_fd, EV_READ | EV_PERSIST, on_client, udp);
	udp->on_channel = event_new(base, udp->channel, EV_READ | EV_PERSIST, on_channel, udp);
	if (!udp->on_client || !udp->on_channel || event_add(udp->on_client, NULL) < 0 ||
		event_add(udp->on_channel, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int socks_udp_new(struct socks_udp **out, struct socket_registry *registry,
	const struct socks_udp_params *params, struct address *bound)
{
	struct socks_udp *udp = calloc(1, sizeof(*udp));
	int r;

	if (!udp)
		return -ENOMEM;
	udp->registry = registry;
	udp->lookups = params->lookups;
	udp->account = account_ref(params->owner.account);
	udp->uid = params->owner.uid;
	udp->client_port = params->client.port;
	udp->client_fd = -1;
	udp->channel = -1;
	r = open_client_side(udp, &params->local, bound);
	if (r == 0)
		r = open_stack_side(udp, &params->owner);
	if (r == 0)
		r = watch(udp);
	if (r < 0) {
		socks_udp_free(udp);
		return r;
	}
	*out = udp;
	return 0;
}

void socks_udp_free(struct socks_udp *udp)
{
	struct held *held;

	if (!udp)
		return;
	while ((held = LIST_FIRST(&udp->held)) != NULL)
		held_free(held);
	if (udp->on_client)
		event_free(udp->on_client);
	if (udp->on_channel)
		event_free(udp->on_channel);
	if (udp->client_fd >= 0)
		close(udp->client_fd);
	/* The stack's socket ends with its only holder. */
	if (udp->channel >= 0)
		close(udp->channel);
	account_unref(udp->account);
	free(udp);
}
