/* SPDX-License-Identifier: MIT */
/*
 * The call: every row of its table, with every answer, error and silence, on a
 * scripted modem and a clock that jumps. How the modem is found and multiplexed
 * is in test_modem_find.c.
 */
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

/* Runs until PPP has come up. */
static void bring_up(void)
{
	call = fake_call(&config);
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
}

static void check_failed(enum table_link_reason reason, bool is_final, const char *cause)
{
	ck_assert_uint_eq(fake.n_failed, 1);
	ck_assert_uint_eq(fake.failed.reason, (uint32_t)reason);
	ck_assert(fake.failed.is_final == is_final);
	ck_assert_msg(strstr(fake.failed.cause, cause) != NULL, "%s", fake.failed.cause);
}

/* ---- the way up ------------------------------------------------------------------ */

START_TEST(good_modem_is_brought_up_in_order)
{
	bring_up();
	ck_assert_str_eq(fake.commands,
		"AT|ATE0|AT+CMEE=1|AT+CGMI|AT+CGMM|AT+CGMR|AT+CGSN|ATE0|AT+CMEE=1|AT+CFUN?|"
		"AT+CPIN?|AT+CIMI|AT+CCID|AT+CREG=2|AT+CGREG=2|AT+CEREG=2|AT+C5GREG=2|"
		"AT+CGEREP=2,1|AT+CREG?|AT+CGREG?|AT+CEREG?|AT+C5GREG?|AT+COPS=3,2|AT+COPS?|"
		"AT+COPS=3,0|AT+COPS?|AT+CSQ|AT+CESQ|AT+CGDCONT=1,\"IP\",\"internet\"|"
		"AT+CGAUTH=1,0|ATD*99***1#|");
	ck_assert_str_eq(fake.states, "2345");
	ck_assert_str_eq(fake.identity.manufacturer, "Some Maker");
	ck_assert_str_eq(fake.identity.model, "M1");
	ck_assert_str_eq(fake.identity.firmware, "1.0");
	ck_assert_str_eq(fake.identity.imei, "490154203237518");
	ck_assert_str_eq(fake.identity.imsi, "262011234567890");
	ck_assert_str_eq(fake.identity.iccid, "89490200001234567890");
	ck_assert_int_eq(fake.identity.sim_status, 1);
	ck_assert_int_eq(fake.place.registration, 1);
	ck_assert_str_eq(fake.signal.operator, "Some Net");
	ck_assert_int_eq(fake.signal.rssi, -73);
	ck_assert_uint_eq(fake.ready.mtu, 1400);
	ck_assert_uint_eq(fake.ready.dns_count, 1);
	ck_assert(fake.ready.has_address4 && fake.ready.has_gateway4);
}
END_TEST

static const size_t cuts[] = { 1, 2, 3, 7, 16 };

START_TEST(answers_in_pieces_and_echo_make_no_difference)
{
	fake.cut = cuts[_i];
	fake.has_echo = true;
	bring_up();
	ck_assert_str_eq(fake.states, "2345");
}
END_TEST

/* What a modem may lack, refuse or leave unanswered. */
static const char *const optional[] = { "ATE0", "AT+CMEE", "AT+CGMI", "AT+CGMM", "AT+CGMR",
	"AT+CGSN", "AT+CFUN?", "AT+CIMI", "AT+CCID", "AT+CREG", "AT+CGREG", "AT+CEREG=",
	"AT+C5GREG", "AT+CGEREP", "AT+COPS", "AT+CSQ", "AT+CESQ", "AT+CGAUTH" };
static const char *const refusals[] = { "", "ERROR", "+CME ERROR: 100", "OK", "what is this|OK",
	"+CREG: 9999999999,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,|+CSQ: -|OK" };

START_TEST(what_is_optional_stops_nothing)
{
	fake_answer(optional[_i / COUNT(refusals)], refusals[_i % COUNT(refusals)]);
	call = fake_call(&config);
	ck_assert(!fake_run(2 * MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
}
END_TEST

START_TEST(init_commands_are_sent_first)
{
	strcpy(config.inits[0].command, "AT+QCFG=\"x\"");
	strcpy(config.inits[1].command, "AT&F");
	config.n_inits = 2;
	fake_answer("AT+QCFG", "+CME ERROR: 4");
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+CGSN|AT+QCFG=\"x\"|AT&F|"));
	ck_assert_str_eq(fake.log, "init command 1: +CME ERROR: 4|");
}
END_TEST

/* ---- what ends it ------------------------------------------------------------------ */

static const struct {
	const char *command, *answer;
	enum table_link_reason reason;
	bool is_final;
	const char *cause;
} failures[] = {
	{ "AT+CPIN?", "+CME ERROR: 10", TABLE_REASON_SIM_MISSING, true, "insert" },
	{ "AT+CPIN?", "+CME ERROR: 12", TABLE_REASON_SIM_PUK, true, "PUK" },
	{ "AT+CPIN?", "+CME ERROR: 13", TABLE_REASON_SIM, true, "does not work" },
	{ "AT+CPIN?", "+CME ERROR: 14", TABLE_REASON_SIM, false, "does not get ready" },
	{ "AT+CPIN?", "ERROR", TABLE_REASON_SIM, false, "does not get ready" },
	{ "AT+CPIN?", "", TABLE_REASON_SILENT, false, "no commands" },
	{ "AT+CPIN?", "OK", TABLE_REASON_SIM, false, "does not get ready" },
	{ "AT+CPIN?", "+CPIN: NOT READY|OK", TABLE_REASON_SIM, false, "does not get ready" },
	{ "AT+CPIN?", "+CPIN: SIM PUK|OK", TABLE_REASON_SIM_PUK, true, "PUK" },
	{ "AT+CPIN?", "+CPIN: SIM PUK2|OK", TABLE_REASON_SIM_PUK, true, "PUK" },
	{ "AT+CPIN?", "+CPIN: SIM PIN|OK", TABLE_REASON_SIM_PIN, true, "not given" },
	{ "AT+CPIN?", "+CME ERROR: 11", TABLE_REASON_SIM_PIN, true, "not given" },
	{ "AT+CPIN?", "+CPIN: PH-SIM PIN|OK", TABLE_REASON_SIM, true, "not its PIN" },
	{ "AT+CEREG?", "+CEREG: 2,2|OK", TABLE_REASON_REGISTRATION, false, "search" },
	{ "AT+CEREG?", "+CEREG: 2,5|OK", TABLE_REASON_ROAMING, false, "roaming" },
	{ "AT+CEREG?", "+CEREG: 2,3|OK", TABLE_REASON_BARRED, false, "subscription" },
	{ "AT+CGDCONT", "ERROR", TABLE_REASON_MODEM, false, "apn" },
	{ "AT+CGDCONT", "", TABLE_REASON_MODEM, false, "apn" },
	{ "ATD", "NO CARRIER", TABLE_REASON_DIAL, false, "NO CARRIER (33)" },
	{ "ATD", "BUSY", TABLE_REASON_DIAL, false, "BUSY" },
	{ "ATD", "NO DIALTONE", TABLE_REASON_DIAL, false, "NO DIALTONE" },
	{ "ATD", "ERROR", TABLE_REASON_DIAL, false, "ERROR" },
	{ "ATD", "+CME ERROR: 30", TABLE_REASON_DIAL, false, "30" },
	{ "ATD", "", TABLE_REASON_TIMEOUT, false, "no answer in time" },
	{ "ATD", "OK", TABLE_REASON_DIAL, false, "OK" },
};

START_TEST(answer_that_ends_the_call_says_why)
{
	fake_answer("AT+CGREG?", "ERROR");
	fake_answer(failures[_i].command, failures[_i].answer);
	call = fake_call(&config);
	ck_assert(fake_run(6 * MINUTE_MS));
	check_failed(failures[_i].reason, failures[_i].is_final, failures[_i].cause);
}
END_TEST

/* As in netif/link.c, which kills a helper that has no deadline of its own. */
static const uint64_t deadlines_ms[] = {
	[TABLE_LINK_OPENING] = 120000,
	[TABLE_LINK_SIM] = 60000,
	[TABLE_LINK_REGISTERING] = 240000,
	[TABLE_LINK_DIALING] = 200000,
	[TABLE_LINK_NEGOTIATING] = 90000,
};

static void check_deadlines(void)
{
	uint64_t left_ms = fake.now_ms;

	for (int state = TABLE_LINK_NEGOTIATING; state >= TABLE_LINK_OPENING; state--) {
		if (state != TABLE_LINK_OPENING && !strchr(fake.states, '0' + state))
			continue;
		ck_assert_msg(left_ms - fake.entered_ms[state] < deadlines_ms[state],
			"state %d takes %u s after %u commands", state,
			(unsigned int)(left_ms - fake.entered_ms[state]) / 1000, fake.silent_after);
		left_ms = fake.entered_ms[state];
	}
}

/* The modem dies at every point of the way. */
START_TEST(modem_that_falls_silent_is_noticed_in_time)
{
	fake.silent_after = (unsigned int)_i;
	fake.keeps_ppp_down = true;
	call = fake_call(&config);
	ck_assert(fake_run(60 * MINUTE_MS));
	ck_assert(!fake.failed.is_final);
	check_deadlines();
}
END_TEST

START_TEST(lost_port_ends_the_call_in_any_state)
{
	fake.silent_after = (unsigned int)_i;
	call = fake_call(&config);
	fake_run(400);
	fake_lose_port(_i % 2 ? 0 : 5);
	check_failed(TABLE_REASON_DEVICE, false, _i % 2 ? "hung up" : "Input/output error");
	/* And nothing comes after that. */
	fake.n_failed = 0;
	fake_run(10 * MINUTE_MS);
	ck_assert_uint_eq(fake.n_failed, 0);
	fake.n_failed = 1;
}
END_TEST

/* ---- SIM ------------------------------------------------------------------------------ */

START_TEST(pin_is_given_when_tries_are_left)
{
	strcpy(config.modem.pin, "1234");
	fake_answer("AT+CPIN?", _i ? "+CME ERROR: 11" : "+CPIN: SIM PIN|OK");
	call = fake_call(&config);
	while (!strstr(fake.commands, "AT+CPIN=\"1234\"|"))
		ck_assert(!fake_run(100));
	fake_answer("AT+CPIN?", "+CPIN: READY|OK");
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+CPINR=\"SIM PIN\"|AT+CPIN=\"1234\"|"));
}
END_TEST

static const struct {
	const char *command, *answer;
	bool is_sent, is_final;
} pins[] = {
	{ "AT+CPINR", "+CPINR: SIM PIN,2|OK", false, true },
	{ "AT+CPINR", "+CPINR: SIM PIN,0|OK", false, true },
	{ "AT+CPIN=", "+CME ERROR: 16", true, true },
	{ "AT+CPIN=", "ERROR", true, true },
	{ "AT+CPIN=", "", true, false },
	/* The modem takes it and goes on asking, in either way. */
	{ "AT+CPIN?", "+CPIN: SIM PIN|OK", true, false },
	{ "AT+CPIN?", "+CME ERROR: 11", true, false },
};

START_TEST(pin_is_given_once_at_most)
{
	const char *pin;

	strcpy(config.modem.pin, "1234");
	fake_answer("AT+CPIN?", "+CPIN: SIM PIN|OK");
	fake_answer(pins[_i].command, pins[_i].answer);
	call = fake_call(&config);
	ck_assert(fake_run(3 * MINUTE_MS));
	pin = strstr(fake.commands, "AT+CPIN=");
	ck_assert((pin != NULL) == pins[_i].is_sent);
	ck_assert(!pin || !strstr(pin + 1, "AT+CPIN="));
	ck_assert(fake.failed.is_final == pins[_i].is_final);
	check_deadlines();
}
END_TEST

START_TEST(sim_that_is_slow_is_waited_for)
{
	fake_answer("AT+CPIN?", "+CME ERROR: 14");
	call = fake_call(&config);
	ck_assert(!fake_run(10000));
	ck_assert_int_eq(fake.identity.sim_status, 18);
	fake_answer("AT+CPIN?", "+CPIN: READY|OK");
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_uint_eq(fake.n_ready, 1);
}
END_TEST

/* ---- the ladder's steps ----------------------------------------------------------------- */

static const struct {
	enum table_link_step step;
	const char *commands;
} steps[] = {
	{ TABLE_STEP_PDP, "|AT+CGACT=0,1|AT+CFUN?|" },
	{ TABLE_STEP_RADIO, "|AT+CFUN=4|AT+CFUN?|" },
	{ TABLE_STEP_RESET, "AT|AT+CFUN=1,1|AT|ATE0|" },
	{ TABLE_STEP_POWER, "AT|ATE0|AT+CMEE=1|" },
};

START_TEST(step_of_the_ladder_is_taken)
{
	config.modem.step = (uint32_t)steps[_i].step;
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.commands, steps[_i].commands));
}
END_TEST

START_TEST(radio_that_is_off_is_switched_on)
{
	fake_answer("AT+CFUN?", "+CFUN: 4|OK");
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.commands, "|AT+CFUN?|AT+CFUN=1|AT+CPIN?|"));
	ck_assert_int_eq(fake.identity.functionality, 1);
}
END_TEST

/* ---- registration ------------------------------------------------------------------------- */

START_TEST(registration_is_waited_for)
{
	fake_answer("AT+CGREG?", "ERROR");
	fake_answer("AT+CEREG?", "+CEREG: 2,2|OK");
	call = fake_call(&config);
	ck_assert(!fake_run(2 * MINUTE_MS));
	ck_assert_str_eq(fake.states, "23");
	fake_answer("AT+CEREG?", "+CEREG: 2,5,\"1A2B\",\"01C3D4E5\",7|OK");
	config.modem.roaming = true;
	ck_assert(!fake_run(10000));
	ck_assert_int_eq(fake.place.registration, 5);
	ck_assert_str_eq(fake.states, "23");
}
END_TEST

/* Nobody waits for a network with a SIM, or in a modem, that is gone. */
static const struct {
	const char *line;
	enum table_link_reason reason;
} losses[] = {
	{ "+CPIN: NOT INSERTED\r\n", TABLE_REASON_SIM_MISSING },
	{ "+CPIN: NOT READY\r\n", TABLE_REASON_SIM_MISSING },
	{ "RDY\r\n", TABLE_REASON_DEVICE },
};

START_TEST(loss_while_registering_ends_the_call)
{
	fake_answer("AT+CGREG?", "ERROR");
	fake_answer("AT+CEREG?", "+CEREG: 2,2|OK");
	call = fake_call(&config);
	ck_assert(!fake_run(10000));
	fake_say("+CGEV: NW DETACH\r\n");
	ck_assert(!fake_run(100));
	fake_say(losses[_i].line);
	ck_assert(fake_run(100));
	check_failed(losses[_i].reason, false, "");
}
END_TEST

START_TEST(roaming_is_used_if_permitted)
{
	fake_answer("AT+CGREG?", "ERROR");
	fake_answer("AT+CEREG?", "+CEREG: 2,5,\"1A2B\",\"01C3D4E5\",7|OK");
	config.modem.roaming = true;
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.causes, "roaming"));
}
END_TEST

static const struct {
	const char *maker, *account;
} families[] = {
	{ "Quectel|OK", "|AT+QICSGP=1,1,\"internet\",\"u\",\"p\",1|" },
	{ "SIMCOM INCORPORATED|OK", "|AT+CGAUTH=1,1,\"p\",\"u\"|" },
	{ "Telit|OK", "|AT#PDPAUTH=1,1,\"u\",\"p\"|" },
	{ "u-blox|OK", "|AT+UAUTHREQ=1,1,\"u\",\"p\"|" },
	{ "ERROR", "|AT+CGAUTH=1,1,\"u\",\"p\"|" },
};

START_TEST(account_is_given_by_the_familys_command)
{
	strcpy(config.bearer.user, "u");
	strcpy(config.bearer.password, "p");
	config.bearer.pap = true;
	fake_answer("AT+CGMI", families[_i].maker);
	bring_up();
	ck_assert_ptr_nonnull(strstr(fake.commands, families[_i].account));
	ck_assert_str_eq(fake.ppp_config.user, "u");
}
END_TEST

/* ---- PPP ------------------------------------------------------------------------------------ */

START_TEST(data_behind_connect_are_ppps)
{
	fake.keeps_ppp_down = true;
	fake_answer("ATD", "");
	call = fake_call(&config);
	ck_assert(!fake_run(MINUTE_MS));
	fake_say_data("\r\nCONNECT 100\r\n~frame~");
	ck_assert(!fake_run(10));
	ck_assert_str_eq(fake.ppp_input, "~frame~");
	fake_say_data("~more~");
	ck_assert(!fake_run(10));
	ck_assert_str_eq(fake.ppp_input, "~frame~~more~");
}
END_TEST

START_TEST(ppp_that_does_not_come_up_is_given_up)
{
	fake.keeps_ppp_down = true;
	call = fake_call(&config);
	ck_assert(fake_run(5 * MINUTE_MS));
	check_failed(TABLE_REASON_PEER_SILENT, false, "in time");
	check_deadlines();
}
END_TEST

static const struct {
	enum pppline_end end;
	enum table_link_reason reason;
} ends[] = {
	{ PPPLINE_END_CLOSED, TABLE_REASON_COMMAND },
	{ PPPLINE_END_PEER, TABLE_REASON_PEER },
	{ PPPLINE_END_SILENT, TABLE_REASON_PEER_SILENT },
	{ PPPLINE_END_REFUSED, TABLE_REASON_AUTHENTICATION },
	{ PPPLINE_END_NO_IP, TABLE_REASON_ADDRESS },
	{ PPPLINE_END_CARRIER, TABLE_REASON_CARRIER },
};

/* The network says both in the order that it likes. */
START_TEST(deactivation_lets_ppp_say_its_reason_first)
{
	fake.keeps_ppp_down = true;
	call = fake_call_with_control(&config);
	ck_assert(!fake_run(MINUTE_MS / 2));
	fake_say("+CGEV: NW PDN DEACT 1\r\n");
	ck_assert(!fake_run(500));
	fake.refuses_account = _i;
	ck_assert(fake_run(600));
	if (_i)
		check_failed(TABLE_REASON_AUTHENTICATION, false, "refuses user and password");
	else
		check_failed(TABLE_REASON_PEER, false, "has deactivated the PDP context");
}
END_TEST

START_TEST(end_of_ppp_is_the_end_of_the_call)
{
	bring_up();
	fake_ppp_down(ends[_i].end);
	check_failed(ends[_i].reason, false, "");
}
END_TEST

START_TEST(ppp_that_comes_up_anew_tells_again)
{
	bring_up();
	fake_ppp_up(0x0200000a, 7);
	ck_assert_uint_eq(fake.n_ready, 2);
	ck_assert_mem_eq(fake.ready.address4.ip.bytes, "\x0a\0\0\2", 4);
	ck_assert(fake.ready.router_advertisements && fake.ready.interface_id == 7);
	fake_ppp_up(0, 7);
	ck_assert(!fake.ready.has_address4 && !fake.ready.has_gateway4);
	/* The deadline of negotiating is none of an open call. */
	ck_assert(!fake_run(5 * MINUTE_MS));
}
END_TEST

START_TEST(packets_go_once_the_call_is_up)
{
	fake.keeps_ppp_down = true;
	call = fake_call(&config);
	fake_run(MINUTE_MS / 2);
	call_send(call, "x", 1);
	ck_assert_uint_eq(call_pending(call), 0);
	fake_ppp_up(1, 0);
	call_send(call, "x", 1);
	ck_assert_uint_eq(call_pending(call), 1);
	fake_run(10);
	ck_assert_uint_eq(call_pending(call), 0);
	ck_assert_uint_ge(fake.n_writable, 1);
	call_hang_up(call);
	ck_assert(fake.is_ppp_stopped && !fake.dtr);
}
END_TEST

START_TEST(bearer_can_be_set_until_it_is_used)
{
	ush_HelperBearer other = { .apn = "other", .type = "IPV4V6" };

	fake_answer("AT+CPIN?", "+CME ERROR: 14");
	call = fake_call(&config);
	ck_assert(!fake_run(5000));
	call_set_bearer(call, &other);
	fake_answer("AT+CPIN?", "+CPIN: READY|OK");
	ck_assert(!fake_run(MINUTE_MS));
	ck_assert_ptr_nonnull(strstr(fake.commands, "AT+CGDCONT=1,\"IPV4V6\",\"other\"|"));
	ck_assert(fake.ppp_config.ip4 && fake.ppp_config.ip6);
}
END_TEST

static void add_ends(TCase *tc)
{
	tcase_add_loop_test(tc, answer_that_ends_the_call_says_why, 0, COUNT(failures));
	tcase_add_loop_test(tc, modem_that_falls_silent_is_noticed_in_time, 1, 40);
	tcase_add_loop_test(tc, lost_port_ends_the_call_in_any_state, 1, 40);
	tcase_add_test(tc, data_behind_connect_are_ppps);
	tcase_add_test(tc, ppp_that_does_not_come_up_is_given_up);
	tcase_add_loop_test(tc, end_of_ppp_is_the_end_of_the_call, 0, COUNT(ends));
	tcase_add_test(tc, ppp_that_comes_up_anew_tells_again);
	tcase_add_test(tc, packets_go_once_the_call_is_up);
	tcase_add_test(tc, bearer_can_be_set_until_it_is_used);
}

int main(void)
{
	TCase *tc = tcase_create("call");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, good_modem_is_brought_up_in_order);
	tcase_add_loop_test(tc, answers_in_pieces_and_echo_make_no_difference, 0, COUNT(cuts));
	tcase_add_loop_test(tc, what_is_optional_stops_nothing, 0,
		COUNT(optional) * COUNT(refusals));
	tcase_add_test(tc, init_commands_are_sent_first);
	tcase_add_loop_test(tc, pin_is_given_when_tries_are_left, 0, 2);
	tcase_add_loop_test(tc, pin_is_given_once_at_most, 0, COUNT(pins));
	tcase_add_test(tc, sim_that_is_slow_is_waited_for);
	tcase_add_loop_test(tc, step_of_the_ladder_is_taken, 0, COUNT(steps));
	tcase_add_test(tc, radio_that_is_off_is_switched_on);
	tcase_add_loop_test(tc, deactivation_lets_ppp_say_its_reason_first, 0, 2);
	tcase_add_test(tc, registration_is_waited_for);
	tcase_add_loop_test(tc, loss_while_registering_ends_the_call, 0, COUNT(losses));
	tcase_add_test(tc, roaming_is_used_if_permitted);
	tcase_add_loop_test(tc, account_is_given_by_the_familys_command, 0, COUNT(families));
	add_ends(tc);
	return run_suite("modem_call", tc);
}
