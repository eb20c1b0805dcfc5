/* SPDX-License-Identifier: MIT */
/*
 * A TCP socket, as tcp.c, tcp_connect.c, tcp_listen.c and tcp_stream.c share it.
 */
#ifndef DAEMON_TCP_PRIVATE_H
#define DAEMON_TCP_PRIVATE_H

#include "daemon/pbuf_queue.h"
#include "daemon/socket_private.h"
#include "netif/tcp_delay.h"
#include "netif/tcp_recovery.h"

#include <lwip/tcp.h>

struct event;

enum tcp_phase {
	/* New, or a connect has failed or been given up. Leaves by connect or
	 * listen. pcb is NULL. */
	TCP_PHASE_IDLE,
	/* Connect to base.name asked for: it is being looked up, or its next
	 * address is about to be tried. pcb is NULL. Leaves by the look-up's
	 * end, from the run queue, by disconnect or when the time is over. */
	TCP_PHASE_RESOLVING,
	/* Connect asked for, no link can take it yet. pcb is NULL. Leaves when
	 * that changes, by disconnect or by the connect deadline. */
	TCP_PHASE_WAITING,
	/* SYN sent. Leaves by the answer, disconnect or the deadline; to
	 * RESOLVING if the name has another address. */
	TCP_PHASE_CONNECTING,
	/* Has been established; either direction may be shut by now. pcb is
	 * NULL once the connection is over. Leaves by the client's close. */
	TCP_PHASE_CONNECTED,
	/* Leaves by the client's close. pcb is the listening pcb. */
	TCP_PHASE_LISTENING,
	/* No holder is left; TCP delivers what is queued. Leaves when the pcb
	 * is gone or the linger limit is over. The channel is closed. */
	TCP_PHASE_ORPHAN,
	TCP_PHASE_COUNT,
};

TAILQ_HEAD(tcp_socket_queue, tcp_socket);

struct tcp_socket {
	struct usock base;
	enum tcp_phase phase;
	bool is_stalled;     /* segments are sent again and again: see netif/pmtu.h */
	bool is_ack_queued;  /* ack_link is */
	bool wait_for_link;  /* the latest connect asked for it */
	uint8_t backlog;     /* of a listener */
	struct tcp_pcb *pcb; /* its callbacks are ours while it is set */

	/* Stream, network to client. */
	bool fin_received;
	bool is_ack_due;    /* at the end of this turn of the loop */
	bool has_drained;   /* the client has read a channel that was full */
	int narrow_bytes;   /* SO_SNDBUF of the channel before it was made larger; 0: it was not */
	bool fin_passed_on; /* our end of the channel is shut for writing */
	bool ended;	    /* the pcb is gone, for end_error */
	bool end_reported;  /* the client can see it */

	/* Stream, client to network. */
	bool readable;	  /* the channel may hold more */
	bool client_shut; /* end of stream read */
	bool is_push_due; /* the last write was said to be followed by more */
	bool client_gone; /* no holder is left */
	bool fin_sent;
	int end_error; /* errno, 0: closed in good order */
	size_t n_unsent;
	uint8_t *unsent;	    /* read, but lwIP had no room */
	struct pbuf_queue received; /* not yet taken by the channel; charged */

	/* Round trip time: lwIP's own is in half seconds. */
	uint64_t timed_ns;  /* when the segment being timed went out, 0: none */
	uint32_t timed_seq; /* its sequence number */
	uint32_t srtt_us;   /* smoothed, 0: not measured */

	struct tcp_recovery recovery;
	struct tcp_delay delay;
	TAILQ_ENTRY(tcp_socket) ack_link; /* tcp_stream.c: an acknowledgement is put off */
	struct event *user_timer;	  /* owned; NULL: the user timeout was never set */
	struct address target;		  /* of the latest connect */

	/* Connecting. */
	struct event *deadline; /* of connect, or of lingering; NULL: none was needed */
	uint32_t n_filler;	/* bytes that keep the channel unwritable */

	/* Listener. */
	int message_cost;		 /* SIOCOUTQ of one message, 0: unknown */
	struct tcp_socket_queue untaken; /* in the order they were passed on */
	struct tcp_socket_queue queued;	 /* accepted, not passed on yet */
	uint32_t n_queued, n_untaken;

	/* Accepted, while its listener's channel holds the client's end. */
	struct tcp_socket *listener;
	TAILQ_ENTRY(tcp_socket) child_link;
	int client_end; /* -1 once it is passed on */
};

static inline struct tcp_socket *tcp_of(struct usock *s)
{
	return (struct tcp_socket *)s;
}

/* Ext argument of our pcbs: user and object, alive as long as the pcb. */
uint32_t tcp_pcb_uid(const struct tcp_pcb *pcb);
/* Whether a half-open one's peer has completed its handshake, to no avail. */
bool tcp_pcb_has_answered(const struct tcp_pcb *pcb);

/* tcp.c */
void tcp_attach(struct tcp_socket *t, struct tcp_pcb *pcb);
/* Forgets the pcb without touching the network. */
void tcp_detach(struct tcp_socket *t);
/* Sends RST (if there is a connection) and forgets the pcb. */
void tcp_drop_pcb(struct tcp_socket *t);
/*
 * Something of ours was acknowledged: perhaps the segment being timed. Returns the
 * round trip time in microseconds, 0 if it was another one.
 */
uint32_t tcp_sample_rtt(struct tcp_socket *t);
int tcp_ensure_bound(struct tcp_socket *t);
/* A pcb of the socket's family or @remote's, bound to its local address. */
int tcp_make_pcb(struct tcp_socket *t, const ip_addr_t *remote, struct tcp_pcb **out);
/* Bounds a connect or lingering; what happens then depends on the phase. */
int tcp_arm_deadline(struct tcp_socket *t, uint32_t ms);
int tcp_set_option(struct usock *s, usp_Option option);
struct tcp_socket *tcp_socket_accepted(struct tcp_socket *listener, struct tcp_pcb *pcb);
/* The err callback of every connection's pcb. */
void tcp_on_error(void *arg, err_t err);

/* tcp_connect.c */
int tcp_op_connect(struct usock *s, const struct address *remote, bool wait_for_link);
int tcp_op_connect_name(struct usock *s, const struct name_target_params *params);
void tcp_op_on_name(struct usock *s);
int tcp_op_disconnect(struct usock *s);
/* A socket on the run queue whose next address is to be tried. */
void tcp_connect_service(struct tcp_socket *t);
void tcp_connect_link_changed(struct tcp_socket *t);
void tcp_connect_failed(struct tcp_socket *t, int error);
/* The same for one address; there may be another. The pcb is gone. */
void tcp_connect_attempt_failed(struct tcp_socket *t, int error);

/* tcp_listen.c */
int tcp_op_listen(struct usock *s, uint8_t backlog);
void tcp_listen_service(struct tcp_socket *t);
void tcp_listen_on_channel(struct tcp_socket *t, short events);
/* The child leaves its listener's queues (it died, or was taken). */
void tcp_listen_forget(struct tcp_socket *child);
void tcp_listen_release(struct tcp_socket *t);
/* Whether a SYN, or the ACK that completes a handshake, finds room. */
bool tcp_listen_admit_syn(struct tcp_socket *t);
bool tcp_listen_admit_ack(struct tcp_socket *t);

/* tcp_stream.c */
/* Sets lwIP's callbacks on the established pcb. */
void tcp_stream_start(struct tcp_socket *t);
void tcp_stream_on_channel(struct tcp_socket *t, short events);
void tcp_stream_service(struct tcp_socket *t);
/* The connection is over for @error (0: all is said and done). */
void tcp_stream_ended(struct tcp_socket *t, int error);
void tcp_stream_release(struct tcp_socket *t);

/* tcp_user_timeout.c: does nothing unless the option is set. */
/* Something may have become outstanding, or nothing is any more. */
void tcp_user_timeout_watch(struct tcp_socket *t);
/* Data was acknowledged, or the option set. */
void tcp_user_timeout_restart(struct tcp_socket *t);
/* @ms, or less: how long a connect may take. */
uint32_t tcp_user_timeout_bound(const struct tcp_socket *t, uint32_t ms);
/* @n, or as many probes as make up the user timeout; at least one. */
uint32_t tcp_user_timeout_probes(const struct tcp_socket *t, uint32_t idle_ms,
	uint32_t interval_ms, uint32_t n);
/* lwIP does not give up before the user timeout. */
void tcp_user_timeout_retransmitted(const struct tcp_socket *t, struct tcp_pcb *pcb);
void tcp_user_timeout_release(struct tcp_socket *t);

#endif
