/* SPDX-License-Identifier: MIT */
/*
 * HDLC-like framing: frames in every cut, noise between them, and text of a
 * modem that has left the call.
 */
#include "netif/modem/hdlc.h"

#include "tests/unit/run_suite.h"

#include <string.h>

static struct hdlc hdlc;
static uint16_t protocol;
static uint8_t packet[HDLC_FRAME_MAX];
static size_t packet_len;
static unsigned int n_frames;
static char text[100];

static void on_frame(uint16_t p, uint8_t *bytes, size_t len, void *arg)
{
	(void)arg;
	n_frames++;
	protocol = p;
	packet_len = len;
	memcpy(packet, bytes, len);
}

static void on_text(const char *line, void *arg)
{
	(void)arg;
	strcat(text, line);
	strcat(text, "|");
}

static void setup(void)
{
	const struct hdlc_handlers handlers = { on_frame, on_text, NULL };

	hdlc_init(&hdlc, &handlers);
	n_frames = 0;
	text[0] = '\0';
}

START_TEST(all_bytes_come_back_in_every_cut)
{
	uint8_t in[256], out[HDLC_ENCODED_MAX(256)];
	size_t len, cut = (size_t)_i + 1;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	len = hdlc_encode(out, 0xc021, in, sizeof(in));
	ck_assert_uint_le(len, sizeof(out));
	for (size_t i = 0; i < len; i += cut)
		hdlc_input(&hdlc, out + i, i + cut < len ? cut : len - i);
	ck_assert_uint_eq(n_frames, 1);
	ck_assert_uint_eq(protocol, 0xc021);
	ck_assert_uint_eq(packet_len, sizeof(in));
	ck_assert_mem_eq(packet, in, sizeof(in));
}
END_TEST

/* RFC 1662 C.2: a frame and its checksum leave 0xf0b8. */
START_TEST(checksum_is_that_of_the_rfc)
{
	const uint8_t frame[] = "123456789";
	uint16_t sum = (uint16_t)~hdlc_checksum(0xffff, frame, 9);
	const uint8_t tail[] = { (uint8_t)sum, (uint8_t)(sum >> 8) };

	/* The check value of CRC-16/X-25. */
	ck_assert_uint_eq(sum, 0x906e);
	ck_assert_uint_eq(hdlc_checksum(hdlc_checksum(0xffff, frame, 9), tail, 2), 0xf0b8);
}
END_TEST

static void put_frame(const uint8_t *bytes, size_t len)
{
	uint16_t sum = (uint16_t)~hdlc_checksum(0xffff, bytes, len);
	const uint8_t tail[] = { (uint8_t)sum, (uint8_t)(sum >> 8), 0x7e };

	hdlc_input(&hdlc, (const uint8_t *)"\x7e", 1);
	hdlc_input(&hdlc, bytes, len);
	hdlc_input(&hdlc, tail, sizeof(tail));
}

START_TEST(compressed_fields_are_understood)
{
	put_frame((const uint8_t[]){ 0x21, 0x45 }, 2);
	ck_assert_uint_eq(protocol, 0x0021);
	ck_assert_uint_eq(packet_len, 1);
	put_frame((const uint8_t[]){ 0xff, 0x03, 0x57, 0x60 }, 4);
	ck_assert_uint_eq(protocol, 0x0057);
	put_frame((const uint8_t[]){ 0x80, 0x21, 1, 2, 3 }, 5);
	ck_assert_uint_eq(protocol, 0x8021);
	ck_assert_uint_eq(packet_len, 3);
	ck_assert_uint_eq(n_frames, 3);
}
END_TEST

START_TEST(bad_frames_are_counted_and_dropped)
{
	uint8_t out[HDLC_ENCODED_MAX(4)];
	size_t len = hdlc_encode(out, 0xc021, (const uint8_t *)"abcd", 4);

	out[len / 2] ^= 0x40;
	hdlc_input(&hdlc, out, len);
	ck_assert_uint_eq(hdlc.n_bad_sums, 1);
	hdlc_input(&hdlc, (const uint8_t *)"\x7e"
					   "abc\x7d\x7e",
		6);
	ck_assert_uint_eq(hdlc.n_bad, 1);
	for (int i = 0; i < 2 * HDLC_FRAME_MAX; i++)
		hdlc_input(&hdlc, (const uint8_t *)"z", 1);
	hdlc_input(&hdlc, (const uint8_t *)"\x7e\x7e\x7e", 3);
	ck_assert_uint_eq(hdlc.n_bad, 2);
	put_frame((const uint8_t[]){ 0x80 }, 1);
	ck_assert_uint_eq(hdlc.n_bad, 3);
	ck_assert_uint_eq(n_frames, 0);
	put_frame((const uint8_t[]){ 0x21 }, 1);
	ck_assert_uint_eq(n_frames, 1);
}
END_TEST

START_TEST(text_between_frames_is_told)
{
	hdlc_input(&hdlc, (const uint8_t *)"~\r\nNO CARRIER\r\n", 15);
	ck_assert_str_eq(text, "NO CARRIER|");
	/* Inside of a frame it is data. */
	put_frame((const uint8_t *)"\x21"
				   "\r\nNO CARRIER\r\n",
		15);
	ck_assert_str_eq(text, "NO CARRIER|");
	ck_assert_uint_eq(packet_len, 14);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("hdlc");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, all_bytes_come_back_in_every_cut, 0, 8);
	tcase_add_test(tc, checksum_is_that_of_the_rfc);
	tcase_add_test(tc, compressed_fields_are_understood);
	tcase_add_test(tc, bad_frames_are_counted_and_dropped);
	tcase_add_test(tc, text_between_frames_is_told);
	return run_suite("modem_hdlc", tc);
}
