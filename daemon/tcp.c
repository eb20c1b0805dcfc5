/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A TCP socket moves through the phases of enum tcp_phase; this file holds
 * what all phases share: the pcb's life, options, the table record.
 * Connecting, listening and the established stream have files of their own.
 *
 * The pcb is made when a connect or listen needs it, not before: only then
 * its address family is known (an AF_INET6 socket may speak IPv4), and a
 * socket whose connect failed simply gets a new one. Until then a bound
 * socket owns its port through ports.c alone.
 *
 * Ownership of the pcb: t->pcb is ours from tcp_attach() until lwIP's err
 * callback (the pcb is freed after it), tcp_drop_pcb() or tcp_detach(). Every
 * pcb carries in ext argument 0 the object and in 1 the uid; the destroy
 * callback clears t->pcb whichever way lwIP lets go of it, so an orphan never
 * points at freed memory even when TIME_WAIT ends silently.
 *
 * lwIP's errors say little: an RST in answer to a SYN and one on a live
 * connection are both ERR_RST, every time-out is ERR_ABRT. tcp_on_error()
 * translates by phase (semantics.md B3).
 */
#include "daemon/tcp_private.h"

#include "daemon/inet.h"
#include "daemon/ports.h"
#include "netif/pmtu.h"
#include "netif/tcp_hooks.h"
#include "netif/tcp_lso.h"
#include "netif/stack.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <lwip/priv/tcp_priv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EXT_ARG_SOCKET,
	EXT_ARG_UID,
	EXT_ARG_ANSWERED, /* not NULL: half-open only because the backlog is full */
};
static_assert(LWIP_TCP_PCB_NUM_EXT_ARGS > EXT_ARG_ANSWERED, "lwipopts.h gives the ext arguments");

/* Longest pause between two SYNs, in ticks of 500 ms: 120 s (RFC 6298 2.5). */
#define SYN_RTO_MAX_TICKS 240
/* Flags that stay; the others follow from the state. */
#define KEPT_FLAGS \
	(TABLE_SOCKET_BOUND | TABLE_SOCKET_BROADCAST | TABLE_SOCKET_WAS_CONNECTED)

uint32_t tcp_pcb_uid(const struct tcp_pcb *pcb)
{
	return (uint32_t)(uintptr_t)tcp_ext_arg_get(pcb, EXT_ARG_UID);
}

bool tcp_pcb_has_answered(const struct tcp_pcb *pcb)
{
	return tcp_ext_arg_get(pcb, EXT_ARG_ANSWERED) != NULL;
}

static void on_pcb_destroyed(u8_t id, void *data)
{
	struct tcp_socket *t = data;

	(void)id;
	if (!t)
		return;
	t->pcb = NULL;
	socket_schedule(&t->base);
}

static const struct tcp_ext_arg_callbacks ext_callbacks = {
	.destroy = on_pcb_destroyed,
};

void tcp_attach(struct tcp_socket *t, struct tcp_pcb *pcb)
{
	t->pcb = pcb;
	tcp_arg(pcb, t);
	tcp_ext_arg_set(pcb, EXT_ARG_SOCKET, t);
	tcp_ext_arg_set_callbacks(pcb, EXT_ARG_SOCKET, &ext_callbacks);
	tcp_ext_arg_set(pcb, EXT_ARG_UID, (void *)(uintptr_t)t->base.record.uid);
}

void tcp_detach(struct tcp_socket *t)
{
	struct tcp_pcb *pcb = t->pcb;

	if (!pcb)
		return;
	tcp_ext_arg_set(pcb, EXT_ARG_SOCKET, NULL);
	tcp_arg(pcb, NULL);
	if (pcb->state != LISTEN) {
		tcp_recv(pcb, NULL);
		tcp_sent(pcb, NULL);
		tcp_err(pcb, NULL);
	}
	t->pcb = NULL;
}

void tcp_drop_pcb(struct tcp_socket *t)
{
	struct tcp_pcb *pcb = t->pcb;

	if (!pcb)
		return;
	tcp_detach(t);
	if (pcb->state == LISTEN || pcb->state == CLOSED)
		tcp_close(pcb);
	else if (pcb->state != TIME_WAIT)
		tcp_abort(pcb);
}

int tcp_ensure_bound(struct tcp_socket *t)
{
	struct address any = { .family = t->base.record.family };
	int r;

	if (t->base.ports)
		return 0;
	r = ports_bind(&t->base.registry->tcp_ports, &t->base, &any);
	if (r == 0)
		t->base.record.local = t->base.bound;
	return r;
}

/* The type of pcb for talking to @remote, or for listening if it is NULL. */
static u8_t pcb_type(const struct tcp_socket *t, const ip_addr_t *remote)
{
	if (remote)
		return IP_GET_TYPE(remote);
	if (t->base.record.family == ADDRESS_IPV4 || address_is_v4_mapped(&t->base.bound))
		return IPADDR_TYPE_V4;
	return socket_option(&t->base, usp_Option_OPTION_V6ONLY) ? IPADDR_TYPE_V6
								 : IPADDR_TYPE_ANY;
}

static void apply_options(struct tcp_socket *t)
{
	static const usp_Option all[] = {
		usp_Option_OPTION_KEEP_ALIVE,
		usp_Option_OPTION_KEEP_IDLE,
		usp_Option_OPTION_KEEP_INTERVAL,
		usp_Option_OPTION_KEEP_COUNT,
		usp_Option_OPTION_NO_DELAY,
		usp_Option_OPTION_TTL,
		usp_Option_OPTION_TOS,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tcp_set_option(&t->base, all[i]);
}

int tcp_make_pcb(struct tcp_socket *t, const ip_addr_t *remote, struct tcp_pcb **out)
{
	struct usocketd *daemon = t->base.registry->daemon;
	u8_t type = pcb_type(t, remote);
	struct tcp_pcb *pcb = tcp_new_ip_type(type);
	ip_addr_t local;
	err_t err;

	if (!pcb)
		return -ENOBUFS;
	/* ports.c has decided who may share; lwIP is not asked. */
	ip_set_option(pcb, SOF_REUSEADDR);
	inet_to_lwip(daemon, &t->base.bound, &local);
	if (ip_addr_isany(&local))
		local = *inet_any(type);
	err = tcp_bind(pcb, &local, t->base.bound.port);
	if (err != ERR_OK) {
		tcp_close(pcb);
		return inet_error(err);
	}
	tcp_attach(t, pcb);
	apply_options(t);
	*out = pcb;
	return 0;
}

/* The errno of an lwIP error in this phase; 0: closed in good order. */
static int error_of(const struct tcp_socket *t, err_t err)
{
	if (err == ERR_RST && t->phase == TCP_PHASE_CONNECTING)
		return ECONNREFUSED;
	/* As Linux: the peer's stream has ended in order, so only sends fail. */
	if (err == ERR_RST)
		return t->fin_received ? EPIPE : ECONNRESET;
	if (err == ERR_ABRT)
		return stack_address_changing() ? ECONNABORTED : ETIMEDOUT;
	return err == ERR_CLSD ? 0 : -inet_error(err);
}

void tcp_on_error(void *arg, err_t err)
{
	struct tcp_socket *t = arg;
	int error;

	if (!t)
		return;
	error = error_of(t, err);
	/* lwIP frees the pcb when we return. */
	tcp_detach(t);
	if (t->phase == TCP_PHASE_CONNECTING)
		tcp_connect_attempt_failed(t, error);
	else
		tcp_stream_ended(t, error);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
	struct tcp_socket *t = arg;
	bool orphan = t->phase == TCP_PHASE_ORPHAN;
	int error = t->phase == TCP_PHASE_WAITING ? EHOSTUNREACH : ETIMEDOUT;

	(void)fd;
	(void)events;
	tcp_drop_pcb(t);
	if (orphan)
		socket_kill(&t->base);
	else
		tcp_connect_attempt_failed(t, error);
}

int tcp_arm_deadline(struct tcp_socket *t, uint32_t ms)
{
	struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

	if (!t->deadline)
		t->deadline = evtimer_new(t->base.registry->daemon->base, on_deadline, t);
	if (!t->deadline || event_add(t->deadline, &limit) < 0)
		return -ENOBUFS;
	return 0;
}

static void free_deadline(struct tcp_socket *t)
{
	if (t->deadline)
		event_free(t->deadline);
	t->deadline = NULL;
}

static int tcp_op_bind(struct usock *s, const struct address *local)
{
	int r;

	if (s->record.flags & TABLE_SOCKET_BOUND || tcp_of(s)->phase != TCP_PHASE_IDLE)
		return -EINVAL;
	if (address_is_multicast(local))
		return -EADDRNOTAVAIL;
	/* An implicit port of an earlier, failed connect makes way. */
	ports_release(s);
	r = ports_bind(&s->registry->tcp_ports, s, local);
	if (r < 0)
		return r;
	s->record.flags |= TABLE_SOCKET_BOUND;
	s->record.local = s->bound;
	return 0;
}

static void pcb_set_keep_alive(struct usock *s, struct tcp_pcb *pcb)
{
	if (socket_option(s, usp_Option_OPTION_KEEP_ALIVE))
		ip_set_option(pcb, SOF_KEEPALIVE);
	else
		ip_reset_option(pcb, SOF_KEEPALIVE);
	pcb->keep_idle = (u32_t)socket_option(s, usp_Option_OPTION_KEEP_IDLE) * 1000;
	pcb->keep_intvl = (u32_t)socket_option(s, usp_Option_OPTION_KEEP_INTERVAL) * 1000;
	pcb->keep_cnt = tcp_user_timeout_probes(tcp_of(s), pcb->keep_idle, pcb->keep_intvl,
		(u32_t)socket_option(s, usp_Option_OPTION_KEEP_COUNT));
}

static void pcb_set_nagle(struct usock *s, struct tcp_pcb *pcb)
{
	if (!socket_option(s, usp_Option_OPTION_NO_DELAY)) {
		tcp_nagle_enable(pcb);
		return;
	}
	tcp_nagle_disable(pcb);
	if (pcb->state >= ESTABLISHED)
		tcp_output(pcb);
}

static int channel_set_buffer(struct usock *s)
{
	int bytes = socket_option(s, usp_Option_OPTION_RECEIVE_BUFFER);

	if (setsockopt(s->channel, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	return 0;
}

int tcp_set_option(struct usock *s, usp_Option option)
{
	struct tcp_pcb *pcb = tcp_of(s)->pcb;

	if (option == usp_Option_OPTION_RECEIVE_BUFFER)
		return channel_set_buffer(s);
	if (!pcb || pcb->state == LISTEN)
		return 0;
	switch (option) {
	case usp_Option_OPTION_KEEP_ALIVE:
	case usp_Option_OPTION_KEEP_IDLE:
	case usp_Option_OPTION_KEEP_INTERVAL:
	case usp_Option_OPTION_KEEP_COUNT:
		pcb_set_keep_alive(s, pcb);
		break;
	case usp_Option_OPTION_USER_TIMEOUT:
		pcb_set_keep_alive(s, pcb);
		tcp_user_timeout_restart(tcp_of(s));
		break;
	case usp_Option_OPTION_NO_DELAY:
		pcb_set_nagle(s, pcb);
		break;
	case usp_Option_OPTION_TTL:
		pcb->ttl = (u8_t)socket_option(s, option);
		break;
	case usp_Option_OPTION_TOS:
		pcb->tos = (u8_t)socket_option(s, option);
		break;
	default:
		break;
	}
	return 0;
}

static enum table_state state_of(const struct tcp_socket *t)
{
	switch (t->phase) {
	case TCP_PHASE_RESOLVING:
	case TCP_PHASE_WAITING:
		return TABLE_STATE_SYN_SENT;
	case TCP_PHASE_LISTENING:
		return TABLE_STATE_LISTEN;
	default:
		/* lwIP's enum has the numbers of getsocketsta(). */
		return t->pcb ? (enum table_state)t->pcb->state : TABLE_STATE_CLOSED;
	}
}

static_assert((int)ESTABLISHED == (int)TABLE_STATE_ESTABLISHED &&
		(int)TIME_WAIT == (int)TABLE_STATE_TIME_WAIT,
	"state numbers agree");

/* Its user asked for IPv4, and it is connected by IPv6. */
static bool goes_through_nat64(const struct tcp_socket *t)
{
	struct address target = address_unmap_v4(&t->target);

	return target.family == ADDRESS_IPV4 && IP_IS_V6(&t->pcb->remote_ip);
}

static void describe_pcb(struct tcp_socket *t)
{
	struct usocketd *daemon = t->base.registry->daemon;
	struct table_socket *record = &t->base.record;
	const struct tcp_pcb *pcb = t->pcb;
	bool as_v6 = record->family == ADDRESS_IPV6;

	if (goes_through_nat64(t)) {
		record->local = inet_nat64_local(pcb->local_port, as_v6);
		record->remote = t->target;
	} else {
		record->local = inet_from_lwip(daemon, &pcb->local_ip, pcb->local_port, as_v6);
		record->remote = inet_from_lwip(daemon, &pcb->remote_ip, pcb->remote_port, as_v6);
	}
	/* lwIP's sequence numbers count a FIN or not, depending on its segment. */
	record->send_queue = (uint32_t)(record->bytes_sent - record->bytes_acked);
	record->rtt_us = t->srtt_us;
}

/* The route is looked up when the state changes, not for each segment. */
static void describe_link(struct tcp_socket *t)
{
	const struct tcp_pcb *pcb = t->pcb;

	t->base.record.link = inet_link_of(t->base.registry->daemon,
		inet_route(&pcb->local_ip, &pcb->remote_ip));
}

/* States that change without a callback are looked at each second. */
static bool moves_by_itself(const struct tcp_socket *t)
{
	return t->phase == TCP_PHASE_ORPHAN ||
		(t->pcb && t->phase == TCP_PHASE_CONNECTED &&
			(t->pcb->state != ESTABLISHED || t->pcb->unacked));
}

static bool is_connecting(const struct tcp_socket *t)
{
	return t->phase == TCP_PHASE_RESOLVING || t->phase == TCP_PHASE_WAITING ||
		t->phase == TCP_PHASE_CONNECTING;
}

static void tcp_op_describe(struct usock *s)
{
	struct tcp_socket *t = tcp_of(s);
	struct table_socket *record = &s->record;
	uint16_t flags = record->flags & KEPT_FLAGS;
	bool moved;

	if (is_connecting(t))
		flags |= TABLE_SOCKET_CONNECTING;
	if (t->phase == TCP_PHASE_ORPHAN)
		flags |= TABLE_SOCKET_ORPHAN;
	if (t->phase == TCP_PHASE_CONNECTED)
		flags |= TABLE_SOCKET_WAS_CONNECTED;
	if (t->fin_received)
		flags |= TABLE_SOCKET_FIN_RECEIVED;
	record->flags = flags;
	moved = record->state != state_of(t);
	record->state = (uint8_t)state_of(t);
	if (t->phase == TCP_PHASE_LISTENING) {
		record->receive_queue = t->n_untaken + t->n_queued;
		record->send_queue = t->backlog;
		return;
	}
	if (t->pcb && moved)
		describe_link(t);
	if (t->pcb)
		describe_pcb(t);
	else
		record->send_queue = 0;
	record->receive_queue = (uint32_t)t->received.n_bytes;
	if (!s->dead)
		socket_set_sweep(s, moves_by_itself(t));
}

static void tcp_op_on_channel(struct usock *s, short events)
{
	struct tcp_socket *t = tcp_of(s);

	if (t->phase == TCP_PHASE_LISTENING)
		tcp_listen_on_channel(t, events);
	else
		tcp_stream_on_channel(t, events);
}

static void tcp_op_service(struct usock *s)
{
	struct tcp_socket *t = tcp_of(s);

	if (!is_connecting(t))
		socket_tell_connect_over(s);
	if (s->dead)
		return;
	/* An idle connection is to be small. */
	if (!is_connecting(t) && t->phase != TCP_PHASE_ORPHAN)
		free_deadline(t);
	if (t->is_stalled && t->pcb)
		pmtu_suspect(t->pcb);
	t->is_stalled = false;
	if (t->phase == TCP_PHASE_LISTENING)
		tcp_listen_service(t);
	else
		tcp_stream_service(t);
	if (!s->dead)
		tcp_connect_service(t);
	if (!s->dead)
		socket_publish(s);
}

static void tcp_op_link_changed(struct usock *s)
{
	tcp_connect_link_changed(tcp_of(s));
}

static void tcp_op_release(struct usock *s)
{
	struct tcp_socket *t = tcp_of(s);

	socket_set_sweep(s, false);
	if (t->listener)
		tcp_listen_forget(t);
	if (t->phase == TCP_PHASE_LISTENING)
		tcp_listen_release(t);
	tcp_drop_pcb(t);
	tcp_stream_release(t);
	if (t->client_end >= 0)
		close(t->client_end);
	free_deadline(t);
	tcp_user_timeout_release(t);
}

static const struct socket_ops tcp_ops = {
	.bind = tcp_op_bind,
	.connect = tcp_op_connect,
	.connect_name = tcp_op_connect_name,
	.disconnect = tcp_op_disconnect,
	.listen = tcp_op_listen,
	.apply_option = tcp_set_option,
	.on_channel = tcp_op_on_channel,
	.service = tcp_op_service,
	.on_name = tcp_op_on_name,
	.on_link_changed = tcp_op_link_changed,
	.describe = tcp_op_describe,
	.release = tcp_op_release,
};

static void tcp_socket_init(struct tcp_socket *t)
{
	t->client_end = -1;
	TAILQ_INIT(&t->untaken);
	TAILQ_INIT(&t->queued);
}

int tcp_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end)
{
	struct socket_params params = *common;
	int r;

	params.size = sizeof(struct tcp_socket);
	params.ops = &tcp_ops;
	params.protocol = IPPROTO_TCP;
	r = socket_create(registry, &params, out, client_end);
	if (r < 0)
		return r;
	tcp_socket_init(tcp_of(*out));
	return 0;
}

struct tcp_socket *tcp_socket_accepted(struct tcp_socket *listener, struct tcp_pcb *pcb)
{
	struct table_socket *parent = &listener->base.record;
	struct socket_registry *registry = listener->base.registry;
	struct socket_params params = {
		.owner = { listener->base.account, parent->pid, parent->uid, parent->program },
		.type = TABLE_TYPE_STREAM,
		.family = parent->family,
	};
	struct tcp_socket *t;
	struct address local;
	struct usock *s;
	int client_end;

	if (tcp_socket_new(registry, &params, &s, &client_end) < 0)
		return NULL;
	t = tcp_of(s);
	t->client_end = client_end;
	memcpy(s->options, listener->base.options, sizeof(s->options));
	s->options_set = listener->base.options_set;
	local = inet_from_lwip(registry->daemon, &pcb->local_ip, pcb->local_port,
		params.family == ADDRESS_IPV6);
	if (ports_adopt(&registry->tcp_ports, s, &local) < 0) {
		socket_kill(s);
		return NULL;
	}
	t->phase = TCP_PHASE_CONNECTED;
	tcp_attach(t, pcb);
	apply_options(t);
	pmtu_start(pcb);
	return t;
}

static bool on_segment_in(struct tcp_pcb *pcb, const struct tcp_header *header)
{
	/* None for a half-open connection: it is nobody's yet. */
	struct tcp_socket *t = tcp_ext_arg_get(pcb, EXT_ARG_SOCKET);

	if (pcb->state == SYN_RCVD && pcb->listener && !(header->flags & TCP_RST)) {
		t = tcp_ext_arg_get((struct tcp_pcb *)pcb->listener, EXT_ARG_SOCKET);
		if (!t || tcp_listen_admit_ack(t))
			return true;
		tcp_ext_arg_set(pcb, EXT_ARG_ANSWERED, pcb);
		return false;
	}
	if (!t)
		return true;
	if (pcb->state == LISTEN)
		return header->flags != TCP_SYN || tcp_listen_admit_syn(t);
	if (pcb->state > ESTABLISHED || tcp_lso_is_used(pcb))
		socket_schedule(&t->base);
	if (pcb->state >= ESTABLISHED && header->flags & TCP_ACK)
		tcp_recovery_segment_in(&t->recovery, pcb, header->ack, header->options,
			header->n_options);
	return true;
}

/* One segment at a time is timed, and none that was sent twice (RFC 6298 3). */
static void on_segment_out(struct tcp_pcb *pcb, uint32_t sequence)
{
	struct tcp_socket *t = tcp_ext_arg_get(pcb, EXT_ARG_SOCKET);

	if (!t || t->timed_ns)
		return;
	t->timed_ns = stack_now_ns();
	t->timed_seq = sequence;
}

static void on_retransmitted(struct tcp_pcb *pcb)
{
	struct tcp_socket *t = tcp_ext_arg_get(pcb, EXT_ARG_SOCKET);

	/* lwIP would send a SYN again every second (RFC 1122 4.2.3.1: back off). */
	if (pcb->state == SYN_SENT)
		pcb->rto = (s16_t)LWIP_MIN(pcb->rto * 2, SYN_RTO_MAX_TICKS);
	if (!t)
		return;
	t->base.record.retransmissions++;
	t->timed_ns = 0;
	if (pcb->flags & TF_RTO)
		tcp_recovery_timed_out(&t->recovery, pcb);
	tcp_user_timeout_retransmitted(t, pcb);
	if (pcb->nrtx > 1) {
		t->is_stalled = true;
		socket_schedule(&t->base);
	}
}

uint32_t tcp_sample_rtt(struct tcp_socket *t)
{
	uint32_t us;

	if (!t->timed_ns || !t->pcb || !TCP_SEQ_GT(t->pcb->lastack, t->timed_seq))
		return 0;
	us = (uint32_t)((stack_now_ns() - t->timed_ns) / 1000) + 1;
	t->timed_ns = 0;
	/* RFC 6298 2.2 and 2.3. */
	t->srtt_us = t->srtt_us ? t->srtt_us - t->srtt_us / 8 + us / 8 : us;
	return us;
}

void tcp_sockets_init(void)
{
	static const struct tcp_hooks hooks = { on_segment_in, on_segment_out, on_retransmitted };

	tcp_hooks_set(&hooks);
}
