/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The basic option has a length field and no escapes, so a flag may be part of
 * the data, and a wrong length hides what follows. The decoder keeps the bytes
 * of a frame until it is whole, and believes it only when the closing flag is
 * where the length says and the checksum is right. Where no flag is, that
 * frame's opening flag was none: it is dropped alone, and the search goes on
 * with the byte after it. So neither noise nor a lost byte takes more than the
 * frame it hit.
 *
 * A frame's closing flag may open the next one as well.
 *
 * Headers that no frame has (an extended address, a DLCI that none has, an
 * unknown control field, information in a frame that has none) are refused at
 * once, and so noise rarely makes the decoder wait for a length that was none.
 * When it does and the line falls silent, the owner's clock ends the wait.
 */
#include "netif/modem/cmux_frame.h"

#include <assert.h>
#include <string.h>

#define EA	  0x01 /* the field's last byte, clause 5.2.1.2 */
#define CR	  0x02
#define PF	  0x10
#define SUM_START 0xff

enum parsed {
	PARSED_FRAME,
	PARSED_MORE, /* it may become one */
	PARSED_NONE,
	PARSED_BAD_SUM,
};

static const struct {
	enum cmux_frame_type type;
	bool has_info;
	bool covers_info; /* the checksum, clause 5.2.1.6 */
} types[] = {
	{ CMUX_SABM, false, false },
	{ CMUX_UA, false, false },
	{ CMUX_DM, false, false },
	{ CMUX_DISC, false, false },
	{ CMUX_UIH, true, false },
	{ CMUX_UI, true, true },
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

/* CRC-8 of x^8 + x^2 + x + 1, bits reversed, four bits at a time. */
static uint8_t add_sum(uint8_t sum, const uint8_t *bytes, size_t len)
{
	static const uint8_t nibbles[16] = {
		0x00,
		0x1c,
		0x38,
		0x24,
		0x70,
		0x6c,
		0x48,
		0x54,
		0xe0,
		0xfc,
		0xd8,
		0xc4,
		0x90,
		0x8c,
		0xa8,
		0xb4,
	};

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum >> 4 ^ nibbles[(sum ^ bytes[i]) & 15]);
		sum = (uint8_t)(sum >> 4 ^ nibbles[(sum ^ bytes[i] >> 4) & 15]);
	}
	return sum;
}

static size_t find_type(uint8_t control)
{
	size_t i = 0;

	while (i < N_TYPES && types[i].type != (control & ~PF))
		i++;
	return i;
}

/* ---- from bytes ------------------------------------------------------------------ */

/* What begins with the flag at @bytes; *@size: of the frame, without its last flag. */
static enum parsed parse(const uint8_t *bytes, size_t len, struct cmux_frame *frame, size_t *size)
{
	size_t head = 4, type;
	uint8_t sum;

	if (len >= 2 && (!(bytes[1] & EA) || bytes[1] >> 2 > CMUX_DLCI_LAST))
		return PARSED_NONE;
	if (len < 3)
		return PARSED_MORE;
	type = find_type(bytes[2]);
	if (type == N_TYPES)
		return PARSED_NONE;
	if (len < 4)
		return PARSED_MORE;
	frame->len = bytes[3] >> 1;
	if (!(bytes[3] & EA)) {
		if (len < 5)
			return PARSED_MORE;
		frame->len |= (size_t)bytes[4] << 7;
		head = 5;
	}
	if (frame->len > (types[type].has_info ? CMUX_N1_MAX : 0))
		return PARSED_NONE;
	*size = head + frame->len + 1;
	if (len <= *size)
		return PARSED_MORE;
	if (bytes[*size] != CMUX_FLAG)
		return PARSED_NONE;
	sum = add_sum(SUM_START, bytes + 1, head - 1);
	if (types[type].covers_info)
		sum = add_sum(sum, bytes + head, frame->len);
	if ((sum ^ bytes[*size - 1]) != 0xff)
		return PARSED_BAD_SUM;
	frame->type = types[type].type;
	frame->dlci = bytes[1] >> 2;
	frame->has_cr = bytes[1] & CR;
	frame->has_pf = bytes[2] & PF;
	frame->info = bytes + head;
	return PARSED_FRAME;
}

size_t cmux_decoder_put(struct cmux_decoder *decoder, const uint8_t *bytes, size_t len)
{
	size_t left = decoder->end - decoder->start;

	if (decoder->start > 0 && len > sizeof(decoder->bytes) - decoder->end) {
		memmove(decoder->bytes, decoder->bytes + decoder->start, left);
		decoder->start = 0;
		decoder->end = left;
	}
	if (len > sizeof(decoder->bytes) - decoder->end)
		len = sizeof(decoder->bytes) - decoder->end;
	memcpy(decoder->bytes + decoder->end, bytes, len);
	decoder->end += len;
	return len;
}

/* To the last of the next flags in a row; false if there is none. */
static bool find_flag(struct cmux_decoder *decoder)
{
	const uint8_t *b = decoder->bytes;

	while (decoder->start < decoder->end && b[decoder->start] != CMUX_FLAG) {
		decoder->start++;
		decoder->n_noise++;
	}
	while (decoder->start + 1 < decoder->end && b[decoder->start + 1] == CMUX_FLAG)
		decoder->start++;
	return decoder->start < decoder->end;
}

bool cmux_decoder_next(struct cmux_decoder *decoder, struct cmux_frame *frame)
{
	size_t size;

	while (find_flag(decoder)) {
		switch (parse(decoder->bytes + decoder->start, decoder->end - decoder->start, frame,
			&size)) {
		case PARSED_FRAME:
			decoder->start += size;
			decoder->n_frames++;
			return true;
		case PARSED_MORE:
			return false;
		case PARSED_NONE:
			cmux_decoder_give_up(decoder);
			break;
		case PARSED_BAD_SUM:
			decoder->start += size;
			decoder->n_bad_sums++;
			break;
		}
	}
	return false;
}

bool cmux_decoder_is_inside(const struct cmux_decoder *decoder)
{
	return decoder->end - decoder->start > 1;
}

void cmux_decoder_give_up(struct cmux_decoder *decoder)
{
	if (decoder->start < decoder->end)
		decoder->start++;
}

size_t cmux_decoder_left(const struct cmux_decoder *decoder)
{
	return decoder->end - decoder->start - (decoder->end > decoder->start);
}

/* ---- to bytes --------------------------------------------------------------------- */

size_t cmux_encode(uint8_t *out, const struct cmux_frame *frame)
{
	size_t n = 0, head;
	uint8_t sum;

	assert(frame->len <= CMUX_N1_MAX && frame->dlci <= CMUX_DLCI_LAST);
	out[n++] = CMUX_FLAG;
	out[n++] = (uint8_t)(frame->dlci << 2 | (frame->has_cr ? CR : 0) | EA);
	out[n++] = (uint8_t)(frame->type | (frame->has_pf ? PF : 0));
	if (frame->len < 128) {
		out[n++] = (uint8_t)(frame->len << 1 | EA);
	} else {
		out[n++] = (uint8_t)(frame->len << 1);
		out[n++] = (uint8_t)(frame->len >> 7);
	}
	head = n;
	if (frame->len)
		memcpy(out + n, frame->info, frame->len);
	n += frame->len;
	sum = add_sum(SUM_START, out + 1, head - 1);
	if (types[find_type((uint8_t)frame->type)].covers_info)
		sum = add_sum(sum, out + head, frame->len);
	out[n++] = (uint8_t)~sum;
	out[n++] = CMUX_FLAG;
	return n;
}
