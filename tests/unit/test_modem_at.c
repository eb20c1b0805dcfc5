/* SPDX-License-Identifier: MIT */
/*
 * The AT engine: bytes in every cut and disorder, against what is made of them.
 */
#include "netif/modem/at.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct at at;
static char written[1024], unsolicited[1024];
static struct at_result last;
static char reply[AT_REPLY_MAX];
static unsigned int n_done;
static uint32_t armed_ms;

static void on_write(const void *bytes, size_t len, void *arg)
{
	(void)arg;
	strncat(written, bytes, len);
}

static void on_arm(uint32_t ms, void *arg)
{
	(void)arg;
	armed_ms = ms;
}

static void on_unsolicited(const char *line, void *arg)
{
	(void)arg;
	strcat(unsolicited, line);
	strcat(unsolicited, "|");
}

static void on_done(const struct at_result *result, void *arg)
{
	const char *line = result->lines;

	(void)arg;
	n_done++;
	last = *result;
	reply[0] = '\0';
	for (unsigned int i = 0; i < result->n_lines; i++) {
		strcat(reply, line);
		strcat(reply, "|");
		line += strlen(line) + 1;
	}
}

static void setup(void)
{
	const struct at_handlers handlers = { on_write, on_arm, on_unsolicited, NULL, NULL };

	at_init(&at, &handlers);
	written[0] = unsolicited[0] = '\0';
	n_done = 0;
}

static void put(const char *text)
{
	at_input(&at, (const uint8_t *)text, strlen(text));
}

static void send_command(const char *text, const char *prefix)
{
	const struct at_command command = {
		.text = text,
		.prefix = prefix,
		.timeout_ms = 500,
		.done = on_done,
	};

	ck_assert_int_eq(at_send(&at, &command), 0);
}

static const struct {
	const char *command, *prefix, *input;
	enum at_status status;
	int code;
	const char *reply, *unsolicited;
} responses[] = {
	{ "AT", "", "\r\nOK\r\n", AT_OK, -1, "", "" },
	{ "AT", "", "AT\r\r\nOK\r\n", AT_OK, -1, "", "" },
	{ "AT", "", "OK\n", AT_OK, -1, "", "" },
	{ "AT+CSQ", "+CSQ:", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n", AT_OK, -1, "+CSQ: 20,99|", "" },
	{ "AT+CSQ", "+CSQ:", "AT+CSQ\r\r\n+CREG: 1\r\n\r\n+CSQ: 1,99\r\n\r\nRING\r\n\r\nOK\r\n",
		AT_OK, -1, "+CSQ: 1,99|", "+CREG: 1|RING|" },
	{ "AT+CSQ", "+CSQ:", "\xff\xfe\r\n+CSQ: 9,99\r\nOK\r\n", AT_OK, -1, "+CSQ: 9,99|", "" },
	{ "AT+X", NULL, "\r\n\x1b[2J+X: 1\x7f\a\r\nOK\r\n", AT_OK, -1, "[2J+X: 1|", "" },
	{ "ATI", NULL, "\r\nQuectel\r\nEC25\r\n+CREG: 2\r\nRevision: X\r\n\r\nOK\r\n", AT_OK, -1,
		"Quectel|EC25|Revision: X|", "+CREG: 2|" },
	{ "AT+CPIN?", "+CPIN:", "\r\n+CME ERROR: 10\r\n", AT_ERROR, 10, "", "" },
	{ "AT+CPIN?", "+CPIN:", "\r\n+CME ERROR: SIM busy\r\n", AT_ERROR, -1, "", "" },
	{ "AT+X", "", "\r\nERROR\r\n", AT_ERROR, -1, "", "" },
	{ "AT+CSQ", "+CSQ:", "\r\nNO CARRIER\r\n\r\nOK\r\n", AT_OK, -1, "", "NO CARRIER|" },
	{ "ATD*99***1#", "", "\r\nNO CARRIER\r\n", AT_NO_CARRIER, -1, "", "" },
	{ "ATD*99***1#", "", "\r\nCONNECT\r\n", AT_CONNECT, -1, "", "" },
	{ "ATD*99***1#", "", "\r\nBUSY\r\n", AT_BUSY, -1, "", "" },
};

START_TEST(input_of_one_command_gives_its_result)
{
	send_command(responses[_i].command, responses[_i].prefix);
	put(responses[_i].input);
	ck_assert_uint_eq(n_done, 1);
	ck_assert_int_eq(last.status, responses[_i].status);
	ck_assert_int_eq(last.code, responses[_i].code);
	ck_assert_str_eq(reply, responses[_i].reply);
	ck_assert_str_eq(unsolicited, responses[_i].unsolicited);
	ck_assert_uint_eq(armed_ms, 0);
}
END_TEST

START_TEST(input_byte_by_byte_gives_the_same)
{
	send_command(responses[_i].command, responses[_i].prefix);
	for (const char *p = responses[_i].input; *p; p++)
		at_input(&at, (const uint8_t *)p, 1);
	ck_assert_uint_eq(n_done, 1);
	ck_assert_int_eq(last.status, responses[_i].status);
	ck_assert_str_eq(reply, responses[_i].reply);
	ck_assert_str_eq(unsolicited, responses[_i].unsolicited);
}
END_TEST

START_TEST(send_writes_one_command_at_a_time)
{
	const struct at_command second = { .text = "AT", .timeout_ms = 1, .done = on_done };

	send_command("AT+CSQ", "+CSQ:");
	ck_assert_str_eq(written, "AT+CSQ\r");
	ck_assert_uint_eq(armed_ms, 500);
	ck_assert_int_eq(at_send(&at, &second), -EBUSY);
}
END_TEST

START_TEST(send_of_too_long_a_command_fails)
{
	char text[AT_COMMAND_MAX + 2];
	const struct at_command command = { .text = text, .timeout_ms = 1 };

	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(at_send(&at, &command), -EMSGSIZE);
	ck_assert(!at.is_busy);
}
END_TEST

START_TEST(expiry_and_cancel_end_a_command_once)
{
	send_command("AT", "");
	at_expire(&at);
	ck_assert_int_eq(last.status, AT_TIMEOUT);
	at_expire(&at);
	at_cancel(&at);
	ck_assert_uint_eq(n_done, 1);
	send_command("AT", "");
	at_cancel(&at);
	ck_assert_int_eq(last.status, AT_CANCELLED);
	put("\r\nOK\r\n");
	ck_assert_uint_eq(n_done, 2);
	ck_assert_str_eq(unsolicited, "OK|");
}
END_TEST

START_TEST(connect_leaves_the_data)
{
	const char input[] = "\r\nCONNECT 100000\r\n~\xff}#";

	send_command("ATD*99#", "");
	ck_assert_uint_eq(at_input(&at, (const uint8_t *)input, sizeof(input) - 1),
		strlen("\r\nCONNECT 100000\r\n"));
	ck_assert_int_eq(last.status, AT_CONNECT);
}
END_TEST

START_TEST(overlong_lines_and_replies_are_cut)
{
	send_command("ATI", NULL);
	for (int i = 0; i < 2 * AT_LINE_MAX; i++)
		put("x");
	put("\r\n");
	for (int i = 0; i < AT_REPLY_MAX; i++)
		put("line\r\n");
	put("OK\r\n");
	ck_assert_int_eq(last.status, AT_OK);
	ck_assert_uint_eq(last.n_lines, AT_REPLY_MAX / 5);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("at");
	int n = (int)(sizeof(responses) / sizeof(responses[0]));

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, input_of_one_command_gives_its_result, 0, n);
	tcase_add_loop_test(tc, input_byte_by_byte_gives_the_same, 0, n);
	tcase_add_test(tc, send_writes_one_command_at_a_time);
	tcase_add_test(tc, send_of_too_long_a_command_fails);
	tcase_add_test(tc, expiry_and_cancel_end_a_command_once);
	tcase_add_test(tc, connect_leaves_the_data);
	tcase_add_test(tc, overlong_lines_and_replies_are_cut);
	return run_suite("modem_at", tc);
}
