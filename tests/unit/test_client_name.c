/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include "proto/codec.h"

#include <stdio.h>
#include <sys/socket.h>

static struct addrinfo *list;

static void teardown_list(void)
{
	usocket_freeaddrinfo(list);
	list = NULL;
	teardown();
}

static const char *text_of(const struct addrinfo *a)
{
	static char text[80];
	char ip[INET6_ADDRSTRLEN];

	if (a->ai_family == AF_INET) {
		const struct sockaddr_in *sin = (const void *)a->ai_addr;

		inet_ntop(AF_INET, &sin->sin_addr, ip, sizeof(ip));
		snprintf(text, sizeof(text), "%s:%d", ip, ntohs(sin->sin_port));
	} else {
		const struct sockaddr_in6 *sin6 = (const void *)a->ai_addr;

		inet_ntop(AF_INET6, &sin6->sin6_addr, ip, sizeof(ip));
		snprintf(text, sizeof(text), "[%s%%%u]:%d", ip, sin6->sin6_scope_id,
			ntohs(sin6->sin6_port));
	}
	return text;
}

struct literal {
	const char *node, *service;
	int flags, family, type;
	int error;
	const char *first; /* as text_of() */
	int n;		   /* entries */
};

static const struct literal literals[] = {
	{ "192.0.2.1", "80", 0, 0, SOCK_STREAM, 0, "192.0.2.1:80", 1 },
	{ "192.0.2.1", NULL, 0, 0, 0, 0, "192.0.2.1:0", 3 },
	{ "192.0.2.1", "http", 0, AF_INET, 0, 0, "192.0.2.1:80", 1 },
	{ "192.0.2.1", "domain", 0, AF_INET, 0, 0, "192.0.2.1:53", 2 },
	{ "2001:db8::1", "443", 0, 0, SOCK_DGRAM, 0, "[2001:db8::1%0]:443", 1 },
	{ "fe80::1%2", "1", 0, 0, SOCK_DGRAM, 0, "[fe80::1%2]:1", 1 },
	{ "192.0.2.1", "1", AI_V4MAPPED, AF_INET6, SOCK_STREAM, 0, "[::ffff:192.0.2.1%0]:1", 1 },
	{ "192.0.2.1", "1", 0, AF_INET6, 0, EAI_NONAME, NULL, 0 },
	{ "2001:db8::1", "1", 0, AF_INET, 0, EAI_NONAME, NULL, 0 },
	{ NULL, "80", AI_PASSIVE, AF_INET, SOCK_STREAM, 0, "0.0.0.0:80", 1 },
	{ NULL, "80", 0, AF_INET, SOCK_STREAM, 0, "127.0.0.1:80", 1 },
	{ NULL, "80", 0, 0, SOCK_STREAM, 0, "[::1%0]:80", 2 },
	{ NULL, NULL, 0, 0, 0, EAI_NONAME, NULL, 0 },
	{ "", "80", 0, 0, 0, EAI_NONAME, NULL, 0 },
	{ "name", "80", AI_NUMERICHOST, 0, 0, EAI_NONAME, NULL, 0 },
	{ "192.0.2.1", "http", AI_NUMERICSERV, 0, 0, EAI_NONAME, NULL, 0 },
	{ "192.0.2.1", "65535", 0, 0, SOCK_STREAM, 0, "192.0.2.1:65535", 1 },
	{ "192.0.2.1", "65536", 0, 0, 0, EAI_SERVICE, NULL, 0 },
	{ "192.0.2.1", "99999999999999999999", 0, 0, 0, EAI_SERVICE, NULL, 0 },
	{ "192.0.2.1", "no-such-service", 0, 0, 0, EAI_SERVICE, NULL, 0 },
	{ "192.0.2.1", "http", 0, 0, SOCK_RAW, EAI_SERVICE, NULL, 0 },
	{ "192.0.2.1", "1", 0x40000000, 0, 0, EAI_BADFLAGS, NULL, 0 },
	{ "192.0.2.1", "1", 0, AF_UNIX, 0, EAI_FAMILY, NULL, 0 },
	{ "192.0.2.1", "1", 0, 0, 77, EAI_SOCKTYPE, NULL, 0 },
};

START_TEST(literal_needs_no_query)
{
	const struct literal *row = &literals[_i];
	struct addrinfo hints = {
		.ai_flags = row->flags,
		.ai_family = row->family,
		.ai_socktype = row->type,
	};
	int n = 0;

	ck_assert_int_eq(usocket_getaddrinfo_timeout(row->node, row->service, &hints, &list, 0),
		row->error);
	ck_assert_int_eq(atomic_load(&fake->n_requests), 0);
	if (row->error)
		return;
	ck_assert_str_eq(text_of(list), row->first);
	for (struct addrinfo *a = list; a; a = a->ai_next)
		n++;
	ck_assert_int_eq(n, row->n);
}
END_TEST

static void make_address(usp_Address *out, const char *ip)
{
	struct address a;

	ck_assert_int_eq(address_parse_ip(&a, ip), 0);
	address_to_proto(&a, out);
}

static size_t encode(uint8_t *bytes, usp_Status status, const char *const *ips, size_t n)
{
	usp_ResolveResult result = usp_ResolveResult_init_zero;
	int len;

	result.status = status;
	strcpy(result.canonical, "canonical.example");
	result.address_count = (pb_size_t)n;
	for (size_t i = 0; i < n; i++)
		make_address(&result.address[i], ips[i]);
	len = codec_encode_result(&result, bytes, PROTOCOL_EVENT_MAX);
	ck_assert_int_ge(len, 0);
	return (size_t)len;
}

static const char *const both[] = { "192.0.2.1", "2001:db8::1", "192.0.2.2" };

static void action_answer(void *arg)
{
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	size_t len = encode(bytes, *(usp_Status *)arg, both, 3);

	fake_send_lookup(fake, bytes, len);
}

START_TEST(name_is_asked_of_daemon)
{
	usp_Status status = usp_Status_STATUS_OK;
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct later later;

	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "2001:db8::2");
	later_start(&later, 30, action_answer, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", "80", &hints, &list), 0);
	later_join(&later);
	ck_assert_str_eq(fake_last(fake).body.resolve.name, "name.example");
	ck_assert_str_eq(list->ai_canonname, "canonical.example");
	ck_assert_str_eq(text_of(list), "[2001:db8::1%0]:80");
	ck_assert_str_eq(text_of(list->ai_next), "192.0.2.1:80");
	ck_assert_str_eq(text_of(list->ai_next->ai_next), "192.0.2.2:80");
	ck_assert_ptr_null(list->ai_next->ai_next->ai_next);
}
END_TEST

START_TEST(unreachable_family_comes_last)
{
	usp_Status status = usp_Status_STATUS_OK;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct later later;

	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "");
	later_start(&later, 30, action_answer, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", "80", &hints, &list), 0);
	later_join(&later);
	ck_assert_str_eq(text_of(list), "192.0.2.1:80");
}
END_TEST

struct family_case {
	int family, flags;
	usp_Family asked;
	const char *first;
	int n;
};

static const struct family_case families[] = {
	{ AF_UNSPEC, 0, usp_Family_FAMILY_ANY, "192.0.2.1:0", 3 },
	{ AF_UNSPEC, AI_ADDRCONFIG, usp_Family_FAMILY_IPV4, "192.0.2.1:0", 3 },
	{ AF_INET, 0, usp_Family_FAMILY_IPV4, "192.0.2.1:0", 2 },
	{ AF_INET6, 0, usp_Family_FAMILY_IPV6, "[2001:db8::1%0]:0", 1 },
	{ AF_INET6, AI_V4MAPPED, usp_Family_FAMILY_ANY, "[2001:db8::1%0]:0", 1 },
	{ AF_INET6, AI_V4MAPPED | AI_ALL, usp_Family_FAMILY_ANY, "[::ffff:192.0.2.1%0]:0", 3 },
};

START_TEST(family_decides_what_is_asked_and_given)
{
	const struct family_case *row = &families[_i];
	usp_Status status = usp_Status_STATUS_OK;
	struct addrinfo hints = {
		.ai_flags = row->flags,
		.ai_family = row->family,
		.ai_socktype = SOCK_DGRAM,
	};
	struct later later;
	int n = 0;

	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "");
	later_start(&later, 30, action_answer, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, &hints, &list), 0);
	later_join(&later);
	ck_assert_int_eq(fake_last(fake).body.resolve.family, row->asked);
	ck_assert_str_eq(text_of(list), row->first);
	for (struct addrinfo *a = list; a; a = a->ai_next)
		n++;
	ck_assert_int_eq(n, row->n);
}
END_TEST

static const struct {
	usp_Status status;
	int error;
} failures[] = {
	{ usp_Status_STATUS_NAME_UNKNOWN, -2 },
	{ usp_Status_STATUS_NAME_AGAIN, -3 },
	{ usp_Status_STATUS_NAME_FAILED, -4 },
	{ usp_Status_STATUS_NAME_SERVICE, -8 },
	{ 99, -4 },
};

START_TEST(failure_has_its_number)
{
	usp_Status status = failures[_i].status;
	struct later later;

	later_start(&later, 20, action_answer, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list),
		failures[_i].error);
	later_join(&later);
	ck_assert_ptr_null(list);
	ck_assert_ptr_nonnull(usocket_gai_strerror(failures[_i].error));
}
END_TEST

static enum fake_answer hook_status(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	(void)request;
	(void)fd;
	reply->status = *(usp_Status *)f->hook_arg;
	return FAKE_ANSWER_FILLED;
}

START_TEST(refusal_has_its_number)
{
	usp_Status status = failures[_i].status;

	fake_set_hook(fake, hook_status, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list),
		failures[_i].error);
}
END_TEST

START_TEST(refusal_that_is_no_name_error_is_system)
{
	usp_Status status = usp_Status_STATUS_TOO_MANY;

	fake_set_hook(fake, hook_status, &status);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list), EAI_SYSTEM);
	ck_assert_int_eq(errno, EMFILE);
}
END_TEST

START_TEST(deadline_holds)
{
	int64_t start = now_ms();

	ck_assert_int_eq(usocket_getaddrinfo_timeout("name.example", NULL, NULL, &list, 60),
		EAI_SYSTEM);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 60);
	ck_assert_int_eq(usocket_getaddrinfo_timeout("name.example", NULL, NULL, &list, 0),
		EAI_SYSTEM);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static void action_nonsense(void *arg)
{
	(void)arg;
	fake_send_lookup(fake, "\xff\xff\xff\xff", 4);
}

static void action_close(void *arg)
{
	usleep(20000);
	fake_close_lookups(arg);
}

START_TEST(nonsense_and_end_of_channel_are_errors)
{
	struct later later;

	later_start(&later, 20, action_nonsense, NULL);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list), EAI_FAIL);
	later_join(&later);
	later_start(&later, 20, action_close, fake);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list), EAI_AGAIN);
	later_join(&later);
}
END_TEST

START_TEST(lookup_without_waiting)
{
	usp_Status status = usp_Status_STATUS_OK;
	struct usocket_lookup *lookup;
	struct pollfd p = { .events = POLLIN };

	ck_assert_int_eq(usocket_lookup_start("name.example", "7", NULL, &lookup), 0);
	p.fd = usocket_lookup_fd(lookup);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(usocket_lookup_finish(lookup, &list), EAI_SYSTEM);
	ck_assert_int_eq(errno, EAGAIN);
	action_answer(&status);
	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(usocket_lookup_finish(lookup, &list), 0);
	ck_assert_ptr_nonnull(list);
}
END_TEST

START_TEST(lookup_of_literal_is_ready)
{
	struct usocket_lookup *lookup;
	struct pollfd p = { .events = POLLIN };

	ck_assert_int_eq(usocket_lookup_start("192.0.2.1", "7", NULL, &lookup), 0);
	p.fd = usocket_lookup_fd(lookup);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(usocket_lookup_finish(lookup, &list), 0);
	ck_assert_int_eq(usocket_lookup_start("", "7", NULL, &lookup), EAI_NONAME);
	ck_assert_int_eq(usocket_lookup_start("name.example", "7", NULL, &lookup), 0);
	usocket_lookup_cancel(lookup);
	usocket_lookup_cancel(NULL);
	usocket_freeaddrinfo(NULL);
}
END_TEST

START_TEST(lookup_that_fails_leaves_none)
{
	struct usocket_lookup *lookup = (void *)1;

	ck_assert_int_eq(usocket_lookup_start("", "7", NULL, &lookup), EAI_NONAME);
	ck_assert_ptr_null(lookup);
	fake_kill(fake);
	lookup = (void *)1;
	ck_assert_int_eq(usocket_lookup_start("name.example", "7", NULL, &lookup), EAI_SYSTEM);
	ck_assert_ptr_null(lookup);
}
END_TEST

START_TEST(name_too_long_is_unknown)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	name[299] = '\0';
	ck_assert_int_eq(usocket_getaddrinfo(name, NULL, NULL, &list), EAI_NONAME);
	ck_assert_int_eq(atomic_load(&fake->n_requests), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client name");
	TCase *tc = tcase_create("name");

	tcase_add_checked_fixture(tc, setup_queues, teardown_list);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, literal_needs_no_query, 0, sizeof(literals) / sizeof(literals[0]));
	tcase_add_test(tc, name_is_asked_of_daemon);
	tcase_add_test(tc, unreachable_family_comes_last);
	tcase_add_loop_test(tc, family_decides_what_is_asked_and_given, 0,
		sizeof(families) / sizeof(families[0]));
	tcase_add_loop_test(tc, failure_has_its_number, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_loop_test(tc, refusal_has_its_number, 0, 4);
	tcase_add_test(tc, refusal_that_is_no_name_error_is_system);
	tcase_add_test(tc, deadline_holds);
	tcase_add_test(tc, nonsense_and_end_of_channel_are_errors);
	tcase_add_test(tc, lookup_without_waiting);
	tcase_add_test(tc, lookup_of_literal_is_ready);
	tcase_add_test(tc, lookup_that_fails_leaves_none);
	tcase_add_test(tc, name_too_long_is_unknown);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
