/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A listener's channel carries one message for each accepted connection, the
 * client's end of the new channel beside it. The kernel keeps those messages
 * until somebody takes them, which any holder may do without asking us.
 *
 * The backlog bounds the untaken connections: with a full one, SYNs and the
 * ACKs that complete a handshake are dropped, and their senders try again.
 * That a message was taken shows in SIOCOUTQ of our end: all messages cost the
 * same there, so the quotient is the number of untaken ones; the
 * edge-triggered write event tells when to look. Messages are taken in order,
 * so the oldest children are the taken.
 *
 * Half-open connections have a bound of their own (embryonic_max), so that a
 * flood of SYNs from nowhere does not fill the backlog. At the bound the
 * oldest makes way if it has had time to answer, which a genuine peer does
 * within a round trip; else the SYN is dropped, and its sender tries again. To
 * throw out those that have just come would reset genuine peers when many of
 * them come at once.
 *
 * When the listener goes, the kernel drops the untaken messages with their
 * descriptors, and we abort those children: nobody will ever hold them.
 */
#include "daemon/tcp_private.h"

#include "daemon/inet.h"
#include "daemon/ports.h"
#include "proto/channel.h"
#include "proto/fdpass.h"

#include <errno.h>
#include <linux/sockios.h>
#include <lwip/priv/tcp_priv.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a half-open connection is given to answer, in lwIP's half seconds. */
#define EMBRYONIC_TICKS 3

static int channel_cost(const struct tcp_socket *t)
{
	int cost = 0;

	if (ioctl(t->base.channel, SIOCOUTQ, &cost) < 0)
		return 0;
	return cost;
}

static void child_taken(struct tcp_socket *t, struct tcp_socket *child)
{
	TAILQ_REMOVE(&t->untaken, child, child_link);
	t->n_untaken--;
	child->listener = NULL;
}

static void count_taken(struct tcp_socket *t)
{
	uint32_t left;
	int cost;

	cost = channel_cost(t);
	if (cost > 0 && t->message_cost == 0)
		return;
	left = cost > 0 ? (uint32_t)(cost / t->message_cost) : 0;
	while (t->n_untaken > left && !TAILQ_EMPTY(&t->untaken))
		child_taken(t, TAILQ_FIRST(&t->untaken));
}

/* Returns 0, -EAGAIN if the channel is full, or -errno. */
static int pass_on(struct tcp_socket *t, struct tcp_socket *child)
{
	struct channel_header header = {
		.kind = CHANNEL_ACCEPTED,
		.address = child->base.record.remote,
		.value = child->base.id,
	};
	int before = channel_cost(t);
	ssize_t n;

	n = fdpass_send(t->base.channel, &header, sizeof(header), &child->client_end, 1,
		MSG_DONTWAIT);
	if (n < 0)
		return (int)n;
	if (before == 0)
		t->message_cost = channel_cost(t);
	close(child->client_end);
	child->client_end = -1;
	return 0;
}

void tcp_listen_service(struct tcp_socket *t)
{
	struct tcp_socket *child;
	int r;

	while ((child = TAILQ_FIRST(&t->queued)) != NULL) {
		/* The count must be right before a message joins the queue. */
		count_taken(t);
		socket_publish(&child->base);
		r = pass_on(t, child);
		if (r == -EAGAIN) {
			socket_watch_writable(&t->base, true);
			return;
		}
		if (r < 0) {
			/* The client has shut its end: it takes no more. */
			socket_kill(&t->base);
			return;
		}
		TAILQ_REMOVE(&t->queued, child, child_link);
		t->n_queued--;
		TAILQ_INSERT_TAIL(&t->untaken, child, child_link);
		t->n_untaken++;
	}
	count_taken(t);
	socket_watch_writable(&t->base, t->n_untaken > 0);
}

void tcp_listen_on_channel(struct tcp_socket *t, short events)
{
	(void)events;
	if (socket_channel_hung_up(&t->base)) {
		socket_kill(&t->base);
		return;
	}
	socket_schedule(&t->base);
}

void tcp_listen_forget(struct tcp_socket *child)
{
	struct tcp_socket *t = child->listener;

	child->listener = NULL;
	if (child->client_end >= 0) {
		TAILQ_REMOVE(&t->queued, child, child_link);
		t->n_queued--;
		return;
	}
	/*
	 * Its message is still in the channel, or taken just now. The place
	 * in the order must stay right: look before forgetting.
	 */
	child->listener = t;
	count_taken(t);
	if (child->listener)
		child_taken(t, child);
}

/* The one that has left us without an answer for longest. */
static struct tcp_pcb *oldest_half_open(const struct tcp_socket *t)
{
	struct tcp_pcb *pcb, *oldest = NULL;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->state == SYN_RCVD && (struct tcp_pcb *)pcb->listener == t->pcb &&
			!tcp_pcb_has_answered(pcb) &&
			(!oldest || tcp_ticks - pcb->tmr > tcp_ticks - oldest->tmr))
			oldest = pcb;
	return oldest;
}

static bool backlog_full(struct tcp_socket *t)
{
	count_taken(t);
	return t->n_queued + t->n_untaken >= t->backlog;
}

bool tcp_listen_admit_ack(struct tcp_socket *t)
{
	return !backlog_full(t);
}

bool tcp_listen_admit_syn(struct tcp_socket *t)
{
	/* lwIP counts the half-open ones here. */
	uint32_t n = ((const struct tcp_pcb_listen *)t->pcb)->accepts_pending;
	struct tcp_pcb *oldest;

	if (backlog_full(t)) {
		t->base.record.drops++;
		t->base.registry->n_syn_dropped++;
		socket_schedule(&t->base);
		return false;
	}
	if (n < t->base.registry->daemon->config.embryonic_max)
		return true;
	t->base.record.drops++;
	oldest = oldest_half_open(t);
	if (!oldest || tcp_ticks - oldest->tmr < EMBRYONIC_TICKS) {
		t->base.registry->n_syn_dropped++;
		socket_schedule(&t->base);
		return false;
	}
	/* Without RST: its sender may not exist. */
	tcp_abandon(oldest, 0);
	return true;
}

static void abort_children(struct tcp_socket_queue *queue)
{
	struct tcp_socket *child;

	while ((child = TAILQ_FIRST(queue)) != NULL) {
		TAILQ_REMOVE(queue, child, child_link);
		child->listener = NULL;
		socket_kill(&child->base);
	}
}

void tcp_listen_release(struct tcp_socket *t)
{
	/* What was taken in the meantime belongs to its taker. */
	count_taken(t);
	abort_children(&t->queued);
	abort_children(&t->untaken);
	t->n_queued = 0;
	t->n_untaken = 0;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct tcp_socket *t = arg, *child;

	if (!t || err != ERR_OK || !pcb)
		return ERR_VAL;
	child = tcp_socket_accepted(t, pcb);
	if (!child) {
		t->base.record.drops++;
		socket_schedule(&t->base);
		/* lwIP aborts the connection: its peer gets a reset. */
		return ERR_MEM;
	}
	tcp_stream_start(child);
	child->listener = t;
	TAILQ_INSERT_TAIL(&t->queued, child, child_link);
	t->n_queued++;
	socket_schedule(&t->base);
	return ERR_OK;
}

static int start_listening(struct tcp_socket *t)
{
	struct tcp_pcb *pcb, *lpcb;
	err_t err;
	int r;

	r = tcp_make_pcb(t, NULL, &pcb);
	if (r < 0)
		return r;
	/* When memory is short, half-open connections go first. */
	tcp_setprio(pcb, TCP_PRIO_MIN);
	/* tcp_listen() frees this pcb and makes another. Its backlog is out of
	 * the way: ours are checked before it sees a segment. */
	tcp_detach(t);
	lpcb = tcp_listen_with_backlog_and_err(pcb, UINT8_MAX, &err);
	if (!lpcb) {
		tcp_close(pcb);
		return inet_error(err);
	}
	tcp_attach(t, lpcb);
	tcp_accept(lpcb, on_accept);
	t->phase = TCP_PHASE_LISTENING;
	return 0;
}

int tcp_op_listen(struct usock *s, uint8_t backlog)
{
	struct tcp_socket *t = tcp_of(s);
	int r;

	t->backlog = backlog;
	if (t->phase == TCP_PHASE_LISTENING)
		return 0;
	if (t->phase != TCP_PHASE_IDLE)
		return -EINVAL;
	r = tcp_ensure_bound(t);
	if (r == 0)
		r = ports_check_listen(s);
	if (r == 0)
		r = start_listening(t);
	return r;
}
