/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: everything of the daemon that parses what others have written.
 *
 * The first byte of the input picks the parser:
 *   'd'  the rest is a message: of each kind of the protocol, a channel's
 *        name, a name server's reply
 *   'c'  the rest is a configuration file
 *   else a client of a whole daemon sends the rest, a row of records: one byte
 *        of flags, one of length, and a message
 *
 * A fuzzer cannot guess a socket's id, so in messages that decode, a small
 * number N stands for the Nth socket that the client has got.
 */
#include "daemon/resolver_name.h"
#include "daemon/usocketd.h"
#include "netif/link.h"
#include "netif/log.h"
#include "proto/channel.h"
#include "proto/codec.h"
#include "proto/fdpass.h"
#include "proto/protocol.h"

#include <errno.h>
#include <event2/event.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum record_flag {
	RECORD_BY_QUEUE = 1 << 0,
	RECORD_WITH_SOCKET = 1 << 1, /* send the latest descriptor along */
	RECORD_WITH_OTHER = 1 << 2,  /* send a descriptor that is no socket */
	RECORD_RUN = 1 << 3,	     /* the loop runs before the next record */
	RECORD_CLOSE = 1 << 4,	     /* the latest descriptor is closed first */
	RECORD_DATA = 1 << 5,	     /* the message is data for the latest one */
};

#define DESCRIPTORS_MAX 32
#define RECORDS_MAX	64
#define LOOP_TURNS	4

static struct usocketd *fuzzed; /* made by the first input, ended at exit */

struct client {
	int fd, table;
	mqd_t requests, replies;
	int descriptors[DESCRIPTORS_MAX];
	socket_id ids[DESCRIPTORS_MAX];
	size_t n_descriptors, n_ids;
};

/* ---- parsers of single messages ------------------------------------------------- */

static void fuzz_decoders(const uint8_t *data, size_t size)
{
	union {
		usp_Request request;
		usp_Reply reply;
		usp_ResolveResult result;
		usp_Event event;
		usp_LinkLine line;
	} m;
	char name[RESOLVER_NAME_SIZE];
	struct sockaddr_un un;
	uint64_t instance;
	struct address a;
	socket_id id;
	uint8_t rcode;

	memset(&m, 0, sizeof(m));
	if (codec_decode_request(&m.request, data, size) == 0 &&
		m.request.which_body == usp_Request_socket_bind_tag)
		address_from_proto(&a, &m.request.body.socket_bind.address);
	memset(&m, 0, sizeof(m));
	codec_decode_reply(&m.reply, data, size);
	memset(&m, 0, sizeof(m));
	codec_decode_result(&m.result, data, size);
	memset(&m, 0, sizeof(m));
	codec_decode_event(&m.event, data, size);
	memset(&m, 0, sizeof(m));
	codec_decode_line(&m.line, data, size);
	memset(&un, 0, sizeof(un));
	memcpy(&un, data, size < sizeof(un) ? size : sizeof(un));
	channel_parse_name(&un, size < sizeof(un) ? (socklen_t)size : sizeof(un), &instance, &id);
	resolver_name_parse_reply(data, size, &rcode, name);
}

static void fuzz_config(const uint8_t *data, size_t size)
{
	struct config config;
	char path[64];
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || config_init(&config) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config_load(&config, path, true);
	config_fini(&config);
	close(fd);
}

/* ---- a client ---------------------------------------------------------------------- */

static void end_daemon(void)
{
	char folder[sizeof(fuzzed->config.socket)];

	strcpy(folder, fuzzed->config.socket);
	*strrchr(folder, '/') = '\0';
	usocketd_stop(fuzzed);
	free(fuzzed);
	rmdir(folder);
}

/* A link whose device is not there: it is never up, but can be controlled. */
static void add_link(struct config *config)
{
	struct link *link = link_new("net0");
	char error[128];

	if (!link || link_set(link, "driver", "modem", error, sizeof(error)) < 0 ||
		link_set(link, "device", "/nowhere/tty", error, sizeof(error)) < 0)
		abort();
	config->links[config->n_links++] = link;
}

static void start_daemon(void)
{
	struct usocketd *daemon = calloc(1, sizeof(*daemon));
	char folder[] = "/tmp/fuzz_request.XXXXXX";

	if (!daemon || config_init(&daemon->config) < 0 || !mkdtemp(folder))
		abort();
	snprintf(daemon->config.socket, sizeof(daemon->config.socket), "%s/sock", folder);
	daemon->config.sockets_max = 64;
	daemon->config.connect_timeout_s = 1;
	daemon->config.linger_s = 1;
	add_link(&daemon->config);
	if (usocketd_start(daemon, -1) < 0)
		abort();
	fuzzed = daemon;
	atexit(end_daemon);
}

static void run_loop(void)
{
	for (int i = 0; i < LOOP_TURNS; i++)
		event_base_loop(fuzzed->base, EVLOOP_NONBLOCK);
}

static void keep_descriptor(struct client *c, int fd)
{
	if (c->n_descriptors < DESCRIPTORS_MAX)
		c->descriptors[c->n_descriptors++] = fd;
	else
		close(fd);
}

static void take_reply(struct client *c, const uint8_t *buf, size_t len)
{
	usp_Reply reply = usp_Reply_init_zero;

	/* What the daemon sends must be well-formed. */
	if (codec_decode_reply(&reply, buf, len) < 0)
		abort();
	if (reply.which_body == usp_Reply_socket_tag && c->n_ids < DESCRIPTORS_MAX)
		c->ids[c->n_ids++] = reply.body.socket.socket;
}

static void take_replies(struct client *c)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	ssize_t n;
	int fd;

	for (;;) {
		size_t n_fds = 1;

		n = fdpass_recv(c->fd, buf, sizeof(buf), &fd, &n_fds, MSG_DONTWAIT);
		if (n <= 0)
			break;
		if (n_fds > 0)
			keep_descriptor(c, fd);
		take_reply(c, buf, (size_t)n);
	}
	if (c->replies < 0)
		return;
	while ((n = mq_receive(c->replies, (char *)buf, sizeof(buf), NULL)) > 0)
		take_reply(c, buf, (size_t)n);
}

static int connect_client(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(un.sun_path, fuzzed->config.socket);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		abort();
	return fd;
}

static void say_hello(struct client *c)
{
	usp_Request hello = usp_Request_init_zero;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int fds[HELLO_FD_COUNT];
	size_t n_fds = HELLO_FD_COUNT;
	struct mq_attr nonblocking = { .mq_flags = O_NONBLOCK };
	int len;

	hello.which_body = usp_Request_hello_tag;
	hello.body.hello.version_min = PROTOCOL_VERSION_MIN;
	hello.body.hello.version_max = PROTOCOL_VERSION_MAX;
	hello.body.hello.capabilities = CAPABILITY_QUEUES;
	len = codec_encode_request(&hello, buf, sizeof(buf));
	fdpass_send(c->fd, buf, (size_t)len, NULL, 0, 0);
	run_loop();
	if (fdpass_recv(c->fd, buf, sizeof(buf), fds, &n_fds, MSG_DONTWAIT) <= 0)
		abort();
	c->table = fds[HELLO_FD_TABLE];
	if (n_fds < HELLO_FD_COUNT)
		return;
	c->requests = fds[HELLO_FD_REQUESTS];
	c->replies = fds[HELLO_FD_REPLIES];
	mq_setattr(c->requests, &nonblocking, NULL);
	mq_setattr(c->replies, &nonblocking, NULL);
}

/* Every request about a socket begins with its id. */
static uint64_t *socket_field(usp_Request *request)
{
	switch (request->which_body) {
	case usp_Request_socket_connect_name_tag:
		return &request->body.socket_connect_name.socket;
	case usp_Request_socket_bind_tag:
		return &request->body.socket_bind.socket;
	case usp_Request_socket_connect_tag:
		return &request->body.socket_connect.socket;
	case usp_Request_socket_disconnect_tag:
		return &request->body.socket_disconnect.socket;
	case usp_Request_socket_listen_tag:
		return &request->body.socket_listen.socket;
	case usp_Request_socket_set_option_tag:
		return &request->body.socket_set_option.socket;
	case usp_Request_socket_get_option_tag:
		return &request->body.socket_get_option.socket;
	}
	return NULL;
}

/* Puts real ids into a message, if it is one; returns its length. */
static size_t put_ids(const struct client *c, uint8_t buf[PROTOCOL_MESSAGE_MAX], size_t len)
{
	usp_Request request = usp_Request_init_zero;
	uint64_t *id;
	int n;

	if (codec_decode_request(&request, buf, len) < 0)
		return len;
	id = socket_field(&request);
	if (!id || *id >= c->n_ids)
		return len;
	*id = c->ids[*id];
	n = codec_encode_request(&request, buf, PROTOCOL_MESSAGE_MAX);
	return n < 0 ? len : (size_t)n;
}

static void send_record(struct client *c, unsigned int flags, const uint8_t *data, size_t len)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int latest = c->n_descriptors > 0 ? c->descriptors[c->n_descriptors - 1] : -1;
	int fd = -1;

	if (flags & RECORD_DATA) {
		if (latest >= 0)
			send(latest, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	if ((flags & RECORD_CLOSE) && latest >= 0) {
		close(latest);
		c->n_descriptors--;
		latest = -1;
	}
	memcpy(buf, data, len);
	len = put_ids(c, buf, len);
	if ((flags & RECORD_BY_QUEUE) && c->requests >= 0) {
		mq_send(c->requests, (char *)buf, len, 0);
		return;
	}
	if (flags & RECORD_WITH_SOCKET)
		fd = latest;
	else if (flags & RECORD_WITH_OTHER)
		fd = c->table;
	fdpass_send(c->fd, buf, len, &fd, fd >= 0, MSG_DONTWAIT);
}

static void close_client(struct client *c)
{
	for (size_t i = 0; i < c->n_descriptors; i++)
		close(c->descriptors[i]);
	close(c->fd);
	close(c->table);
	if (c->requests >= 0) {
		mq_close(c->requests);
		mq_close(c->replies);
	}
}

static void fuzz_client(const uint8_t *data, size_t size)
{
	struct client c = { .requests = -1, .replies = -1, .table = -1 };

	if (!fuzzed)
		start_daemon();
	c.fd = connect_client();
	say_hello(&c);
	for (int i = 0; i < RECORDS_MAX && size >= 2; i++) {
		const unsigned int flags = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		send_record(&c, flags, data, len);
		data += len;
		size -= len;
		if (flags & RECORD_RUN) {
			run_loop();
			take_replies(&c);
		}
	}
	run_loop();
	take_replies(&c);
	close_client(&c);
	run_loop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level((enum log_level)0);
	if (size == 0)
		return 0;
	if (data[0] == 'd')
		fuzz_decoders(data + 1, size - 1);
	else if (data[0] == 'c')
		fuzz_config(data + 1, size - 1);
	else
		fuzz_client(data + 1, size - 1);
	return 0;
}
