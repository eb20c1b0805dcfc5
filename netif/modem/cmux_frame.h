/* SPDX-License-Identifier: MIT */
/*
 * Frames of 3GPP TS 27.010, basic option (clause 5.2.1), to and from bytes.
 */
#ifndef NETIF_MODEM_CMUX_FRAME_H
#define NETIF_MODEM_CMUX_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMUX_FLAG 0xf9

/* The longest information field taken and made, whatever N1 is. */
#define CMUX_N1_MAX 4096
/* Two flags, address, control, two bytes of length, checksum. */
#define CMUX_FRAME_OVERHEAD 7
#define CMUX_FRAME_MAX	    (CMUX_N1_MAX + CMUX_FRAME_OVERHEAD)

/* Clause 5.6: an address of 62 might be a flag, 63 is kept for later. */
#define CMUX_DLCI_LAST 61

/* The control field without its poll/final bit, clause 5.2.1.3. */
enum cmux_frame_type {
	CMUX_SABM = 0x2f,
	CMUX_UA = 0x63,
	CMUX_DM = 0x0f,
	CMUX_DISC = 0x43,
	CMUX_UIH = 0xef,
	CMUX_UI = 0x03,
};

struct cmux_frame {
	enum cmux_frame_type type;
	uint8_t dlci;	     /* 0 to CMUX_DLCI_LAST */
	bool has_cr, has_pf; /* command/response and poll/final bit, as sent */
	const uint8_t *info;
	size_t len;
};

/*
 * Finds frames in a stream of bytes. Zeroed at first; embedded in its owner. A
 * frame that it finds in what a modem sends unasked says that the modem was
 * left multiplexing: neither AT nor PPP has such a thing by chance.
 */
struct cmux_decoder {
	uint8_t bytes[CMUX_FRAME_MAX];
	size_t start, end;   /* of what has not been looked at yet */
	uint32_t n_frames;   /* whose checksum was right */
	uint32_t n_bad_sums; /* frames whose checksum was wrong */
	uint32_t n_noise;    /* bytes outside of frames, other than flags */
};

/* Returns how many of the bytes were taken: at least one if all frames before were. */
size_t cmux_decoder_put(struct cmux_decoder *decoder, const uint8_t *bytes, size_t len);

/*
 * The next whole frame, to be called until it returns false. frame->info
 * points into the decoder and is valid until the next call.
 */
bool cmux_decoder_next(struct cmux_decoder *decoder, struct cmux_frame *frame);

/* Whether a frame has begun and its rest is missing. */
bool cmux_decoder_is_inside(const struct cmux_decoder *decoder);

/* The rest will not come: what was its beginning is noise. Then call next. */
void cmux_decoder_give_up(struct cmux_decoder *decoder);

/* After a frame: bytes taken that are behind its closing flag. */
size_t cmux_decoder_left(const struct cmux_decoder *decoder);

/*
 * Makes a frame in @out, which has room for frame->len + CMUX_FRAME_OVERHEAD;
 * frame->len is at most CMUX_N1_MAX. Returns its length.
 */
size_t cmux_encode(uint8_t *out, const struct cmux_frame *frame);

#endif
