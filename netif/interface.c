/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Notifications only say when to look; what there is is asked for anew each
 * time, with a socket of its own, whose answer the kernel has ready when the
 * request returns. So a notification that was lost (ENOBUFS), or that tells of
 * a moment already past, can mislead nobody, and nothing need be remembered.
 *
 * A host may have many interfaces that come and go: notifications of others are
 * read and dropped without asking.
 *
 * Messages of the kernel are trusted to be honest, not to be short of bugs of
 * ours: they are read with checked lengths, and fuzzed, like others.
 */
#include "netif/interface.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel sends no more at once; of links it sends some 2 KB. */
#define MESSAGES_MAX 32768
#define LOWER_UP     0x10000 /* IFF_LOWER_UP of <linux/if.h> */

#define GROUPS	     (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)

/* ---- messages --------------------------------------------------------------------- */

struct reader {
	const uint8_t *at;
	size_t left;
};

struct attribute {
	unsigned int type;
	const uint8_t *value;
	size_t len;
};

/* Takes the next message, @body what follows its header. False: no more. */
static bool next_message(struct reader *r, struct nlmsghdr *header, struct reader *body)
{
	size_t step;

	if (r->left < sizeof(*header))
		return false;
	memcpy(header, r->at, sizeof(*header));
	if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > r->left)
		return false;
	body->at = r->at + sizeof(*header);
	body->left = header->nlmsg_len - sizeof(*header);
	step = NLMSG_ALIGN(header->nlmsg_len);
	if (step > r->left)
		step = r->left;
	r->at += step;
	r->left -= step;
	return true;
}

static bool take_fixed(struct reader *r, void *out, size_t size)
{
	size_t step = NLMSG_ALIGN(size);

	if (r->left < size)
		return false;
	memcpy(out, r->at, size);
	if (step > r->left)
		step = r->left;
	r->at += step;
	r->left -= step;
	return true;
}

static bool next_attribute(struct reader *r, struct attribute *a)
{
	struct rtattr header;
	size_t step;

	if (r->left < sizeof(header))
		return false;
	memcpy(&header, r->at, sizeof(header));
	if (header.rta_len < sizeof(header) || header.rta_len > r->left)
		return false;
	a->type = header.rta_type;
	a->value = r->at + sizeof(header);
	a->len = header.rta_len - sizeof(header);
	step = RTA_ALIGN((size_t)header.rta_len);
	if (step > r->left)
		step = r->left;
	r->at += step;
	r->left -= step;
	return true;
}

static bool is_name(const struct attribute *a, const char *name)
{
	size_t len = strlen(name);

	return a->type == IFLA_IFNAME && a->len > len && memcmp(a->value, name, len + 1) == 0;
}

static void take_link_attribute(struct interface *i, const struct attribute *a)
{
	if (a->type == IFLA_MTU && a->len >= sizeof(i->mtu))
		memcpy(&i->mtu, a->value, sizeof(i->mtu));
	if (a->type != IFLA_ADDRESS || a->len != sizeof(i->mac))
		return;
	i->has_mac = true;
	memcpy(i->mac, a->value, sizeof(i->mac));
}

static void take_link(struct interface *out, const char *name, struct reader r)
{
	struct interface found = { .kernel_address = out->kernel_address };
	struct ifinfomsg info;
	struct attribute a;
	bool is_it = false;

	if (!take_fixed(&r, &info, sizeof(info)))
		return;
	found.index = info.ifi_index;
	found.type = info.ifi_type;
	found.is_up = info.ifi_flags & IFF_UP;
	found.has_carrier = info.ifi_flags & LOWER_UP;
	found.has_neighbours = !(info.ifi_flags & IFF_NOARP);
	while (next_attribute(&r, &a)) {
		is_it |= is_name(&a, name);
		take_link_attribute(&found, &a);
	}
	if (is_it)
		*out = found;
}

static void take_address(struct interface *out, struct reader r)
{
	struct address found = { 0 };
	struct ifaddrmsg info;
	struct attribute a;

	if (!take_fixed(&r, &info, sizeof(info)) || (int)info.ifa_index != out->index)
		return;
	found.family = info.ifa_family == AF_INET ? ADDRESS_IPV4 : ADDRESS_IPV6;
	found.port = info.ifa_prefixlen;
	while (next_attribute(&r, &a)) {
		size_t len = found.family == ADDRESS_IPV4 ? 4 : 16;

		/* IFA_LOCAL is ours where IFA_ADDRESS is the peer's; it comes second. */
		if ((a.type == IFA_ADDRESS || a.type == IFA_LOCAL) && a.len == len)
			memcpy(found.ip, a.value, len);
	}
	if (!address_is_link_local(&found) && !address_is_any(&found))
		out->kernel_address = found;
}

static int take_error(struct reader r)
{
	int error;

	if (!take_fixed(&r, &error, sizeof(error)))
		return -EBADMSG;
	return error ? error : 1;
}

int interface_take(struct interface *out, const char *name, const void *messages, size_t len)
{
	struct reader r = { messages, len }, body;
	struct nlmsghdr header;

	while (next_message(&r, &header, &body)) {
		switch (header.nlmsg_type) {
		case RTM_NEWLINK:
			take_link(out, name, body);
			break;
		case RTM_NEWADDR:
			take_address(out, body);
			break;
		case NLMSG_ERROR:
			return take_error(body);
		case NLMSG_DONE:
			return 1;
		default:
			break;
		}
	}
	return r.left > 0 ? -EBADMSG : 0;
}

static bool is_link_concerned(const char *name, int index, struct reader r)
{
	struct ifinfomsg info;
	struct attribute a;

	if (!take_fixed(&r, &info, sizeof(info)))
		return false;
	if (info.ifi_index == index)
		return true;
	while (next_attribute(&r, &a)) {
		if (is_name(&a, name))
			return true;
	}
	return false;
}

static bool is_address_concerned(int index, struct reader r)
{
	struct ifaddrmsg info;

	return take_fixed(&r, &info, sizeof(info)) && (int)info.ifa_index == index;
}

bool interface_is_concerned(const char *name, int index, const void *messages, size_t len)
{
	struct reader r = { messages, len }, body;
	struct nlmsghdr header;

	while (next_message(&r, &header, &body)) {
		bool is_link = header.nlmsg_type == RTM_NEWLINK ||
			header.nlmsg_type == RTM_DELLINK;

		if (is_link ? is_link_concerned(name, index, body)
			    : is_address_concerned(index, body))
			return true;
	}
	return false;
}

/* ---- asking ----------------------------------------------------------------------- */

static int open_netlink(unsigned int groups)
{
	struct sockaddr_nl us = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&us, sizeof(us)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Sends a request and takes all of its answer. */
static int ask(int fd, const void *request, size_t len, struct interface *out, const char *name,
	bool is_dump)
{
	static uint8_t answer[MESSAGES_MAX];
	int r = 0;

	if (send(fd, request, len, 0) < 0)
		return -errno;
	while (r == 0) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = interface_take(out, name, answer, (size_t)n);
		if (!is_dump)
			break;
	}
	return r < 0 ? r : 0;
}

static int ask_link(int fd, struct interface *out, const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct rtattr attribute;
		char name[IFNAMSIZ];
	} request = {
		.header = { .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		.attribute = { .rta_type = IFLA_IFNAME },
	};
	int r;

	snprintf(request.name, sizeof(request.name), "%s", name);
	request.attribute.rta_len = (unsigned short)RTA_LENGTH(strlen(name) + 1);
	request.header.nlmsg_len = sizeof(request);
	r = ask(fd, &request, sizeof(request), out, name, false);
	return r == -ENODEV ? 0 : r;
}

static int ask_addresses(int fd, struct interface *out, const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg info;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
	};

	return ask(fd, &request, sizeof(request), out, name, true);
}

int interface_query(struct interface *out, const char *name)
{
	int fd = open_netlink(0), r;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return fd;
	r = ask_link(fd, out, name);
	if (r == 0 && out->index > 0)
		r = ask_addresses(fd, out, name);
	close(fd);
	return r;
}

int interface_set_up(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		r = -errno;
	request.ifr_flags |= IFF_UP;
	if (r == 0 && ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		r = -errno;
	close(fd);
	return r;
}

/* ---- watching ---------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t messages[MESSAGES_MAX];
	struct interface_watch *watch = arg;
	bool is_concerned = false;

	(void)what;
	for (;;) {
		ssize_t n = recv(fd, messages, sizeof(messages), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			break;
		/* Some were lost: whose may be known by asking only. */
		is_concerned |= n < 0 ||
			interface_is_concerned(watch->name, watch->index, messages, (size_t)n);
	}
	if (is_concerned)
		watch->changed(watch->arg);
}

int interface_watch_start(struct interface_watch *watch, struct event_base *base, const char *name,
	interface_changed_fn changed, void *arg)
{
	int fd = open_netlink(GROUPS);

	memset(watch, 0, sizeof(*watch));
	if (fd < 0)
		return fd;
	watch->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, watch);
	if (!watch->readable || event_add(watch->readable, NULL) != 0) {
		if (watch->readable)
			event_free(watch->readable);
		watch->readable = NULL;
		close(fd);
		return -ENOMEM;
	}
	watch->fd = fd;
	watch->changed = changed;
	watch->arg = arg;
	snprintf(watch->name, sizeof(watch->name), "%s", name);
	return 0;
}

void interface_watch_stop(struct interface_watch *watch)
{
	if (!watch->readable)
		return;
	event_free(watch->readable);
	watch->readable = NULL;
	close(watch->fd);
}
