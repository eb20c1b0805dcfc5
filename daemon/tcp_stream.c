/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * An established connection carries bytes both ways between lwIP and the
 * channel. All of it is done by tcp_stream_service() from the run queue.
 *
 * Network to client: lwIP's recv callback puts pbufs into t->received, the
 * service writes them to the channel and opens the window by what the channel
 * took, no more: a client that does not read closes the peer's window. FIN
 * becomes a half-close of the channel, after the data. What lwIP would acknowledge
 * at once is acknowledged by the service, with the window that is open then: one
 * acknowledgement for all that has come in one turn of the loop.
 *
 * A channel holds 200 KB, and can be written to again when three quarters of them
 * are gone: daemon and client would take turns instead of working at the same time.
 * So the channel of a client that has drained a full one, and has more to come, is
 * made larger, unless the program has said how large its buffer is to be. Without
 * CAP_NET_ADMIN the sysctl net.core.wmem_max is the limit. There are few of them at a
 * time; one that has nothing to deliver makes room for another.
 *
 * Client to network: read from the channel only what lwIP can take. End of
 * stream is the client's shutdown(SHUT_WR), or its close if the channel hung
 * up; the kernel says ECONNRESET if it closed with unread data, which is a
 * reset on the network too (RFC 2525 2.17).
 *
 * The end of the connection is told after the last received byte:
 * - a reset, while bytes of the client lie unread in the channel: closing our
 *   end makes the kernel say ECONNRESET by itself;
 * - else the error goes into the table and the channel is half-closed; the
 *   client library finds the error when it reads end of stream. A client that
 *   writes on all the same leaves unread bytes, and gets ECONNRESET as above.
 * - Once the error has been taken, what is unread is thrown away and the
 *   channel closed: end of stream and EPIPE from then on.
 * - A foreign channel's program knows no table: its channel is reset, or just
 *   closed while bytes before the error are still on their way through it.
 *
 * After the client's close the socket is an ORPHAN until TCP has delivered
 * what was queued or the linger limit is over: of SO_LINGER from the close on, else
 * the configured one since the peer has last acknowledged something.
 */
#include "daemon/tcp_private.h"

#include "daemon/inet.h"
#include "daemon/limits.h"
#include "netif/stack.h"
#include "netif/tcp_lso.h"
#include "netif/timers.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <lwip/priv/tcp_priv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Vectors of one write to the channel. */
#define DELIVER_IOV 64
/* Bytes read from one channel before others have their turn. */
#define PUMP_BUDGET (256 * 1024)
/* SO_SNDBUF of a channel that is made larger; the kernel doubles it. */
#define WIDE_BYTES (1024 * 1024)
/* For so long at least; one that is busy has nothing to deliver now and then, too. */
#define WIDE_KEPT_NS 100000000u
/* A line that answers later is not sent a burst at once. */
#define FIRST_BURST_RTT_US 200000

/* lwIP is one a process, and so are its connections. Oldest first. */
static struct tcp_socket_queue acks_put_off = TAILQ_HEAD_INITIALIZER(acks_put_off);

static void forget_ack(struct tcp_socket *t)
{
	if (t->is_ack_queued)
		TAILQ_REMOVE(&acks_put_off, t, ack_link);
	t->is_ack_queued = false;
}

/* lwIP would send it before the client has taken anything. */
static void put_off_ack(struct tcp_socket *t)
{
	if (!(t->pcb->flags & TF_ACK_NOW))
		return;
	tcp_clear_flags(t->pcb, TF_ACK_NOW);
	tcp_set_flags(t->pcb, TF_ACK_DELAY);
	t->is_ack_due = true;
}

/*
 * lwIP's timer looks at all connections for those that wait for an acknowledgement,
 * none of which is in the processor's cache if there are many.
 */
static void send_acks(void)
{
	struct tcp_socket *t;

	while ((t = TAILQ_FIRST(&acks_put_off)) != NULL) {
		forget_ack(t);
		/* It may have gone with something else. */
		if (!t->pcb || !(t->pcb->flags & TF_ACK_DELAY))
			continue;
		tcp_ack_now(t->pcb);
		tcp_output(t->pcb);
		tcp_clear_flags(t->pcb, TF_ACK_DELAY | TF_ACK_NOW);
	}
}

static void send_ack_later(struct tcp_socket *t)
{
	if (!t->is_ack_queued)
		TAILQ_INSERT_TAIL(&acks_put_off, t, ack_link);
	t->is_ack_queued = true;
	timers_ack_delayed(send_acks);
}

/* Unless it has gone with something else; sent by the next tcp_output(). */
static void acknowledge(struct tcp_socket *t)
{
	if (t->is_ack_due && t->pcb->flags & TF_ACK_DELAY)
		tcp_ack_now(t->pcb);
	t->is_ack_due = false;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct tcp_socket *t = arg;
	size_t n;

	(void)err;
	socket_schedule(&t->base);
	if (!p) {
		t->fin_received = true;
		return ERR_OK;
	}
	n = p->tot_len;
	/* lwIP keeps what is refused and offers it again. */
	if (account_charge(t->base.account, RESOURCE_QUEUED, n) < 0)
		return ERR_MEM;
	if (pbuf_queue_push(&t->received, p) < 0) {
		account_release(t->base.account, RESOURCE_QUEUED, n);
		return ERR_MEM;
	}
	t->base.record.bytes_received += n;
	put_off_ack(t);
	if (!t->is_ack_due && pcb->flags & TF_ACK_DELAY)
		send_ack_later(t);
	return ERR_OK;
}

static uint32_t default_linger(const struct tcp_socket *t)
{
	return t->base.registry->daemon->config.linger_s;
}

/* A slow peer is not one that has gone: the limit is for standing still. */
static void linger_on(struct tcp_socket *t)
{
	if (t->phase == TCP_PHASE_ORPHAN &&
		socket_option(&t->base, usp_Option_OPTION_LINGER) < 0)
		tcp_arm_deadline(t, default_linger(t) * 1000);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct tcp_socket *t = arg;
	uint32_t rtt_us;

	(void)pcb;
	t->base.record.bytes_acked += len;
	tcp_recovery_acked(&t->recovery, t->pcb);
	rtt_us = tcp_sample_rtt(t);
	if (rtt_us)
		tcp_delay_sample(&t->delay, t->pcb, rtt_us, stack_now_ns());
	tcp_delay_acked(&t->delay, t->pcb);
	tcp_user_timeout_restart(t);
	linger_on(t);
	socket_schedule(&t->base);
	return ERR_OK;
}

void tcp_stream_start(struct tcp_socket *t)
{
	tcp_recv(t->pcb, on_received);
	tcp_sent(t->pcb, on_sent);
	tcp_err(t->pcb, tcp_on_error);
	t->readable = true;
}

void tcp_stream_ended(struct tcp_socket *t, int error)
{
	t->ended = true;
	t->end_error = error;
	socket_schedule(&t->base);
}

/*
 * tcp_recved() takes 16 bits and tells the peer each time: of more, it is told once.
 */
static void open_window(struct tcp_socket *t, size_t n)
{
	struct tcp_pcb *pcb = t->pcb;

	account_release(t->base.account, RESOURCE_QUEUED, n);
	if (!pcb || n == 0)
		return;
	if (n > UINT16_MAX) {
		size_t window = pcb->rcv_wnd + (n - UINT16_MAX);

		pcb->rcv_wnd = (tcpwnd_size_t)LWIP_MIN(window, (size_t)TCP_WND_MAX(pcb));
		n = UINT16_MAX;
	}
	tcp_recved(pcb, (u16_t)n);
}

static void consume_received(struct tcp_socket *t, size_t n)
{
	pbuf_queue_consume(&t->received, n);
	open_window(t, n);
}

/* The program has said how large its buffer is to be. */
static bool has_size_of_its_own(const struct tcp_socket *t)
{
	return t->base.options_set & 1u << usp_Option_OPTION_RECEIVE_BUFFER;
}

/* The limits of sysctls are not for a daemon with CAP_NET_ADMIN. */
static int set_channel_size(const struct tcp_socket *t, int bytes)
{
	if (setsockopt(t->base.channel, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0)
		return 0;
	return setsockopt(t->base.channel, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* Makes the channel, if it was made larger, what it was. */
static void narrow_channel(struct tcp_socket *t)
{
	struct wide_channel *wide = t->base.registry->wide;
	int bytes = t->narrow_bytes;

	if (bytes == 0)
		return;
	t->narrow_bytes = 0;
	for (int i = 0; i < WIDE_CHANNELS_MAX; i++)
		if (wide[i].socket == t)
			wide[i].socket = NULL;
	/* The kernel reports the double of what it is given. */
	if (!has_size_of_its_own(t))
		set_channel_size(t, bytes / 2);
}

/* A place among the wide ones, or NULL if all of them are busy. */
static struct wide_channel *find_wide_place(struct socket_registry *registry)
{
	struct wide_channel *idle = NULL;
	uint64_t now_ns = stack_now_ns();

	for (int i = 0; i < WIDE_CHANNELS_MAX; i++) {
		struct wide_channel *place = &registry->wide[i];

		if (!place->socket)
			return place;
		if (place->socket->received.n_bytes == 0 &&
			now_ns - place->since_ns >= WIDE_KEPT_NS)
			idle = place;
	}
	if (idle)
		narrow_channel(idle->socket);
	return idle;
}

/* Makes the channel larger if that is due. Returns whether it did. */
static bool widen_channel(struct tcp_socket *t)
{
	int narrow = 0;
	socklen_t len = sizeof(narrow);
	struct wide_channel *place;

	if (!t->has_drained || t->narrow_bytes > 0 || t->base.is_foreign ||
		has_size_of_its_own(t))
		return false;
	if (getsockopt(t->base.channel, SOL_SOCKET, SO_SNDBUF, &narrow, &len) < 0 ||
		narrow >= 2 * WIDE_BYTES)
		return false;
	place = find_wide_place(t->base.registry);
	if (!place || set_channel_size(t, WIDE_BYTES) < 0)
		return false;
	t->narrow_bytes = narrow;
	*place = (struct wide_channel){ .socket = t, .since_ns = stack_now_ns() };
	return true;
}

void tcp_stream_release(struct tcp_socket *t)
{
	narrow_channel(t);
	account_release(t->base.account, RESOURCE_QUEUED, t->received.n_bytes);
	pbuf_queue_clear(&t->received);
	forget_ack(t);
	free(t->unsent);
	t->unsent = NULL;
	t->n_unsent = 0;
}

/* Whether all received bytes are with the client (or nobody wants them). */
static bool deliver_bytes(struct tcp_socket *t)
{
	struct iovec iov[DELIVER_IOV];
	struct msghdr message = { .msg_iov = iov };
	ssize_t n;

	while (t->received.n_bytes > 0) {
		message.msg_iovlen = pbuf_queue_peek(&t->received, iov, DELIVER_IOV);
		n = sendmsg(t->base.channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			if (widen_channel(t))
				continue;
			socket_watch_writable(&t->base, true);
			return false;
		}
		/* The client reads no more: as Linux, take it and forget it. */
		consume_received(t, n < 0 ? t->received.n_bytes : (size_t)n);
	}
	socket_watch_writable(&t->base, false);
	return true;
}

static void throw_away_unread(struct tcp_socket *t)
{
	while (recv(t->base.channel, t->base.registry->scratch, SOCKET_SCRATCH_SIZE,
		       MSG_DONTWAIT) > 0)
		;
}

static void shut_channel(struct tcp_socket *t)
{
	if (!t->fin_passed_on)
		shutdown(t->base.channel, SHUT_WR);
	t->fin_passed_on = true;
}

/* Closing resets a TCP channel with nothing in flight (SO_LINGER of 0). */
static void reset_foreign_channel(struct tcp_socket *t)
{
	const struct linger at_once = { .l_onoff = 1 };
	int in_flight = 0;

	if (ioctl(t->base.channel, SIOCOUTQ, &in_flight) == 0 && in_flight == 0)
		setsockopt(t->base.channel, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	socket_kill(&t->base);
}

/* The connection is over and everything has been delivered: see above. */
static void report_end(struct tcp_socket *t)
{
	bool unread = socket_channel_unread(&t->base) > 0;

	if (t->base.is_foreign && t->end_error) {
		reset_foreign_channel(t);
		return;
	}
	if (!t->end_reported) {
		t->end_reported = true;
		if (t->end_error == ECONNRESET && unread) {
			socket_kill(&t->base);
			return;
		}
		if (t->end_error)
			socket_set_error(&t->base, t->end_error);
		shut_channel(t);
		return;
	}
	if (t->end_error && t->base.record.error == 0) {
		throw_away_unread(t);
		socket_kill(&t->base);
	} else if (unread && t->end_error) {
		socket_kill(&t->base);
	}
}

static void deliver(struct tcp_socket *t)
{
	if (!deliver_bytes(t))
		return;
	if (t->fin_received)
		shut_channel(t);
	if (t->ended)
		report_end(t);
}

/*
 * lwIP's first window is RFC 3390's, three segments of 1460 bytes. RFC 6928 has ten,
 * unless the SYN was lost; nor is a line that is slow to answer for a burst like that:
 * at 64 kbit/s it takes two seconds.
 */
static void open_first_window(struct tcp_socket *t)
{
	uint32_t mss = t->pcb->mss, window;

	if (t->base.record.retransmissions || t->srtt_us > FIRST_BURST_RTT_US)
		return;
	window = LWIP_MIN(10 * mss, LWIP_MAX(2 * mss, 14600));
	t->pcb->cwnd = (tcpwnd_size_t)LWIP_MAX(t->pcb->cwnd, window);
}

/*
 * Hands @n bytes to lwIP; returns how many it took. The last has PSH, unless more
 * follows at once: segments with it are not joined with what comes after (tso.c).
 */
static size_t write_bytes(struct tcp_socket *t, const uint8_t *bytes, size_t n, bool more)
{
	size_t done = 0, taken;

	if (t->base.record.bytes_sent == 0)
		open_first_window(t);
	do {
		taken = tcp_lso_write(t->pcb, bytes + done, n - done, more);
		done += taken;
	} while (taken > 0 && done < n);
	t->base.record.bytes_sent += done;
	return done;
}

/* Keeps what lwIP had no room for. Without memory the stream cannot go on. */
static bool keep_unsent(struct tcp_socket *t, const uint8_t *bytes, size_t n)
{
	uint8_t *copy;

	if (n == 0)
		return true;
	copy = malloc(n);
	if (!copy)
		return false;
	memcpy(copy, bytes, n);
	free(t->unsent);
	t->unsent = copy;
	t->n_unsent = n;
	return true;
}

/* Whether nothing that has been read is left to be handed to lwIP. */
static bool flush_unsent(struct tcp_socket *t)
{
	size_t n;

	if (t->n_unsent == 0)
		return true;
	n = write_bytes(t, t->unsent, t->n_unsent, false);
	t->n_unsent -= n;
	memmove(t->unsent, t->unsent + n, t->n_unsent);
	if (t->n_unsent > 0)
		return false;
	free(t->unsent);
	t->unsent = NULL;
	return true;
}

static size_t send_room(const struct tcp_socket *t)
{
	/* tcp_sndbuf() says no more than 16 bits of it. */
	size_t room = t->pcb->snd_buf;

	if (tcp_sndqueuelen(t->pcb) >= TCP_SND_QUEUELEN - 8)
		return 0;
	return room < SOCKET_SCRATCH_SIZE ? room : SOCKET_SCRATCH_SIZE;
}

/* What one read of the channel says besides bytes. */
enum read_outcome {
	READ_BYTES,
	READ_LATER,  /* nothing there, or no room in lwIP */
	READ_END,    /* end of stream */
	READ_BROKEN, /* closed with unread data, or no memory */
};

static enum read_outcome read_channel(struct tcp_socket *t, size_t *n_read)
{
	uint8_t *scratch = t->base.registry->scratch;
	size_t room = send_room(t), taken;
	ssize_t n;

	if (room == 0)
		return READ_LATER;
	n = recv(t->base.channel, scratch, room, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		t->readable = false;
		return READ_LATER;
	}
	if (n <= 0)
		return n == 0 ? READ_END : READ_BROKEN;
	*n_read += (size_t)n;
	t->is_push_due = (size_t)n == room;
	taken = write_bytes(t, scratch, (size_t)n, t->is_push_due);
	return keep_unsent(t, scratch + taken, (size_t)n - taken) ? READ_BYTES : READ_BROKEN;
}

/* What was written last is not followed by more after all, if the channel is empty. */
static void push_last(struct tcp_socket *t)
{
	struct tcp_seg *last = t->pcb->unsent;

	if (!t->is_push_due || (t->readable && !t->client_shut))
		return;
	t->is_push_due = false;
	while (last && last->next)
		last = last->next;
	if (last)
		TCPH_SET_FLAG(last->tcphdr, TCP_PSH);
}

static void pump(struct tcp_socket *t)
{
	enum read_outcome outcome = READ_BYTES;
	size_t n_read = 0;

	while (t->readable && !t->client_shut && outcome == READ_BYTES) {
		if (!flush_unsent(t))
			break;
		if (n_read >= PUMP_BUDGET) {
			socket_schedule(&t->base);
			break;
		}
		outcome = read_channel(t, &n_read);
	}
	if (outcome == READ_END) {
		t->client_shut = true;
		t->client_gone = socket_channel_hung_up(&t->base);
	}
	if (outcome == READ_BROKEN) {
		socket_kill(&t->base);
		return;
	}
	flush_unsent(t);
	push_last(t);
	tcp_output(t->pcb);
	/* A link that hung up while the connection was silent is needed again. */
	if (n_read > 0 && !inet_route(&t->pcb->local_ip, &t->pcb->remote_ip))
		inet_dial(t->base.registry->daemon, &t->pcb->local_ip);
}

static void send_fin(struct tcp_socket *t)
{
	if (t->fin_sent || t->n_unsent > 0)
		return;
	/* Without memory lwIP tries the FIN again by itself. */
	tcp_shutdown(t->pcb, 0, 1);
	t->fin_sent = true;
}

/*
 * The last holder has closed. What it wrote is still to be delivered, some of
 * it perhaps still in the channel.
 */
static void become_orphan(struct tcp_socket *t)
{
	int32_t linger = socket_option(&t->base, usp_Option_OPTION_LINGER);
	uint32_t limit = linger > 0 ? (uint32_t)linger : default_linger(t);

	if (linger == 0 || tcp_arm_deadline(t, limit * 1000) < 0) {
		socket_kill(&t->base);
		return;
	}
	t->phase = TCP_PHASE_ORPHAN;
}

static void serve_orphan(struct tcp_socket *t)
{
	/* Nobody will read what came: the peer must learn of it. */
	if (!t->pcb || t->ended || t->received.n_bytes > 0) {
		socket_kill(&t->base);
		return;
	}
	if (!t->client_shut)
		pump(t);
	if (t->base.dead || !t->client_shut || !flush_unsent(t))
		return;
	if (t->base.channel >= 0) {
		socket_close_channel(&t->base);
		t->fin_sent = true;
		/* The pcb may be gone after this; its destroy callback tells. */
		tcp_close(t->pcb);
	}
	if (t->pcb && t->pcb->state == TIME_WAIT) {
		tcp_detach(t);
		socket_kill(&t->base);
	}
}

/*
 * The client has closed with bytes unread, and had ended its own stream
 * before, so that no read of ours can say so: a reset all the same.
 */
static bool closed_unread(const struct tcp_socket *t)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(t->base.channel, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
		error == ECONNRESET;
}

static void serve_connected(struct tcp_socket *t)
{
	deliver(t);
	if (t->base.dead)
		return;
	if (t->pcb) {
		acknowledge(t);
		pump(t);
	}
	if (t->base.dead)
		return;
	if (t->client_gone && t->client_shut && closed_unread(t)) {
		socket_kill(&t->base);
		return;
	}
	if (t->client_gone && t->pcb)
		become_orphan(t);
	if (t->client_gone)
		serve_orphan(t);
	else if (t->client_shut && t->pcb)
		send_fin(t);
	tcp_user_timeout_watch(t);
}

void tcp_stream_service(struct tcp_socket *t)
{
	if (t->pcb && t->pcb->state >= ESTABLISHED)
		tcp_lso_adjust(t->pcb);
	switch (t->phase) {
	case TCP_PHASE_CONNECTED:
		serve_connected(t);
		break;
	case TCP_PHASE_ORPHAN:
		serve_orphan(t);
		break;
	default:
		if (t->readable && socket_channel_hung_up(&t->base))
			socket_kill(&t->base);
		break;
	}
}

/* Whether the next service reads the channel, and so learns of its end. */
static bool will_read(const struct tcp_socket *t)
{
	return t->pcb && !t->client_shut && t->n_unsent == 0 && send_room(t) > 0;
}

void tcp_stream_on_channel(struct tcp_socket *t, short events)
{
	/* Asked for when the channel is full only. */
	if (events & EV_WRITE)
		t->has_drained = true;
	if (events & (EV_READ | EV_CLOSED)) {
		t->readable = true;
		/* A close with bytes unread comes as an error, without EV_CLOSED. */
		if ((events & EV_CLOSED || !will_read(t)) && socket_channel_hung_up(&t->base))
			t->client_gone = true;
	}
	socket_schedule(&t->base);
}
