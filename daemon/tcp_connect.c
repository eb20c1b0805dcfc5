/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * Before it asks for a connect the client makes its end of the channel
 * unwritable: the smallest send buffer, filled. What lies in the channel at
 * that moment is the filler; however the connect ends, the daemon takes exactly
 * that many bytes away, which makes the client's end writable: POLLOUT means
 * that the connect is over, as for a kernel socket. The result is in the
 * table's error.
 *
 * A client that writes less, or more, hurts only itself: what was there
 * before the connect never reaches the network.
 *
 * A socket waits for a link if it asked for that, or if one is dialed on demand,
 * and else only for the answer whether IPv4 can go through NAT64, which on a link
 * without IPv4 is known a moment after the link is up.
 *
 * WAITING and CONNECTING share one deadline (connect_timeout). A connect to a
 * name has that of its target instead, and CONNECTING a share of it for each
 * address. An attempt may fail inside lwIP, so the next one is made from the
 * run queue.
 */
#include "daemon/tcp_private.h"

#include "daemon/inet.h"
#include "daemon/name_target.h"
#include "daemon/nat64_finder.h"
#include "daemon/ports.h"
#include "netif/pmtu.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

/* lwIP's slow ticks of 0.5 s: 3 s. */
#define FIRST_RTO_MAX_TICKS 6

/* Automatic ports that are tried for one connect. */
#define PORT_TRIES 64

static void drain_filler(struct tcp_socket *t)
{
	uint8_t *scratch = t->base.registry->scratch;
	ssize_t n;

	while (t->n_filler > 0) {
		size_t want = t->n_filler < SOCKET_SCRATCH_SIZE ? t->n_filler
								: SOCKET_SCRATCH_SIZE;

		n = recv(t->base.channel, scratch, want, MSG_DONTWAIT);
		if (n <= 0)
			break;
		t->n_filler -= (uint32_t)n;
	}
	t->n_filler = 0;
}

static void leave_connecting(struct tcp_socket *t)
{
	if (t->deadline)
		event_del(t->deadline);
	socket_give_up_name(&t->base);
	drain_filler(t);
	/* What the client wrote after the filler, or its close. */
	t->readable = true;
	socket_schedule(&t->base);
}

/* An automatic port is given back; the next connect gets another. */
static void give_back_port(struct tcp_socket *t)
{
	if (t->base.record.flags & TABLE_SOCKET_BOUND)
		return;
	ports_release(&t->base);
	memset(&t->base.bound, 0, sizeof(t->base.bound));
}

void tcp_connect_failed(struct tcp_socket *t, int error)
{
	t->phase = TCP_PHASE_IDLE;
	give_back_port(t);
	t->base.record.local = t->base.bound;
	t->base.record.local.family = t->base.record.family;
	memset(&t->base.record.remote, 0, sizeof(t->base.record.remote));
	/* The error first: the client looks as soon as it can write. */
	socket_set_error(&t->base, error);
	leave_connecting(t);
}

void tcp_connect_attempt_failed(struct tcp_socket *t, int error)
{
	if (!t->base.name || !name_target_has_next(t->base.name)) {
		tcp_connect_failed(t, error);
		return;
	}
	t->phase = TCP_PHASE_RESOLVING;
	socket_schedule(&t->base);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct tcp_socket *t = arg;

	(void)err;
	/* However long the SYN took to get through: RFC 6298 5.7. */
	pcb->rto = LWIP_MIN(pcb->rto, FIRST_RTO_MAX_TICKS);
	t->phase = TCP_PHASE_CONNECTED;
	pmtu_start(pcb);
	tcp_sample_rtt(t);
	tcp_stream_start(t);
	socket_publish(&t->base);
	leave_connecting(t);
	return ERR_OK;
}

static int send_syn(struct tcp_socket *t, const ip_addr_t *remote)
{
	struct tcp_pcb *pcb;
	err_t err;
	int r;

	r = tcp_make_pcb(t, remote, &pcb);
	if (r < 0)
		return r;
	tcp_err(pcb, tcp_on_error);
	err = tcp_connect(pcb, remote, t->target.port, on_connected);
	if (err != ERR_OK) {
		tcp_drop_pcb(t);
		return inet_error(err);
	}
	t->phase = TCP_PHASE_CONNECTING;
	return 0;
}

/*
 * lwIP knows connections that no socket of ours holds any more: those in
 * TIME-WAIT. An automatic port that would repeat one is changed for another.
 */
static int send_syn_from_free_port(struct tcp_socket *t, const ip_addr_t *remote)
{
	int r = -EADDRINUSE;
	int tries = t->base.record.flags & TABLE_SOCKET_BOUND ? 1 : PORT_TRIES;

	for (int i = 0; r == -EADDRINUSE && i < tries; i++) {
		r = tcp_ensure_bound(t);
		if (r == 0)
			r = send_syn(t, remote);
		if (r < 0)
			give_back_port(t);
	}
	return r == -EADDRINUSE ? -EADDRNOTAVAIL : r;
}

static int start_connecting(struct tcp_socket *t)
{
	struct usocketd *daemon = t->base.registry->daemon;
	ip_addr_t remote, local;

	inet_destination(daemon, &t->base.bound, &t->target, &remote);
	inet_to_lwip(daemon, &t->base.bound, &local);
	if (ip_addr_isany(&local) || IP_GET_TYPE(&local) != IP_GET_TYPE(&remote))
		local = *IP_ANY_TYPE;
	else if (!inet_is_ours(&local))
		return -EADDRNOTAVAIL;
	if (!inet_route(&local, &remote))
		return -EHOSTUNREACH;
	return send_syn_from_free_port(t, &remote);
}

/* Whether a target without a route may have one later, and is to be kept. */
static bool is_to_wait(const struct tcp_socket *t)
{
	struct usocketd *daemon = t->base.registry->daemon;
	ip_addr_t local;

	inet_to_lwip(daemon, &t->base.bound, &local);
	/* First, as it wakes a link for whoever would wait anyway. */
	return inet_dial(daemon, &local) || t->wait_for_link ||
		nat64_finder_may_help(daemon, &t->target);
}

static int check_target(const struct tcp_socket *t, const struct address *remote)
{
	ip_addr_t ip;

	if (remote->port == 0)
		return -EINVAL;
	inet_to_lwip(t->base.registry->daemon, remote, &ip);
	if (address_is_multicast(remote) || inet_is_broadcast(&ip))
		return -ENETUNREACH;
	return 0;
}

static int check_phase(const struct tcp_socket *t)
{
	switch (t->phase) {
	case TCP_PHASE_RESOLVING:
	case TCP_PHASE_WAITING:
	case TCP_PHASE_CONNECTING:
		return -EALREADY;
	case TCP_PHASE_CONNECTED:
	case TCP_PHASE_LISTENING:
		return -EISCONN;
	case TCP_PHASE_IDLE:
		/* A channel that was shut cannot carry a new stream. */
		return t->client_shut ? -EPIPE : 0;
	default:
		return -EBADF;
	}
}

/* "Any" as a destination is this host, as on Linux. */
static struct address connect_target(const struct address *remote)
{
	struct address target = *remote;

	if (!address_is_any(remote))
		return target;
	if (remote->family == ADDRESS_IPV4)
		memcpy(target.ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	else
		target.ip[15] = 1;
	return target;
}

/* What every connect begins with; an earlier one may have left its marks. */
static void begin_connect(struct tcp_socket *t)
{
	/* Who has a channel of his own knows no filler: that is data already. */
	t->n_filler = t->base.is_foreign ? 0 : (uint32_t)socket_channel_unread(&t->base);
	t->timed_ns = 0;
	t->srtt_us = 0;
	t->base.record.error = 0;
}

int tcp_op_connect(struct usock *s, const struct address *remote, bool wait_for_link)
{
	struct tcp_socket *t = tcp_of(s);
	int r = check_phase(t);

	if (r < 0)
		return r;
	begin_connect(t);
	t->target = connect_target(remote);
	r = check_target(t, &t->target);
	if (r == 0)
		r = tcp_arm_deadline(t,
			tcp_user_timeout_bound(t,
				s->registry->daemon->config.connect_timeout_s * 1000));
	if (r == 0)
		r = start_connecting(t);
	t->wait_for_link = wait_for_link;
	if (r == -EHOSTUNREACH && is_to_wait(t)) {
		t->phase = TCP_PHASE_WAITING;
		r = 0;
	}
	if (r < 0) {
		if (t->deadline)
			event_del(t->deadline);
		drain_filler(t);
		return r;
	}
	return REQUEST_STARTED;
}

/* Tries the addresses that are left until one can be; the last one's error. */
static int connect_next(struct tcp_socket *t)
{
	struct name_target *name = t->base.name;
	struct address remote;
	int r = -EHOSTUNREACH;

	while (name_target_next(name, &remote)) {
		t->target = connect_target(&remote);
		r = check_target(t, &t->target);
		if (r == 0)
			r = start_connecting(t);
		if (r == 0)
			r = tcp_arm_deadline(t,
				tcp_user_timeout_bound(t, name_target_share_ms(name)));
		if (r == 0)
			return 0;
		tcp_drop_pcb(t);
	}
	return r;
}

/* The look-up is done, or an attempt has failed: what comes next. */
static void connect_go_on(struct tcp_socket *t)
{
	bool untried = name_target_is_untried(t->base.name);
	int r = connect_next(t);

	if (r == -EHOSTUNREACH && untried && name_target_waits(t->base.name))
		t->phase = TCP_PHASE_WAITING;
	else if (r < 0)
		tcp_connect_failed(t, -r);
	socket_publish(&t->base);
}

int tcp_op_connect_name(struct usock *s, const struct name_target_params *params)
{
	struct tcp_socket *t = tcp_of(s);
	int r = check_phase(t);

	if (r < 0)
		return r;
	begin_connect(t);
	r = name_target_new(&s->name, s, params);
	if (r < 0) {
		drain_filler(t);
		return r;
	}
	t->phase = TCP_PHASE_RESOLVING;
	return REQUEST_STARTED;
}

void tcp_op_on_name(struct usock *s)
{
	struct tcp_socket *t = tcp_of(s);

	if (t->phase == TCP_PHASE_RESOLVING || t->phase == TCP_PHASE_WAITING)
		connect_go_on(t);
}

void tcp_connect_service(struct tcp_socket *t)
{
	int r;

	if (t->phase != TCP_PHASE_RESOLVING)
		return;
	r = name_target_refresh(t->base.name);
	if (r == 0)
		connect_go_on(t);
	else if (r < 0)
		tcp_connect_failed(t, -r);
}

int tcp_op_disconnect(struct usock *s)
{
	struct tcp_socket *t = tcp_of(s);

	if (t->phase != TCP_PHASE_RESOLVING && t->phase != TCP_PHASE_WAITING &&
		t->phase != TCP_PHASE_CONNECTING)
		return t->phase == TCP_PHASE_IDLE ? 0 : -EISCONN;
	tcp_drop_pcb(t);
	tcp_connect_failed(t, 0);
	return 0;
}

void tcp_connect_link_changed(struct tcp_socket *t)
{
	int r;

	if (t->phase != TCP_PHASE_WAITING)
		return;
	if (t->base.name) {
		t->phase = TCP_PHASE_RESOLVING;
		name_target_forget(t->base.name);
		socket_schedule(&t->base);
		return;
	}
	t->phase = TCP_PHASE_IDLE;
	r = start_connecting(t);
	if (r == -EHOSTUNREACH && is_to_wait(t))
		t->phase = TCP_PHASE_WAITING;
	else if (r < 0)
		tcp_connect_failed(t, -r);
	socket_publish(&t->base);
}

void tcp_socket_unreachable(struct usock *s, int error)
{
	struct tcp_socket *t = tcp_of(s);

	/* For a live connection it is a hint, no more (RFC 1122 4.2.3.9). */
	if (t->phase != TCP_PHASE_CONNECTING)
		return;
	tcp_drop_pcb(t);
	tcp_connect_attempt_failed(t, error);
}
