/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A DLC is in one of four states (cmux_private.h); DLCI 0 carries the control
 * channel and stands for the multiplexer. Every answer that is awaited has a
 * struct cmux_wait: what was asked is sent again N2 times, then given up.
 * They are counted down by one tick for all, which is armed while something
 * is awaited. A wait begins between two ticks and so lasts one more.
 *
 * Data wait in one ring a DLC. cmux_pump() lets the DLCs that have some, and may
 * send them, make one frame each in turn, as long as the line has room: a DLC
 * with a full queue delays another's frame by one of its own. Frames of the
 * control channel do not queue; the line's own bound is theirs. No event comes
 * from within cmux_write(): that a queue has become short is told by the next
 * call that the loop makes, at a tick at the latest.
 *
 * Nothing that answers is answered, and what answers is hardly longer than
 * what it answers, so no peer can make a storm.
 *
 * The command/response bit tells SABM and UA of the peer from our own, which
 * come back where a modem that does not multiplex echoes; those are dropped.
 * In frames with data some modems have it wrong, and there it is not looked at,
 * but in that only frames of the peer's beyond doubt end a probe.
 */
#include "netif/modem/cmux_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS	     100
#define GAP_TICKS    10 /* of silence inside of a frame: it lost bytes */
#define T1_DEFAULT   500
#define T2_DEFAULT   1000
#define N2_DEFAULT   3
#define SIGNALS_OPEN (CMUX_RTC | CMUX_RTR)

/* ---- time ------------------------------------------------------------------------ */

static void tick(struct cmux *mux)
{
	if (mux->is_ticking)
		return;
	mux->is_ticking = true;
	mux->handlers.arm(TICK_MS, mux->handlers.arg);
}

void cmux_wait_start(struct cmux *mux, struct cmux_wait *wait, uint32_t ms)
{
	wait->ticks = (ms + TICK_MS - 1) / TICK_MS + 1;
	wait->n_left = mux->config.n2;
	tick(mux);
}

void cmux_wait_stop(struct cmux_wait *wait)
{
	wait->ticks = 0;
}

/* ---- frames to the line ------------------------------------------------------------ */

/* Commands of the initiator and responses to them have the bit set. */
static bool cr_of_command(const struct cmux *mux)
{
	return mux->config.role == CMUX_INITIATOR;
}

static void send_frame(struct cmux *mux, const struct cmux_frame *frame)
{
	uint8_t out[CMUX_FRAME_MAX];

	mux->handlers.write(out, cmux_encode(out, frame), mux->handlers.arg);
}

void cmux_send_command(struct cmux *mux, uint8_t dlci, enum cmux_frame_type type,
	const uint8_t *info, size_t len)
{
	const struct cmux_frame frame = {
		.type = type,
		.dlci = dlci,
		.has_cr = cr_of_command(mux),
		.has_pf = type != CMUX_UIH,
		.info = info,
		.len = len,
	};

	send_frame(mux, &frame);
}

void cmux_send_response(struct cmux *mux, uint8_t dlci, enum cmux_frame_type type)
{
	const struct cmux_frame frame = {
		.type = type,
		.dlci = dlci,
		.has_cr = !cr_of_command(mux),
		.has_pf = true,
	};

	send_frame(mux, &frame);
}

static void tell(struct cmux *mux, uint8_t dlci, enum cmux_event event)
{
	mux->handlers.event(dlci, event, mux->handlers.arg);
}

/* ---- queues ---------------------------------------------------------------------- */

static void queue_put(struct cmux_queue *queue, const uint8_t *bytes, size_t len)
{
	size_t tail = (queue->head + queue->len) % CMUX_QUEUE_MAX;
	size_t first = len < CMUX_QUEUE_MAX - tail ? len : CMUX_QUEUE_MAX - tail;

	memcpy(queue->bytes + tail, bytes, first);
	memcpy(queue->bytes, bytes + first, len - first);
	queue->len += len;
}

static size_t queue_get(struct cmux_queue *queue, uint8_t *bytes, size_t size)
{
	size_t len = size < queue->len ? size : queue->len;
	size_t first = len < CMUX_QUEUE_MAX - queue->head ? len : CMUX_QUEUE_MAX - queue->head;

	memcpy(bytes, queue->bytes + queue->head, first);
	memcpy(bytes + first, queue->bytes, len - first);
	queue->head = (queue->head + len) % CMUX_QUEUE_MAX;
	queue->len -= len;
	return len;
}

static bool is_ready(const struct cmux_dlc *dlc)
{
	return dlc->state == DLC_OPEN && dlc->queue.len > 0 && !(dlc->peer_signals & CMUX_FC);
}

/* The next DLC after the one that had its turn, or 0. */
static uint8_t find_ready(const struct cmux *mux)
{
	for (uint8_t i = 1; i <= CMUX_DLCI_MAX; i++) {
		uint8_t dlci = (uint8_t)((mux->last_dlci + i - 1) % CMUX_DLCI_MAX + 1);

		if (is_ready(&mux->dlcs[dlci]))
			return dlci;
	}
	return 0;
}

static void send_queued(struct cmux *mux, uint8_t dlci)
{
	struct cmux_dlc *dlc = &mux->dlcs[dlci];
	uint8_t info[CMUX_N1_MAX];
	size_t len = queue_get(&dlc->queue, info, dlc->n1);

	mux->last_dlci = dlci;
	cmux_send_command(mux, dlci, CMUX_UIH, info, len);
}

static bool may_send(const struct cmux *mux)
{
	return mux->is_running && !mux->is_held &&
		(!mux->handlers.has_room || mux->handlers.has_room(mux->handlers.arg));
}

void cmux_pump(struct cmux *mux)
{
	uint8_t dlci;

	while (may_send(mux) && (dlci = find_ready(mux)) != 0)
		send_queued(mux, dlci);
}

static bool is_short_again(const struct cmux_queue *queue)
{
	return queue->is_long && queue->len <= CMUX_QUEUE_LOW;
}

static void tell_writable(struct cmux *mux)
{
	for (uint8_t dlci = 1; dlci <= CMUX_DLCI_MAX; dlci++) {
		struct cmux_queue *queue = &mux->dlcs[dlci].queue;

		if (!is_short_again(queue))
			continue;
		queue->is_long = false;
		tell(mux, dlci, CMUX_WRITABLE);
	}
}

/* ---- DLCs ------------------------------------------------------------------------ */

static void reset(struct cmux *mux, struct cmux_dlc *dlc)
{
	dlc->state = DLC_CLOSED;
	dlc->n1 = mux->config.n1;
	dlc->signals = SIGNALS_OPEN;
	dlc->peer_signals = 0;
	cmux_wait_stop(&dlc->link);
	cmux_wait_stop(&dlc->msc);
	dlc->queue.head = 0;
	dlc->queue.len = 0;
	dlc->queue.is_long = false;
}

static void reset_all(struct cmux *mux)
{
	for (uint8_t i = 0; i <= CMUX_DLCI_MAX; i++)
		reset(mux, &mux->dlcs[i]);
	cmux_wait_stop(&mux->shutdown);
	cmux_wait_stop(&mux->probe);
	mux->gap_ticks = 0;
	mux->is_held = false;
}

void cmux_end(struct cmux *mux, enum cmux_event event)
{
	if (!mux->is_running)
		return;
	reset_all(mux);
	mux->is_running = false;
	mux->is_ticking = false;
	mux->handlers.arm(0, mux->handlers.arg);
	tell(mux, 0, event);
}

static void become_closed(struct cmux *mux, uint8_t dlci, enum cmux_event event)
{
	if (dlci == 0) {
		cmux_end(mux, event);
		return;
	}
	reset(mux, &mux->dlcs[dlci]);
	tell(mux, dlci, event);
}

/* The peer opens anew what is open: what was there before is gone. */
static void become_fresh(struct cmux *mux, uint8_t dlci)
{
	if (dlci != 0) {
		become_closed(mux, dlci, CMUX_CLOSED);
		return;
	}
	for (uint8_t i = 1; i <= CMUX_DLCI_MAX; i++) {
		if (mux->dlcs[i].state != DLC_CLOSED)
			become_closed(mux, i, CMUX_CLOSED);
	}
}

static void announce_signals(struct cmux *mux, uint8_t dlci)
{
	cmux_wait_start(mux, &mux->dlcs[dlci].msc, mux->config.t2_ms);
	cmux_control_send_msc(mux, dlci);
}

static void become_open(struct cmux *mux, uint8_t dlci)
{
	struct cmux_dlc *dlc = &mux->dlcs[dlci];

	cmux_wait_stop(&dlc->link);
	dlc->state = DLC_OPEN;
	/* Clause 5.4.6.3.7: before any data. */
	if (dlci != 0)
		announce_signals(mux, dlci);
	tell(mux, dlci, CMUX_OPENED);
}

static void request_open(struct cmux *mux, uint8_t dlci)
{
	struct cmux_dlc *dlc = &mux->dlcs[dlci];

	dlc->state = DLC_OPENING;
	cmux_wait_start(mux, &dlc->link, mux->config.t1_ms);
	cmux_send_command(mux, dlci, CMUX_SABM, NULL, 0);
}

void cmux_disconnect(struct cmux *mux, uint8_t dlci)
{
	struct cmux_dlc *dlc = &mux->dlcs[dlci];

	dlc->state = DLC_CLOSING;
	cmux_wait_start(mux, &dlc->link, mux->config.t1_ms);
	cmux_send_command(mux, dlci, CMUX_DISC, NULL, 0);
}

/* ---- frames of the peer ------------------------------------------------------------ */

static enum dlc_state state_of(const struct cmux *mux, uint8_t dlci)
{
	return dlci <= CMUX_DLCI_MAX ? mux->dlcs[dlci].state : DLC_CLOSED;
}

/* The responder's DLCs are opened by the initiator, not the other way round. */
static bool may_be_opened(const struct cmux *mux, uint8_t dlci)
{
	enum dlc_state state = state_of(mux, dlci);

	if (state == DLC_OPENING || state == DLC_OPEN)
		return true;
	if (state == DLC_CLOSING || mux->config.role != CMUX_RESPONDER)
		return false;
	return dlci == 0 || (dlci <= mux->config.n_dlcs && mux->dlcs[0].state == DLC_OPEN);
}

static void take_sabm(struct cmux *mux, const struct cmux_frame *frame)
{
	enum dlc_state state = state_of(mux, frame->dlci);

	if (!may_be_opened(mux, frame->dlci)) {
		cmux_send_response(mux, frame->dlci, CMUX_DM);
		return;
	}
	cmux_send_response(mux, frame->dlci, CMUX_UA);
	if (state == DLC_OPEN)
		become_fresh(mux, frame->dlci);
	/* A SABM for DLCI 0 that comes again has missed our UA. */
	if (frame->dlci != 0 || state != DLC_OPEN)
		become_open(mux, frame->dlci);
}

static void take_disc(struct cmux *mux, const struct cmux_frame *frame)
{
	if (state_of(mux, frame->dlci) == DLC_CLOSED) {
		cmux_send_response(mux, frame->dlci, CMUX_DM);
		return;
	}
	cmux_send_response(mux, frame->dlci, CMUX_UA);
	become_closed(mux, frame->dlci, CMUX_CLOSED);
}

static void take_ua(struct cmux *mux, const struct cmux_frame *frame)
{
	enum dlc_state state = state_of(mux, frame->dlci);

	if (state == DLC_OPENING)
		become_open(mux, frame->dlci);
	else if (state == DLC_CLOSING)
		become_closed(mux, frame->dlci, CMUX_CLOSED);
}

static void take_dm(struct cmux *mux, const struct cmux_frame *frame)
{
	enum dlc_state state = state_of(mux, frame->dlci);

	if (state == DLC_OPENING)
		become_closed(mux, frame->dlci, CMUX_REFUSED);
	else if (state != DLC_CLOSED)
		become_closed(mux, frame->dlci, CMUX_CLOSED);
}

static void take_data(struct cmux *mux, const struct cmux_frame *frame)
{
	enum dlc_state state = state_of(mux, frame->dlci);

	if (state != DLC_OPEN) {
		mux->n_unexpected++;
		/* Clause 5.4.1: the peer takes it for open, and learns better. */
		if (state == DLC_CLOSED)
			cmux_send_response(mux, frame->dlci, CMUX_DM);
		return;
	}
	if (frame->dlci == 0)
		cmux_control_input(mux, frame);
	else if (frame->len > 0)
		mux->handlers.data(frame->dlci, frame->info, frame->len, mux->handlers.arg);
}

static const struct frame_row {
	enum cmux_frame_type type;
	bool is_response;
	bool has_sure_cr; /* no modem is known that has the bit wrong */
	void (*take)(struct cmux *mux, const struct cmux_frame *frame);
} frame_rows[] = {
	{ CMUX_SABM, false, true, take_sabm },
	{ CMUX_DISC, false, true, take_disc },
	{ CMUX_UA, true, true, take_ua },
	{ CMUX_DM, true, true, take_dm },
	{ CMUX_UIH, false, false, take_data },
	{ CMUX_UI, false, false, take_data },
};

static void take_frame(struct cmux *mux, const struct cmux_frame *frame)
{
	const struct frame_row *row = frame_rows;
	bool is_from_peer;

	while (row->type != frame->type)
		row++;
	is_from_peer = frame->has_cr == (cr_of_command(mux) == row->is_response);
	if (is_from_peer)
		cmux_wait_stop(&mux->probe);
	else
		mux->n_misdirected++;
	if (is_from_peer || !row->has_sure_cr)
		row->take(mux, frame);
}

static void take_frames(struct cmux *mux)
{
	struct cmux_frame frame;

	while (mux->is_running && cmux_decoder_next(&mux->decoder, &frame))
		take_frame(mux, &frame);
	mux->gap_ticks = 0;
	if (mux->is_running && cmux_decoder_is_inside(&mux->decoder)) {
		mux->gap_ticks = GAP_TICKS;
		tick(mux);
	}
}

size_t cmux_input(struct cmux *mux, const uint8_t *bytes, size_t len)
{
	size_t n = 0, left;

	if (!mux->is_running)
		return 0;
	while (mux->is_running && n < len) {
		n += cmux_decoder_put(&mux->decoder, bytes + n, len - n);
		take_frames(mux);
	}
	tell_writable(mux);
	if (mux->is_running)
		return n;
	/* The last frame may have stood in what came before and looked like noise. */
	left = cmux_decoder_left(&mux->decoder);
	return left < n ? n - left : 0;
}

/* ---- deadlines --------------------------------------------------------------------- */

enum expiry {
	EXPIRY_NONE,
	EXPIRY_AGAIN,
	EXPIRY_LAST,
};

static enum expiry expire(struct cmux *mux, struct cmux_wait *wait, uint32_t ms)
{
	uint8_t n_left = wait->n_left;

	if (wait->ticks == 0 || --wait->ticks > 0)
		return EXPIRY_NONE;
	if (n_left == 0)
		return EXPIRY_LAST;
	cmux_wait_start(mux, wait, ms);
	wait->n_left = (uint8_t)(n_left - 1);
	return EXPIRY_AGAIN;
}

static void expire_link(struct cmux *mux, uint8_t dlci)
{
	struct cmux_dlc *dlc = &mux->dlcs[dlci];
	bool is_opening = dlc->state == DLC_OPENING;

	switch (expire(mux, &dlc->link, mux->config.t1_ms)) {
	case EXPIRY_NONE:
		break;
	case EXPIRY_AGAIN:
		cmux_send_command(mux, dlci, is_opening ? CMUX_SABM : CMUX_DISC, NULL, 0);
		break;
	case EXPIRY_LAST:
		become_closed(mux, dlci, is_opening ? CMUX_SILENT : CMUX_CLOSED);
		break;
	}
}

static void expire_control(struct cmux *mux)
{
	for (uint8_t dlci = 1; dlci <= CMUX_DLCI_MAX; dlci++) {
		/* A modem that does not answer MSC works without. */
		if (expire(mux, &mux->dlcs[dlci].msc, mux->config.t2_ms) == EXPIRY_AGAIN)
			cmux_control_send_msc(mux, dlci);
	}
	switch (expire(mux, &mux->probe, mux->config.t2_ms)) {
	case EXPIRY_NONE:
		break;
	case EXPIRY_AGAIN:
		cmux_control_send_test(mux);
		break;
	case EXPIRY_LAST:
		cmux_end(mux, CMUX_SILENT);
		break;
	}
	switch (expire(mux, &mux->shutdown, mux->config.t2_ms)) {
	case EXPIRY_NONE:
		break;
	case EXPIRY_AGAIN:
		cmux_control_send_close(mux);
		break;
	case EXPIRY_LAST:
		cmux_end(mux, CMUX_CLOSED);
		break;
	}
}

static bool is_waiting(const struct cmux *mux)
{
	for (uint8_t i = 0; i <= CMUX_DLCI_MAX; i++) {
		if (mux->dlcs[i].link.ticks > 0 || mux->dlcs[i].msc.ticks > 0)
			return true;
	}
	return mux->gap_ticks > 0 || mux->shutdown.ticks > 0 || mux->probe.ticks > 0;
}

void cmux_expire(struct cmux *mux)
{
	mux->is_ticking = false;
	if (mux->gap_ticks > 0 && --mux->gap_ticks == 0) {
		cmux_decoder_give_up(&mux->decoder);
		take_frames(mux);
	}
	for (uint8_t dlci = 0; dlci <= CMUX_DLCI_MAX; dlci++)
		expire_link(mux, dlci);
	expire_control(mux);
	tell_writable(mux);
	if (is_waiting(mux))
		tick(mux);
}

/* ---- life ------------------------------------------------------------------------- */

struct cmux *cmux_new(const struct cmux_config *config, const struct cmux_handlers *handlers)
{
	struct cmux *mux = calloc(1, sizeof(*mux));
	struct cmux_config *c;

	if (!mux)
		return NULL;
	c = &mux->config;
	*c = *config;
	c->n1 = c->n1 ? c->n1 : CMUX_N1_DEFAULT;
	c->n1 = c->n1 < CMUX_N1_MIN ? CMUX_N1_MIN : c->n1;
	c->n1 = c->n1 > CMUX_N1_MAX ? CMUX_N1_MAX : c->n1;
	c->t1_ms = c->t1_ms ? c->t1_ms : T1_DEFAULT;
	c->t2_ms = c->t2_ms ? c->t2_ms : T2_DEFAULT;
	c->n2 = c->n2 ? c->n2 : N2_DEFAULT;
	c->n_dlcs = c->n_dlcs && c->n_dlcs < CMUX_DLCI_MAX ? c->n_dlcs : CMUX_DLCI_MAX;
	mux->handlers = *handlers;
	return mux;
}

void cmux_free(struct cmux *mux)
{
	free(mux);
}

void cmux_start(struct cmux *mux)
{
	reset_all(mux);
	memset(&mux->decoder, 0, sizeof(mux->decoder));
	mux->is_running = true;
	if (mux->config.role == CMUX_INITIATOR)
		request_open(mux, 0);
}

int cmux_open(struct cmux *mux, uint8_t dlci)
{
	if (dlci == 0 || dlci > CMUX_DLCI_MAX)
		return -EINVAL;
	if (mux->dlcs[0].state != DLC_OPEN)
		return -ENOTCONN;
	if (mux->dlcs[dlci].state != DLC_CLOSED)
		return -EALREADY;
	request_open(mux, dlci);
	return 0;
}

void cmux_close(struct cmux *mux, uint8_t dlci)
{
	assert(dlci > 0 && dlci <= CMUX_DLCI_MAX);
	if (mux->dlcs[dlci].state == DLC_OPEN || mux->dlcs[dlci].state == DLC_OPENING)
		cmux_disconnect(mux, dlci);
}

void cmux_shut_down(struct cmux *mux)
{
	if (mux->dlcs[0].state != DLC_OPEN) {
		cmux_end(mux, CMUX_CLOSED);
		return;
	}
	if (mux->shutdown.ticks == 0) {
		cmux_wait_start(mux, &mux->shutdown, mux->config.t2_ms);
		cmux_control_send_close(mux);
	}
}

/* ---- use -------------------------------------------------------------------------- */

int cmux_write(struct cmux *mux, uint8_t dlci, const void *bytes, size_t len)
{
	struct cmux_queue *queue;

	if (dlci == 0 || !cmux_is_open(mux, dlci))
		return -ENOTCONN;
	queue = &mux->dlcs[dlci].queue;
	if (len > CMUX_QUEUE_MAX - queue->len) {
		queue->is_long = true;
		return -ENOBUFS;
	}
	queue_put(queue, bytes, len);
	cmux_pump(mux);
	queue->is_long |= queue->len > CMUX_QUEUE_LOW;
	/* Whoever it is that writes is in the middle of something: told later. */
	for (uint8_t i = 1; i <= CMUX_DLCI_MAX; i++) {
		if (is_short_again(&mux->dlcs[i].queue))
			tick(mux);
	}
	return 0;
}

size_t cmux_pending(const struct cmux *mux, uint8_t dlci)
{
	return dlci <= CMUX_DLCI_MAX ? mux->dlcs[dlci].queue.len : 0;
}

void cmux_set_signals(struct cmux *mux, uint8_t dlci, uint8_t signals)
{
	if (dlci == 0 || !cmux_is_open(mux, dlci) || mux->dlcs[dlci].signals == signals)
		return;
	mux->dlcs[dlci].signals = signals;
	announce_signals(mux, dlci);
}

void cmux_probe(struct cmux *mux)
{
	if (mux->dlcs[0].state != DLC_OPEN || mux->probe.ticks > 0)
		return;
	cmux_wait_start(mux, &mux->probe, mux->config.t2_ms);
	cmux_control_send_test(mux);
}

void cmux_flush(struct cmux *mux)
{
	cmux_pump(mux);
	tell_writable(mux);
}

bool cmux_is_open(const struct cmux *mux, uint8_t dlci)
{
	return state_of(mux, dlci) == DLC_OPEN;
}

uint8_t cmux_signals(const struct cmux *mux, uint8_t dlci)
{
	return dlci <= CMUX_DLCI_MAX ? mux->dlcs[dlci].peer_signals : 0;
}

struct cmux_counts cmux_counts(const struct cmux *mux)
{
	const struct cmux_counts counts = {
		.n_frames = mux->decoder.n_frames,
		.n_bad_sums = mux->decoder.n_bad_sums,
		.n_noise = mux->decoder.n_noise,
		.n_misdirected = mux->n_misdirected,
		.n_unexpected = mux->n_unexpected,
	};

	return counts;
}

const char *cmux_event_name(enum cmux_event event)
{
	static const char *const names[] = {
		[CMUX_OPENED] = "opened",
		[CMUX_REFUSED] = "refused",
		[CMUX_SILENT] = "no answer",
		[CMUX_CLOSED] = "closed",
		[CMUX_SIGNALS] = "signals changed",
		[CMUX_CARRIER_LOST] = "carrier lost",
		[CMUX_WRITABLE] = "writable",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == CMUX_EVENT_COUNT, "a name each");

	return names[event];
}
