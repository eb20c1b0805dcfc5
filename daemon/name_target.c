/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A socket owns its target from the connect until that is over, whichever way;
 * the registry knows all targets. The socket type decides what to do with the
 * addresses; here is what all types need: the look-up, its charge, the time.
 *
 * A target whose socket has given it up while its look-up is under way has no
 * socket any more and waits for the look-up to end, with the charge.
 *
 * The addresses are those of the socket's own family, in the resolver's order.
 * The time of the whole connect (connect_timeout) includes the look-up and
 * waiting for a link; of what is left then, each address gets an equal share,
 * so that one that never answers does not hide the next.
 */
#include "daemon/name_target.h"

#include "daemon/limits.h"
#include "daemon/nat64_finder.h"
#include "daemon/resolver.h"
#include "daemon/resolver_name.h"
#include "daemon/socket_private.h"
#include "daemon/usocketd.h"
#include "netif/stack.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

struct name_target {
	struct socket_registry *registry;
	struct usock *socket;	 /* its owner; NULL: given up */
	struct account *account; /* referenced; one RESOURCE_LOOKUP charged */
	struct lookup *lookup;	 /* under way; NULL: done */
	struct event *on_end;	 /* of the time */
	uint64_t end_ns;
	char name[RESOLVER_NAME_SIZE];
	uint16_t port;
	bool wait_for_link;
	bool stale; /* to be looked up again */
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t n_addresses;
	size_t n_tried;
	LIST_ENTRY(name_target) link;
};

static void target_discard(struct name_target *target)
{
	if (target->lookup)
		lookup_cancel(target->lookup);
	if (target->on_end)
		event_free(target->on_end);
	LIST_REMOVE(target, link);
	account_release(target->account, RESOURCE_LOOKUP, 1);
	account_unref(target->account);
	free(target);
}

static void take_addresses(struct name_target *target, const struct resolver_answer *answer)
{
	target->n_tried = 0;
	target->n_addresses = 0;
	for (size_t i = 0; i < answer->n_addresses; i++) {
		struct address *a = &target->addresses[target->n_addresses];

		if (answer->addresses[i].family != target->socket->record.family)
			continue;
		*a = answer->addresses[i];
		a->port = target->port;
		target->n_addresses++;
	}
}

static void on_done(const struct resolver_answer *answer, void *arg)
{
	struct name_target *target = arg;

	target->lookup = NULL;
	if (!target->socket) {
		target_discard(target);
		return;
	}
	take_addresses(target, answer);
	target->socket->ops->on_name(target->socket);
}

static void on_end(evutil_socket_t fd, short events, void *arg)
{
	struct name_target *target = arg;

	(void)fd;
	(void)events;
	target->socket->ops->on_name(target->socket);
}

static int arm_end(struct name_target *target)
{
	struct usocketd *daemon = target->registry->daemon;
	struct timeval limit = { .tv_sec = daemon->config.connect_timeout_s };

	target->end_ns = stack_now_ns() + (uint64_t)limit.tv_sec * 1000 * NS_PER_MS;
	target->on_end = evtimer_new(daemon->base, on_end, target);
	return target->on_end && event_add(target->on_end, &limit) == 0 ? 0 : -ENOBUFS;
}

static int look_up(struct name_target *target)
{
	enum address_family family = (enum address_family)target->socket->record.family;

	return resolver_start(target->registry->daemon->resolver, target->name, family, on_done,
		target, &target->lookup);
}

int name_target_new(struct name_target **out, struct usock *s,
	const struct name_target_params *params)
{
	struct name_target *target = calloc(1, sizeof(*target));
	int r;

	if (!target)
		return -ENOBUFS;
	r = account_charge(params->account, RESOURCE_LOOKUP, 1);
	if (r < 0) {
		free(target);
		return r;
	}
	target->account = account_ref(params->account);
	target->registry = s->registry;
	target->socket = s;
	target->port = params->port;
	target->wait_for_link = params->wait_for_link;
	snprintf(target->name, sizeof(target->name), "%s", params->name);
	LIST_INSERT_HEAD(&s->registry->name_targets, target, link);
	r = arm_end(target);
	if (r == 0)
		r = look_up(target);
	if (r < 0) {
		target_discard(target);
		return r;
	}
	*out = target;
	return 0;
}

void name_target_free(struct name_target *target)
{
	if (!target)
		return;
	target->socket = NULL;
	event_del(target->on_end);
	if (!target->lookup)
		target_discard(target);
}

void name_targets_fini(struct socket_registry *registry)
{
	struct name_target *target;

	while ((target = LIST_FIRST(&registry->name_targets)) != NULL)
		target_discard(target);
}

void name_target_forget(struct name_target *target)
{
	/* A look-up under way is the resolver's to mend. */
	if (target->lookup)
		return;
	target->n_addresses = 0;
	target->n_tried = 0;
	target->stale = true;
}

int name_target_refresh(struct name_target *target)
{
	int r;

	if (target->lookup)
		return NAME_TARGET_BUSY;
	if (!target->stale)
		return 0;
	target->stale = false;
	r = look_up(target);
	return r < 0 ? r : NAME_TARGET_BUSY;
}

bool name_target_next(struct name_target *target, struct address *out)
{
	if (!name_target_has_next(target))
		return false;
	*out = target->addresses[target->n_tried++];
	return true;
}

bool name_target_is_untried(const struct name_target *target)
{
	return target->n_tried == 0;
}

bool name_target_has_next(const struct name_target *target)
{
	return target->n_tried < target->n_addresses;
}

bool name_target_waits(const struct name_target *target)
{
	struct usocketd *daemon = target->registry->daemon;
	bool waits;

	if (stack_now_ns() >= target->end_ns)
		return false;
	/* Dialed on demand, also for whoever would wait anyway. */
	waits = usocketd_dial(daemon, NULL) || target->wait_for_link;
	if (target->n_addresses > 0)
		return waits || nat64_finder_may_help(daemon, &target->addresses[0]);
	return waits && !resolver_has_servers(daemon->resolver);
}

uint32_t name_target_share_ms(const struct name_target *target)
{
	uint64_t now_ns = stack_now_ns();
	uint64_t left_ns = target->end_ns > now_ns ? target->end_ns - now_ns : 0;

	return (uint32_t)(left_ns / NS_PER_MS / (target->n_addresses - target->n_tried + 1));
}
