/* SPDX-License-Identifier: MIT */
/*
 * What the modules of the socket layer share: the common part of a socket,
 * the operations that differ by type, and the run queue.
 *
 * Included by socket*.c, tcp*.c, dgram.c, udp.c, raw.c, options.c, ports.c,
 * icmp_error.c, socks_connect.c, socks_udp.c and their tests; nobody else.
 */
#ifndef DAEMON_SOCKET_PRIVATE_H
#define DAEMON_SOCKET_PRIVATE_H

#include "daemon/request.h"
#include "daemon/socket.h"
#include "daemon/usocketd.h"
#include "proto/address.h"
#include "proto/table.h"

#include <lwip/ip_addr.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct account;
struct bufferevent;
struct event;
struct name_target;
struct name_target_params;
struct usock;

/* Dynamic ports, RFC 6335 section 6. */
#define PORTS_DYNAMIC_FIRST 49152
#define PORTS_DYNAMIC_LAST  65535
#define PORTS_DYNAMIC	    (PORTS_DYNAMIC_LAST - PORTS_DYNAMIC_FIRST + 1)

/* So many that were released rest before one is picked again. */
#define PORTS_RESTING_MAX (PORTS_DYNAMIC / 4)

/* With 10 000 sockets about five ports each. */
#define PORTS_BUCKETS 2048

/* A protocol's port numbers in use; see ports.c. */
struct port_entry;
struct port_table {
	struct port_entry *buckets[PORTS_BUCKETS];
	uint16_t resting[PORTS_RESTING_MAX]; /* a ring; the oldest at next_resting */
	size_t n_resting, next_resting;
	uint8_t rests[PORTS_DYNAMIC / 8]; /* a bit a dynamic port: in the ring */
};

/*
 * What differs by type. Every function but service and release may be NULL:
 * the request then gets EOPNOTSUPP; on_name goes with connect_name. Addresses
 * have been checked for form and family and are in the socket's own family.
 */
struct socket_ops {
	int (*bind)(struct usock *s, const struct address *local);
	int (*connect)(struct usock *s, const struct address *remote, bool wait_for_link);
	int (*connect_name)(struct usock *s, const struct name_target_params *params);
	int (*disconnect)(struct usock *s);
	int (*listen)(struct usock *s, uint8_t backlog);
	/* Applies s->options[option], just set, to what exists by now. */
	int (*apply_option)(struct usock *s, usp_Option option);
	int (*set_group)(struct usock *s, bool join, const struct address *group,
		const struct address *interface);
	/* The channel became readable, writable or was closed (EV_ flags). */
	void (*on_channel)(struct usock *s, short events);
	/* Called from the run queue after socket_schedule(). */
	void (*service)(struct usock *s);
	/* The look-up of s->name is done, or its time is over. */
	void (*on_name)(struct usock *s);
	/* A link came, went or changed its address. */
	void (*on_link_changed)(struct usock *s);
	/* Brings s->record up to date before it is published. */
	void (*describe)(struct usock *s);
	/* Gives back everything of the type's own; the network side ends. */
	void (*release)(struct usock *s);
};

/* Values of the options that are one number; index by usp_Option. */
#define SOCKET_OPTION_COUNT (usp_Option_OPTION_USER_TIMEOUT + 1)

/*
 * Common part of every socket; the first member of struct tcp_socket and
 * struct dgram_socket. Owned by the registry.
 */
struct usock {
	/* What each message needs is together: of many sockets nothing is in the cache. */
	const struct socket_ops *ops;
	struct socket_registry *registry;
	TAILQ_ENTRY(usock) run_link; /* while scheduled */
	uint32_t turn;		     /* registry's, when it was scheduled */
	bool scheduled;
	bool dead;	 /* released; freed by the run queue */
	bool is_foreign; /* the channel is no pair of ours: socket_params */
	bool in_sweep;
	bool is_granted;      /* to a session, at some time */
	bool is_shared;	      /* to several */
	int channel;	      /* daemon's end; -1: closed */
	uint32_t options_set; /* bit: set by the client */
	/* Called once, when a connect is over or the socket dies; may be NULL. */
	void (*on_connect_over)(struct usock *s, void *arg);
	struct account *account; /* referenced; one RESOURCE_SOCKET charged */
	socket_id id;
	struct table_socket record; /* as published, and more up to date */

	uint64_t cookie;	   /* SO_COOKIE of the client's end */
	struct event *on_readable; /* edge-triggered read and close */
	struct event *on_writable; /* edge-triggered; NULL while it is not wanted */
	int32_t options[SOCKET_OPTION_COUNT];
	struct name_target *name; /* owned; of the connect under way, or NULL */
	void *on_connect_over_arg;
	struct port_table *ports;    /* where it is registered, or NULL */
	struct address bound;	     /* local address of the registration */
	LIST_ENTRY(usock) port_link; /* sockets on the same port */
	LIST_ENTRY(usock) all_link;
	LIST_ENTRY(usock) sweep_link; /* while in_sweep */
};

LIST_HEAD(usock_list, usock);
TAILQ_HEAD(usock_queue, usock);

/* 2 MB of the kernel's memory each, if the client does not read on. */
#define WIDE_CHANNELS_MAX 8

struct socket_registry {
	struct usocketd *daemon;
	struct usock_list all;
	struct usock **by_index; /* n_indexes pointers, by table record */
	uint32_t n_indexes;
	uint32_t n_sockets;
	struct usock_queue run_queue;
	uint32_t turn;		/* counts runs of the queue */
	struct usock_list dead; /* linked by all_link */
	LIST_HEAD(, name_target) name_targets;
	struct event *run; /* at the end of this turn of the loop, or in the next */
	bool is_running;
	struct usock_list sweep;   /* sockets whose state moves by itself */
	struct event *sweep_timer; /* each second while there are any */
	struct port_table tcp_ports;
	struct port_table udp_ports;
	uint64_t n_syn_dropped;
	/* Whose channels were made larger, and when (stack_now_ns()): see tcp_stream.c. */
	struct wide_channel {
		struct tcp_socket *socket; /* NULL: a free place */
		uint64_t since_ns;
	} wide[WIDE_CHANNELS_MAX];
	uint8_t *scratch;	 /* SOCKET_SCRATCH_SIZE bytes, for one callback */
	struct icmp_error *icmp; /* owned */
};

/* A datagram with its header, or one read of a stream. */
#define SOCKET_SCRATCH_SIZE (128 * 1024)

/* Who a new socket belongs to. */
struct socket_owner {
	struct account *account; /* to be charged */
	uint32_t pid;
	uint32_t uid;
	const char *program;
};

struct socket_params {
	size_t size; /* of the whole object */
	const struct socket_ops *ops;
	struct socket_owner owner;
	uint8_t type;	/* enum table_type */
	uint8_t family; /* enum address_family */
	uint8_t protocol;
	/*
	 * A stream socket of the program's own that is to be the channel, taken
	 * over even if this fails: what a program speaks that does not know of us.
	 * It reads no errors from the table, so a broken connection is a reset of
	 * the channel.
	 */
	bool has_channel;
	int channel; /* if has_channel */
};

/*
 * Makes a socket with its channel and table record. *@client_end is the
 * caller's. Returns 0, -EMFILE (cap of the process or user), -ENFILE (table
 * full) or -errno.
 */
int socket_create(struct socket_registry *registry, const struct socket_params *params,
	struct usock **out, int *client_end);

/*
 * Ends the socket: ops->release, channel closed, record freed, account given
 * back. The object itself is freed after the loop turn, so it may be called
 * from the socket's own callbacks.
 */
void socket_kill(struct usock *s);

/* Puts the socket on the run queue; callable from lwIP's callbacks. */
void socket_schedule(struct usock *s);

/* Copies s->record into the connection table. */
void socket_publish(struct usock *s);

/* The pending error that the next call of any holder reports. 0 clears. */
void socket_set_error(struct usock *s, int error);

/* Calls s->on_connect_over, if that has not been done. */
void socket_tell_connect_over(struct usock *s);

/* The connect to s->name is over, whichever way. */
void socket_give_up_name(struct usock *s);

/* Bytes the client has written that we have not read. */
int socket_channel_unread(const struct usock *s);
/* Both directions are shut: no holder is left (or it shut both itself). */
bool socket_channel_hung_up(const struct usock *s);
/* Without memory for it the socket is killed. */
void socket_watch_writable(struct usock *s, bool on);
void socket_close_channel(struct usock *s);

/* Whether the one-second sweep publishes and services this socket. */
void socket_set_sweep(struct usock *s, bool on);

/* The option's value, or the default for a socket that never set it. */
int32_t socket_option(const struct usock *s, usp_Option option);

/* options.c: checks and stores; ops->apply_option does the rest. */
int socket_set_option(struct usock *s, const usp_SocketSetOption *message);
int socket_get_option(struct usock *s, usp_Option option, int32_t *value);

/* tcp.c, udp.c, raw.c: constructors behind request_socket_new(). */
int tcp_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end);
int udp_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end);
int raw_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end);

/* Lets the TCP sockets listen to lwIP; once, after stack_init(). */
void tcp_sockets_init(void);

/* An ICMP unreachable message named a packet of this connection. */
void tcp_socket_unreachable(struct usock *s, int error);
void udp_socket_unreachable(struct usock *s, int error);

#endif
