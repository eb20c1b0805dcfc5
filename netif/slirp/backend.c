/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libslirp has no loop of its own: before each poll it names its descriptors
 * and the time it can wait, and afterwards it looks at what became ready. Its
 * timers are kept here, too.
 *
 * Frames to the daemon are written at once. When the pair is full they wait in
 * a bounded queue, and until it is empty libslirp's sockets are not polled: it
 * reads no more from the host than the daemon can take. Dropping instead would
 * leave recovery to libslirp's TCP, whose timers are of the slow kind.
 *
 * libslirp would serve DHCP and TFTP to its guest. Neither is wanted, so DHCP
 * is switched off, and frames to its TFTP port are not handed to it.
 */
#include "netif/slirp/backend.h"

#include "netif/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define QUEUE_BYTES_MAX (4u << 20)

/* libslirp's traditional network, which its users know. */
#define NETWORK	     "10.0.2.0"
#define NETMASK_BITS 24
#define HOST	     "10.0.2.2"
#define NAMESERVER   "10.0.2.3"
#define GUEST	     "10.0.2.15"
#define PREFIX6	     "fec0::"
#define PREFIX6_BITS 64
#define HOST6	     "fec0::2"
#define NAMESERVER6  "fec0::3"
#define GUEST6	     "fec0::15"
/* libslirp answers for its host's interface id in fe80::/64 as well. */
#define ROUTER6 "fe80::2"

struct timer {
	struct timer *next;
	SlirpTimerId id;
	void *opaque;
	struct backend *backend;
	int64_t due_ms; /* -1: not set */
};

struct frame {
	struct frame *next;
	size_t len;
	uint8_t bytes[];
};

struct backend {
	Slirp *slirp;
	int packets;
	uint32_t mtu;
	backend_log_fn log;
	struct timer *timers;
	struct pollfd *polled; /* the caller's, then libslirp's */
	size_t n_polled, polled_max;
	struct frame *first, **last;
	size_t n_queued_bytes;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- frames to the daemon ----------------------------------------------------- */

static void queue_put(struct backend *backend, const void *bytes, size_t len)
{
	struct frame *frame;

	if (backend->n_queued_bytes + len > QUEUE_BYTES_MAX)
		return;
	frame = malloc(sizeof(*frame) + len);
	if (!frame)
		return;
	frame->next = NULL;
	frame->len = len;
	memcpy(frame->bytes, bytes, len);
	*backend->last = frame;
	backend->last = &frame->next;
	backend->n_queued_bytes += len;
}

static void queue_pop(struct backend *backend)
{
	struct frame *frame = backend->first;

	backend->first = frame->next;
	if (!backend->first)
		backend->last = &backend->first;
	backend->n_queued_bytes -= frame->len;
	free(frame);
}

static bool write_frame(const struct backend *backend, const void *bytes, size_t len)
{
	return send(backend->packets, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
		(errno != EAGAIN && errno != ENOBUFS);
}

static void queue_flush(struct backend *backend)
{
	while (backend->first && write_frame(backend, backend->first->bytes, backend->first->len))
		queue_pop(backend);
}

/* ---- libslirp's callbacks ------------------------------------------------------ */

static ssize_t on_send_packet(const void *bytes, size_t len, void *arg)
{
	struct backend *backend = arg;

	if (backend->first || !write_frame(backend, bytes, len))
		queue_put(backend, bytes, len);
	return (ssize_t)len;
}

static void on_guest_error(const char *text, void *arg)
{
	struct backend *backend = arg;

	backend->log(LOG_LEVEL_DEBUG, text);
}

static int64_t on_clock(void *arg)
{
	(void)arg;
	return now_ns();
}

static void *on_timer_new(SlirpTimerId id, void *opaque, void *arg)
{
	struct backend *backend = arg;
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		abort();
	timer->id = id;
	timer->opaque = opaque;
	timer->backend = backend;
	timer->due_ms = -1;
	timer->next = backend->timers;
	backend->timers = timer;
	return timer;
}

static void on_timer_free(void *handle, void *arg)
{
	struct backend *backend = arg;
	struct timer **at;

	for (at = &backend->timers; *at && *at != handle; at = &(*at)->next)
		;
	if (*at)
		*at = (*at)->next;
	free(handle);
}

static void on_timer_mod(void *handle, int64_t due_ms, void *arg)
{
	struct timer *timer = handle;

	(void)arg;
	timer->due_ms = due_ms;
}

static void on_poll_fd(int fd, void *arg)
{
	/* Descriptors are asked for anew before every poll. */
	(void)fd;
	(void)arg;
}

static void on_notify(void *arg)
{
	/* There is one thread, and it is not in poll now. */
	(void)arg;
}

static const SlirpCb callbacks = {
	.send_packet = on_send_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_poll_fd,
	.unregister_poll_fd = on_poll_fd,
	.notify = on_notify,
	.timer_new_opaque = on_timer_new,
};

/* ---- poll ---------------------------------------------------------------------- */

static const struct {
	int slirp;
	short poll;
} poll_bits[] = {
	{ SLIRP_POLL_IN, POLLIN },
	{ SLIRP_POLL_OUT, POLLOUT },
	{ SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR },
	{ SLIRP_POLL_HUP, POLLHUP },
};

static int polled_add(struct backend *backend, int fd, short events)
{
	if (backend->n_polled == backend->polled_max) {
		size_t max = backend->polled_max ? 2 * backend->polled_max : 64;
		struct pollfd *polled = realloc(backend->polled, max * sizeof(*polled));

		if (!polled)
			return -1;
		backend->polled = polled;
		backend->polled_max = max;
	}
	backend->polled[backend->n_polled] = (struct pollfd){ .fd = fd, .events = events };
	return (int)backend->n_polled++;
}

static int on_add_poll(int fd, int events, void *arg)
{
	short wanted = 0;
	size_t i;

	for (i = 0; i < sizeof(poll_bits) / sizeof(poll_bits[0]); i++) {
		if (events & poll_bits[i].slirp)
			wanted |= poll_bits[i].poll;
	}
	return polled_add(arg, fd, wanted);
}

static int on_get_revents(int index, void *arg)
{
	const struct backend *backend = arg;
	int events = 0;
	size_t i;

	if (index < 0)
		return 0;
	for (i = 0; i < sizeof(poll_bits) / sizeof(poll_bits[0]); i++) {
		if (backend->polled[index].revents & poll_bits[i].poll)
			events |= poll_bits[i].slirp;
	}
	return events;
}

static uint32_t timers_timeout(const struct backend *backend, uint32_t timeout_ms)
{
	int64_t now_ms = now_ns() / 1000000;
	const struct timer *timer;

	for (timer = backend->timers; timer; timer = timer->next) {
		int64_t left = timer->due_ms - now_ms;

		if (timer->due_ms >= 0 && left < timeout_ms)
			timeout_ms = left > 0 ? (uint32_t)left : 0;
	}
	return timeout_ms;
}

static void timers_run(struct backend *backend)
{
	int64_t now_ms = now_ns() / 1000000;
	struct timer *timer, *next;

	for (timer = backend->timers; timer; timer = next) {
		next = timer->next;
		if (timer->due_ms < 0 || timer->due_ms > now_ms)
			continue;
		timer->due_ms = -1;
		slirp_handle_timer(backend->slirp, timer->id, timer->opaque);
	}
}

/* Returns poll's timeout, ms; -1: none. */
static int polled_fill(struct backend *backend, const struct pollfd *own, size_t n_own)
{
	uint32_t timeout_ms = UINT32_MAX;
	size_t i;

	backend->n_polled = 0;
	for (i = 0; i < n_own; i++)
		polled_add(backend, own[i].fd, own[i].events);
	if (backend->first)
		polled_add(backend, backend->packets, POLLOUT);
	else
		slirp_pollfds_fill(backend->slirp, &timeout_ms, on_add_poll, backend);
	timeout_ms = timers_timeout(backend, timeout_ms);
	return timeout_ms > INT32_MAX ? -1 : (int)timeout_ms;
}

int backend_poll(struct backend *backend, struct pollfd *own, size_t n_own)
{
	bool was_waiting = backend->first != NULL;
	int timeout_ms = polled_fill(backend, own, n_own);
	int n;

	n = poll(backend->polled, backend->n_polled, timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n >= 0)
		memcpy(own, backend->polled, n_own * sizeof(*own));
	queue_flush(backend);
	timers_run(backend);
	if (!was_waiting)
		slirp_pollfds_poll(backend->slirp, n < 0, on_get_revents, backend);
	return 0;
}

/* ---- frames from the stack ----------------------------------------------------- */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* UDP to the ports that libslirp's own servers listen to. */
static bool is_unwanted(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + 14, *udp;
	uint16_t port;

	if (len < 14 + 20 + 8)
		return false;
	switch (be16(frame + 12)) {
	case 0x0800:
		udp = ip + (size_t)(ip[0] & 15) * 4;
		if (ip[9] != IPPROTO_UDP)
			return false;
		break;
	case 0x86dd:
		udp = ip + 40;
		if (ip[6] != IPPROTO_UDP)
			return false;
		break;
	default:
		return false;
	}
	if (udp + 8 > frame + len)
		return false;
	port = be16(udp + 2);
	return port == 67 || port == 69;
}

void backend_input(struct backend *backend, const uint8_t *frame, size_t len)
{
	if (!is_unwanted(frame, len))
		slirp_input(backend->slirp, frame, (int)len);
}

/* ---- configuration ------------------------------------------------------------- */

static struct in_addr ip4(const char *text)
{
	struct in_addr a = { 0 };

	inet_pton(AF_INET, text, &a);
	return a;
}

static struct in6_addr ip6(const char *text)
{
	struct in6_addr a = { 0 };

	inet_pton(AF_INET6, text, &a);
	return a;
}

struct backend *backend_new(int packets, uint32_t mtu, backend_log_fn log)
{
	const SlirpConfig config = {
		.version = 4,
		.in_enabled = true,
		.vnetwork = ip4(NETWORK),
		.vnetmask = ip4("255.255.255.0"),
		.vhost = ip4(HOST),
		.in6_enabled = true,
		.vprefix_addr6 = ip6(PREFIX6),
		.vprefix_len = PREFIX6_BITS,
		.vhost6 = ip6(HOST6),
		/* Where forwards without an address of the guest lead. */
		.vdhcp_start = ip4(GUEST),
		.vnameserver = ip4(NAMESERVER),
		.vnameserver6 = ip6(NAMESERVER6),
		.if_mtu = mtu,
		.if_mru = mtu,
		.disable_dhcp = true,
	};
	struct backend *backend = calloc(1, sizeof(*backend));

	if (!backend)
		return NULL;
	backend->packets = packets;
	backend->mtu = mtu;
	backend->log = log;
	backend->last = &backend->first;
	backend->slirp = slirp_new(&config, &callbacks, backend);
	if (!backend->slirp) {
		free(backend);
		return NULL;
	}
	return backend;
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	slirp_cleanup(backend->slirp);
	while (backend->first)
		queue_pop(backend);
	free(backend->polled);
	free(backend);
}

static int add_forward6(struct backend *backend, const ush_HelperForward *forward)
{
	struct sockaddr_in6 host = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)forward->host_port),
	};
	struct sockaddr_in6 guest = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)forward->port),
		.sin6_addr = ip6(GUEST6),
	};

	memcpy(&host.sin6_addr, forward->host.ip.bytes, 16);
	return slirp_add_hostxfwd(backend->slirp, (struct sockaddr *)&host, sizeof(host),
		(struct sockaddr *)&guest, sizeof(guest),
		SLIRP_HOSTFWD_V6ONLY | (forward->udp ? SLIRP_HOSTFWD_UDP : 0));
}

int backend_add_forward(struct backend *backend, const ush_HelperForward *forward)
{
	struct in_addr host = { 0 };

	errno = 0;
	if (forward->host.ip.size == 16)
		return add_forward6(backend, forward) == 0 ? 0 : -(errno ? errno : EINVAL);
	if (forward->host.ip.size == 4)
		memcpy(&host, forward->host.ip.bytes, 4);
	if (slirp_add_hostfwd(backend->slirp, forward->udp, host, (int)forward->host_port,
		    ip4(GUEST), (int)forward->port) == 0)
		return 0;
	return -(errno ? errno : EINVAL);
}

static void put4(ush_HelperAddress *out, const char *text, uint32_t prefix)
{
	out->ip.size = 4;
	inet_pton(AF_INET, text, out->ip.bytes);
	out->prefix = prefix;
}

static void put6(ush_HelperAddress *out, const char *text, uint32_t prefix)
{
	out->ip.size = 16;
	inet_pton(AF_INET6, text, out->ip.bytes);
	out->prefix = prefix;
}

void backend_describe(const struct backend *backend, ush_HelperReady *ready)
{
	memset(ready, 0, sizeof(*ready));
	ready->mtu = backend->mtu;
	ready->has_address4 = true;
	put4(&ready->address4, GUEST, NETMASK_BITS);
	ready->has_gateway4 = true;
	put4(&ready->gateway4, HOST, 32);
	ready->address6_count = 1;
	put6(&ready->address6[0], GUEST6, PREFIX6_BITS);
	ready->has_gateway6 = true;
	put6(&ready->gateway6, ROUTER6, 128);
	ready->dns_count = 1;
	put4(&ready->dns[0], NAMESERVER, 32);
}
