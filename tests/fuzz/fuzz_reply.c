/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the client library, with a daemon that says whatever it likes.
 *
 * The first byte of the input says which groups of calls are made (enum group),
 * in a fixed order. The rest is a row of records: one byte of kind, one of
 * length, and that many bytes:
 *   't'  two bytes of offset, then what stands there in the table instead
 *   'r'  one byte of flags (enum reply_flag), then the reply to a request
 *   'm'  a message that lies on the next channel to be handed out
 *   'x'  the daemon hangs up
 * When no record is left it hangs up too, so that no call waits in vain.
 *
 * A fuzzer cannot guess sequence numbers, so a reply that decodes gets the one
 * of its request, unless its flags say otherwise. The table's instance, and its
 * first sockets' identities, are always the same.
 */
#include "client/usocket.h"
#include "proto/channel.h"
#include "proto/codec.h"
#include "proto/fdpass.h"
#include "proto/protocol.h"
#include "proto/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum group {
	GROUP_TABLES = 1 << 0,
	GROUP_STREAM = 1 << 1,
	GROUP_LISTENER = 1 << 2,
	GROUP_DATAGRAM = 1 << 3,
	GROUP_NAMES = 1 << 4,
	GROUP_LINKS = 1 << 5,
	GROUP_OPTIONS = 1 << 6,
};

enum reply_flag {
	REPLY_RAW = 1 << 0,    /* as it is, whatever its sequence */
	REPLY_TABLE = 1 << 1,  /* with the table */
	REPLY_STREAM = 1 << 2, /* with a stream channel */
	REPLY_EVENTS = 1 << 3, /* with a channel of messages */
	REPLY_OTHER = 1 << 4,  /* with a descriptor of another kind */
	REPLY_TWICE = 1 << 5,
	REPLY_END = 1 << 6, /* the channel's other end is closed at once */
};

#define INSTANCE   UINT64_C(0x1122334455667788)
#define N_SOCKETS  4
#define N_LINKS	   2
#define N_KEPT	   16 /* our ends of channels */
#define N_FDS	   4  /* with one reply */
#define ITERATIONS 64
#define TIMEOUT_MS 1
/* The lowest free descriptor between two inputs: there are few. */
#define LOWEST_MAX 40

/* What the daemon's thread works through. */
struct script {
	const uint8_t *data;
	size_t size;
	int table;
	int session; /* -1: none */
	int kept[N_KEPT];
	unsigned int n_kept;
};

struct record {
	uint8_t kind;
	size_t len;
	const uint8_t *bytes;
};

static int listener = -1;
static int wake[2]; /* to the thread: an input; back: it is done */
static struct script script;

/* Tells the other side, or waits until it tells. The fuzzer has an alarm. */
static void tell(int fd)
{
	ssize_t n;

	do {
		n = write(fd, "", 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		abort();
}

static void wait_told(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		abort();
}

/* ---- the script ---------------------------------------------------------------- */

static bool take_record(struct script *s, struct record *record)
{
	if (s->size < 2)
		return false;
	record->kind = s->data[0];
	record->len = s->data[1];
	if (record->len > s->size - 2)
		record->len = s->size - 2;
	record->bytes = s->data + 2;
	s->data += 2 + record->len;
	s->size -= 2 + record->len;
	return true;
}

static int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static void keep(struct script *s, int fd)
{
	unsigned int i = s->n_kept++ % N_KEPT;

	s->kept[i] = close_fd(s->kept[i]);
	s->kept[i] = fd;
}

/* ---- the table --------------------------------------------------------------------- */

struct image {
	struct table_header header;
	struct table_socket sockets[N_SOCKETS];
	struct table_link links[N_LINKS];
};

static void fill_image(struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->header = (struct table_header){
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.header_size = sizeof(struct table_header),
		.socket_size = sizeof(struct table_socket),
		.n_sockets = N_SOCKETS,
		.link_size = sizeof(struct table_link),
		.n_links = N_LINKS,
		.sockets_offset = offsetof(struct image, sockets),
		.links_offset = offsetof(struct image, links),
		.instance = INSTANCE,
		.daemon_pid = 1,
		.high_water = N_SOCKETS,
	};
	for (int i = 0; i < N_SOCKETS; i++) {
		image->sockets[i].generation = 1;
		image->sockets[i].type = i == 2 ? TABLE_TYPE_DATAGRAM : TABLE_TYPE_STREAM;
		image->sockets[i].family = ADDRESS_IPV4;
		image->sockets[i].link = 1;
	}
	for (int i = 0; i < N_LINKS; i++) {
		image->links[i].used = 1;
		image->links[i].state = TABLE_LINK_UP;
		image->links[i].address4 = (struct address){
			ADDRESS_IPV4, 0, 24, 0, { 10, 0, 0, (uint8_t)(2 + i) }
		};
	}
}

static int make_table(struct script s)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct record record;
	struct image image;

	fill_image(&image);
	while (take_record(&s, &record)) {
		size_t at, len;

		if (record.kind != 't' || record.len < 2)
			continue;
		at = (size_t)(record.bytes[0] | record.bytes[1] << 8) % sizeof(image);
		len = record.len - 2;
		if (len > sizeof(image) - at)
			len = sizeof(image) - at;
		memcpy((uint8_t *)&image + at, record.bytes + 2, len);
	}
	if (fd < 0 || write(fd, &image, sizeof(image)) != (ssize_t)sizeof(image) ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		abort();
	return fd;
}

/* ---- the daemon ---------------------------------------------------------------------- */

/* A channel with the messages that the script has for it; the client's end. */
static int make_channel(struct script *s, int type, const usp_Reply *reply, bool end)
{
	struct sockaddr_un un;
	struct record record;
	struct script ahead;
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (reply->which_body == usp_Reply_socket_tag) {
		socklen_t len = channel_name(&un, INSTANCE, reply->body.socket.socket);

		/* Somebody may have it, as when the script names one twice. */
		if (bind(pair[0], (struct sockaddr *)&un, len) < 0)
			errno = 0;
	}
	for (ahead = *s; take_record(&ahead, &record) && record.kind == 'm'; *s = ahead) {
		struct iovec iov = { (void *)record.bytes, record.len };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

		sendmsg(pair[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (end)
		close(pair[0]);
	else
		keep(s, pair[0]);
	return pair[1];
}

static size_t make_descriptors(struct script *s, unsigned int flags, const usp_Reply *reply,
	int fds[N_FDS])
{
	size_t n = 0;

	if (flags & REPLY_TABLE)
		fds[n++] = dup(s->table);
	if (flags & REPLY_STREAM)
		fds[n++] = make_channel(s, SOCK_STREAM, reply, flags & REPLY_END);
	if (flags & REPLY_EVENTS)
		fds[n++] = make_channel(s, SOCK_SEQPACKET, reply, flags & REPLY_END);
	if (flags & REPLY_OTHER)
		fds[n++] = eventfd(0, EFD_CLOEXEC);
	return n;
}

static void send_reply(struct script *s, const struct record *record, uint32_t sequence)
{
	usp_Reply reply = usp_Reply_init_zero;
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	unsigned int flags = record->len > 0 ? record->bytes[0] : 0;
	size_t len = record->len > 0 ? record->len - 1 : 0, n_fds;
	int fds[N_FDS], n = -1;

	memcpy(bytes, record->bytes + (record->len > 0), len);
	if (codec_decode_reply(&reply, bytes, len) == 0 && !(flags & REPLY_RAW)) {
		reply.sequence = sequence;
		n = codec_encode_reply(&reply, bytes, sizeof(bytes));
	}
	if (n >= 0)
		len = (size_t)n;
	n_fds = make_descriptors(s, flags, &reply, fds);
	for (int i = 0; i < (flags & REPLY_TWICE ? 2 : 1); i++)
		fdpass_send(s->session, bytes, len, fds, n_fds, MSG_DONTWAIT);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

/* Answers one request by the script; false: it hangs up. */
static bool answer(struct script *s)
{
	usp_Request request = usp_Request_init_zero;
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	struct record record;
	size_t n_fds = 1;
	int fd = -1;
	ssize_t n = fdpass_recv(s->session, bytes, sizeof(bytes), &fd, &n_fds, 0);

	if (n_fds > 0)
		close_fd(fd);
	/* What the library sends must be well-formed. */
	if (n > 0 && codec_decode_request(&request, bytes, (size_t)n) < 0)
		abort();
	while (n > 0 && take_record(s, &record)) {
		if (record.kind == 'x')
			return false;
		if (record.kind != 'r')
			continue;
		send_reply(s, &record, request.sequence);
		return true;
	}
	return false;
}

/* Serves the script until the fuzzer says that its calls are over. */
static void serve(struct script *s)
{
	struct pollfd p[] = {
		{ .fd = wake[1], .events = POLLIN },
		{ .fd = listener, .events = POLLIN },
		{ .fd = s->session, .events = POLLIN },
	};

	for (;;) {
		p[2].fd = s->session;
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[1].revents & POLLIN) {
			close_fd(s->session);
			s->session = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		} else if (p[2].revents && !answer(s)) {
			s->session = close_fd(s->session);
		} else if (p[0].revents) {
			return;
		}
	}
}

static void *run_daemon(void *unused)
{
	(void)unused;
	for (;;) {
		wait_told(wake[1]);
		serve(&script);
		wait_told(wake[1]);
		script.session = close_fd(script.session);
		for (int i = 0; i < N_KEPT; i++)
			script.kept[i] = close_fd(script.kept[i]);
		tell(wake[1]);
	}
	return NULL;
}

static void remove_folder(void)
{
	char path[256];

	usocket_socket_path(path, sizeof(path));
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void start_daemon(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/fuzz_reply.XXXXXX";
	pthread_t thread;

	if (!mkdtemp(folder))
		abort();
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/sock", folder);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&un, sizeof(un)) < 0 ||
		listen(listener, 8) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wake) < 0 ||
		usocket_set_socket_path(un.sun_path) < 0 ||
		pthread_create(&thread, NULL, run_daemon, NULL) != 0)
		abort();
	signal(SIGPIPE, SIG_IGN);
	atexit(remove_folder);
}

static void begin(const uint8_t *data, size_t size)
{
	script = (struct script){ .data = data, .size = size, .session = -1 };
	for (int i = 0; i < N_KEPT; i++)
		script.kept[i] = -1;
	script.table = make_table(script);
	tell(wake[0]);
}

/* What came with replies must not be left open. */
static void check_descriptors(void)
{
	int lowest = dup(wake[0]);

	if (lowest < 0 || lowest > LOWEST_MAX)
		abort();
	close(lowest);
}

static void end(void)
{
	tell(wake[0]);
	wait_told(wake[0]);
	close(script.table);
	check_descriptors();
}

/* ---- the calls -------------------------------------------------------------------------- */

static const struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = 0x5000 };
#define PEER (const struct sockaddr *)&peer, sizeof(peer)

static void call_tables(void)
{
	struct usocket_socket_info socket_info;
	struct usocket_link_info link;
	struct usocket_status status;
	struct usocket_versions versions;
	uint32_t cursor = 0;

	for (int i = 0; i < ITERATIONS; i++) {
		if (usocket_next_socket(&cursor, &socket_info, sizeof(socket_info)) != 1)
			break;
		usocket_state_name(socket_info.state);
	}
	cursor = 0;
	for (int i = 0; i < ITERATIONS; i++) {
		if (usocket_next_link(&cursor, &link, sizeof(link)) != 1)
			break;
		usocket_link_state_name(link.state);
	}
	usocket_status(&status, sizeof(status));
	usocket_versions(&versions, sizeof(versions));
}

static void call_state(int fd)
{
	struct usocket_socket_info info;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	usocket_getsockname(fd, (struct sockaddr *)&address, &len);
	len = sizeof(address);
	usocket_getpeername(fd, (struct sockaddr *)&address, &len);
	usocket_getsocketsta(fd);
	usocket_getsendacksize(fd);
	usocket_socket_info(fd, &info, sizeof(info));
	usocket_poll(&p, 1, 0);
}

static void call_data(int fd)
{
	struct sockaddr_storage from;
	char buffer[64];

	for (int i = 0; i < 3; i++) {
		socklen_t len = sizeof(from);

		usocket_recvfrom_timeout(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
			&len, 0);
		usocket_sendto_timeout(fd, "data", 4, 0, PEER, 0);
	}
	usocket_sendall_timeout(fd, "data", 4, 0, 0, NULL);
}

static void call_options(int fd)
{
	static const int options[][2] = {
		{ SOL_SOCKET, SO_ERROR },
		{ SOL_SOCKET, SO_LINGER },
		{ SOL_SOCKET, SO_KEEPALIVE },
		{ SOL_SOCKET, SO_DOMAIN },
		{ IPPROTO_TCP, TCP_INFO },
		{ IPPROTO_TCP, TCP_MAXSEG },
		{ IPPROTO_IP, IP_MTU },
		{ IPPROTO_IP, IP_TTL },
	};
	int on = 1;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint8_t value[256];
		socklen_t len = sizeof(value);

		usocket_getsockopt(fd, options[i][0], options[i][1], value, &len);
	}
	usocket_setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
}

static void call_stream(bool by_name)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return;
	if (by_name)
		usocket_connect_name(fd, "a.example", 80);
	else
		usocket_connect_timeout(fd, PEER, 0);
	call_state(fd);
	usocket_connect_wait(fd, TIMEOUT_MS);
	call_data(fd);
	usocket_shutdown(fd, SHUT_WR);
	usocket_close(fd);
}

static void call_listener(void)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return;
	usocket_bind(fd, PEER);
	usocket_listen(fd, 5);
	for (int i = 0; i < 3; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int accepted = usocket_accept_timeout(fd, (struct sockaddr *)&from, &len, 0, 0);

		if (accepted < 0)
			continue;
		call_state(accepted);
		usocket_close(accepted);
	}
	usocket_close(fd);
}

static void call_datagram(bool with_options)
{
	int fd = usocket_socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return;
	usocket_connect(fd, PEER);
	call_state(fd);
	call_data(fd);
	if (with_options)
		call_options(fd);
	usocket_close(fd);
}

static void call_names(void)
{
	static const struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct usocket_lookup *lookup;
	struct addrinfo *result;

	if (usocket_getaddrinfo_timeout("a.example", "80", &hints, &result, TIMEOUT_MS) == 0)
		usocket_freeaddrinfo(result);
	if (usocket_lookup_start("a.example", "80", &hints, &lookup) != 0)
		return;
	errno = 0;
	switch (usocket_lookup_finish(lookup, &result)) {
	case 0:
		usocket_freeaddrinfo(result);
		break;
	case EAI_SYSTEM:
		if (errno == EAGAIN)
			usocket_lookup_cancel(lookup);
		break;
	default:
		break;
	}
}

static void take_lines(int fd)
{
	struct usocket_link_line line;

	if (fd < 0)
		return;
	for (int i = 0; i < 4; i++) {
		if (usocket_link_next_line(fd, &line, sizeof(line)) == 1 &&
			strnlen(line.text, sizeof(line.text)) == sizeof(line.text))
			abort();
	}
	close(fd);
}

static void call_control(void)
{
	struct usocket_refusal why;

	if (usocket_link_set("net0", "apn", "internet", 1, &why) < 0 &&
		strnlen(why.text, sizeof(why.text)) == sizeof(why.text))
		abort();
	usocket_link_down("net0", NULL);
	take_lines(usocket_link_log("net0", 1, &why));
	take_lines(usocket_link_at("net0", "AT+CSQ", &why));
}

static void call_links(void)
{
	struct usocket_link_event event;
	int fd = usocket_watch_links();

	usocket_wait_link(TIMEOUT_MS);
	if (fd < 0)
		return;
	for (int i = 0; i < 4; i++) {
		if (usocket_watch_next(fd, &event, sizeof(event)) == 1 &&
			strnlen(event.cause, sizeof(event.cause)) == sizeof(event.cause))
			abort();
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int groups;

	if (size == 0)
		return 0;
	if (listener < 0)
		start_daemon();
	groups = data[0];
	begin(data + 1, size - 1);
	usocket_open_session();
	if (groups & GROUP_TABLES)
		call_tables();
	if (groups & GROUP_STREAM)
		call_stream(groups & GROUP_NAMES);
	if (groups & GROUP_LISTENER)
		call_listener();
	if (groups & GROUP_DATAGRAM)
		call_datagram(groups & GROUP_OPTIONS);
	if (groups & GROUP_NAMES)
		call_names();
	if (groups & GROUP_LINKS) {
		call_links();
		call_control();
	}
	end();
	return 0;
}
