/* SPDX-License-Identifier: MIT */
#include "tests/unit/run_suite.h"
#include "tests/unit/socket_fixture.h"

#include "daemon/ports.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct socket_fixture f;

static void setup(void)
{
	fixture_init(&f);
}

static void teardown(void)
{
	fixture_fini(&f);
}

enum place {
	ANY4,
	LOOP4,
	ANY6,
	LOOP6,
	MAPPED4
};

static struct address address_of(enum place place, uint16_t port)
{
	struct address four = fixture_loopback(ADDRESS_IPV4, port);

	switch (place) {
	case ANY4:
		return (struct address){ .family = ADDRESS_IPV4, .port = port };
	case LOOP4:
		return four;
	case ANY6:
		return (struct address){ .family = ADDRESS_IPV6, .port = port };
	case LOOP6:
		return fixture_loopback(ADDRESS_IPV6, port);
	default:
		return address_map_v4(&four);
	}
}

struct party {
	enum place place;
	bool reuse;
	bool v6only;
	uint32_t uid;
};

static int bind_party(const struct party *party, uint16_t port)
{
	struct address local = address_of(party->place, port);
	struct test_socket t = fixture_socket_of(&f, TABLE_TYPE_STREAM, local.family, party->uid);
	usp_SocketSetOption reuse = { .option = usp_Option_OPTION_REUSE_ADDRESS, .value = 1 };
	usp_SocketSetOption v6only = { .option = usp_Option_OPTION_V6ONLY, .value = 1 };

	if (party->reuse)
		ck_assert_int_eq(socket_set_option(t.s, &reuse), 0);
	if (party->v6only)
		ck_assert_int_eq(socket_set_option(t.s, &v6only), 0);
	return t.s->ops->bind(t.s, &local);
}

static const struct {
	struct party first, second;
	int second_result;
} pairs[] = {
	{ { ANY4, 0, 0, 1 }, { ANY4, 0, 0, 1 }, -EADDRINUSE },
	{ { ANY4, 0, 0, 1 }, { LOOP4, 0, 0, 1 }, -EADDRINUSE },
	{ { LOOP4, 0, 0, 1 }, { ANY4, 0, 0, 1 }, -EADDRINUSE },
	{ { LOOP4, 0, 0, 1 }, { LOOP6, 0, 0, 1 }, 0 },
	{ { ANY4, 0, 0, 1 }, { ANY6, 0, 0, 1 }, -EADDRINUSE },
	{ { ANY4, 0, 0, 1 }, { ANY6, 0, 1, 1 }, 0 },
	{ { ANY6, 0, 1, 1 }, { ANY4, 0, 0, 1 }, 0 },
	{ { ANY6, 0, 0, 1 }, { LOOP4, 0, 0, 1 }, -EADDRINUSE },
	{ { LOOP4, 0, 0, 1 }, { MAPPED4, 0, 0, 1 }, -EADDRINUSE },
	{ { ANY4, 1, 0, 1 }, { ANY4, 1, 0, 1 }, 0 },
	{ { ANY4, 1, 0, 1 }, { ANY4, 0, 0, 1 }, -EADDRINUSE },
	{ { ANY4, 0, 0, 1 }, { ANY4, 1, 0, 1 }, -EADDRINUSE },
	/* Sharing is for one user's sockets. */
	{ { ANY4, 1, 0, 1 }, { ANY4, 1, 0, 2 }, -EADDRINUSE },
};

START_TEST(bind_second_socket_conflicts_as_linux)
{
	ck_assert_int_eq(bind_party(&pairs[_i].first, 6000), 0);
	ck_assert_int_eq(bind_party(&pairs[_i].second, 6000), pairs[_i].second_result);
}
END_TEST

/* The loop has not run in between. */
START_TEST(closed_socket_has_no_port_any_more)
{
	uint8_t type = _i == 0 ? TABLE_TYPE_DATAGRAM : TABLE_TYPE_STREAM;
	bool listens = _i == 2;
	struct address local = address_of(LOOP4, 6007), any = address_of(ANY4, 6007);
	struct test_socket first = fixture_socket(&f, type, ADDRESS_IPV4);
	struct test_socket second = fixture_socket(&f, type, ADDRESS_IPV4);

	ck_assert_int_eq(first.s->ops->bind(first.s, &local), 0);
	if (listens)
		ck_assert_int_eq(first.s->ops->listen(first.s, 1), 0);
	ck_assert_int_eq(second.s->ops->bind(second.s, &any), -EADDRINUSE);
	close(first.fd);
	ck_assert_int_eq(second.s->ops->bind(second.s, &any), 0);
	if (listens)
		ck_assert_int_eq(second.s->ops->listen(second.s, 1), 0);
}
END_TEST

START_TEST(bind_twice_is_invalid)
{
	struct test_socket t = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct address local = address_of(ANY4, 6001);

	ck_assert_int_eq(t.s->ops->bind(t.s, &local), 0);
	local.port = 6002;
	ck_assert_int_eq(t.s->ops->bind(t.s, &local), -EINVAL);
}
END_TEST

START_TEST(bind_port_zero_picks_different_dynamic_ports)
{
	struct address any = address_of(ANY4, 0);
	uint16_t ports[20];
	int distance_one = 0;

	for (int i = 0; i < 20; i++) {
		struct test_socket t = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);

		ck_assert_int_eq(t.s->ops->bind(t.s, &any), 0);
		ports[i] = t.s->bound.port;
		ck_assert_uint_ge(ports[i], PORTS_DYNAMIC_FIRST);
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(ports[i], ports[j]);
		if (i > 0 && ports[i] == ports[i - 1] + 1)
			distance_one++;
	}
	/* Random, not counting up (RFC 6056). */
	ck_assert_int_lt(distance_one, 5);
}
END_TEST

START_TEST(released_dynamic_port_rests)
{
	static int picked_at[PORTS_DYNAMIC];
	struct test_socket t = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct port_table *table = &t.s->registry->tcp_ports;
	struct address any = address_of(ANY4, 0);
	int n_again = 0;

	for (int i = 1; i <= 3 * PORTS_DYNAMIC; i++) {
		int *last;

		ck_assert_int_eq(ports_bind(table, t.s, &any), 0);
		last = &picked_at[t.s->bound.port - PORTS_DYNAMIC_FIRST];
		if (*last > 0) {
			ck_assert_int_gt(i - *last, PORTS_RESTING_MAX);
			n_again++;
		}
		*last = i;
		ports_release(t.s);
	}
	ck_assert_int_gt(n_again, 0);
}
END_TEST

START_TEST(every_dynamic_port_is_given_before_none_is)
{
	struct test_socket t = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct port_table *table = &t.s->registry->tcp_ports;
	struct usock *holders = calloc(PORTS_DYNAMIC, sizeof(*holders));
	struct address any = address_of(ANY4, 0);
	uint16_t port;

	ck_assert_ptr_nonnull(holders);
	/* Some of them rest. */
	for (int i = 0; i < PORTS_RESTING_MAX; i++) {
		ck_assert_int_eq(ports_bind(table, t.s, &any), 0);
		ports_release(t.s);
	}
	for (int i = 0; i < PORTS_DYNAMIC; i++) {
		holders[i].registry = t.s->registry;
		ck_assert_int_eq(ports_bind(table, &holders[i], &any), 0);
	}
	ck_assert_int_eq(ports_bind(table, t.s, &any), -EADDRINUSE);
	port = holders[7].bound.port;
	ports_release(&holders[7]);
	ck_assert_int_eq(ports_bind(table, t.s, &any), 0);
	ck_assert_uint_eq(t.s->bound.port, port);
	for (int i = 0; i < PORTS_DYNAMIC; i++)
		ports_release(&holders[i]);
	free(holders);
}
END_TEST

START_TEST(listener_blocks_bind_even_with_reuse)
{
	struct party party = { ANY4, true, false, 1000 };
	struct test_socket t = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	usp_SocketSetOption reuse = { .option = usp_Option_OPTION_REUSE_ADDRESS, .value = 1 };
	struct address local = address_of(ANY4, 6003);

	ck_assert_int_eq(socket_set_option(t.s, &reuse), 0);
	ck_assert_int_eq(t.s->ops->bind(t.s, &local), 0);
	ck_assert_int_eq(t.s->ops->listen(t.s, 1), 0);
	socket_publish(t.s);
	ck_assert_int_eq(bind_party(&party, 6003), -EADDRINUSE);
}
END_TEST

START_TEST(second_listener_on_a_shared_port_is_refused)
{
	usp_SocketSetOption reuse = { .option = usp_Option_OPTION_REUSE_ADDRESS, .value = 1 };
	struct address local = address_of(ANY4, 6004);
	struct test_socket t[2];

	for (int i = 0; i < 2; i++) {
		t[i] = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
		ck_assert_int_eq(socket_set_option(t[i].s, &reuse), 0);
		ck_assert_int_eq(t[i].s->ops->bind(t[i].s, &local), 0);
	}
	ck_assert_int_eq(t[0].s->ops->listen(t[0].s, 1), 0);
	socket_publish(t[0].s);
	ck_assert_int_eq(t[1].s->ops->listen(t[1].s, 1), -EADDRINUSE);
	/* Closed, which the loop has not seen yet. */
	close(t[0].fd);
	ck_assert_int_eq(t[1].s->ops->listen(t[1].s, 1), 0);
}
END_TEST

static bool in_time_wait(void *arg)
{
	struct test_socket *t = arg;

	return socket_find(f.daemon.sockets, t->s->id) == NULL;
}

START_TEST(time_wait_keeps_the_port_for_its_user)
{
	struct party stranger = { ANY4, true, false, 2 };
	struct party careless = { ANY4, false, false, 1000 };
	struct party owner = { ANY4, true, false, 1000 };
	struct test_socket a, b, ghost;
	struct usock copy;
	uint16_t port;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	port = b.s->bound.port;
	/* The server closes first, so TIME_WAIT is on its side. */
	copy.id = b.s->id;
	ghost.s = &copy;
	close(b.fd);
	fixture_settle(&f);
	close(a.fd);
	fixture_run_until(&f, in_time_wait, &ghost);
	ck_assert_int_eq(bind_party(&careless, port), -EADDRINUSE);
	ck_assert_int_eq(bind_party(&stranger, port), -EADDRINUSE);
	ck_assert_int_eq(bind_party(&owner, port), 0);
}
END_TEST

START_TEST(ports_in_one_bucket_are_told_apart)
{
	const struct party party = { ANY4, false, false, 1000 };
	struct port_table *table = &f.daemon.sockets->tcp_ports;
	uint16_t first = 4000, second = first + PORTS_BUCKETS, third = second + PORTS_BUCKETS;
	struct usock *middle;

	ck_assert_int_eq(bind_party(&party, first), 0);
	ck_assert_int_eq(bind_party(&party, second), 0);
	ck_assert_int_eq(bind_party(&party, third), 0);
	ck_assert_int_eq(bind_party(&party, first), -EADDRINUSE);
	middle = ports_first(table, second);
	ck_assert_uint_eq(middle->bound.port, second);
	ports_release(middle);
	ck_assert_ptr_null(ports_first(table, second));
	ck_assert_uint_eq(ports_first(table, first)->bound.port, first);
	ck_assert_uint_eq(ports_first(table, third)->bound.port, third);
	ck_assert_int_eq(bind_party(&party, second), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ports");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, bind_second_socket_conflicts_as_linux, 0,
		sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_loop_test(tc, closed_socket_has_no_port_any_more, 0, 3);
	tcase_add_test(tc, bind_twice_is_invalid);
	tcase_add_test(tc, ports_in_one_bucket_are_told_apart);
	tcase_add_test(tc, bind_port_zero_picks_different_dynamic_ports);
	tcase_add_test(tc, released_dynamic_port_rests);
	tcase_add_test(tc, every_dynamic_port_is_given_before_none_is);
	tcase_add_test(tc, listener_blocks_bind_even_with_reuse);
	tcase_add_test(tc, second_listener_on_a_shared_port_is_refused);
	tcase_add_test(tc, time_wait_keeps_the_port_for_its_user);
	return run_suite("ports", tc);
}
