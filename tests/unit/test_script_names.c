/* SPDX-License-Identifier: MIT */
#include "client/usocket_script.h"

#include "tests/unit/client_suite.h"

#include <math.h>
#include <netdb.h>
#include <netinet/tcp.h>

static struct usocket_script s;
static struct usocket_script_call call;
static struct usocket_script_address address;

static void setup_without_daemon(void)
{
	ck_assert_int_eq(usocket_set_socket_path("/nonexistent/usocketd.sock"), 0);
}

static void setup_socket(void)
{
	setup_queues();
	usocket_script_init(&s);
}

static void teardown_socket(void)
{
	usocket_script_close(&s);
	teardown();
}

/* ---- time ------------------------------------------------------------------- */

static const struct {
	double seconds;
	int rc;
	int64_t ns;
} timeouts[] = {
	{ 0, 0, 0 },
	{ 1e-10, 0, 1 },
	{ 1e-9, 0, 1 },
	{ 0.0005, 0, 500000 },
	{ 0.001, 0, 1000000 },
	{ 0.25, 0, 250000000 },
	{ 1.5, 0, 1500000000 },
	{ 1e9, 0, 1000000000000000000 },
	{ 1.1e9, -ERANGE, 0 },
	{ INFINITY, -ERANGE, 0 },
	{ -1, -EINVAL, 0 },
	{ -0.001, -EINVAL, 0 },
	{ NAN, -EINVAL, 0 },
};

/* Row G4. */
START_TEST(timeout_is_rounded_up)
{
	int64_t ns = -7;

	ck_assert_int_eq(usocket_script_timeout(timeouts[_i].seconds, &ns), timeouts[_i].rc);
	if (timeouts[_i].rc == 0)
		ck_assert_int_eq(ns, timeouts[_i].ns);
	else
		ck_assert_int_eq(ns, -7);
}
END_TEST

START_TEST(call_is_timed_out_only_after_a_time)
{
	usocket_script_begin_timeout(&call, 0);
	ck_assert(!usocket_script_timed_out(&call));
	usocket_script_begin_timeout(&call, USOCKET_SCRIPT_WAIT);
	ck_assert(!usocket_script_timed_out(&call));
	usocket_script_begin_timeout(&call, 1);
	usleep(2000);
	ck_assert(usocket_script_timed_out(&call));
	usocket_script_begin_timeout(&call, INT64_C(3600000000000));
	ck_assert(!usocket_script_timed_out(&call));
}
END_TEST

/* ---- constants and options ---------------------------------------------------- */

static int constant(const char *name)
{
	unsigned int i;

	for (i = 0; usocket_script_constant_name(i); i++)
		if (strcmp(usocket_script_constant_name(i), name) == 0)
			return usocket_script_constant_value(i);
	ck_abort_msg("no constant %s", name);
}

static bool is_option(const char *name)
{
	return constant(name) >= 0x7500;
}

/* Section B1: what scripts have hard-coded must not mean something else. */
START_TEST(constants_are_what_the_page_says)
{
	static const struct {
		const char *name;
		int value;
	} fixed[] = {
		{ "AF_INET", 2 },
		{ "AF_INET6", 10 },
		{ "SOCK_STREAM", 1 },
		{ "SOCK_DGRAM", 2 },
		{ "SOCK_RAW", 3 },
		{ "IPPROTO_IP", 0 },
		{ "IPPROTO_TCP", 6 },
		{ "IPPROTO_UDP", 17 },
		{ "IPPROTO_TCP_SER", 7 },
		{ "TCP_CUSTOMIZE_PORT", 8 },
		{ "SOL_SOCKET", 1 },
	};
	static const char *const private[] = {
		"SO_REUSEADDR",
		"TCP_KEEPALIVE",
		"SO_BROADCAST",
		"TCP_NODELAY",
		"IP_ADD_MEMBERSHIP",
		"IP_DROP_MEMBERSHIP",
	};
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		ck_assert_int_eq(constant(fixed[i].name), fixed[i].value);
	for (i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		ck_assert(is_option(private[i]));
}
END_TEST

START_TEST(option_numbers_and_all_names_are_unique)
{
	unsigned int i, j;

	for (i = 0; usocket_script_constant_name(i); i++) {
		const char *name = usocket_script_constant_name(i);

		for (j = 0; j < i; j++) {
			ck_assert_str_ne(name, usocket_script_constant_name(j));
			if (is_option(name))
				ck_assert_int_ne(usocket_script_constant_value(i),
					usocket_script_constant_value(j));
		}
	}
}
END_TEST

static int get_int(int level, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return usocket_script_getsockopt(&s, level, option, value, &len);
}

static int set_int(int level, int option, int value)
{
	return usocket_script_setsockopt(&s, level, option, &value, sizeof(value));
}

/* Rows O1, O2, O8: the level of our names does not matter. */
START_TEST(option_of_ours_works_with_any_level)
{
	static const int levels[] = { SOL_SOCKET, 0, IPPROTO_TCP, 0xfff };
	int value = -1;

	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	ck_assert_int_eq(set_int(levels[_i], constant("SO_REUSEADDR"), 1), 0);
	ck_assert_int_eq(get_int(levels[_i], constant("SO_REUSEADDR"), &value), 0);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(set_int(levels[_i], constant("TCP_KEEPALIVE"), 3), 0);
	ck_assert_int_eq(fake_last(fake).body.socket_set_option.option,
		usp_Option_OPTION_KEEP_ALIVE_MINUTES);
}
END_TEST

/* Rows O6, O8. */
START_TEST(option_of_another_system_is_refused_at_sol_socket)
{
	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	ck_assert_int_eq(set_int(SOL_SOCKET, 2, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(SOL_SOCKET, 4, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(999, 1, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set_int(IPPROTO_TCP, TCP_NODELAY, 1), 0);
	ck_assert_int_eq(usocket_script_setsockopt(&s, SOL_SOCKET, constant("SO_LINGER"), "", 2000),
		-EINVAL);
}
END_TEST

/* The fact @key of @link; false: there is none of this name. */
static bool find_fact(const struct usocket_link_info *link, size_t size, const char *key,
	struct usocket_script_fact *fact)
{
	for (int i = 0; usocket_script_link_fact(link, size, i, fact); i++) {
		if (strcmp(fact->key, key) == 0)
			return true;
	}
	return false;
}

static const struct {
	const char *key, *text; /* NULL: a number */
	int64_t number;
} told[] = {
	{ "reason", "sim-pin", 0 },
	{ "step", "radio", 0 },
	{ "refused", NULL, 1 },
	{ "redials", NULL, 4000000000 },
	{ "sim_status", NULL, 2 },
	{ "registration", NULL, 3 },
	{ "rat", NULL, 7 },
	{ "lac", NULL, 0x1234567 },
	{ "cell_id", NULL, 0x123456789 },
	{ "mcc", "262", 0 },
	{ "mnc", "01", 0 },
	{ "imei", "01234567890123456789", 0 }, /* fills its member */
	{ "apn", "internet", 0 },
};

static const char *const unknown[] = { "voice_registration", "functionality", "reject_cause",
	"model", "imsi", "ip_type" };

static struct usocket_link_info link_of_modem(void)
{
	struct usocket_link_info link = {
		.reason = USOCKET_REASON_SIM_PIN,
		.step = USOCKET_STEP_RADIO,
		.is_refused = 1,
		.redials = 4000000000,
		.sim_status = 2,
		.registration = 3,
		.voice_registration = USOCKET_MODEM_UNKNOWN,
		.access_technology = 7,
		.functionality = USOCKET_MODEM_UNKNOWN,
		.ip_type = USOCKET_MODEM_UNKNOWN,
		.reject_cause = USOCKET_MODEM_UNKNOWN,
		.area_code = 0x1234567,
		.cell_id = 0x123456789,
		.operator_id = "26201",
		.apn = "internet",
	};

	memcpy(link.imei, "01234567890123456789", sizeof(link.imei));
	return link;
}

START_TEST(link_facts_have_the_keys_of_scripts)
{
	struct usocket_link_info link = link_of_modem();
	struct usocket_script_fact fact;

	ck_assert(find_fact(&link, sizeof(link), told[_i].key, &fact));
	ck_assert(fact.is_known);
	ck_assert_int_eq(fact.is_text, told[_i].text != NULL);
	if (told[_i].text)
		ck_assert_str_eq(fact.text, told[_i].text);
	else
		ck_assert_int_eq(fact.number, told[_i].number);
}
END_TEST

START_TEST(link_facts_that_no_modem_told_are_unknown)
{
	struct usocket_link_info link = link_of_modem();
	struct usocket_script_fact fact;

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		ck_assert(find_fact(&link, sizeof(link), unknown[i], &fact));
		ck_assert(!fact.is_known);
	}
	link.operator_id[0] = '\0';
	ck_assert(find_fact(&link, sizeof(link), "mnc", &fact));
	ck_assert(!fact.is_known);
}
END_TEST

START_TEST(link_facts_of_a_shorter_record_are_not_read_beyond_it)
{
	struct usocket_link_info *link = malloc(offsetof(struct usocket_link_info, apn));
	struct usocket_link_info whole = link_of_modem();
	struct usocket_script_fact fact;

	memcpy(link, &whole, offsetof(struct usocket_link_info, apn));
	ck_assert(find_fact(link, offsetof(struct usocket_link_info, apn), "apn", &fact));
	ck_assert(!fact.is_known);
	free(link);
}
END_TEST

START_TEST(tcp_info_is_known_by_both_numbers)
{
	struct usocket_socket_info info;

	ck_assert(usocket_script_is_tcp_info(0, constant("TCP_INFO")));
	ck_assert(usocket_script_is_tcp_info(IPPROTO_TCP, TCP_INFO));
	ck_assert(!usocket_script_is_tcp_info(SOL_SOCKET, TCP_INFO));
	ck_assert_int_eq(usocket_script_info(&s, 1, &info), -EBADF);
	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_DGRAM, -1), 0);
	ck_assert_int_eq(usocket_script_info(&s, 1, &info), -ENOPROTOOPT);
	ck_assert_int_eq(usocket_script_info(&s, 0, &info), 0);
	ck_assert_int_eq(info.type, SOCK_DGRAM);
}
END_TEST

/* ---- sockets ----------------------------------------------------------------- */

/* Rows S1, S3, S4. */
START_TEST(open_takes_quectels_protocols)
{
	static const struct {
		int type, protocol, rc, shown;
	} rows[] = {
		{ SOCK_STREAM, -1, 0, IPPROTO_TCP },
		{ SOCK_DGRAM, -1, 0, IPPROTO_UDP },
		{ SOCK_STREAM, 7, 0, 7 },
		{ SOCK_STREAM, 8, 0, 8 },
		{ SOCK_DGRAM, 8, 0, 8 },
		{ SOCK_STREAM, 17, -EPROTONOSUPPORT, 0 },
		{ SOCK_DGRAM, 6, -EPROTONOSUPPORT, 0 },
		{ 9, -1, -EINVAL, 0 },
	};

	ck_assert_int_eq(usocket_script_open(&s, AF_INET, rows[_i].type, rows[_i].protocol),
		rows[_i].rc);
	if (rows[_i].rc == 0)
		ck_assert_int_eq(usocket_script_protocol(&s), rows[_i].shown);
	else
		ck_assert_int_eq(usocket_script_fileno(&s), -1);
}
END_TEST

START_TEST(open_closes_what_was_open)
{
	uint64_t first;

	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	first = usocket_id(usocket_script_fileno(&s));
	ck_assert_int_eq(usocket_script_open(&s, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, -1), 0);
	ck_assert(usocket_id(usocket_script_fileno(&s)) != first);
	ck_assert_int_eq(usocket_script_family(&s), AF_INET6);
	ck_assert_int_eq(usocket_script_type(&s), SOCK_DGRAM);
}
END_TEST

START_TEST(detached_descriptor_lives_on)
{
	struct usocket_script again;
	int fd;

	usocket_script_init(&again);
	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	fd = usocket_script_detach(&s);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(usocket_script_detach(&s), -1);
	ck_assert_int_eq(usocket_script_adopt(&again, fd), 0);
	ck_assert_int_eq(usocket_script_family(&again), AF_INET);
	ck_assert_int_eq(usocket_script_adopt(&s, STDIN_FILENO), -ENOTSOCK);
	ck_assert_int_eq(usocket_script_adopt(&s, -1), -EBADF);
	ck_assert_int_eq(usocket_script_close(&again), 0);
}
END_TEST

/* ---- addresses --------------------------------------------------------------- */

static const struct {
	int family;
	const char *host;
	uint32_t scope;
	const char *text;
} literals[] = {
	{ AF_INET, "192.0.2.7", 0, "192.0.2.7" },
	{ AF_INET, "", 0, "0.0.0.0" },
	{ AF_INET, "<broadcast>", 0, "255.255.255.255" },
	{ AF_INET6, "", 0, "::" },
	{ AF_INET6, "2001:db8::1", 0, "2001:db8::1" },
	{ AF_INET6, "fe80::1", 3, "fe80::1%3" },
	{ AF_INET6, "fe80::1%2", 0, "fe80::1%2" },
};

/* Rows A7, A8, G7. */
START_TEST(literal_becomes_an_address_and_text_again)
{
	struct usocket_script_endpoint endpoint = {
		.host = literals[_i].host,
		.port = 8080,
		.scope = literals[_i].scope,
	};
	char host[USOCKET_SCRIPT_HOST_MAX];

	ck_assert_int_eq(usocket_script_open(&s, literals[_i].family, SOCK_STREAM, -1), 0);
	usocket_script_begin_timeout(&call, INT64_C(1000000000));
	ck_assert_int_eq(usocket_script_address(&s, &call, &endpoint, &address), 0);
	ck_assert_int_eq(usocket_script_address_text(&address, host), 8080);
	ck_assert_str_eq(host, literals[_i].text);
}
END_TEST

/* Row K10: without waiting it is the daemon that resolves. */
START_TEST(connect_to_a_name_does_not_wait)
{
	struct usocket_script_endpoint endpoint = { .host = "some.test", .port = 80 };
	usp_Request last;

	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	ck_assert_int_eq(usocket_script_settimeout(&s, 0), 0);
	usocket_script_begin(&call, &s);
	ck_assert_int_eq(usocket_script_connect_to(&s, &call, &endpoint), -EINPROGRESS);
	last = fake_last(fake);
	ck_assert_int_eq(last.which_body, usp_Request_socket_connect_name_tag);
	ck_assert_str_eq(last.body.socket_connect_name.name, "some.test");
}
END_TEST

START_TEST(port_beyond_its_range_is_refused)
{
	struct usocket_script_endpoint endpoint = { .host = "192.0.2.7", .port = 65536 };

	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	usocket_script_begin(&call, &s);
	ck_assert_int_eq(usocket_script_address(&s, &call, &endpoint, &address), -EINVAL);
}
END_TEST

START_TEST(no_address_has_no_text)
{
	char host[USOCKET_SCRIPT_HOST_MAX] = "x";

	address.len = 0;
	ck_assert_int_eq(usocket_script_address_text(&address, host), -1);
	ck_assert_str_eq(host, "");
}
END_TEST

/* Rows A3, A6, A7. */
START_TEST(getaddrinfo_answers_literals_itself)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC }, *result = NULL;
	char host[USOCKET_SCRIPT_HOST_MAX];

	usocket_script_begin_timeout(&call, 0);
	ck_assert_int_eq(usocket_script_getaddrinfo(&call, "192.0.2.1", "80", &hints, 0, &result),
		0);
	ck_assert_int_eq(usocket_script_entry(result, 0, &address), AF_INET);
	ck_assert_int_eq(usocket_script_address_text(&address, host), 80);
	ck_assert_int_eq(usocket_script_entry(result, 1, &address), 0);
	usocket_freeaddrinfo(result);
	ck_assert_int_eq(usocket_script_getaddrinfo(&call, "", "80", &hints, 0, &result), 0);
	usocket_script_entry(result, 0, &address);
	usocket_script_address_text(&address, host);
	ck_assert_str_eq(host, "0.0.0.0");
	usocket_freeaddrinfo(result);
	ck_assert_int_eq(usocket_script_getaddrinfo(&call, "192.0.2.1", "70000", &hints, 0,
				 &result),
		-EAI_SERVICE);
	ck_assert_int_eq(usocket_script_getaddrinfo(&call, "192.0.2.1", "", &hints, 0, &result),
		-EAI_SERVICE);
	ck_assert_ptr_null(result);
}
END_TEST

/* ---- errors ------------------------------------------------------------------ */

START_TEST(errors_say_what_to_do)
{
	char text[512];

	ck_assert_int_eq(usocket_script_error(-ENODEV, 1, text, sizeof(text)), ENODEV);
	ck_assert_ptr_nonnull(strstr(text, "/nonexistent/usocketd.sock"));
	ck_assert_ptr_nonnull(strstr(text, "systemctl start usocketd"));
	ck_assert_int_eq(usocket_script_error(-EACCES, 1, text, sizeof(text)), EACCES);
	ck_assert_ptr_nonnull(strstr(text, "group"));
	ck_assert_int_eq(usocket_script_error(-EACCES, 0, text, sizeof(text)), EACCES);
	ck_assert_ptr_null(strstr(text, "group"));
	ck_assert_int_eq(usocket_script_error(-ETIMEDOUT, 0, text, sizeof(text)), ETIMEDOUT);
	ck_assert_str_eq(text, "timed out");
	ck_assert_int_eq(usocket_script_error(2, 0, text, sizeof(text)), -2);
	ck_assert_int_gt(strlen(text), 0);
}
END_TEST

/* Whoever has no daemon hears of it in the first call that needs one. */
START_TEST(no_daemon_is_enodev)
{
	usocket_script_init(&s);
	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), -ENODEV);
}
END_TEST

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

static Suite *script_names_suite(void)
{
	Suite *suite = suite_create("script_names");
	TCase *tc = tcase_create("no daemon");

	tcase_add_checked_fixture(tc, setup_without_daemon, NULL);
	tcase_add_loop_test(tc, timeout_is_rounded_up, 0, LENGTH(timeouts));
	tcase_add_test(tc, call_is_timed_out_only_after_a_time);
	tcase_add_test(tc, constants_are_what_the_page_says);
	tcase_add_test(tc, option_numbers_and_all_names_are_unique);
	tcase_add_test(tc, no_address_has_no_text);
	tcase_add_test(tc, getaddrinfo_answers_literals_itself);
	tcase_add_test(tc, errors_say_what_to_do);
	tcase_add_test(tc, no_daemon_is_enodev);
	suite_add_tcase(suite, tc);
	tc = tcase_create("sockets");
	tcase_add_checked_fixture(tc, setup_socket, teardown_socket);
	tcase_add_loop_test(tc, option_of_ours_works_with_any_level, 0, 4);
	tcase_add_test(tc, option_of_another_system_is_refused_at_sol_socket);
	tcase_add_test(tc, tcp_info_is_known_by_both_numbers);
	tcase_add_loop_test(tc, link_facts_have_the_keys_of_scripts, 0,
		sizeof(told) / sizeof(told[0]));
	tcase_add_test(tc, link_facts_that_no_modem_told_are_unknown);
	tcase_add_test(tc, link_facts_of_a_shorter_record_are_not_read_beyond_it);
	tcase_add_loop_test(tc, open_takes_quectels_protocols, 0, 8);
	tcase_add_test(tc, open_closes_what_was_open);
	tcase_add_test(tc, detached_descriptor_lives_on);
	tcase_add_loop_test(tc, literal_becomes_an_address_and_text_again, 0, LENGTH(literals));
	tcase_add_test(tc, connect_to_a_name_does_not_wait);
	tcase_add_test(tc, port_beyond_its_range_is_refused);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return run_suite(script_names_suite());
}
