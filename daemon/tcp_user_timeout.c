/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * The user timeout of RFC 9293 3.8.3 and RFC 5482, in Linux' sense (tcp(7)): how
 * long data may stay unacknowledged, or unsent because the peer's window is
 * closed, before the connection is given up with ETIMEDOUT. It takes the place of
 * lwIP's own limit, shorter or longer; it bounds a connect, and the keep-alive's
 * probes.
 *
 * One timer a socket runs while something is outstanding. It starts when that
 * comes to be, and anew with each acknowledgement of new data: probes of a closed
 * window that are merely answered are no progress. A socket that never set the
 * option has no timer. Lingering has a limit of its own.
 */
#include "daemon/tcp_private.h"

#include <errno.h>
#include <event2/event.h>
#include <lwip/priv/tcp_priv.h>

static uint32_t limit_ms(const struct tcp_socket *t)
{
	return (uint32_t)socket_option(&t->base, usp_Option_OPTION_USER_TIMEOUT);
}

static bool is_outstanding(const struct tcp_socket *t)
{
	return t->phase == TCP_PHASE_CONNECTED && t->pcb && (t->pcb->unacked || t->pcb->unsent);
}

/* The peer may be there after all: the reset tells it. */
static void on_user_timeout(evutil_socket_t fd, short events, void *arg)
{
	struct tcp_socket *t = arg;

	(void)fd;
	(void)events;
	if (!is_outstanding(t))
		return;
	tcp_drop_pcb(t);
	tcp_stream_ended(t, ETIMEDOUT);
}

/* Without memory for the timer lwIP's own limit remains. */
static void start(struct tcp_socket *t, uint32_t ms)
{
	struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

	if (!t->user_timer)
		t->user_timer = evtimer_new(t->base.registry->daemon->base, on_user_timeout, t);
	if (t->user_timer)
		event_add(t->user_timer, &limit);
}

void tcp_user_timeout_watch(struct tcp_socket *t)
{
	uint32_t ms = limit_ms(t);

	if (ms > 0 && !t->base.dead && is_outstanding(t)) {
		if (!t->user_timer || !evtimer_pending(t->user_timer, NULL))
			start(t, ms);
	} else if (t->user_timer) {
		event_del(t->user_timer);
	}
}

void tcp_user_timeout_restart(struct tcp_socket *t)
{
	if (t->user_timer)
		event_del(t->user_timer);
	tcp_user_timeout_watch(t);
}

uint32_t tcp_user_timeout_bound(const struct tcp_socket *t, uint32_t ms)
{
	uint32_t limit = limit_ms(t);

	return limit > 0 && limit < ms ? limit : ms;
}

uint32_t tcp_user_timeout_probes(const struct tcp_socket *t, uint32_t idle_ms,
	uint32_t interval_ms, uint32_t n)
{
	uint32_t limit = limit_ms(t);

	if (limit == 0)
		return n;
	if (limit <= idle_ms + interval_ms)
		return 1;
	return (limit - idle_ms + interval_ms - 1) / interval_ms;
}

void tcp_user_timeout_retransmitted(const struct tcp_socket *t, struct tcp_pcb *pcb)
{
	if (limit_ms(t) > 0 && pcb->state != SYN_SENT && pcb->nrtx >= TCP_MAXRTX)
		pcb->nrtx = TCP_MAXRTX - 1;
}

void tcp_user_timeout_release(struct tcp_socket *t)
{
	if (t->user_timer)
		event_free(t->user_timer);
	t->user_timer = NULL;
}
