/* SPDX-License-Identifier: MIT */
/*
 * A daemon made of a thread, for tests of the client library: real rendezvous
 * socket, queues, channels and table, no network. It does what it is told,
 * also what no daemon should.
 */
#ifndef TESTS_FAKE_DAEMON_H
#define TESTS_FAKE_DAEMON_H

#include "proto/channel.h"
#include "proto/table.h"
#include "proto/usocket.pb.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/un.h>

#define FAKE_SOCKETS  64
#define FAKE_SESSIONS 16

/* What becomes of a hello. */
enum fake_hello {
	FAKE_HELLO_GOOD,
	FAKE_HELLO_SILENT,  /* never answered */
	FAKE_HELLO_VERSION, /* only versions 7 to 9 */
	FAKE_HELLO_GARBAGE,
	FAKE_HELLO_NO_TABLE,	   /* says OK, sends no descriptors */
	FAKE_HELLO_WRONG_TABLE,	   /* a file that is no table */
	FAKE_HELLO_OTHER_INSTANCE, /* a table that is not its own */
	FAKE_HELLO_HANG_UP,
	FAKE_HELLO_FULL, /* too many sessions */
};

/* What becomes of a request. */
enum fake_answer {
	FAKE_ANSWER_NORMAL,
	FAKE_ANSWER_FILLED, /* the hook filled the reply in */
	FAKE_ANSWER_SILENT,
	FAKE_ANSWER_GARBAGE,
	FAKE_ANSWER_OTHER_SEQUENCE,
	FAKE_ANSWER_HANG_UP,
	FAKE_ANSWER_NO_FD,	 /* good, but without its descriptor */
	FAKE_ANSWER_WRONG_FD,	 /* with a descriptor that is no channel */
	FAKE_ANSWER_SURPLUS_FDS, /* with ten more */
	FAKE_ANSWER_TWICE,
	FAKE_ANSWER_LONG, /* longer than any message */
};

struct fake_daemon;

/* Called in the thread, with the lock held; may fill @reply and *@fd in. */
typedef enum fake_answer (*fake_hook_fn)(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd);

struct fake_socket {
	socket_id id; /* 0: unused */
	int channel;  /* the daemon's end, -1: closed */
	struct table_socket record;
	int32_t options[32];
};

struct fake_session {
	int fd; /* -1: unused */
	bool greeted;
	struct queue_pair *queues; /* NULL: none */
	socket_id granted[FAKE_SOCKETS];
	unsigned int n_granted;
};

struct fake_daemon {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	uint64_t instance;
	bool queues;
	_Atomic enum fake_hello hello;
	atomic_bool takes_posts; /* offers CAPABILITY_NO_REPLY; false at first */
	bool dead_already;	 /* killed */

	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	fake_hook_fn hook;    /* NULL: all answers are normal */
	void *hook_arg;
	int listener;
	int stop[2];
	struct table_writer *table;
	struct fake_session sessions[FAKE_SESSIONS];
	struct fake_socket sockets[FAKE_SOCKETS];
	int lookups[FAKE_SOCKETS]; /* channels of look-ups and watches */
	unsigned int n_lookups;
	atomic_uint n_hellos;
	atomic_uint n_requests;
	atomic_uint n_attached;
	atomic_uint n_posted; /* of the requests, without reply */
	usp_Request last;
	bool links_dial; /* those that are set from then on: on demand */
};

/* Starts one, and points the library at it. Fails the test if it cannot. */
struct fake_daemon *fake_start(bool queues);

/* The same at the path of @old, which has ended: a daemon started again. */
struct fake_daemon *fake_restart(struct fake_daemon *old);

/* Ends in order: marks the table as gone first. */
void fake_stop(struct fake_daemon *f);

/* Lets go of everything at once, as a killed process does. */
void fake_kill(struct fake_daemon *f);
void fake_free(struct fake_daemon *f);

void fake_set_hook(struct fake_daemon *f, fake_hook_fn hook, void *arg);

/* The latest request but hello. */
usp_Request fake_last(struct fake_daemon *f);

/* Looked up by a client's descriptor. */
struct fake_socket *fake_socket(struct fake_daemon *f, int fd);

/* Changes and publishes the record: state, flags set besides, error. */
void fake_set_state(struct fake_daemon *f, int fd, enum table_state state, uint16_t flags,
	int error);
void fake_publish(struct fake_daemon *f, int fd);

/* Ends a connect under way, as the daemon does: record first, then drain. */
void fake_complete_connect(struct fake_daemon *f, int fd, int error);

/* A connected TCP socket. Returns the client's descriptor. */
int fake_connected(struct fake_daemon *f);
/* The daemon's end of a client's channel. */
int fake_channel(struct fake_daemon *f, int fd);
/* Frees the record and closes the channel. */
void fake_end_socket(struct fake_daemon *f, int fd);

/* A connection for listener @fd; returns its identity. */
socket_id fake_offer(struct fake_daemon *f, int fd, enum table_state state, int error);

/* A link in state @state; prefix 24 at @ip ("" for none). */
void fake_set_link(struct fake_daemon *f, uint32_t index, enum table_link_state state,
	const char *ip4, const char *ip6);

/* The latest look-up's or watch's channel; sends bytes there. */
void fake_send_lookup(struct fake_daemon *f, const void *bytes, size_t len);
void fake_close_lookups(struct fake_daemon *f);

#endif
