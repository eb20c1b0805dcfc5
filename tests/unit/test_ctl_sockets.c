/* SPDX-License-Identifier: MIT */
#include "client/usocketctl/columns.h"
#include "client/usocketctl/socket_filter.h"
#include "client/usocketctl/socket_show.h"

#include "tests/unit/run_suite.h"
#include "usocket.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define NOW_NS UINT64_C(100000000000)

static struct usocket_address make_address(const char *ip, uint16_t port)
{
	struct usocket_address a = { .family = AF_INET, .port = port };

	if (strchr(ip, ':'))
		a.family = AF_INET6;
	ck_assert_int_eq(inet_pton(a.family, ip, a.ip), 1);
	return a;
}

static struct usocket_socket_info make_tcp(uint8_t state)
{
	struct usocket_socket_info info = {
		.id = 0x100000003,
		.type = SOCK_STREAM,
		.protocol = 6,
		.state = state,
		.family = AF_INET,
		.pid = 4711,
		.uid = 1000,
		.program = "python3",
		.local = make_address("10.0.2.15", 50000),
		.bytes_sent = 12345,
		.bytes_acked = 12000,
		.bytes_received = 7,
		.receive_queue = 1,
		.send_queue = 345,
		.rtt_us = 12300,
		.retransmissions = 2,
		.created_ns = NOW_NS - UINT64_C(61000000000),
	};

	info.remote = make_address("10.0.2.2", 50001);
	return info;
}

static struct usocket_socket_info make_udp(void)
{
	struct usocket_socket_info info = make_tcp(0);

	info.type = SOCK_DGRAM;
	info.protocol = 17;
	info.remote = (struct usocket_address){ .family = AF_UNSPEC };
	return info;
}

/* What the rows of @infos print; to be freed. */
static char *print(const struct usocket_socket_info *infos, size_t n, uint32_t flags)
{
	struct columns *columns = socket_show_new_columns(flags);
	char *text;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	for (i = 0; i < n; i++)
		socket_show_add_row(columns, flags, &infos[i], "net0", NOW_NS);
	ck_assert_int_eq(columns_print(columns, flags & CTL_NO_HEADER, out), 0);
	fclose(out);
	columns_free(columns);
	return text;
}

#define assert_prints(infos, n, flags, expected)                      \
	do {                                                          \
		char *text_ = print(infos, n, (flags) | CTL_NUMERIC); \
                                                                      \
		ck_assert_str_eq(text_, expected);                    \
		free(text_);                                          \
	} while (0)

/* ---- rows ---- */

START_TEST(row_columns_are_as_wide_as_their_cells)
{
	struct usocket_socket_info infos[] = { make_tcp(4), make_udp() };

	assert_prints(infos, 2, 0,
		"Netid  State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Process\n"
		"tcp    ESTAB        1     345     10.0.2.15:50000     10.0.2.2:50001  "
		"\"python3\",pid=4711,uid=1000\n"
		"udp    UNCONN       1     345     10.0.2.15:50000          0.0.0.0:*  "
		"\"python3\",pid=4711,uid=1000\n");
}
END_TEST

START_TEST(row_no_sockets_is_the_header_or_nothing)
{
	assert_prints(NULL, 0, 0,
		"Netid  State  Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Process\n");
	assert_prints(NULL, 0, CTL_NO_HEADER, "");
}
END_TEST

START_TEST(row_more_columns_come_before_the_process)
{
	struct usocket_socket_info info = make_tcp(4);

	info.error = 104;
	assert_prints(&info, 1, CTL_INFO | CTL_EXTENDED | CTL_NO_HEADER,
		"tcp  ESTAB  1  345  10.0.2.15:50000  10.0.2.2:50001  12345  12000  7  12.3 ms  "
		"2  0  net0  1 min 1 s  Connection reset by peer  100000003  "
		"\"python3\",pid=4711,uid=1000\n");
}
END_TEST

START_TEST(row_program_name_cannot_harm_a_terminal)
{
	struct usocket_socket_info info = make_tcp(4);

	memcpy(info.program, "\x1b]0;x\x07 has all its 32 bytes.....", sizeof(info.program));
	info.flags = USOCKET_INFO_ORPHAN;
	assert_prints(&info, 1, CTL_NO_HEADER,
		"tcp  ESTAB  1  345  10.0.2.15:50000  10.0.2.2:50001  "
		"\"\\x1b]0;x\\x07 has all its 32 bytes.....\",pid=4711,uid=1000,closed\n");
}
END_TEST

START_TEST(row_raw_socket_shows_its_protocol)
{
	struct usocket_socket_info info = make_udp();

	info.type = SOCK_RAW;
	info.protocol = 1;
	info.local = make_address("0.0.0.0", 0);
	assert_prints(&info, 1, CTL_NO_HEADER,
		"raw  UNCONN  1  345  0.0.0.0:1  0.0.0.0:*  \"python3\",pid=4711,uid=1000\n");
}
END_TEST

START_TEST(row_future_numbers_are_shown_as_something)
{
	struct usocket_socket_info info = make_tcp(200);

	info.created_ns = NOW_NS + 1;
	ck_assert_int_eq(socket_show_class(&info), SOCKET_CLASS_WAITING);
	ck_assert_uint_eq(socket_show_age_ms(&info, NOW_NS), 0);
}
END_TEST

/* ---- the filter ---- */

enum kind {
	LISTENING,
	ESTABLISHED,
	TIME_WAIT,
	CLOSED,
	WAITS_FOR_LINK,
	UDP,
	UDP_CONNECTED,
	KIND_COUNT,
};

static struct usocket_socket_info make_kind(enum kind kind)
{
	static const uint8_t states[KIND_COUNT] = { 1, 4, 10, 0, 0, 0, 0 };
	struct usocket_socket_info info = make_tcp(states[kind]);

	if (kind == WAITS_FOR_LINK)
		info.flags = USOCKET_INFO_CONNECTING;
	if (kind == UDP || kind == UDP_CONNECTED)
		info = make_udp();
	if (kind == UDP_CONNECTED)
		info.remote = make_address("10.0.2.2", 53);
	return info;
}

#define BIT(kind) (1u << (kind))

static const struct {
	struct ctl_options options;
	uint32_t shown; /* BIT() of each kind */
} filters[] = {
	{ { .flags = 0 }, BIT(ESTABLISHED) | BIT(WAITS_FOR_LINK) | BIT(UDP_CONNECTED) },
	{ { .flags = CTL_LISTENING }, BIT(LISTENING) | BIT(CLOSED) | BIT(UDP) },
	{ { .flags = CTL_ALL }, BIT(KIND_COUNT) - 1 },
	{ { .flags = CTL_ALL | CTL_LISTENING }, BIT(KIND_COUNT) - 1 },
	{ { .flags = CTL_ALL | CTL_UDP }, BIT(UDP) | BIT(UDP_CONNECTED) },
	{ { .flags = CTL_TCP }, BIT(ESTABLISHED) | BIT(WAITS_FOR_LINK) },
	{ { .flags = CTL_TCP | CTL_UDP | CTL_LISTENING }, BIT(LISTENING) | BIT(CLOSED) | BIT(UDP) },
	{ { .flags = CTL_ALL | CTL_RAW }, 0 },
	{ { .flags = CTL_IPV4 | CTL_LISTENING }, BIT(LISTENING) | BIT(CLOSED) | BIT(UDP) },
	{ { .flags = CTL_ALL | CTL_IPV6 }, 0 },
	{ { .flags = CTL_ALL | CTL_PID, .pid = 4711 }, BIT(KIND_COUNT) - 1 },
	{ { .flags = CTL_ALL | CTL_PID, .pid = 471 }, 0 },
	{ { .flags = CTL_ALL | CTL_PROGRAM, .program = "python3" }, BIT(KIND_COUNT) - 1 },
	{ { .flags = CTL_ALL | CTL_PROGRAM, .program = "python" }, 0 },
};

START_TEST(filter_options_narrow_as_in_ss)
{
	uint32_t shown = 0;
	int kind;

	for (kind = 0; kind < KIND_COUNT; kind++) {
		struct usocket_socket_info info = make_kind((enum kind)kind);

		if (socket_filter_match(&filters[_i].options, &info))
			shown |= BIT(kind);
	}
	ck_assert_uint_eq(shown, filters[_i].shown);
}
END_TEST

START_TEST(filter_record_not_filled_in_is_left_out)
{
	const struct ctl_options options = { .flags = CTL_ALL };
	struct usocket_socket_info info = { .id = 1 };

	ck_assert(!socket_filter_match(&options, &info));
}
END_TEST

START_TEST(columns_characters_count_not_bytes)
{
	static const struct column titles[] = { { "A", COLUMN_LEFT }, { "B", COLUMN_RIGHT },
		{ "C", COLUMN_LEFT } };
	struct columns *columns = columns_new(titles, 3);
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	columns_add(columns, "%s", "\xc3\xbc\xc3\xbc");
	columns_add(columns, "%d", 1000);
	columns_add(columns, "%s", "");
	columns_add(columns, "x");
	columns_add(columns, "2");
	columns_add(columns, "last");
	/* A row that is not complete is not printed. */
	columns_add(columns, "lonely and long");
	ck_assert_int_eq(columns_print(columns, false, out), 0);
	fclose(out);
	ck_assert_str_eq(text,
		"A                   B  C\n"
		"\xc3\xbc\xc3\xbc               1000  \n"
		"x                   2  last\n");
	free(text);
	columns_free(columns);
	columns_free(NULL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sockets");

	tcase_add_test(tc, row_columns_are_as_wide_as_their_cells);
	tcase_add_test(tc, row_no_sockets_is_the_header_or_nothing);
	tcase_add_test(tc, row_more_columns_come_before_the_process);
	tcase_add_test(tc, row_program_name_cannot_harm_a_terminal);
	tcase_add_test(tc, row_raw_socket_shows_its_protocol);
	tcase_add_test(tc, row_future_numbers_are_shown_as_something);
	tcase_add_loop_test(tc, filter_options_narrow_as_in_ss, 0,
		(int)(sizeof(filters) / sizeof(filters[0])));
	tcase_add_test(tc, filter_record_not_filled_in_is_left_out);
	tcase_add_test(tc, columns_characters_count_not_bytes);
	return run_suite("ctl_sockets", tc);
}
