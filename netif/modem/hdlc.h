/* SPDX-License-Identifier: MIT */
/*
 * Frames of PPP in HDLC-like framing (RFC 1662), to and from bytes.
 */
#ifndef NETIF_MODEM_HDLC_H
#define NETIF_MODEM_HDLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest frame between its flags, unescaped: the default MRU and to spare. */
#define HDLC_FRAME_MAX 2048
/* The longest packet with each byte escaped, header, checksum and flags. */
#define HDLC_ENCODED_MAX(len) (2 * ((len) + 6) + 2)

/* What a frame carries; @packet points into the decoder, valid in the call. */
typedef void (*hdlc_frame_fn)(uint16_t protocol, uint8_t *packet, size_t len, void *arg);
/* A line of text where a frame should be: the modem is in command mode. */
typedef void (*hdlc_text_fn)(const char *text, void *arg);

struct hdlc_handlers {
	hdlc_frame_fn frame;
	hdlc_text_fn text; /* may be NULL */
	void *arg;
};

/* Embedded in its owner; zeroed but for the handlers at first. */
struct hdlc {
	struct hdlc_handlers handlers;
	uint8_t frame[HDLC_FRAME_MAX];
	size_t len;
	bool is_escaped;
	bool is_bad;	     /* aborted or too long: wait for the next flag */
	uint32_t n_bad_sums; /* frames with a wrong checksum, noise included */
	uint32_t n_bad;	     /* frames that were aborted, too long or too short */
};

void hdlc_init(struct hdlc *hdlc, const struct hdlc_handlers *handlers);

/* Forgets the frame that has begun. */
void hdlc_reset(struct hdlc *hdlc);

void hdlc_input(struct hdlc *hdlc, const uint8_t *bytes, size_t len);

/*
 * Makes a frame with all its bytes below 0x20 escaped, without compression of
 * any field, which every receiver takes in every state. @out has room for
 * HDLC_ENCODED_MAX(@len). Returns its length.
 */
size_t hdlc_encode(uint8_t *out, uint16_t protocol, const uint8_t *packet, size_t len);

/* RFC 1662 C.2; starts with 0xffff. */
uint16_t hdlc_checksum(uint16_t sum, const uint8_t *bytes, size_t len);

#endif
