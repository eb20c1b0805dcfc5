/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The decoder collects what is between two flags, unescaped, in one buffer of
 * fixed size, and hands on frames whose checksum is right. Address and control
 * field and the protocol's first byte may have been left out (RFC 1661 6.5 and
 * 6.6); whether that was negotiated makes no difference here.
 *
 * A modem whose call ends says so in the middle of everything, as a line of
 * text. No frame begins with a line feed or carriage return, so text that
 * stands where a frame should begin is told from data without doubt.
 */
#include "netif/modem/hdlc.h"

#include <string.h>

#define FLAG	   0x7e
#define ESCAPE	   0x7d
#define ESCAPE_XOR 0x20
#define ADDRESS	   0xff
#define CONTROL	   0x03
#define SUM_START  0xffff
#define SUM_GOOD   0xf0b8
#define SUM_SIZE   2
#define TEXT_MAX   64

void hdlc_init(struct hdlc *hdlc, const struct hdlc_handlers *handlers)
{
	memset(hdlc, 0, sizeof(*hdlc));
	hdlc->handlers = *handlers;
}

void hdlc_reset(struct hdlc *hdlc)
{
	hdlc->len = 0;
	hdlc->is_escaped = false;
	hdlc->is_bad = false;
}

uint16_t hdlc_checksum(uint16_t sum, const uint8_t *bytes, size_t len)
{
	/* Four bits at a time: the polynomial's remainders of 0 to 15. */
	static const uint16_t nibbles[16] = {
		0x0000,
		0x1081,
		0x2102,
		0x3183,
		0x4204,
		0x5285,
		0x6306,
		0x7387,
		0x8408,
		0x9489,
		0xa50a,
		0xb58b,
		0xc60c,
		0xd68d,
		0xe70e,
		0xf78f,
	};

	for (size_t i = 0; i < len; i++) {
		sum = (uint16_t)(sum >> 4 ^ nibbles[(sum ^ bytes[i]) & 15]);
		sum = (uint16_t)(sum >> 4 ^ nibbles[(sum ^ bytes[i] >> 4) & 15]);
	}
	return sum;
}

static void take_frame(struct hdlc *hdlc)
{
	uint8_t *at = hdlc->frame;
	size_t len = hdlc->len - SUM_SIZE;
	uint16_t protocol;

	if (len >= 2 && at[0] == ADDRESS && at[1] == CONTROL) {
		at += 2;
		len -= 2;
	}
	/* A protocol's last byte is odd, the others are even. */
	if (len >= 1 && (at[0] & 1)) {
		protocol = at[0];
		at += 1;
		len -= 1;
	} else if (len >= 2) {
		protocol = (uint16_t)(at[0] << 8 | at[1]);
		at += 2;
		len -= 2;
	} else {
		hdlc->n_bad++;
		return;
	}
	hdlc->handlers.frame(protocol, at, len, hdlc->handlers.arg);
}

static void end_frame(struct hdlc *hdlc)
{
	bool is_whole = !hdlc->is_bad && !hdlc->is_escaped;
	size_t len = hdlc->len;

	if (len == 0 && is_whole)
		return;
	if (!is_whole || len <= SUM_SIZE)
		hdlc->n_bad++;
	else if (hdlc_checksum(SUM_START, hdlc->frame, len) != SUM_GOOD)
		hdlc->n_bad_sums++;
	else
		take_frame(hdlc);
	hdlc_reset(hdlc);
}

static bool is_text(const struct hdlc *hdlc)
{
	return hdlc->len > 0 && (hdlc->frame[0] == '\r' || hdlc->frame[0] == '\n');
}

/* At the end of a line that stands where a frame should be. */
static void take_text(struct hdlc *hdlc)
{
	char text[TEXT_MAX];
	size_t from = 0, to = hdlc->len;

	while (from < to && (hdlc->frame[from] == '\r' || hdlc->frame[from] == '\n'))
		from++;
	while (to > from && (hdlc->frame[to - 1] == '\r' || hdlc->frame[to - 1] == '\n'))
		to--;
	if (from == to || to - from >= sizeof(text))
		return;
	memcpy(text, hdlc->frame + from, to - from);
	text[to - from] = '\0';
	hdlc_reset(hdlc);
	if (hdlc->handlers.text)
		hdlc->handlers.text(text, hdlc->handlers.arg);
}

static void put(struct hdlc *hdlc, uint8_t byte)
{
	if (hdlc->len == sizeof(hdlc->frame)) {
		hdlc->is_bad = true;
		return;
	}
	hdlc->frame[hdlc->len++] = byte;
	if (byte == '\n' && is_text(hdlc))
		take_text(hdlc);
}

void hdlc_input(struct hdlc *hdlc, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == FLAG) {
			end_frame(hdlc);
		} else if (hdlc->is_bad) {
			continue;
		} else if (bytes[i] == ESCAPE) {
			hdlc->is_escaped = true;
		} else if (hdlc->is_escaped) {
			hdlc->is_escaped = false;
			put(hdlc, bytes[i] ^ ESCAPE_XOR);
		} else {
			put(hdlc, bytes[i]);
		}
	}
}

static size_t put_escaped(uint8_t *out, uint8_t byte)
{
	if (byte >= 0x20 && byte != FLAG && byte != ESCAPE) {
		out[0] = byte;
		return 1;
	}
	out[0] = ESCAPE;
	out[1] = byte ^ ESCAPE_XOR;
	return 2;
}

size_t hdlc_encode(uint8_t *out, uint16_t protocol, const uint8_t *packet, size_t len)
{
	const uint8_t header[] = { ADDRESS, CONTROL, (uint8_t)(protocol >> 8), (uint8_t)protocol };
	uint16_t sum = hdlc_checksum(SUM_START, header, sizeof(header));
	size_t n = 0;

	sum = (uint16_t)~hdlc_checksum(sum, packet, len);
	out[n++] = FLAG;
	for (size_t i = 0; i < sizeof(header); i++)
		n += put_escaped(out + n, header[i]);
	for (size_t i = 0; i < len; i++)
		n += put_escaped(out + n, packet[i]);
	n += put_escaped(out + n, (uint8_t)sum);
	n += put_escaped(out + n, (uint8_t)(sum >> 8));
	out[n++] = FLAG;
	return n;
}
