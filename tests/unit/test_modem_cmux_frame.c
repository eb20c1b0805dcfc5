/* SPDX-License-Identifier: MIT */
/*
 * Frames of TS 27.010: written out byte by byte, in every cut, and found again
 * behind noise of every kind.
 */
#include "netif/modem/cmux_frame.h"

#include "tests/unit/hex.h"
#include "tests/unit/run_suite.h"

#include <string.h>

static struct cmux_decoder decoder;
static struct cmux_frame last;
static uint8_t info[CMUX_N1_MAX];
static unsigned int n_frames;

static void setup(void)
{
	memset(&decoder, 0, sizeof(decoder));
	memset(&last, 0, sizeof(last));
	n_frames = 0;
}

static void take_frames(void)
{
	struct cmux_frame frame;

	while (cmux_decoder_next(&decoder, &frame)) {
		n_frames++;
		last = frame;
		if (frame.len)
			memcpy(info, frame.info, frame.len);
	}
}

static void put(const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len;) {
		n += cmux_decoder_put(&decoder, bytes + n, len - n);
		take_frames();
	}
}

static void put_hex(const char *text)
{
	size_t len;
	uint8_t *bytes = hex_bytes(text, &len);

	put(bytes, len);
	free(bytes);
}

/* ---- what frames look like ---------------------------------------------------- */

static const struct {
	const char *bytes;
	enum cmux_frame_type type;
	uint8_t dlci;
	bool has_cr, has_pf;
	const char *info;
} frames[] = {
	{ "f9 03 3f 01 1c f9", CMUX_SABM, 0, true, true, "" },
	{ "f9 03 73 01 d7 f9", CMUX_UA, 0, true, true, "" },
	{ "f9 07 3f 01 de f9", CMUX_SABM, 1, true, true, "" },
	{ "f9 09 1f 01 12 f9", CMUX_DM, 2, false, true, "" },
	{ "f9 03 53 01 fd f9", CMUX_DISC, 0, true, true, "" },
	{ "f9 03 ef 05 c3 01 f2 f9", CMUX_UIH, 0, true, false, "\xc3\x01" },
	{ "f9 03 ef 09 e3 05 07 0d fb f9", CMUX_UIH, 0, true, false, "\xe3\x05\x07\x0d" },
	{ "f9 05 ef 09 41 54 0d 0a 58 f9", CMUX_UIH, 1, false, false, "AT\r\n" },
	{ "f9 05 ef 01 56 f9", CMUX_UIH, 1, false, false, "" },
	{ "f9 07 13 0b 68 65 6c 6c 6f b4 f9", CMUX_UI, 1, true, true, "hello" },
	{ "f9 07 03 05 68 69 bb f9", CMUX_UI, 1, true, false, "hi" },
};

START_TEST(frame_is_made_as_the_spec_has_it)
{
	const struct cmux_frame frame = {
		.type = frames[_i].type,
		.dlci = frames[_i].dlci,
		.has_cr = frames[_i].has_cr,
		.has_pf = frames[_i].has_pf,
		.info = (const uint8_t *)frames[_i].info,
		.len = strlen(frames[_i].info),
	};
	uint8_t out[64];
	size_t len;
	uint8_t *bytes = hex_bytes(frames[_i].bytes, &len);

	ck_assert_uint_eq(cmux_encode(out, &frame), len);
	ck_assert_mem_eq(out, bytes, len);
	free(bytes);
}
END_TEST

static void check_last(int i)
{
	ck_assert_uint_eq(n_frames, 1);
	ck_assert_int_eq(last.type, frames[i].type);
	ck_assert_uint_eq(last.dlci, frames[i].dlci);
	ck_assert(last.has_cr == frames[i].has_cr);
	ck_assert(last.has_pf == frames[i].has_pf);
	ck_assert_uint_eq(last.len, strlen(frames[i].info));
	ck_assert_mem_eq(info, frames[i].info, last.len);
}

START_TEST(frame_is_read_whole_and_byte_by_byte)
{
	size_t len;
	uint8_t *bytes = hex_bytes(frames[_i].bytes, &len);

	put(bytes, len);
	check_last(_i);
	setup();
	for (size_t i = 0; i < len; i++)
		put(bytes + i, 1);
	check_last(_i);
	ck_assert_uint_eq(decoder.n_noise, 0);
	free(bytes);
}
END_TEST

static const size_t lengths[] = { 0, 1, 127, 128, 129, 1500, CMUX_N1_MAX };

START_TEST(frame_of_any_length_comes_back)
{
	static uint8_t in[CMUX_N1_MAX], out[CMUX_FRAME_MAX];
	struct cmux_frame frame = { .type = CMUX_UIH, .dlci = 3, .info = in };

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i % 3 ? i : CMUX_FLAG);
	frame.len = lengths[_i];
	put(out, cmux_encode(out, &frame));
	ck_assert_uint_eq(n_frames, 1);
	ck_assert_uint_eq(last.len, lengths[_i]);
	ck_assert_mem_eq(info, in, last.len);
	ck_assert_uint_eq(out[3] & 1, lengths[_i] < 128);
}
END_TEST

/* ---- what is no frame ----------------------------------------------------------- */

static const struct {
	const char *bytes;
	uint32_t n_bad_sums;
} bad[] = {
	{ "f9 03 3f 01 1d f9", 1 },
	{ "f9 05 ef 09 41 54 0d 0a 59 f9", 1 },
	{ "f9 07 13 0b 68 65 6c 6c 6e b4 f9", 1 },
	{ "f9 03 3f 01 1c f8", 0 },
	{ "f9 02 3f 01 1c f9", 0 },
	{ "f9 fb 3f 01 bb f9", 0 },
	{ "f9 03 3e 01 1c f9", 0 },
	{ "f9 03 3f 03 00 1c f9", 0 },
	{ "f9 03 ef fe ff 00 1c f9", 0 },
	{ "f9 f9 f9 f9 f9 f9", 0 },
	{ "0d 0a 4f 4b 0d 0a", 0 },
	{ "7e ff 7d 23 c0 21 7d 21 7d 21 7d 20 7d 2e 7e", 0 },
};

/* Each is followed by a good one, which must not suffer. */
START_TEST(bad_frame_is_dropped_alone)
{
	put_hex(bad[_i].bytes);
	ck_assert_uint_eq(n_frames, 0);
	ck_assert_uint_eq(decoder.n_bad_sums, bad[_i].n_bad_sums);
	put_hex("f9 07 3f 01 de f9");
	ck_assert_uint_eq(n_frames, 1);
	ck_assert_int_eq(last.type, CMUX_SABM);
	ck_assert_uint_eq(last.dlci, 1);
}
END_TEST

START_TEST(frames_may_share_a_flag_or_have_many_between)
{
	put_hex("f9 03 73 01 d7 f9 05 ef 01 56 f9 f9 f9 f9 05 ef 01 56 f9");
	ck_assert_uint_eq(n_frames, 3);
	ck_assert_uint_eq(decoder.n_noise, 0);
}
END_TEST

/* Four bytes of the first frame's data are missing: the second completes it. */
START_TEST(lost_bytes_cost_one_frame)
{
	put_hex("f9 05 ef 11 30 31 32 33 0c f9"
		"f9 05 ef 09 41 54 0d 0a 58 f9");
	ck_assert_uint_eq(n_frames, 1);
	ck_assert_mem_eq(info, "AT\r\n", 4);
}
END_TEST

START_TEST(too_long_a_frame_is_given_up)
{
	put_hex("f9 05 ef 00 10");
	ck_assert(cmux_decoder_is_inside(&decoder));
	put_hex("f9 05 ef 09 41 54 0d 0a 58 f9");
	ck_assert_uint_eq(n_frames, 0);
	cmux_decoder_give_up(&decoder);
	take_frames();
	ck_assert_uint_eq(n_frames, 1);
	ck_assert(!cmux_decoder_is_inside(&decoder));
}
END_TEST

/* More than fits is taken in parts, and noise never fills the decoder. */
START_TEST(noise_without_end_is_dropped)
{
	uint8_t noise[2000];
	uint32_t state = 1;

	for (int i = 0; i < 200; i++) {
		for (size_t j = 0; j < sizeof(noise); j++) {
			state = state * 1103515245 + 12345;
			noise[j] = (uint8_t)(state >> 16);
		}
		put(noise, sizeof(noise));
	}
	ck_assert_uint_gt(decoder.n_noise, 300000);
	memset(noise, 0, sizeof(noise));
	for (int i = 0; i < 4; i++)
		put(noise, sizeof(noise));
	n_frames = 0;
	put_hex("f9 07 3f 01 de f9");
	ck_assert_uint_eq(n_frames, 1);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	TCase *tc = tcase_create("cmux_frame");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, frame_is_made_as_the_spec_has_it, 0, COUNT(frames));
	tcase_add_loop_test(tc, frame_is_read_whole_and_byte_by_byte, 0, COUNT(frames));
	tcase_add_loop_test(tc, frame_of_any_length_comes_back, 0, COUNT(lengths));
	tcase_add_loop_test(tc, bad_frame_is_dropped_alone, 0, COUNT(bad));
	tcase_add_test(tc, frames_may_share_a_flag_or_have_many_between);
	tcase_add_test(tc, lost_bytes_cost_one_frame);
	tcase_add_test(tc, too_long_a_frame_is_given_up);
	tcase_add_test(tc, noise_without_end_is_dropped);
	return run_suite("modem_cmux_frame", tc);
}
