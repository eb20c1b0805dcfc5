/* SPDX-License-Identifier: MIT */
#include "tests/unit/socket_fixture.h"

#include "daemon/table_writer.h"
#include "netif/stack.h"
#include "proto/channel.h"
#include "proto/fdpass.h"

#include <check.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUN_LIMIT_MS 5000

static const struct limits generous = {
	.session = { 100, 1000, 100, 100, 1 << 26 },
	.user = { 100, 1000, 100, 100, 1 << 26 },
};

void fixture_init(struct socket_fixture *f)
{
	struct event_config *config = event_config_new();

	memset(f, 0, sizeof(*f));
	f->daemon.base = event_base_new_with_config(config);
	event_config_free(config);
	ck_assert_ptr_nonnull(f->daemon.base);
	f->daemon.instance = 0x1234567890abcdefULL ^ (uint64_t)getpid();
	f->daemon.config.sockets_max = 256;
	f->daemon.config.connect_timeout_s = 2;
	f->daemon.config.linger_s = 2;
	f->daemon.config.embryonic_max = 64;
	f->daemon.config.receive_buffer = 65536;
	ck_assert_int_eq(stack_init(f->daemon.base), 0);
	ck_assert_int_eq(table_writer_new(&f->daemon.table, 256, 1, f->daemon.instance), 0);
	ck_assert_int_eq(socket_registry_new(&f->daemon.sockets, &f->daemon), 0);
	f->accounts = accounts_new(&generous);
	f->user = account_ref_user(f->accounts, 1000);
	f->account = account_new_session(f->user);
	f->owner = (struct socket_owner){ f->account, (uint32_t)getpid(), 1000, "test" };
}

void fixture_fini(struct socket_fixture *f)
{
	socket_registry_free(f->daemon.sockets);
	table_writer_free(f->daemon.table);
	account_unref(f->account);
	account_unref(f->user);
	accounts_free(f->accounts);
	stack_fini();
	event_base_free(f->daemon.base);
}

struct test_socket fixture_socket_of(struct socket_fixture *f, uint8_t type, uint8_t family,
	uint32_t uid)
{
	struct socket_params params = {
		.owner = f->owner,
		.type = type,
		.family = family,
		.protocol = 1,
	};
	struct test_socket t;
	int r;

	params.owner.uid = uid;
	if (type == TABLE_TYPE_STREAM)
		r = tcp_socket_new(f->daemon.sockets, &params, &t.s, &t.fd);
	else if (type == TABLE_TYPE_DATAGRAM)
		r = udp_socket_new(f->daemon.sockets, &params, &t.s, &t.fd);
	else
		r = raw_socket_new(f->daemon.sockets, &params, &t.s, &t.fd);
	ck_assert_int_eq(r, 0);
	socket_publish(t.s);
	return t;
}

struct test_socket fixture_socket(struct socket_fixture *f, uint8_t type, uint8_t family)
{
	return fixture_socket_of(f, type, family, 1000);
}

struct address fixture_loopback(uint8_t family, uint16_t port)
{
	struct address a = { .family = family, .port = port };

	if (family == ADDRESS_IPV4)
		memcpy(a.ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	else
		a.ip[15] = 1;
	return a;
}

void fixture_run_until(struct socket_fixture *f, bool (*done)(void *arg), void *arg)
{
	uint64_t limit = stack_now_ns() + RUN_LIMIT_MS * 1000000ULL;

	while (!done(arg)) {
		ck_assert_msg(stack_now_ns() < limit, "it did not happen in time");
		event_base_loop(f->daemon.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
}

void fixture_settle(struct socket_fixture *f)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(f->daemon.base, EVLOOP_NONBLOCK);
}

struct table_socket fixture_record(struct socket_fixture *f, socket_id id)
{
	struct table_socket record;
	struct table table;

	ck_assert_int_eq(table_map(&table, table_writer_fd(f->daemon.table)), 0);
	if (table_find_socket(&table, id, &record) < 0)
		memset(&record, 0, sizeof(record));
	table_unmap(&table);
	return record;
}

struct test_socket fixture_accept(struct socket_fixture *f, const struct test_socket *listener)
{
	struct channel_header header;
	struct test_socket t = { .fd = -1 };
	size_t n_fds = 1;

	ck_assert_int_eq(fdpass_recv(listener->fd, &header, sizeof(header), &t.fd, &n_fds,
				 MSG_DONTWAIT),
		(int)sizeof(header));
	ck_assert_uint_eq(n_fds, 1);
	ck_assert_int_eq(header.kind, CHANNEL_ACCEPTED);
	t.s = socket_find(f->daemon.sockets, header.value);
	ck_assert_ptr_nonnull(t.s);
	return t;
}

void fixture_connected_pair(struct socket_fixture *f, uint8_t family,
	struct test_socket *client, struct test_socket *server)
{
	struct test_socket listener = fixture_socket(f, TABLE_TYPE_STREAM, family);
	struct address local = fixture_loopback(family, 0), remote;

	ck_assert_int_eq(listener.s->ops->bind(listener.s, &local), 0);
	ck_assert_int_eq(listener.s->ops->listen(listener.s, 5), 0);
	*client = fixture_socket(f, TABLE_TYPE_STREAM, family);
	remote = listener.s->bound;
	ck_assert_int_eq(client->s->ops->connect(client->s, &remote, false), REQUEST_STARTED);
	fixture_settle(f);
	*server = fixture_accept(f, &listener);
	fixture_settle(f);
	close(listener.fd);
	fixture_settle(f);
	ck_assert_int_eq(fixture_record(f, client->s->id).state, TABLE_STATE_ESTABLISHED);
	ck_assert_int_eq(fixture_record(f, server->s->id).state, TABLE_STATE_ESTABLISHED);
}
