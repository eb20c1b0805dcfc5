/* SPDX-License-Identifier: MIT */
#include "tests/unit/daemon_fixture.h"

#include "netif/log.h"
#include "netif/stack.h"
#include "proto/codec.h"
#include "proto/fdpass.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RUN_LIMIT_MS 10000

void daemon_fixture_init(struct daemon_fixture *f, void (*tweak)(struct config *config))
{
	memset(f, 0, sizeof(*f));
	strcpy(f->folder, "/tmp/test_daemon.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->folder));
	ck_assert_int_eq(config_init(&f->daemon.config), 0);
	snprintf(f->daemon.config.socket, sizeof(f->daemon.config.socket), "%s/sock", f->folder);
	f->daemon.config.hosts[0] = '\0';
	f->daemon.config.log_level = LOG_LEVEL_ERROR;
	if (tweak)
		tweak(&f->daemon.config);
	log_open("test");
	log_set_level(f->daemon.config.log_level);
	ck_assert_int_eq(usocketd_start(&f->daemon, -1), 0);
}

void daemon_fixture_fini(struct daemon_fixture *f)
{
	char command[160];

	usocketd_stop(&f->daemon);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
	ck_assert_int_eq(system(command), 0);
}

void daemon_fixture_run_until(struct daemon_fixture *f, bool (*done)(void *arg), void *arg)
{
	uint64_t limit = stack_now_ns() + RUN_LIMIT_MS * UINT64_C(1000000);

	while (!done(arg)) {
		ck_assert_msg(stack_now_ns() < limit, "it did not happen in time");
		event_base_loop(f->daemon.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
}

static bool is_over(void *arg)
{
	return stack_now_ns() >= *(uint64_t *)arg;
}

void daemon_fixture_run(struct daemon_fixture *f, unsigned int ms)
{
	uint64_t end = stack_now_ns() + ms * UINT64_C(1000000);

	daemon_fixture_run_until(f, is_over, &end);
}

static bool is_readable(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

void test_client_connect(struct test_client *c, struct daemon_fixture *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	*c = (struct test_client){
		.f = f,
		.requests = -1,
		.replies = -1,
		.table = -1,
		.reply_fd = -1,
	};
	strcpy(un.sun_path, f->daemon.config.socket);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&un, sizeof(un)), 0);
}

void test_client_send_bytes(struct test_client *c, const void *buf, size_t len, int fd)
{
	ck_assert_int_eq((int)fdpass_send(c->fd, buf, len, &fd, fd >= 0, MSG_DONTWAIT), (int)len);
}

static bool receive(struct test_client *c, int fds[HELLO_FD_COUNT], size_t *n_fds)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	ssize_t n;

	daemon_fixture_run_until(c->f, is_readable, &c->fd);
	n = fdpass_recv(c->fd, buf, sizeof(buf), fds, n_fds, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	memset(&c->reply, 0, sizeof(c->reply));
	ck_assert_int_eq(codec_decode_reply(&c->reply, buf, (size_t)n), 0);
	return true;
}

bool test_client_receive(struct test_client *c)
{
	int fds[HELLO_FD_COUNT];
	size_t n_fds = HELLO_FD_COUNT;

	if (!receive(c, fds, &n_fds))
		return false;
	ck_assert_uint_le(n_fds, 1);
	c->reply_fd = n_fds > 0 ? fds[0] : -1;
	return true;
}

static size_t encode(struct test_client *c, usp_Request *request, uint8_t buf[PROTOCOL_MESSAGE_MAX])
{
	int len;

	request->sequence = ++c->sequence;
	len = codec_encode_request(request, buf, PROTOCOL_MESSAGE_MAX);
	ck_assert_int_ge(len, 0);
	return (size_t)len;
}

void test_client_hello(struct test_client *c, uint32_t capabilities, usp_Status status)
{
	usp_Request request = usp_Request_init_zero;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int fds[HELLO_FD_COUNT];
	size_t n_fds = HELLO_FD_COUNT;

	request.which_body = usp_Request_hello_tag;
	request.body.hello.version_min = PROTOCOL_VERSION_MIN;
	request.body.hello.version_max = PROTOCOL_VERSION_MAX;
	request.body.hello.capabilities = capabilities;
	test_client_send_bytes(c, buf, encode(c, &request, buf), -1);
	ck_assert(receive(c, fds, &n_fds));
	ck_assert_int_eq(c->reply.status, status);
	ck_assert_int_eq(c->reply.which_body, usp_Reply_hello_tag);
	if (status != usp_STATUS_OK) {
		ck_assert_uint_eq(n_fds, 0);
		return;
	}
	c->table = fds[HELLO_FD_TABLE];
	if (c->reply.body.hello.capabilities & CAPABILITY_QUEUES) {
		ck_assert_uint_eq(n_fds, HELLO_FD_COUNT);
		c->requests = fds[HELLO_FD_REQUESTS];
		c->replies = fds[HELLO_FD_REPLIES];
	} else {
		ck_assert_uint_eq(n_fds, 1);
	}
}

void test_client_open(struct test_client *c, struct daemon_fixture *f, uint32_t capabilities)
{
	test_client_connect(c, f);
	test_client_hello(c, capabilities, usp_STATUS_OK);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void test_client_close(struct test_client *c)
{
	close_fd(&c->fd);
	close_fd(&c->requests);
	close_fd(&c->replies);
	close_fd(&c->table);
}

static bool has_reply(void *arg)
{
	struct test_client *c = arg;

	return is_readable(&c->replies) || is_readable(&c->fd);
}

static void receive_either(struct test_client *c)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	ssize_t n;

	if (c->replies >= 0)
		daemon_fixture_run_until(c->f, has_reply, c);
	if (c->replies < 0 || !is_readable(&c->replies)) {
		ck_assert(test_client_receive(c));
		return;
	}
	n = mq_receive(c->replies, (char *)buf, sizeof(buf), NULL);
	ck_assert_int_gt((int)n, 0);
	memset(&c->reply, 0, sizeof(c->reply));
	c->reply_fd = -1;
	ck_assert_int_eq(codec_decode_reply(&c->reply, buf, (size_t)n), 0);
}

usp_Status test_client_request(struct test_client *c, usp_Request *request)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	size_t len = encode(c, request, buf);

	if (c->requests >= 0)
		ck_assert_int_eq(mq_send(c->requests, (char *)buf, len, 0), 0);
	else
		test_client_send_bytes(c, buf, len, -1);
	receive_either(c);
	ck_assert_uint_eq(c->reply.sequence, c->sequence);
	return c->reply.status;
}

usp_Status test_client_request_fd(struct test_client *c, usp_Request *request, int fd)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];

	test_client_send_bytes(c, buf, encode(c, request, buf), fd);
	ck_assert(test_client_receive(c));
	ck_assert_uint_eq(c->reply.sequence, c->sequence);
	return c->reply.status;
}

void test_client_expect_hangup(struct test_client *c)
{
	char byte;

	daemon_fixture_run_until(c->f, is_readable, &c->fd);
	ck_assert_int_le((int)recv(c->fd, &byte, 1, MSG_DONTWAIT), 0);
}

ssize_t test_channel_receive(struct daemon_fixture *f, int fd, uint8_t *buf, size_t size)
{
	daemon_fixture_run_until(f, is_readable, &fd);
	return recv(fd, buf, size, MSG_DONTWAIT);
}

int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
