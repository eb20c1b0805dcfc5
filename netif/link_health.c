/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What a link does about what health.c says. Suspicion leads to questions of
 * our own (probe.c), one every five seconds, to the configured place or to the
 * link's name servers in turn. The first that is not answered makes the link
 * degraded; what is received then, from anywhere afar, makes it up again; if
 * nothing is, its deadline (link.c) leads to the ladder. So a server that is
 * dead costs a question, and nothing else.
 *
 * After an answer there is quiet for a minute, twice as long each time up to a
 * quarter of an hour: a program that calls a dead server all day costs few
 * bytes. As soon as programs' own packets are answered the pause is short
 * again.
 *
 * Where nobody can be asked only a condemning verdict makes the link degraded.
 * A name server that is the link's gateway is not asked: its answer says
 * nothing about the network behind it.
 */
#include "netif/link_private.h"

#include "netif/stack.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MS   5000
#define PAUSE_MIN_S 60
#define PAUSE_MAX_S 960
#define NS_PER_MS   UINT64_C(1000000)
#define NS_PER_S    UINT64_C(1000000000)

static bool is_watched(const struct link *link)
{
	return link->health.is_set ? link->health.is_enabled : link->driver->checks_health;
}

static void arm_ms(struct link_health *h, uint64_t ms)
{
	link_timer_in(h->timer, (uint32_t)ms);
	h->is_armed = true;
}

static void disarm(struct link_health *h)
{
	if (h->is_armed)
		event_del(h->timer);
	h->is_armed = false;
}

/* ---- questions ------------------------------------------------------------------- */

static bool is_gateway(const struct link *link, const struct address *a)
{
	return address_ip_equal(a, &link->current.gateway4) ||
		address_ip_equal(a, &link->current.gateway6);
}

static int ask_name_servers(struct link *link)
{
	const struct link_parameters *p = &link->current;
	struct link_health *h = &link->health;
	int error = -ENOENT;

	for (unsigned int i = 0; i < p->n_dns && error; i++) {
		const struct address *to = &p->dns[(h->n_probes + i) % p->n_dns];

		if (!is_gateway(link, to))
			error = probe_send(&h->probe, &link->ipif.netif, PROBE_LOOKUP, to);
	}
	return error;
}

/* Returns 0, or -errno if there is nobody to ask. */
static int ask(struct link *link)
{
	struct link_health *h = &link->health;
	int error = -ENOENT;

	switch (h->target) {
	case LINK_PROBE_DNS:
		error = ask_name_servers(link);
		break;
	case LINK_PROBE_ADDRESS:
		error = probe_send(&h->probe, &link->ipif.netif,
			h->address.port ? PROBE_CONNECT : PROBE_PING, &h->address);
		break;
	case LINK_PROBE_NONE:
		break;
	}
	if (error)
		return error;
	h->n_probes++;
	arm_ms(h, ANSWER_MS);
	return 0;
}

static void degrade(struct link *link)
{
	char cause[TABLE_CAUSE_MAX];

	health_describe(&link->health.passive, stack_now_ns(), cause, sizeof(cause));
	link_degrade(link, cause);
}

static void on_suspicion(struct link *link)
{
	enum health_verdict verdict = health_judge(&link->health.passive, stack_now_ns());

	if (verdict == HEALTH_WELL || link->state != TABLE_LINK_UP)
		return;
	if (ask(link) == 0)
		link_note(link, LOG_LEVEL_INFO, "nothing is answered: asking whether data passes");
	else if (verdict == HEALTH_CONDEMNED)
		degrade(link);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	link->health.is_armed = false;
	if (link->health.n_probes == 0) {
		on_suspicion(link);
		return;
	}
	if (link->state == TABLE_LINK_UP)
		degrade(link);
	ask(link);
}

static void take_answer(struct link *link)
{
	struct link_health *h = &link->health;

	disarm(h);
	probe_end(&h->probe);
	h->n_probes = 0;
	h->quiet_until_ns = stack_now_ns() + h->pause_s * NS_PER_S;
	h->pause_s = h->pause_s * 2 < PAUSE_MAX_S ? h->pause_s * 2 : PAUSE_MAX_S;
}

/* ---- packets --------------------------------------------------------------------- */

void link_health_received(struct ipif *ipif, const uint8_t *packet, size_t len, void *arg)
{
	struct link *link = arg;
	struct link_health *h = &link->health;

	(void)ipif;
	if (!h->is_on || !health_received(&h->passive, packet, len))
		return;
	if (h->n_probes > 0) {
		take_answer(link);
	} else {
		disarm(h);
		h->pause_s = PAUSE_MIN_S;
	}
	if (link->state == TABLE_LINK_DEGRADED)
		link_recover(link);
}

void link_health_sent(struct ipif *ipif, const uint8_t *packet, size_t len, void *arg)
{
	struct link *link = arg;
	struct link_health *h = &link->health;
	uint64_t now_ns, due_ns;

	(void)ipif;
	if (!h->is_on)
		return;
	now_ns = stack_now_ns();
	if (!health_sent(&h->passive, packet, len, now_ns) || h->n_probes > 0)
		return;
	due_ns = health_due_ns(&h->passive);
	if (due_ns == 0)
		return;
	if (due_ns < h->quiet_until_ns)
		due_ns = h->quiet_until_ns;
	arm_ms(h, due_ns > now_ns ? (due_ns - now_ns) / NS_PER_MS + 1 : 0);
}

/* ---- life ------------------------------------------------------------------------ */

int link_health_init(struct link *link, struct event_base *base)
{
	link->health.timer = evtimer_new(base, on_timer, link);
	return link->health.timer ? 0 : -ENOMEM;
}

void link_health_fini(struct link *link)
{
	link_health_end(link);
	if (link->health.timer)
		event_free(link->health.timer);
	link->health.timer = NULL;
}

void link_health_begin(struct link *link)
{
	struct link_health *h = &link->health;

	h->is_on = is_watched(link);
	h->pause_s = PAUSE_MIN_S;
	h->quiet_until_ns = 0;
	health_begin(&h->passive, &link->current.gateway4, &link->current.gateway6);
}

void link_health_end(struct link *link)
{
	struct link_health *h = &link->health;

	h->is_on = false;
	h->n_probes = 0;
	if (h->timer)
		disarm(h);
	probe_end(&h->probe);
}

bool link_health_has_proof(const struct link *link)
{
	return !is_watched(link) || link->health.passive.has_received;
}
