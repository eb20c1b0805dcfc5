/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the multiplexer, in either role.
 *
 * The input is one byte of flags, then records: a byte of kind, one of length,
 * and that many bytes, which become a frame with a good checksum, or raw bytes
 * of the line, or are written to a DLC; or a call to be made. The flags may
 * ask for a start with everything open.
 *
 * Beside what the sanitizers see: data come for open DLCs only, no frame that
 * goes out is longer than N1 or bad, what goes out is bounded by what came in, a
 * deadline is armed while something is awaited, and the decoder finds the same
 * in any cut.
 */
#include "netif/modem/cmux.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum flag {
	FLAG_RESPONDER = 1 << 0,
	FLAG_OPEN = 1 << 1,  /* DLCs 1 and 2 */
	FLAG_LARGE = 1 << 2, /* N1 */
	FLAG_REACT = 1 << 3, /* calls from within events */
	FLAG_FULL = 1 << 4,  /* the line has no room until it is flushed */
};

enum kind {
	KIND_RAW,
	KIND_FRAME,   /* address and control in the first two bytes */
	KIND_MESSAGE, /* on DLCI 0 */
	KIND_WRITE,   /* DLCI in the first byte, times in the second */
	KIND_CALL,    /* which and DLCI in each byte */
	KIND_TIME,    /* as many ticks as the length says */
	KIND_COUNT,
};

#define N1_SMALL 31
#define N1_LARGE 1500

/* The worst there is: MSC of 4 bytes again and again in one frame. */
#define GROWTH_MAX 12

static struct fuzz {
	struct cmux *mux;
	struct cmux_decoder sent, whole, cut;
	size_t n_in, n_out; /* bytes on the line, data of ours apart */
	uint16_t n1;
	uint8_t flags;
	bool is_armed, is_full;
} fuzz;

static void check(bool is_so)
{
	if (!is_so)
		abort();
}

static void on_write(const void *bytes, size_t len, void *arg)
{
	struct cmux_frame frame;
	unsigned int n = 0;

	(void)arg;
	check(cmux_decoder_put(&fuzz.sent, bytes, len) == len);
	while (cmux_decoder_next(&fuzz.sent, &frame)) {
		n++;
		check(frame.len <= fuzz.n1);
		if (frame.dlci == 0 || frame.type != CMUX_UIH)
			fuzz.n_out += len;
	}
	check(n == 1 && fuzz.sent.n_noise == 0 && fuzz.sent.n_bad_sums == 0);
	fuzz.is_full = fuzz.flags & FLAG_FULL;
}

static bool on_has_room(void *arg)
{
	(void)arg;
	return !fuzz.is_full;
}

static void on_arm(uint32_t ms, void *arg)
{
	(void)arg;
	fuzz.is_armed = ms > 0;
}

static void on_data(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg)
{
	(void)arg;
	check(dlci > 0 && cmux_is_open(fuzz.mux, dlci) && len > 0);
	if (fuzz.flags & FLAG_REACT)
		cmux_write(fuzz.mux, dlci, bytes, len);
}

static void on_event(uint8_t dlci, enum cmux_event event, void *arg)
{
	(void)arg;
	check(event != CMUX_OPENED || cmux_is_open(fuzz.mux, dlci));
	check((event != CMUX_CLOSED && event != CMUX_SILENT && event != CMUX_REFUSED) ||
		!cmux_is_open(fuzz.mux, dlci));
	if (!(fuzz.flags & FLAG_REACT))
		return;
	if (event == CMUX_WRITABLE)
		cmux_write(fuzz.mux, dlci, "AT\r", 3);
	else if (event == CMUX_CLOSED && dlci > 0)
		cmux_open(fuzz.mux, dlci);
	else if (event == CMUX_CARRIER_LOST)
		cmux_close(fuzz.mux, dlci);
	else if (event == CMUX_SILENT)
		cmux_shut_down(fuzz.mux);
	fuzz.n_in += 64;
}

static void compare_cuts(const uint8_t *bytes, size_t len)
{
	struct cmux_frame frame;

	for (size_t n = 0; n < len;) {
		n += cmux_decoder_put(&fuzz.whole, bytes + n, len - n);
		while (cmux_decoder_next(&fuzz.whole, &frame))
			continue;
	}
	for (size_t i = 0; i < len; i++) {
		check(cmux_decoder_put(&fuzz.cut, bytes + i, 1) == 1);
		while (cmux_decoder_next(&fuzz.cut, &frame))
			continue;
	}
	check(fuzz.whole.n_frames == fuzz.cut.n_frames);
	check(fuzz.whole.n_bad_sums == fuzz.cut.n_bad_sums);
	check(fuzz.whole.n_noise == fuzz.cut.n_noise);
	check(cmux_decoder_left(&fuzz.whole) == cmux_decoder_left(&fuzz.cut));
}

/* In memory of just that size, so that a read past the end shows. */
static void put(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	fuzz.n_in += len;
	check(cmux_input(fuzz.mux, copy, len) <= len);
	check(fuzz.n_out <= fuzz.n_in * GROWTH_MAX);
	compare_cuts(copy, len);
	free(copy);
}

static void put_frame(struct cmux_frame frame, const uint8_t *info, size_t len)
{
	uint8_t out[CMUX_FRAME_MAX];

	frame.info = info;
	frame.len = frame.type == CMUX_UIH || frame.type == CMUX_UI ? len : 0;
	put(out, cmux_encode(out, &frame));
}

static void put_typed_frame(const uint8_t *bytes, size_t len)
{
	static const enum cmux_frame_type types[] = {
		CMUX_SABM, CMUX_UA, CMUX_DM, CMUX_DISC, CMUX_UIH, CMUX_UI
	};
	struct cmux_frame frame = { .has_pf = true };

	if (len < 2)
		return;
	frame.dlci = (bytes[0] >> 2) % (CMUX_DLCI_LAST + 1);
	frame.has_cr = bytes[0] & 2;
	frame.type = types[bytes[1] % (sizeof(types) / sizeof(types[0]))];
	put_frame(frame, bytes + 2, len - 2);
}

static void put_message(const uint8_t *bytes, size_t len)
{
	put_frame((struct cmux_frame){ .type = CMUX_UIH, .has_cr = fuzz.flags & FLAG_RESPONDER },
		bytes, len);
}

static void write_data(const uint8_t *bytes, size_t len)
{
	uint8_t times = len > 1 ? bytes[1] : 1;

	for (uint8_t i = 0; len && i < times; i++)
		cmux_write(fuzz.mux, bytes[0], bytes, len);
}

static void call(uint8_t which)
{
	uint8_t dlci = (uint8_t)(which >> 4);

	fuzz.n_in += 16;
	switch (which % 8) {
	case 0:
		cmux_open(fuzz.mux, dlci);
		break;
	case 1:
		if (dlci > 0 && dlci <= CMUX_DLCI_MAX)
			cmux_close(fuzz.mux, dlci);
		break;
	case 2:
		cmux_set_signals(fuzz.mux, dlci, which & CMUX_RTR);
		break;
	case 3:
		cmux_probe(fuzz.mux);
		break;
	case 4:
		cmux_shut_down(fuzz.mux);
		break;
	case 5:
		cmux_start(fuzz.mux);
		break;
	default:
		fuzz.is_full = false;
		cmux_flush(fuzz.mux);
		break;
	}
}

static void pass(size_t n_ticks)
{
	while (n_ticks-- > 0 && fuzz.is_armed) {
		fuzz.is_armed = false;
		fuzz.n_in += 64;
		cmux_expire(fuzz.mux);
	}
}

static void run_record(enum kind kind, const uint8_t *bytes, size_t len)
{
	switch (kind) {
	case KIND_RAW:
		put(bytes, len);
		break;
	case KIND_FRAME:
		put_typed_frame(bytes, len);
		break;
	case KIND_MESSAGE:
		put_message(bytes, len);
		break;
	case KIND_WRITE:
		write_data(bytes, len);
		break;
	case KIND_CALL:
		for (size_t i = 0; i < len; i++)
			call(bytes[i]);
		break;
	case KIND_TIME:
		pass(len);
		break;
	case KIND_COUNT:
		break;
	}
}

static void feed(const uint8_t *data, size_t size)
{
	while (size >= 2) {
		enum kind kind = data[0] % KIND_COUNT;
		size_t len = data[1];

		data += 2;
		size -= 2;
		/* What takes no bytes of its own. */
		if (kind == KIND_TIME) {
			pass(len);
			continue;
		}
		if (len > size)
			len = size;
		run_record(kind, data, len);
		data += len;
		size -= len;
	}
}

static void open_all(void)
{
	const bool is_responder = fuzz.flags & FLAG_RESPONDER;
	struct cmux_frame frame = {
		.type = is_responder ? CMUX_SABM : CMUX_UA, .has_cr = true, .has_pf = true
	};

	for (; frame.dlci <= 2; frame.dlci++) {
		if (!is_responder && frame.dlci > 0)
			cmux_open(fuzz.mux, frame.dlci);
		put_frame(frame, NULL, 0);
	}
	/* A target that never gets there tests nothing. */
	check(cmux_is_open(fuzz.mux, 0) && cmux_is_open(fuzz.mux, 1) && cmux_is_open(fuzz.mux, 2));
}

/* Whatever came: nothing is waited for without end. */
static void check_end(void)
{
	fuzz.flags &= (uint8_t)~FLAG_REACT;
	cmux_shut_down(fuzz.mux);
	pass(200);
	check(!fuzz.is_armed);
	for (uint8_t dlci = 0; dlci <= CMUX_DLCI_MAX; dlci++)
		check(!cmux_is_open(fuzz.mux, dlci));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cmux_handlers handlers = {
		on_write, on_has_room, on_arm, on_data, on_event, NULL
	};
	struct cmux_config config = { .n1 = N1_SMALL };

	if (size < 1)
		return 0;
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.flags = data[0];
	if (fuzz.flags & FLAG_RESPONDER)
		config.role = CMUX_RESPONDER;
	if (fuzz.flags & FLAG_LARGE)
		config.n1 = N1_LARGE;
	fuzz.n1 = config.n1;
	fuzz.n_in = 64;
	fuzz.mux = cmux_new(&config, &handlers);
	cmux_start(fuzz.mux);
	if (fuzz.flags & FLAG_OPEN)
		open_all();
	feed(data + 1, size - 1);
	check_end();
	cmux_free(fuzz.mux);
	return 0;
}
