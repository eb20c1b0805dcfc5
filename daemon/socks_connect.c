/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The connection is a TCP socket as any other, whose channel is the client's
 * socket itself: bytes, back pressure and both ends of the stream are
 * tcp_stream.c's work, and the connection table shows it.
 *
 * A name may have several addresses, of both families. Each is tried with a
 * socket of its own, one after the other, with an equal share of the time that
 * is left of [tcp] connect_timeout. Every socket has a duplicate of the client's
 * descriptor, as it closes its channel when it fails; the one that succeeds
 * keeps it.
 *
 * The client may go meanwhile: then the socket dies of it, and that is an
 * error like others.
 */
#include "daemon/socks_connect.h"

#include "daemon/limits.h"
#include "netif/stack.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

struct socks_connect {
	struct socket_registry *registry;
	char program[TABLE_PROGRAM_MAX];
	struct socket_owner owner; /* its account is referenced */
	int fd;
	uint16_t port;
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t n_addresses, n_tried;
	struct socks_lookup *lookup; /* under way, or NULL */
	struct usock *s;	     /* being connected, or NULL */
	struct event *timer;	     /* of the attempt, or of the look-up */
	uint64_t end_ns;	     /* of it all */
	int error;		     /* the latest attempt's errno */
	socks_connected_fn done;
	void *arg;
};

static void connect_free(struct socks_connect *c)
{
	if (c->timer)
		event_free(c->timer);
	socks_lookup_abandon(c->lookup);
	account_unref(c->owner.account);
	free(c);
}

/* Ends the attempt, without being told of it. */
static void drop_socket(struct socks_connect *c)
{
	struct usock *s = c->s;

	c->s = NULL;
	if (!s)
		return;
	s->on_connect_over = NULL;
	socket_kill(s);
}

static void finish(struct socks_connect *c, int error, const struct address *local)
{
	socks_connected_fn done = c->done;
	void *arg = c->arg;

	connect_free(c);
	done(error, local, arg);
}

static int arm(struct socks_connect *c, uint64_t ns)
{
	struct timeval limit = {
		.tv_sec = (time_t)(ns / NS_PER_MS / 1000),
		.tv_usec = (suseconds_t)(ns / NS_PER_MS % 1000 * 1000),
	};

	return event_add(c->timer, &limit) < 0 ? -ENOBUFS : 0;
}

static uint64_t time_left_ns(const struct socks_connect *c)
{
	uint64_t now_ns = stack_now_ns();

	return c->end_ns > now_ns ? c->end_ns - now_ns : 0;
}

static void try_next(struct socks_connect *c);

static void on_connect_over(struct usock *s, void *arg)
{
	struct socks_connect *c = arg;

	c->s = NULL;
	if (s->dead) {
		c->error = ECONNABORTED;
		finish(c, c->error, NULL);
	} else if (s->record.error == 0) {
		finish(c, 0, &s->record.local);
	} else {
		c->error = s->record.error;
		socket_kill(s);
		try_next(c);
	}
}

/* Returns 0 if the attempt is under way. */
static int try_address(struct socks_connect *c, const struct address *remote)
{
	struct socket_params params = {
		.owner = c->owner,
		.family = remote->family,
		.type = TABLE_TYPE_STREAM,
		.has_channel = true,
		.channel = fcntl(c->fd, F_DUPFD_CLOEXEC, 0),
	};
	int none, r;

	if (params.channel < 0)
		return -errno;
	r = tcp_socket_new(c->registry, &params, &c->s, &none);
	if (r < 0)
		return r;
	r = c->s->ops->connect(c->s, remote, false);
	if (r == REQUEST_STARTED)
		r = arm(c, time_left_ns(c) / (c->n_addresses - c->n_tried + 1));
	if (r < 0) {
		drop_socket(c);
		return r;
	}
	c->s->on_connect_over = on_connect_over;
	c->s->on_connect_over_arg = c;
	socket_publish(c->s);
	return 0;
}

/* Returns 0 if an attempt is under way, else the last one's -errno. */
static int try_addresses(struct socks_connect *c)
{
	while (c->n_tried < c->n_addresses && time_left_ns(c) > 0) {
		int r = try_address(c, &c->addresses[c->n_tried++]);

		if (r == 0)
			return 0;
		c->error = -r;
	}
	return -c->error;
}

static void try_next(struct socks_connect *c)
{
	if (try_addresses(c) < 0)
		finish(c, c->error, NULL);
}

static void on_answer(const struct resolver_answer *answer, void *arg)
{
	struct socks_connect *c = arg;

	c->lookup = NULL;
	c->n_addresses = answer->n_addresses;
	for (size_t i = 0; i < answer->n_addresses; i++) {
		c->addresses[i] = answer->addresses[i];
		c->addresses[i].port = c->port;
	}
	try_next(c);
}

static int look_up(struct socks_connect *c, struct socks_lookup_list *lookups, const char *name)
{
	int r = arm(c, time_left_ns(c));

	if (r < 0)
		return r;
	return socks_lookup_new(&c->lookup, lookups, c->registry->daemon->resolver,
		c->owner.account, name, on_answer, c);
}

static void on_time_out(evutil_socket_t fd, short events, void *arg)
{
	struct socks_connect *c = arg;

	(void)fd;
	(void)events;
	c->error = ETIMEDOUT;
	drop_socket(c);
	try_next(c);
}

int socks_connect_new(struct socks_connect **out, struct socket_registry *registry,
	const struct socks_connect_params *params)
{
	struct socks_connect *c = calloc(1, sizeof(*c));
	struct usocketd *daemon = registry->daemon;
	int r;

	if (!c)
		return -ENOBUFS;
	c->registry = registry;
	c->owner = params->owner;
	account_ref(c->owner.account);
	strncpy(c->program, params->owner.program, sizeof(c->program) - 1);
	c->owner.program = c->program;
	c->fd = params->fd;
	c->port = params->target->address.port;
	/* A name without addresses. */
	c->error = EHOSTUNREACH;
	c->done = params->done;
	c->arg = params->arg;
	c->end_ns = stack_now_ns() + daemon->config.connect_timeout_s * 1000 * NS_PER_MS;
	c->timer = evtimer_new(daemon->base, on_time_out, c);
	if (!c->timer) {
		r = -ENOBUFS;
	} else if (params->target->name[0] != '\0') {
		r = look_up(c, params->lookups, params->target->name);
	} else {
		c->addresses[c->n_addresses++] = params->target->address;
		r = try_addresses(c);
	}
	if (r < 0) {
		connect_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void socks_connect_cancel(struct socks_connect *c)
{
	drop_socket(c);
	connect_free(c);
}
