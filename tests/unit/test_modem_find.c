/* SPDX-License-Identifier: MIT */
/*
 * The call: a modem that was left in whatever state, its multiplexer, and a
 * person's commands beside the call.
 */
#include "netif/modem/cmux.h"
#include "tests/unit/fake_modem.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define MINUTE_MS   60000

static struct call_config config;
static struct call *call;

static void setup(void)
{
	fake_setup(&config);
}

static void teardown(void)
{
	fake_teardown();
}

static void bring_up(void)
{
	call = fake_call(&config);
	ck_assert(!fake_run(2 * MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
}

static void bring_up_multiplexed(void)
{
	config.modem.cmux = ush_HelperCmux_CMUX_AUTO;
	fake_answer("AT+CMUX", "OK");
	bring_up();
	ck_assert_int_eq(fake.mode, FAKE_MUX);
}

static void check_failed(enum table_link_reason reason, const char *cause)
{
	ck_assert_uint_eq(fake.n_failed, 1);
	ck_assert_uint_eq(fake.failed.reason, (uint32_t)reason);
	ck_assert_msg(strstr(fake.failed.cause, cause) != NULL, "%s", fake.failed.cause);
}

/* ---- in whatever state ------------------------------------------------------------- */

static const uint32_t left_at[] = { 9600, 460800, 57600, 3000000 };

START_TEST(modem_of_another_speed_is_found_and_told_ours)
{
	fake.baud = left_at[_i];
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+IPR=115200|"));
	ck_assert_uint_eq(fake.host_baud, 115200);
}
END_TEST

START_TEST(modem_that_keeps_its_speed_is_used_so)
{
	fake.baud = 9600;
	fake_answer("AT+IPR", "ERROR");
	bring_up_multiplexed();
	ck_assert_uint_eq(fake.host_baud, 9600);
	ck_assert_ptr_nonnull(strstr(fake.log, "set baud = 9600"));
	/* The multiplexer's speed is the line's. */
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+CMUX=0,0,1,"));
}
END_TEST

START_TEST(modem_left_multiplexing_is_found)
{
	fake.mode = FAKE_MUX;
	bring_up();
	ck_assert_int_eq(fake.mode, FAKE_COMMAND);
	ck_assert_uint_lt(fake.entered_ms[TABLE_LINK_SIM], 5000);
}
END_TEST

/* 1700 bytes take their time there, and what follows has to wait for them. */
START_TEST(modem_left_multiplexing_is_found_on_a_slow_line)
{
	fake.mode = FAKE_MUX;
	config.modem.baud = fake.host_baud = 9600;
	fake.bytes_per_s = 960;
	bring_up();
	ck_assert_ptr_null(strstr(fake.commands, "ATH|"));
}
END_TEST

START_TEST(modem_left_in_a_call_is_found)
{
	fake.mode = FAKE_DATA;
	fake.is_deaf_to_dtr = _i;
	bring_up();
	ck_assert(fake.dtr);
	ck_assert_uint_lt(fake.entered_ms[TABLE_LINK_SIM], 12000);
}
END_TEST

START_TEST(modem_that_is_silent_is_given_up)
{
	fake.is_cut = true;
	config.modem.step = (uint32_t)_i;
	call = fake_call(&config);
	ck_assert(fake_run(2 * MINUTE_MS));
	check_failed(TABLE_REASON_SILENT, "power?");
	ck_assert(!fake.failed.is_final);
	ck_assert_uint_eq(fake.host_baud, config.modem.baud);
}
END_TEST

/* Then the answer to one command comes while the next is under way. */
START_TEST(modem_that_answers_late_is_understood)
{
	fake.latency_ms = 700;
	call = fake_call(&config);
	ck_assert(!fake_run(2000));
	fake.latency_ms = 100;
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_str_eq(fake.identity.manufacturer, "Some Maker");
	ck_assert_str_eq(fake.identity.model, "M1");
	ck_assert_uint_eq(fake.n_ready, 1);
}
END_TEST

/* It is in a call that it never says a word of, but hears the reset. */
START_TEST(modem_that_hears_only_its_reset_comes_back)
{
	config.modem.step = TABLE_STEP_RESET;
	fake_answer("AT", "");
	call = fake_call(&config);
	while (!strstr(fake.commands, "AT+CFUN=1,1|"))
		ck_assert(!fake_run(100));
	ck_assert(!fake_run(20000));
	fake_answer("AT", "OK");
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
}
END_TEST

START_TEST(modem_that_does_not_come_back_is_given_up)
{
	config.modem.step = (uint32_t)_i;
	call = fake_call(&config);
	fake.silent_after = 2;
	ck_assert(fake_run(2 * MINUTE_MS));
	if (_i == TABLE_STEP_RESET)
		check_failed(TABLE_REASON_SILENT, "restart");
	else
		check_failed(TABLE_REASON_SILENT, "no commands");
}
END_TEST

static const struct {
	const char *family, *commands;
} resets[] = {
	{ "", "AT|AT+CFUN=1,1|ATE0|" },
	{ "simcom", "AT|AT+CRESET|AT+CFUN=1,1|ATE0|" },
	{ "telit", "AT|AT#REBOOT|AT+CFUN=1,1|ATE0|" },
};

/* The next step of the ladder is the daemon's. */
START_TEST(reset_that_is_refused_is_passed_over)
{
	config.modem.step = TABLE_STEP_RESET;
	strcpy(config.modem.family, resets[_i].family);
	fake_answer("AT+CFUN=1,1", "ERROR");
	fake_answer("AT+CRESET", "ERROR");
	fake_answer("AT#REBOOT", "ERROR");
	bring_up();
	ck_assert_str_eq(strstr(fake.commands, resets[_i].commands) ? "" : fake.commands, "");
	/* What was configured is used all the same. */
	if (strcmp(resets[_i].family, "telit") == 0)
		ck_assert_ptr_nonnull(strstr(fake.commands, "AT#PDPAUTH=1,0|"));
}
END_TEST

/* ---- the multiplexer ----------------------------------------------------------------- */

START_TEST(multiplexed_call_has_a_channel_for_commands)
{
	config.modem.signal_interval_ms = 10000;
	fake.cut = _i ? 1 : 0;
	bring_up_multiplexed();
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+CMUX=0,0,5,1500|"));
	ck_assert_ptr_nonnull(strstr(fake.control_commands, "ATE0|AT+CMEE=1|AT+CFUN?|"));
	ck_assert_ptr_null(strstr(fake.control_commands, "ATD"));
	/* Packets and commands at once. */
	fake_answer("AT+CSQ", "+CSQ: 10,99|OK");
	fake_say_data("~frame~");
	ck_assert(!fake_run(15000));
	ck_assert_str_eq(fake.ppp_input, "~frame~");
	ck_assert_int_eq(fake.signal.rssi, -93);
	call_hang_up(call);
	fake_run(1000);
}
END_TEST

START_TEST(shorter_frames_are_asked_for_if_refused)
{
	fake_answer("AT+CMUX=0,0,5,1500", "ERROR");
	config.modem.cmux = ush_HelperCmux_CMUX_AUTO;
	fake_answer("AT+CMUX=0,0,5,127", "OK");
	bring_up();
	ck_assert_int_eq(fake.mode, FAKE_MUX);
}
END_TEST

static const struct {
	const char *answer;
	bool is_required;
	bool refuses_dlci2;
} muxes[] = {
	{ "ERROR", false, false },
	{ "", false, false },
	{ "ERROR", true, false },
	{ "OK", false, true },
	{ "OK", true, true },
};

START_TEST(modem_that_does_not_multiplex_is_used_without)
{
	config.modem.cmux = muxes[_i].is_required ? ush_HelperCmux_CMUX_ON
						  : ush_HelperCmux_CMUX_AUTO;
	fake.refuses_dlci2 = muxes[_i].refuses_dlci2;
	fake_answer("AT+CMUX", muxes[_i].answer);
	if (muxes[_i].is_required) {
		call = fake_call(&config);
		ck_assert(fake_run(2 * MINUTE_MS));
		check_failed(TABLE_REASON_MODEM, "cmux = no");
		return;
	}
	bring_up();
	ck_assert_int_eq(fake.mode, FAKE_COMMAND);
	ck_assert_str_eq(fake.control_commands, "");
}
END_TEST

/* It says OK and goes on with AT, or with nothing. */
START_TEST(multiplexer_that_never_starts_is_left)
{
	config.modem.cmux = ush_HelperCmux_CMUX_AUTO;
	fake_answer("AT+CMUX", "OK|");
	bring_up();
	ck_assert_str_eq(fake.control_commands, "");
	ck_assert_uint_lt(fake.entered_ms[TABLE_LINK_SIM], 30000);
}
END_TEST

START_TEST(port_for_commands_makes_a_multiplexer_needless)
{
	config.modem.cmux = ush_HelperCmux_CMUX_AUTO;
	config.modem.signal_interval_ms = 10000;
	call = fake_call_with_control(&config);
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
	ck_assert_ptr_null(strstr(fake.commands, "AT+CMUX"));
	ck_assert_ptr_nonnull(strstr(fake.control_commands, "AT+CPIN?|"));
	ck_assert_ptr_null(strstr(fake.control_commands, "ATD"));
}
END_TEST

START_TEST(end_of_the_multiplexer_ends_the_call)
{
	bring_up_multiplexed();
	fake_end_mux();
	ck_assert(fake_run(1000));
	check_failed(TABLE_REASON_SILENT, "multiplexer");
}
END_TEST

START_TEST(lost_carrier_is_told_to_ppp)
{
	bring_up_multiplexed();
	fake_set_signals(CMUX_RTC | CMUX_RTR | CMUX_DV);
	ck_assert(!fake_run(1000));
	fake_set_signals(CMUX_RTC | CMUX_RTR);
	ck_assert(fake_run(1000));
	check_failed(TABLE_REASON_CARRIER, "NO CARRIER");
}
END_TEST

/* Packets that were held back go on when the modem takes them again. */
START_TEST(modem_that_stops_the_flow_lets_it_go_on)
{
	static const uint8_t packet[1400];
	unsigned int before;

	bring_up_multiplexed();
	fake_set_signals(CMUX_RTC | CMUX_RTR | CMUX_FC);
	fake_run(100);
	for (int i = 0; i < 3; i++)
		call_send(call, packet, sizeof(packet));
	fake_run(100);
	ck_assert_uint_eq(call_pending(call), 3 * sizeof(packet));
	before = fake.n_writable;
	fake_set_signals(CMUX_RTC | CMUX_RTR);
	fake_run(100);
	ck_assert_uint_eq(call_pending(call), 0);
	ck_assert_uint_gt(fake.n_writable, before);
}
END_TEST

/* The whole modem is dead, and was while each of its commands was under way. */
START_TEST(multiplexed_modem_that_falls_silent_is_noticed)
{
	config.modem.cmux = ush_HelperCmux_CMUX_AUTO;
	fake_answer("AT+CMUX", "OK");
	fake.keeps_ppp_down = true;
	fake.latency_ms = 20;
	call = fake_call(&config);
	while (fake.n_commands < (unsigned int)_i)
		ck_assert(!fake_run(1));
	fake.is_cut = true;
	ck_assert(fake_run(4 * MINUTE_MS));
	ck_assert(!fake.failed.is_final);
}
END_TEST

/* The modem's AT interpreter hangs, or all of it. */
START_TEST(commands_without_answer_are_no_end_but_a_dead_modem_is)
{
	config.modem.signal_interval_ms = 10000;
	bring_up_multiplexed();
	fake.silent_after = 1;
	fake.is_cut = _i;
	ck_assert(fake_run(2 * MINUTE_MS) == _i);
	if (_i)
		check_failed(TABLE_REASON_SILENT, "multiplexer");
	ck_assert_ptr_nonnull(strstr(fake.log, "answers no commands"));
}
END_TEST

/* ---- what comes unasked ---------------------------------------------------------------- */

static const struct {
	const char *line;
	enum table_link_reason reason; /* TABLE_REASON_NONE: the call goes on */
} unsolicited[] = {
	{ "+CGEV: NW DETACH", TABLE_REASON_PEER },
	{ "+CGEV: NW PDN DEACT 1", TABLE_REASON_PEER },
	{ "+CGEV: NW PDN DEACT 2", TABLE_REASON_NONE },
	{ "+CGEV: NW DEACT \"IP\",\"10.0.0.1\",1", TABLE_REASON_PEER },
	{ "+CGEV: NW DEACT \"IP\",\"10.0.0.1\",3", TABLE_REASON_NONE },
	{ "+CGEV: ME PDN ACT 1", TABLE_REASON_NONE },
	{ "+CPIN: NOT INSERTED", TABLE_REASON_SIM_MISSING },
	{ "+CPIN: NOT READY", TABLE_REASON_SIM_MISSING },
	{ "+CPIN: READY", TABLE_REASON_NONE },
	{ "RDY", TABLE_REASON_DEVICE },
	{ "^SYSSTART", TABLE_REASON_DEVICE },
	{ "RING|+CMTI: \"SM\",1|+CUSD: 0", TABLE_REASON_NONE },
	{ "+CEREG: 2", TABLE_REASON_NONE },
};

START_TEST(line_that_nobody_asked_for_ends_the_call_or_not)
{
	bring_up_multiplexed();
	fake_say(unsolicited[_i].line);
	ck_assert(fake_run(1000) == (unsolicited[_i].reason != TABLE_REASON_NONE));
	if (fake.n_failed)
		check_failed(unsolicited[_i].reason, "");
}
END_TEST

START_TEST(registration_that_changes_is_told)
{
	bring_up_multiplexed();
	fake_say("+CEREG: 5,\"0001\",\"00000002\",7");
	fake_run(100);
	ck_assert_int_eq(fake.place.area_code, 1);
	ck_assert_int_eq(fake.place.cell_id, 2);
}
END_TEST

/* ---- disorder --------------------------------------------------------------------------- */

static uint32_t seed;

static unsigned int draw(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Whatever a modem says, and however: the call comes up, or ends while somebody waits for it. */
START_TEST(disorder_has_an_end)
{
	static const char *const commands[] = { "AT", "ATE0", "AT+CGMI", "AT+CMUX", "AT+CFUN",
		"AT+CPIN?", "AT+CPINR", "AT+CPIN=", "AT+CIMI", "AT+C", "AT+CEREG?", "AT+COPS?",
		"AT+CSQ", "AT+CGDCONT", "ATD", "ATH" };
	static const char *const answers[] = { "OK", "ERROR", "", "NO CARRIER", "CONNECT",
		"+CME ERROR: 11", "+CME ERROR: 14", "+CPIN: SIM PIN|OK", "+CPIN: READY|OK",
		"+CEREG: 2,2|OK", "+CEREG: 2,1,\"1\",\"2\",7|OK", "RDY", "BUSY|OK|OK",
		"+CFUN: 0|OK", "+CPIN: NOT READY", "+CGEV: NW DETACH|ERROR" };

	seed = (uint32_t)_i;
	config.modem.cmux = (ush_HelperCmux)draw(3);
	config.modem.step = draw(TABLE_STEP_COUNT);
	strcpy(config.modem.pin, draw(2) ? "1234" : "");
	fake.mode = (enum fake_mode)draw(3);
	fake.cut = draw(4);
	fake.has_echo = draw(2);
	fake.refuses_dlci2 = draw(4) == 0;
	fake.latency_ms = draw(3) * 300;
	call = fake_call(&config);
	for (int i = 0; i < 600 && fake.n_ready == 0; i++) {
		if (i % 20 == 0)
			fake_answer(commands[draw(COUNT(commands))], answers[draw(COUNT(answers))]);
		if (draw(20) == 0)
			fake_say(answers[draw(COUNT(answers))]);
		if (draw(50) == 0)
			call_user_command(call, 1, "AT+USER");
		if (fake_run(1000))
			return;
	}
	ck_assert_msg(fake.n_ready > 0, "%s", fake.commands);
}
END_TEST

/* ---- a person's commands --------------------------------------------------------------- */

START_TEST(command_beside_the_call_is_answered)
{
	bring_up_multiplexed();
	fake_answer("AT+QENG", "+QENG: 1|+QENG: 2|OK");
	call_user_command(call, 7, "AT+QENG=\"x\"");
	call_user_command(call, 8, "AT");
	fake_run(1000);
	ck_assert_str_eq(fake.answers,
		"8! another command is under way|7 +QENG: 1|7 +QENG: 2|7! OK|");
	call_user_command(call, 9, "AT+X");
	fake_answer("AT+X", "+CME ERROR: 3");
	fake_run(1000);
	ck_assert_ptr_nonnull(strstr(fake.answers, "|9! +CME ERROR: 3|"));
}
END_TEST

START_TEST(command_without_a_channel_is_refused)
{
	bring_up();
	call_user_command(call, 1, "AT");
	ck_assert_ptr_nonnull(strstr(fake.answers, "1! no channel"));
}
END_TEST

/* Given at any point of the way, with and without multiplexer. */
START_TEST(command_has_its_answer_and_stops_nothing)
{
	const char *sent;

	if (_i % 2) {
		config.modem.cmux = ush_HelperCmux_CMUX_ON;
		fake_answer("AT+CMUX", "OK");
	}
	fake.latency_ms = 20;
	call = fake_call(&config);
	while (fake.n_commands <= (unsigned int)_i / 2)
		ck_assert(!fake_run(1));
	call_user_command(call, 1, "AT+USER");
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
	ck_assert_str_eq(fake.ppp_input, "");
	ck_assert_ptr_nonnull(strstr(fake.answers, "1! "));
	/* And was not sent into PPP, or between AT and frames. */
	sent = strstr(fake.commands, "AT+USER");
	ck_assert(!sent == !strstr(fake.answers, "1! OK|"));
}
END_TEST

static void add_multiplexer(TCase *tc)
{
	tcase_add_loop_test(tc, multiplexed_call_has_a_channel_for_commands, 0, 2);
	tcase_add_test(tc, shorter_frames_are_asked_for_if_refused);
	tcase_add_loop_test(tc, modem_that_does_not_multiplex_is_used_without, 0, COUNT(muxes));
	tcase_add_test(tc, multiplexer_that_never_starts_is_left);
	tcase_add_test(tc, port_for_commands_makes_a_multiplexer_needless);
	tcase_add_test(tc, end_of_the_multiplexer_ends_the_call);
	tcase_add_test(tc, lost_carrier_is_told_to_ppp);
	tcase_add_test(tc, modem_that_stops_the_flow_lets_it_go_on);
	tcase_add_loop_test(tc, commands_without_answer_are_no_end_but_a_dead_modem_is, 0, 2);
	tcase_add_loop_test(tc, multiplexed_modem_that_falls_silent_is_noticed, 1, 34);
}

int main(void)
{
	TCase *tc = tcase_create("find");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, modem_of_another_speed_is_found_and_told_ours, 0, COUNT(left_at));
	tcase_add_test(tc, modem_that_keeps_its_speed_is_used_so);
	tcase_add_test(tc, modem_left_multiplexing_is_found);
	tcase_add_test(tc, modem_left_multiplexing_is_found_on_a_slow_line);
	tcase_add_loop_test(tc, modem_left_in_a_call_is_found, 0, 2);
	tcase_add_loop_test(tc, modem_that_is_silent_is_given_up, TABLE_STEP_REDIAL,
		TABLE_STEP_COUNT);
	tcase_add_test(tc, modem_that_answers_late_is_understood);
	tcase_add_test(tc, modem_that_hears_only_its_reset_comes_back);
	tcase_add_loop_test(tc, modem_that_does_not_come_back_is_given_up, TABLE_STEP_REDIAL,
		TABLE_STEP_COUNT);
	tcase_add_loop_test(tc, reset_that_is_refused_is_passed_over, 0, COUNT(resets));
	add_multiplexer(tc);
	tcase_add_loop_test(tc, line_that_nobody_asked_for_ends_the_call_or_not, 0,
		COUNT(unsolicited));
	tcase_add_test(tc, registration_that_changes_is_told);
	tcase_add_loop_test(tc, disorder_has_an_end, 0, 300);
	tcase_add_test(tc, command_beside_the_call_is_answered);
	tcase_add_test(tc, command_without_a_channel_is_refused);
	tcase_add_loop_test(tc, command_has_its_answer_and_stops_nothing, 0, 2 * 31);
	return run_suite("modem_find", tc);
}
