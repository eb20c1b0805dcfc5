/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer: a host and a modem joined back to back, on a line that
 * loses, adds and echoes what it is told to; and answers byte by byte.
 */
#include "netif/modem/cmux.h"

#include "tests/unit/hex.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX 65536

/* One side, and the bytes that it has written and the line has not moved yet. */
static struct end {
	struct cmux *mux;
	uint8_t line[LINE_MAX];
	size_t len;
	size_t taken; /* of the last bytes it was given */
	bool is_armed;
	char events[512];
	uint8_t data[LINE_MAX];
	size_t data_len;
	size_t room;	  /* frames that the line takes */
	uint8_t write_at; /* this DLC is written to at CMUX_WRITABLE, 0: none */
} host, modem;

static bool is_cut; /* the line loses everything */

static void on_write(const void *bytes, size_t len, void *arg)
{
	struct end *end = arg;

	ck_assert_uint_le(end->len + len, LINE_MAX);
	memcpy(end->line + end->len, bytes, len);
	end->len += len;
	if (end->room)
		end->room--;
}

static bool on_has_room(void *arg)
{
	return ((struct end *)arg)->room > 0;
}

static void on_arm(uint32_t ms, void *arg)
{
	((struct end *)arg)->is_armed = ms > 0;
}

static void on_data(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg)
{
	struct end *end = arg;

	(void)dlci;
	ck_assert_uint_le(end->data_len + len, LINE_MAX);
	memcpy(end->data + end->data_len, bytes, len);
	end->data_len += len;
}

static void on_event(uint8_t dlci, enum cmux_event event, void *arg)
{
	struct end *end = arg;
	size_t n = strlen(end->events);

	snprintf(end->events + n, sizeof(end->events) - n, "%u %s|", dlci, cmux_event_name(event));
	if (event == CMUX_WRITABLE && end->write_at)
		ck_assert_int_eq(cmux_write(end->mux, end->write_at, "more", 4), 0);
}

static void make_end(struct end *end, struct cmux_config config)
{
	struct cmux_handlers handlers = { on_write, NULL, on_arm, on_data, on_event, end };

	memset(end, 0, sizeof(*end));
	end->mux = cmux_new(&config, &handlers);
}

static void setup(void)
{
	make_end(&host, (struct cmux_config){ .role = CMUX_INITIATOR });
	make_end(&modem, (struct cmux_config){ .role = CMUX_RESPONDER, .n_dlcs = 4 });
	is_cut = false;
}

static void teardown(void)
{
	cmux_free(host.mux);
	cmux_free(modem.mux);
}

/* An end whose line has a bound. */
static void limit_room(struct end *end, struct cmux_config config)
{
	struct cmux_handlers handlers = { on_write, on_has_room, on_arm, on_data, on_event, end };

	cmux_free(end->mux);
	end->mux = cmux_new(&config, &handlers);
	end->room = 100;
}

static void put(struct end *end, const uint8_t *bytes, size_t len)
{
	end->taken = cmux_input(end->mux, bytes, len);
}

static void put_hex(struct end *end, const char *text)
{
	size_t len;
	uint8_t *bytes = hex_bytes(text, &len);

	put(end, bytes, len);
	free(bytes);
}

static void move(struct end *from, struct end *to)
{
	static uint8_t bytes[LINE_MAX];
	size_t len = from->len;

	memcpy(bytes, from->line, len);
	from->len = 0;
	if (!is_cut)
		put(to, bytes, len);
}

/* Until both are quiet. */
static void run_line(void)
{
	while (host.len > 0 || modem.len > 0) {
		move(&host, &modem);
		move(&modem, &host);
	}
}

static void expire(struct end *end)
{
	bool is_due = end->is_armed;

	end->is_armed = false;
	if (is_due)
		cmux_expire(end->mux);
}

static void pass_ms(unsigned int ms)
{
	for (unsigned int i = 0; i < ms / 100; i++) {
		expire(&host);
		expire(&modem);
		run_line();
	}
}

static void forget(void)
{
	host.events[0] = modem.events[0] = '\0';
	host.data_len = modem.data_len = host.len = modem.len = 0;
}

/* Both multiplex, and DLCs 1 and 2 are open. */
static void join(void)
{
	cmux_start(modem.mux);
	cmux_start(host.mux);
	run_line();
	ck_assert_int_eq(cmux_open(host.mux, 1), 0);
	ck_assert_int_eq(cmux_open(host.mux, 2), 0);
	run_line();
	ck_assert_str_eq(host.events, "0 opened|1 opened|1 signals changed|2 opened|"
				      "2 signals changed|");
	ck_assert_str_eq(modem.events, "0 opened|1 opened|2 opened|1 signals changed|"
				       "2 signals changed|");
	pass_ms(5000);
	ck_assert(!host.is_armed && !modem.is_armed);
	forget();
}

static void check_line(const struct end *end, const char *text)
{
	size_t len;
	uint8_t *bytes = hex_bytes(text, &len);

	ck_assert_uint_eq(end->len, len);
	ck_assert_mem_eq(end->line, bytes, len);
	free(bytes);
}

/* ---- opening --------------------------------------------------------------------- */

START_TEST(start_and_open_are_the_bytes_of_the_spec)
{
	cmux_start(host.mux);
	check_line(&host, "f9 03 3f 01 1c f9");
	forget();
	put_hex(&host, "f9 03 73 01 d7 f9");
	ck_assert_str_eq(host.events, "0 opened|");
	ck_assert_int_eq(cmux_open(host.mux, 1), 0);
	check_line(&host, "f9 07 3f 01 de f9");
	forget();
	put_hex(&host, "f9 07 73 01 15 f9");
	check_line(&host, "f9 03 ef 09 e3 05 07 0d fb f9");
	ck_assert_str_eq(host.events, "1 opened|");
	ck_assert(cmux_is_open(host.mux, 1));
}
END_TEST

START_TEST(data_go_both_ways)
{
	join();
	ck_assert_int_eq(cmux_write(host.mux, 1, "AT\r\n", 4), 0);
	check_line(&host, "f9 07 ef 09 41 54 0d 0a 39 f9");
	run_line();
	ck_assert_uint_eq(modem.data_len, 4);
	ck_assert_int_eq(cmux_write(modem.mux, 1, "AT\r\n", 4), 0);
	check_line(&modem, "f9 05 ef 09 41 54 0d 0a 58 f9");
	run_line();
	ck_assert_mem_eq(host.data, "AT\r\n", 4);
}
END_TEST

START_TEST(open_of_what_cannot_be_opened_fails)
{
	ck_assert_int_eq(cmux_open(host.mux, 1), -ENOTCONN);
	join();
	ck_assert_int_eq(cmux_open(host.mux, 0), -EINVAL);
	ck_assert_int_eq(cmux_open(host.mux, CMUX_DLCI_MAX + 1), -EINVAL);
	ck_assert_int_eq(cmux_open(host.mux, 1), -EALREADY);
	ck_assert_int_eq(cmux_write(host.mux, 3, "x", 1), -ENOTCONN);
	ck_assert_int_eq(cmux_write(host.mux, 0, "x", 1), -ENOTCONN);
	ck_assert_int_eq(cmux_write(host.mux, 255, "x", 1), -ENOTCONN);
	ck_assert_int_eq(cmux_open(host.mux, 5), 0);
	run_line();
	ck_assert_str_eq(host.events, "5 refused|");
	ck_assert_str_eq(modem.events, "");
}
END_TEST

/* The modem of the specification does not open DLCs of the host's. */
START_TEST(modem_that_opens_a_dlc_is_refused)
{
	join();
	ck_assert_int_eq(cmux_open(modem.mux, 3), 0);
	run_line();
	ck_assert_str_eq(modem.events, "3 refused|");
	ck_assert_str_eq(host.events, "");
}
END_TEST

START_TEST(lost_frames_are_sent_again)
{
	cmux_start(modem.mux);
	is_cut = true;
	cmux_start(host.mux);
	run_line();
	is_cut = false;
	pass_ms(1000);
	ck_assert_str_eq(host.events, "0 opened|");
	is_cut = true;
	cmux_open(host.mux, 1);
	run_line();
	pass_ms(1100);
	is_cut = false;
	pass_ms(1000);
	/* MSC is in time as well. */
	is_cut = true;
	cmux_set_signals(host.mux, 1, CMUX_RTR);
	run_line();
	is_cut = false;
	pass_ms(3000);
	ck_assert_uint_eq(cmux_signals(modem.mux, 1), CMUX_RTR);
	ck_assert_str_eq(host.events, "0 opened|1 opened|1 signals changed|");
}
END_TEST

/* UA is lost: the modem has the DLC open, and takes a second SABM for a new start. */
START_TEST(lost_answer_opens_anew)
{
	join();
	cmux_open(host.mux, 3);
	move(&host, &modem);
	modem.len = 0;
	ck_assert_str_eq(modem.events, "3 opened|");
	pass_ms(1000);
	ck_assert_str_eq(host.events, "3 opened|3 signals changed|");
	ck_assert_str_eq(modem.events, "3 opened|3 closed|3 opened|3 signals changed|");
}
END_TEST

START_TEST(silent_peer_is_given_up_after_n2_tries)
{
	unsigned int n = 0;

	cmux_start(host.mux);
	for (; host.is_armed && n < 1000; n++)
		expire(&host);
	ck_assert_str_eq(host.events, "0 no answer|");
	/* Four times 500 ms, each up to a tick later. */
	ck_assert_uint_ge(n, 20);
	ck_assert_uint_le(n, 24);
	ck_assert_uint_eq(host.len, 4 * 6);
	/* And may be tried again. */
	forget();
	cmux_start(modem.mux);
	cmux_start(host.mux);
	run_line();
	ck_assert_str_eq(host.events, "0 opened|");
}
END_TEST

START_TEST(silent_dlc_is_given_up_alone)
{
	join();
	is_cut = true;
	cmux_open(host.mux, 3);
	pass_ms(4000);
	ck_assert_str_eq(host.events, "3 no answer|");
	ck_assert(cmux_is_open(host.mux, 1));
}
END_TEST

/* A modem that is not multiplexing and has its echo on. */
START_TEST(echo_is_no_answer)
{
	cmux_start(host.mux);
	for (int i = 0; i < 100 && host.is_armed; i++) {
		move(&host, &host);
		expire(&host);
	}
	ck_assert_str_eq(host.events, "0 no answer|");
	ck_assert_uint_eq(cmux_counts(host.mux).n_misdirected, 4);
}
END_TEST

/* The host has been restarted. */
START_TEST(second_start_of_the_host_closes_dlcs)
{
	join();
	cmux_start(host.mux);
	run_line();
	ck_assert_str_eq(modem.events, "1 closed|2 closed|");
	ck_assert_str_eq(host.events, "0 opened|");
}
END_TEST

/* ---- closing ---------------------------------------------------------------------- */

START_TEST(closed_dlc_closes_at_both_ends)
{
	join();
	cmux_close(host.mux, 1);
	run_line();
	ck_assert_str_eq(host.events, "1 closed|");
	ck_assert_str_eq(modem.events, "1 closed|");
	cmux_close(modem.mux, 2);
	run_line();
	ck_assert_str_eq(host.events, "1 closed|2 closed|");
	ck_assert_str_eq(modem.events, "1 closed|2 closed|");
	ck_assert_int_eq(cmux_open(host.mux, 1), 0);
	run_line();
	ck_assert(cmux_is_open(host.mux, 1));
}
END_TEST

START_TEST(close_without_answer_ends_all_the_same)
{
	join();
	is_cut = true;
	cmux_close(host.mux, 1);
	pass_ms(4000);
	ck_assert_str_eq(host.events, "1 closed|");
	cmux_shut_down(host.mux);
	pass_ms(6000);
	ck_assert_str_eq(host.events, "1 closed|0 closed|");
	ck_assert(!host.is_armed);
}
END_TEST

START_TEST(shut_down_by_either_side_closes_everything)
{
	struct end *from = _i ? &modem : &host;

	join();
	cmux_shut_down(from->mux);
	run_line();
	ck_assert_str_eq(host.events, "0 closed|");
	ck_assert_str_eq(modem.events, "0 closed|");
	ck_assert(!cmux_is_open(host.mux, 1) && !cmux_is_open(modem.mux, 1));
	ck_assert(!host.is_armed && !modem.is_armed);
	ck_assert_uint_eq(cmux_input(host.mux, (const uint8_t *)"\r\nOK\r\n", 6), 0);
}
END_TEST

/* Close Down is not known: DISC does it. */
START_TEST(refused_close_down_becomes_a_disc)
{
	join();
	cmux_shut_down(host.mux);
	check_line(&host, "f9 03 ef 05 c3 01 f2 f9");
	forget();
	put_hex(&host, "f9 01 ef 07 11 03 c3 70 f9");
	check_line(&host, "f9 03 53 01 fd f9");
	put_hex(&host, "f9 03 73 01 d7 f9");
	ck_assert_str_eq(host.events, "0 closed|");
}
END_TEST

/* What the modem says after its last frame is AT again, and not lost. */
START_TEST(bytes_after_the_end_are_left)
{
	const char text[] = "\r\nOK\r\n";
	uint8_t bytes[64];
	size_t n = 8;

	join();
	memcpy(bytes, "\xf9\x01\xef\x05\xc3\x01\x93\xf9", n);
	memcpy(bytes + n, text, sizeof(text));
	put(&host, bytes, n + sizeof(text));
	ck_assert_str_eq(host.events, "0 closed|");
	ck_assert_uint_eq(host.taken, n);
}
END_TEST

/* The end was hidden in what looked like a longer frame, until its flag was missing. */
START_TEST(end_found_late_leaves_the_new_bytes)
{
	join();
	put_hex(&host, "f9 05 ef 1b f9 01 ef 05 c3 01 93 f9 0d 0a 4f 4b 0d");
	ck_assert_str_eq(host.events, "");
	put_hex(&host, "0a 52 44 59");
	ck_assert_str_eq(host.events, "0 closed|");
	ck_assert_uint_eq(host.taken, 0);
}
END_TEST

/* What brings back a modem that was left so, even in the middle of a frame. */
START_TEST(close_down_bytes_end_any_state)
{
	static const uint8_t begun[] = { 0xf9, 0x07, 0xef, 0x3f, 'A' };
	uint8_t out[CMUX_N1_DEFAULT + CMUX_CLOSE_DOWN_SIZE];
	size_t len = cmux_make_close_down(out, CMUX_N1_DEFAULT);

	ck_assert_uint_le(len, sizeof(out));
	join();
	put(&modem, begun, sizeof(begun));
	put(&modem, out, len);
	ck_assert_str_eq(modem.events, "1 closed|2 closed|0 closed|");
	/* The last frame is for modems that do not know Close Down. */
	ck_assert_uint_eq(modem.taken, len - 6);
	/* Nobody has opened anything since AT+CMUX. */
	forget();
	cmux_start(modem.mux);
	put(&modem, out, len);
	ck_assert_str_eq(modem.events, "0 opened|0 closed|");
}
END_TEST

/* ---- the control channel ------------------------------------------------------------ */

/* From the modem, and what the host says to that. */
static const struct {
	const char *in, *out;
} messages[] = {
	/* Test */
	{ "f9 01 ef 09 23 05 61 62 9a f9", "f9 03 ef 09 21 05 61 62 fb f9" },
	/* MSC of DLC 1, with and without break, and of one that is not open */
	{ "f9 01 ef 09 e3 05 07 0d 9a f9", "f9 03 ef 09 e1 05 07 0d fb f9" },
	{ "f9 01 ef 0b e3 07 07 0d 01 79 f9", "f9 03 ef 0b e1 07 07 0d 01 18 f9" },
	{ "f9 01 ef 09 e3 05 ff 0d 9a f9", "f9 03 ef 09 e1 05 ff 0d fb f9" },
	/* FCoff, FCon */
	{ "f9 01 ef 05 63 01 93 f9", "f9 03 ef 05 61 01 f2 f9" },
	{ "f9 01 ef 05 a3 01 93 f9", "f9 03 ef 05 a1 01 f2 f9" },
	/* RLS */
	{ "f9 01 ef 09 53 05 07 00 9a f9", "f9 03 ef 09 51 05 07 00 fb f9" },
	/* RPN: a question, and a wish */
	{ "f9 01 ef 07 93 03 07 70 f9", "f9 03 ef 15 91 11 07 07 03 00 11 13 00 00 ee f9" },
	{ "f9 01 ef 15 93 11 07 05 03 00 11 13 ff 00 8f f9",
		"f9 03 ef 15 91 11 07 05 03 00 11 13 ff 00 ee f9" },
	/* PN: UI frames and N1 of 64 become UIH and 31; 20 are fine; DLC 61 is none */
	{ "f9 01 ef 15 83 11 03 10 07 0a 40 00 03 02 8f f9",
		"f9 03 ef 15 81 11 03 00 07 0a 1f 00 03 02 ee f9" },
	{ "f9 01 ef 15 83 11 03 00 07 0a 14 00 03 02 8f f9",
		"f9 03 ef 15 81 11 03 00 07 0a 14 00 03 02 ee f9" },
	{ "f9 01 ef 15 83 11 3d 00 07 0a 14 00 03 02 8f f9", "f9 f5 1f 01 77 f9" },
	/* Power saving: not supported */
	{ "f9 01 ef 05 43 01 93 f9", "f9 03 ef 07 11 03 43 11 f9" },
	/* Two in one frame */
	{ "f9 01 ef 09 63 01 a3 01 9a f9", "f9 03 ef 05 61 01 f2 f9 f9 03 ef 05 a1 01 f2 f9" },
	/* Answers are not answered, nor are messages with lengths that are none. */
	{ "f9 01 ef 05 41 01 93 f9", "" },
	{ "f9 01 ef 09 23 07 61 62 9a f9", "" },
	{ "f9 01 ef 09 23 00 00 00 9a f9", "" },
	{ "f9 01 ef 07 e3 03 07 70 f9", "" },
	{ "f9 01 ef 05 83 01 93 f9", "" },
	{ "f9 01 ef 05 22 01 93 f9", "" },
	{ "f9 01 ef 15 83 11 3e 00 07 0a 14 00 03 02 8f f9", "" },
};

START_TEST(message_is_answered_byte_by_byte)
{
	join();
	put_hex(&host, messages[_i].in);
	check_line(&host, messages[_i].out);
}
END_TEST

START_TEST(negotiated_n1_bounds_frames)
{
	static const uint8_t bytes[100];

	join();
	/* 20 bytes for DLC 3, which is not open yet. */
	put_hex(&host, messages[10].in);
	forget();
	cmux_open(host.mux, 3);
	run_line();
	forget();
	cmux_write(host.mux, 3, bytes, sizeof(bytes));
	ck_assert_uint_eq(host.len, 5 * 26);
	run_line();
	ck_assert_uint_eq(modem.data_len, 100);
}
END_TEST

START_TEST(lost_carrier_is_told)
{
	join();
	cmux_set_signals(modem.mux, 1, CMUX_RTC | CMUX_RTR | CMUX_DV);
	run_line();
	ck_assert_str_eq(host.events, "1 signals changed|");
	cmux_set_signals(modem.mux, 1, CMUX_RTC | CMUX_RTR);
	run_line();
	ck_assert_str_eq(host.events, "1 signals changed|1 signals changed|1 carrier lost|");
	/* The host drops DTR, which hangs up. */
	cmux_set_signals(host.mux, 1, CMUX_RTR);
	run_line();
	ck_assert_str_eq(modem.events, "1 signals changed|");
	ck_assert_uint_eq(cmux_signals(modem.mux, 1), CMUX_RTR);
}
END_TEST

/* The answer to the first is none to the second. */
START_TEST(signals_are_sent_until_the_last_are_answered)
{
	join();
	cmux_set_signals(host.mux, 1, 0);
	cmux_set_signals(host.mux, 1, CMUX_RTR);
	forget();
	put_hex(&host, "f9 01 ef 09 e1 05 07 01 9a f9");
	for (int i = 0; i < 12; i++)
		expire(&host);
	check_line(&host, "f9 03 ef 09 e3 05 07 09 fb f9");
	forget();
	put_hex(&host, "f9 01 ef 09 e1 05 07 09 9a f9");
	for (int i = 0; i < 100; i++)
		expire(&host);
	check_line(&host, "");
}
END_TEST

START_TEST(probe_of_a_peer_that_is_there_ends)
{
	join();
	cmux_probe(host.mux);
	check_line(&host, "f9 03 ef 0d 23 09 68 6f 73 74 fc f9");
	run_line();
	pass_ms(10000);
	ck_assert_str_eq(host.events, "");
	/* Another message, that it does not know Test, is as good. */
	cmux_probe(host.mux);
	put_hex(&host, "f9 03 ef 07 11 03 23 11 f9");
	for (int i = 0; i < 100; i++)
		expire(&host);
	ck_assert_str_eq(host.events, "");
}
END_TEST

START_TEST(probe_of_a_peer_that_has_gone_ends_all)
{
	join();
	is_cut = true;
	cmux_probe(host.mux);
	pass_ms(3000);
	ck_assert_str_eq(host.events, "");
	pass_ms(2000);
	ck_assert_str_eq(host.events, "0 no answer|");
}
END_TEST

/* It has restarted, does not multiplex any more, and echoes. */
START_TEST(probe_of_an_echo_ends_all)
{
	join();
	cmux_probe(host.mux);
	for (int i = 0; i < 100 && host.is_armed; i++) {
		move(&host, &host);
		expire(&host);
	}
	ck_assert_str_eq(host.events, "0 no answer|");
}
END_TEST

/* ---- data --------------------------------------------------------------------------- */

static const uint16_t sizes[] = { 16, 31, 127, 128, 1500, CMUX_N1_MAX };

static size_t framed(size_t len)
{
	return len + (len == 0 ? 0 : len < 128 ? 6
					       : 7);
}

START_TEST(data_are_cut_at_n1)
{
	static uint8_t bytes[10000];
	const uint16_t n1 = sizes[_i];
	const size_t n = sizeof(bytes) / n1;

	teardown();
	make_end(&host, (struct cmux_config){ .role = CMUX_INITIATOR, .n1 = n1 });
	make_end(&modem, (struct cmux_config){ .role = CMUX_RESPONDER, .n1 = n1 });
	join();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, sizeof(bytes)), 0);
	ck_assert_uint_eq(host.len, n * framed(n1) + framed(sizeof(bytes) % n1));
	run_line();
	ck_assert_uint_eq(modem.data_len, sizeof(bytes));
	ck_assert_mem_eq(modem.data, bytes, sizeof(bytes));
}
END_TEST

START_TEST(stopped_dlc_waits_in_a_bounded_queue)
{
	static const uint8_t bytes[CMUX_QUEUE_MAX];

	join();
	cmux_set_signals(modem.mux, 1, CMUX_RTC | CMUX_RTR | CMUX_FC);
	run_line();
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, CMUX_QUEUE_MAX - 10), 0);
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, 11), -ENOBUFS);
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, 10), 0);
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, 1), -ENOBUFS);
	ck_assert_uint_eq(host.len, 0);
	/* Another DLC is not stopped. */
	ck_assert_int_eq(cmux_write(host.mux, 2, "AT\r", 3), 0);
	run_line();
	ck_assert_uint_eq(modem.data_len, 3);
	forget();
	cmux_set_signals(modem.mux, 1, CMUX_RTC | CMUX_RTR);
	run_line();
	ck_assert_uint_eq(modem.data_len, CMUX_QUEUE_MAX);
	ck_assert_str_eq(host.events, "1 signals changed|1 writable|");
}
END_TEST

/* Who stopped before the queue was full has to learn of it as well. */
START_TEST(queue_that_has_become_short_is_told)
{
	static const uint8_t bytes[CMUX_QUEUE_LOW + 1];

	join();
	cmux_set_signals(modem.mux, 1, CMUX_FC);
	run_line();
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, CMUX_QUEUE_LOW), 0);
	cmux_set_signals(modem.mux, 1, 0);
	run_line();
	ck_assert_str_eq(host.events, "1 signals changed|1 signals changed|");
	forget();
	cmux_set_signals(modem.mux, 1, CMUX_FC);
	run_line();
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, CMUX_QUEUE_LOW + 1), 0);
	ck_assert_uint_eq(cmux_pending(host.mux, 1), CMUX_QUEUE_LOW + 1);
	cmux_set_signals(modem.mux, 1, 0);
	run_line();
	ck_assert_str_eq(host.events, "1 signals changed|1 signals changed|1 writable|");
	ck_assert_uint_eq(cmux_pending(host.mux, 1), 0);
}
END_TEST

/* Who writes may be in the middle of a frame of its own. */
START_TEST(write_is_not_interrupted_by_events)
{
	static const uint8_t bytes[CMUX_QUEUE_LOW + 1];

	limit_room(&host, (struct cmux_config){ .role = CMUX_INITIATOR });
	join();
	host.room = 0;
	ck_assert_int_eq(cmux_write(host.mux, 2, bytes, sizeof(bytes)), 0);
	host.room = 1000;
	ck_assert_int_eq(cmux_write(host.mux, 1, "AT\r", 3), 0);
	ck_assert_uint_eq(cmux_pending(host.mux, 2), 0);
	ck_assert_str_eq(host.events, "");
	pass_ms(100);
	ck_assert_str_eq(host.events, "2 writable|");
	ck_assert(!host.is_armed);
}
END_TEST

START_TEST(all_dlcs_stop_and_go_on_command)
{
	join();
	put_hex(&host, "f9 01 ef 05 63 01 93 f9");
	forget();
	ck_assert_int_eq(cmux_write(host.mux, 1, "AT\r\n", 4), 0);
	check_line(&host, "");
	put_hex(&host, "f9 01 ef 05 a3 01 93 f9");
	check_line(&host, "f9 03 ef 05 a1 01 f2 f9 f9 07 ef 09 41 54 0d 0a 39 f9");
}
END_TEST

START_TEST(busy_dlc_does_not_starve_another)
{
	static const uint8_t bytes[3000];

	limit_room(&host, (struct cmux_config){ .role = CMUX_INITIATOR });
	join();
	host.room = 0;
	ck_assert_int_eq(cmux_write(host.mux, 2, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(cmux_write(host.mux, 1, "AT\r\n", 4), 0);
	ck_assert_uint_eq(host.len, 0);
	host.room = 2;
	cmux_flush(host.mux);
	ck_assert_uint_eq(host.len, 10 + CMUX_N1_DEFAULT + 6);
	/* The rest goes as the line lets it. */
	while (host.len > 0) {
		run_line();
		host.room = 3;
		cmux_flush(host.mux);
	}
	ck_assert_uint_eq(modem.data_len, sizeof(bytes) + 4);
}
END_TEST

/* Who writes at CMUX_WRITABLE is inside of cmux_flush(). */
START_TEST(write_as_soon_as_writable_is_in_order)
{
	static const uint8_t bytes[CMUX_QUEUE_MAX];

	limit_room(&host, (struct cmux_config){ .role = CMUX_INITIATOR });
	join();
	host.room = 0;
	host.write_at = 1;
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(cmux_write(host.mux, 1, bytes, 1), -ENOBUFS);
	host.room = 10000;
	cmux_flush(host.mux);
	run_line();
	ck_assert_str_eq(host.events, "1 writable|");
	ck_assert_uint_eq(modem.data_len, CMUX_QUEUE_MAX + 4);
	ck_assert_mem_eq(modem.data + CMUX_QUEUE_MAX, "more", 4);
}
END_TEST

/* The peer thinks it open: DM says that it is not. */
START_TEST(data_for_a_closed_dlc_are_refused)
{
	join();
	put_hex(&modem, "f9 0f ef 03 00 91 f9");
	ck_assert_uint_eq(modem.data_len, 0);
	ck_assert_uint_eq(cmux_counts(modem.mux).n_unexpected, 1);
	check_line(&modem, "f9 0f 1f 01 b1 f9");
	put_hex(&host, "f9 07 1f 01 f4 f9");
	ck_assert_str_eq(host.events, "1 closed|");
}
END_TEST

/* Modems are known that have the command/response bit wrong there. */
START_TEST(data_with_the_other_cr_bit_are_taken)
{
	join();
	put_hex(&host, "f9 07 ef 09 41 54 0d 0a 39 f9");
	ck_assert_uint_eq(host.data_len, 4);
	/* And UI frames for UIH, whose checksum covers all. */
	put_hex(&host, "f9 07 03 05 68 69 bb f9");
	ck_assert_mem_eq(host.data, "AT\r\nhi", 6);
}
END_TEST

START_TEST(garbage_between_frames_is_skipped)
{
	join();
	put_hex(&host, "0d 0a 2b 43 f9 00 f9 05 ef ff 05 f9 05 ef 09 41 54 0d 0a 58 f9 00");
	ck_assert_uint_eq(host.data_len, 0);
	/* What looked like the head of a long frame ends with silence. */
	for (int i = 0; i < 11; i++)
		expire(&host);
	ck_assert_uint_eq(host.data_len, 4);
	ck_assert(!host.is_armed);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static void add_opening(TCase *tc)
{
	tcase_add_test(tc, start_and_open_are_the_bytes_of_the_spec);
	tcase_add_test(tc, data_go_both_ways);
	tcase_add_test(tc, open_of_what_cannot_be_opened_fails);
	tcase_add_test(tc, modem_that_opens_a_dlc_is_refused);
	tcase_add_test(tc, lost_frames_are_sent_again);
	tcase_add_test(tc, lost_answer_opens_anew);
	tcase_add_test(tc, silent_peer_is_given_up_after_n2_tries);
	tcase_add_test(tc, silent_dlc_is_given_up_alone);
	tcase_add_test(tc, echo_is_no_answer);
	tcase_add_test(tc, second_start_of_the_host_closes_dlcs);
	tcase_add_test(tc, closed_dlc_closes_at_both_ends);
	tcase_add_test(tc, close_without_answer_ends_all_the_same);
	tcase_add_loop_test(tc, shut_down_by_either_side_closes_everything, 0, 2);
	tcase_add_test(tc, refused_close_down_becomes_a_disc);
	tcase_add_test(tc, bytes_after_the_end_are_left);
	tcase_add_test(tc, end_found_late_leaves_the_new_bytes);
	tcase_add_test(tc, close_down_bytes_end_any_state);
}

int main(void)
{
	TCase *tc = tcase_create("cmux");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_opening(tc);
	tcase_add_loop_test(tc, message_is_answered_byte_by_byte, 0, COUNT(messages));
	tcase_add_test(tc, negotiated_n1_bounds_frames);
	tcase_add_test(tc, lost_carrier_is_told);
	tcase_add_test(tc, signals_are_sent_until_the_last_are_answered);
	tcase_add_test(tc, probe_of_a_peer_that_is_there_ends);
	tcase_add_test(tc, probe_of_a_peer_that_has_gone_ends_all);
	tcase_add_test(tc, probe_of_an_echo_ends_all);
	tcase_add_loop_test(tc, data_are_cut_at_n1, 0, COUNT(sizes));
	tcase_add_test(tc, stopped_dlc_waits_in_a_bounded_queue);
	tcase_add_test(tc, queue_that_has_become_short_is_told);
	tcase_add_test(tc, write_is_not_interrupted_by_events);
	tcase_add_test(tc, all_dlcs_stop_and_go_on_command);
	tcase_add_test(tc, busy_dlc_does_not_starve_another);
	tcase_add_test(tc, write_as_soon_as_writable_is_in_order);
	tcase_add_test(tc, data_for_a_closed_dlc_are_refused);
	tcase_add_test(tc, data_with_the_other_cr_bit_are_taken);
	tcase_add_test(tc, garbage_between_frames_is_skipped);
	return run_suite("modem_cmux", tc);
}
