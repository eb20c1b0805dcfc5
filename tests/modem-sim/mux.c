/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The protocol is netif/modem/cmux.c in the modem's role. A DLC is an AT
 * channel from when it is opened until it is closed; a call on one shows as its
 * DCD, and ends when the host takes DTR away.
 *
 * The end may come from within the multiplexer's own callbacks, so that it is
 * told from an event: until then the mux is there, but takes no more bytes.
 */
#include "tests/modem-sim/mux.h"

#include "netif/modem/cmux.h"
#include "tests/modem-sim/call.h"
#include "tests/modem-sim/modem.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dlc {
	struct mux *mux;
	uint8_t dlci;
	bool is_open;
	struct channel channel;
};

struct mux {
	struct mux_params params;
	struct cmux *cmux;
	struct event *expiry, *end;
	struct dlc dlcs[MUX_CHANNELS];
	bool is_ended;
	bool is_hushed; /* what it says was said to somebody else */
};

/* ---- the AT channels ------------------------------------------------------------- */

static void on_channel_write(const void *bytes, size_t len, void *arg)
{
	struct dlc *dlc = arg;

	/* Beyond the queue's bound it is lost, as in a modem. */
	if (!dlc->mux->is_ended && cmux_write(dlc->mux->cmux, dlc->dlci, bytes, len) != 0)
		return;
}

static bool is_line_busy(void *arg)
{
	const struct dlc *dlc = arg;
	const struct channel_carrier *carrier = &dlc->mux->params.carrier;

	return carrier->is_busy(carrier->arg);
}

static void on_carrier(bool is_on, void *arg)
{
	struct dlc *dlc = arg;

	if (!dlc->mux->is_ended)
		cmux_set_signals(dlc->mux->cmux, dlc->dlci,
			(uint8_t)(CMUX_RTC | CMUX_RTR | (is_on ? CMUX_DV : 0)));
}

static void open_dlc(struct dlc *dlc)
{
	const struct channel_carrier carrier = {
		.write = on_channel_write,
		.is_busy = is_line_busy,
		.carrier = on_carrier,
		.arg = dlc,
	};

	if (!dlc->is_open)
		dlc->is_open = channel_init(&dlc->channel, dlc->mux->params.modem, &carrier) == 0;
}

static void close_dlc(struct dlc *dlc)
{
	if (dlc->is_open)
		channel_fini(&dlc->channel);
	dlc->is_open = false;
}

static void take_signals(struct dlc *dlc)
{
	if (!(cmux_signals(dlc->mux->cmux, dlc->dlci) & CMUX_RTC))
		channel_hang_up(&dlc->channel);
}

struct channel *mux_channel(struct mux *mux, unsigned int dlci)
{
	struct dlc *dlc = dlci >= 1 && dlci <= MUX_CHANNELS ? &mux->dlcs[dlci - 1] : NULL;

	return dlc && dlc->is_open && !mux->is_ended ? &dlc->channel : NULL;
}

/* ---- the multiplexer ------------------------------------------------------------- */

static void on_write(const void *bytes, size_t len, void *arg)
{
	struct mux *mux = arg;

	if (!mux->is_hushed)
		mux->params.carrier.write(bytes, len, mux->params.carrier.arg);
}

static bool has_room(void *arg)
{
	const struct mux *mux = arg;

	return !mux->params.carrier.is_busy(mux->params.carrier.arg);
}

static void on_arm(uint32_t ms, void *arg)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};
	struct mux *mux = arg;

	if (ms)
		event_add(mux->expiry, &t);
	else
		event_del(mux->expiry);
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct mux *mux = arg;

	(void)fd;
	(void)what;
	cmux_expire(mux->cmux);
}

static void on_data(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg)
{
	struct channel *channel = mux_channel(arg, dlci);

	if (channel)
		channel_input(channel, bytes, len);
}

static void on_event(uint8_t dlci, enum cmux_event event, void *arg)
{
	struct mux *mux = arg;
	struct dlc *dlc = dlci >= 1 && dlci <= MUX_CHANNELS ? &mux->dlcs[dlci - 1] : NULL;

	if (dlci == 0 && event == CMUX_CLOSED)
		mux_end(mux);
	else if (dlc && event == CMUX_OPENED)
		open_dlc(dlc);
	else if (dlc && event == CMUX_CLOSED)
		close_dlc(dlc);
	else if (dlc && event == CMUX_SIGNALS && dlc->is_open)
		take_signals(dlc);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct mux *mux = arg;

	(void)fd;
	(void)what;
	mux->params.ended(mux->params.arg);
}

size_t mux_input(struct mux *mux, const uint8_t *bytes, size_t len)
{
	return mux->is_ended ? 0 : cmux_input(mux->cmux, bytes, len);
}

void mux_resume(struct mux *mux)
{
	if (!mux->is_ended)
		cmux_flush(mux->cmux);
}

void mux_end(struct mux *mux)
{
	struct timeval now = { 0 };

	mux->is_ended = true;
	mux_hang_up(mux);
	event_add(mux->end, &now);
}

bool mux_has_ended(const struct mux *mux)
{
	return mux->is_ended;
}

void mux_hang_up(struct mux *mux)
{
	for (int i = 0; i < MUX_CHANNELS; i++) {
		if (mux->dlcs[i].is_open)
			channel_hang_up(&mux->dlcs[i].channel);
	}
}

void mux_open_by_somebody(struct mux *mux)
{
	uint8_t bytes[CMUX_FRAME_OVERHEAD];
	struct cmux_frame frame = { .type = CMUX_SABM, .has_cr = true, .has_pf = true };

	mux->is_hushed = true;
	for (frame.dlci = 0; frame.dlci <= 2; frame.dlci++)
		cmux_input(mux->cmux, bytes, cmux_encode(bytes, &frame));
	mux->is_hushed = false;
}

/* ---- life ------------------------------------------------------------------------ */

static int parts_new(struct mux *mux)
{
	const struct cmux_config config = {
		.role = CMUX_RESPONDER,
		.n1 = mux->params.n1,
		.n_dlcs = MUX_CHANNELS,
	};
	const struct cmux_handlers handlers = {
		.write = on_write,
		.has_room = has_room,
		.arm = on_arm,
		.data = on_data,
		.event = on_event,
		.arg = mux,
	};

	mux->expiry = evtimer_new(mux->params.modem->base, on_expiry, mux);
	mux->end = evtimer_new(mux->params.modem->base, on_end, mux);
	mux->cmux = cmux_new(&config, &handlers);
	if (!mux->expiry || !mux->end || !mux->cmux)
		return -1;
	for (int i = 0; i < MUX_CHANNELS; i++) {
		mux->dlcs[i].mux = mux;
		mux->dlcs[i].dlci = (uint8_t)(i + 1);
	}
	cmux_start(mux->cmux);
	return 0;
}

struct mux *mux_new(const struct mux_params *params)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	if (!mux)
		return NULL;
	mux->params = *params;
	if (parts_new(mux) == 0)
		return mux;
	mux_free(mux);
	return NULL;
}

void mux_free(struct mux *mux)
{
	if (!mux)
		return;
	mux->is_ended = true;
	for (int i = 0; i < MUX_CHANNELS; i++)
		close_dlc(&mux->dlcs[i]);
	cmux_free(mux->cmux);
	if (mux->expiry)
		event_free(mux->expiry);
	if (mux->end)
		event_free(mux->end);
	free(mux);
}
