/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The control channel's messages, clause 5.4.6: a type, a length and a value in
 * the information field of a frame on DLCI 0. Each command of the peer is
 * answered by a message of the same type, an unknown one by Non Supported
 * Command. A message whose length does not fit its frame or its type is
 * dropped.
 *
 * Sent are Modem Status (when a DLC is opened and when its signals change), Test
 * (when the peer may have gone) and Close Down. Modem Status says how things
 * are, not what changed, so that only the answer to a DLC's last one counts.
 *
 * Power saving and service negotiation are not supported, which a modem has to
 * take.
 */
#include "netif/modem/cmux_private.h"

#include <string.h>

#define EA 0x01
#define CR 0x02

/* Type, and two octets of length. */
#define HEADER_MAX 3
/* Messages made here: Remote Port Negotiation is the longest. */
#define VALUE_MAX 8
/* Of Test. */
#define PATTERN_SIZE 4

/* Type octets without C/R, clause 5.4.6.3. */
enum message_type {
	MESSAGE_PN = 0x81,
	MESSAGE_CLD = 0xc1,
	MESSAGE_TEST = 0x21,
	MESSAGE_FCON = 0xa1,
	MESSAGE_FCOFF = 0x61,
	MESSAGE_MSC = 0xe1,
	MESSAGE_NSC = 0x11,
	MESSAGE_RPN = 0x91,
	MESSAGE_RLS = 0x51,
};

struct message {
	uint8_t type; /* as sent, with C/R */
	const uint8_t *value;
	size_t len;
};

/* ---- sending ---------------------------------------------------------------------- */

/* Values that do not fit into one frame are not answered: nor did they come in one. */
static void send_message(struct cmux *mux, uint8_t type, const uint8_t *value, size_t len)
{
	uint8_t info[CMUX_N1_MAX];
	size_t n = 0;

	if (len + HEADER_MAX > mux->config.n1)
		return;
	info[n++] = type;
	if (len < 128) {
		info[n++] = (uint8_t)(len << 1 | EA);
	} else {
		info[n++] = (uint8_t)(len << 1);
		info[n++] = (uint8_t)(len >> 7 << 1 | EA);
	}
	if (len)
		memcpy(info + n, value, len);
	cmux_send_command(mux, 0, CMUX_UIH, info, n + len);
}

static void answer(struct cmux *mux, const struct message *m, const uint8_t *value, size_t len)
{
	send_message(mux, m->type & (uint8_t)~CR, value, len);
}

void cmux_control_send_msc(struct cmux *mux, uint8_t dlci)
{
	const uint8_t value[] = { (uint8_t)(dlci << 2 | CR | EA), mux->dlcs[dlci].signals | EA };

	send_message(mux, MESSAGE_MSC | CR, value, sizeof(value));
}

void cmux_control_send_close(struct cmux *mux)
{
	send_message(mux, MESSAGE_CLD | CR, NULL, 0);
}

/* Each role's own, which tells an echo from the other's. */
static const uint8_t *test_pattern(const struct cmux *mux)
{
	static const uint8_t patterns[][PATTERN_SIZE] = {
		[CMUX_INITIATOR] = { 'h', 'o', 's', 't' },
		[CMUX_RESPONDER] = { 'm', 'o', 'd', 'm' },
	};

	return patterns[mux->config.role];
}

void cmux_control_send_test(struct cmux *mux)
{
	send_message(mux, MESSAGE_TEST | CR, test_pattern(mux), PATTERN_SIZE);
}

/* ---- commands of the peer ----------------------------------------------------------- */

/* The DLC that the message's first octet names, or NULL. */
static struct cmux_dlc *find_open(struct cmux *mux, const struct message *m, uint8_t *dlci)
{
	*dlci = m->value[0] >> 2;
	return *dlci > 0 && cmux_is_open(mux, *dlci) ? &mux->dlcs[*dlci] : NULL;
}

/* What we do without is answered by how we do it: UIH frames, no convergence layer. */
static void take_pn(struct cmux *mux, const struct message *m)
{
	uint8_t value[8], dlci = m->value[0] & 0x3f;
	uint16_t n1 = (uint16_t)(m->value[4] | m->value[5] << 8);

	if (dlci > CMUX_DLCI_LAST)
		return;
	if (dlci > CMUX_DLCI_MAX) {
		cmux_send_response(mux, dlci, CMUX_DM);
		return;
	}
	if (n1 == 0 || n1 > mux->config.n1)
		n1 = mux->config.n1;
	mux->dlcs[dlci].n1 = n1;
	memcpy(value, m->value, sizeof(value));
	value[1] = 0;
	value[4] = (uint8_t)n1;
	value[5] = (uint8_t)(n1 >> 8);
	answer(mux, m, value, sizeof(value));
}

static void take_cld(struct cmux *mux, const struct message *m)
{
	answer(mux, m, NULL, 0);
	cmux_end(mux, CMUX_CLOSED);
}

/* An answer to our own would come back as the peer's. */
static void take_test(struct cmux *mux, const struct message *m)
{
	if (m->len != PATTERN_SIZE || memcmp(m->value, test_pattern(mux), m->len) != 0)
		answer(mux, m, m->value, m->len);
}

static void take_rls(struct cmux *mux, const struct message *m)
{
	answer(mux, m, m->value, m->len);
}

static void take_fcon(struct cmux *mux, const struct message *m)
{
	answer(mux, m, NULL, 0);
	mux->is_held = false;
	cmux_pump(mux);
}

static void take_fcoff(struct cmux *mux, const struct message *m)
{
	mux->is_held = true;
	answer(mux, m, NULL, 0);
}

static void take_msc(struct cmux *mux, const struct message *m)
{
	struct cmux_dlc *dlc;
	uint8_t dlci, before;

	answer(mux, m, m->value, m->len);
	dlc = find_open(mux, m, &dlci);
	if (!dlc)
		return;
	before = dlc->peer_signals;
	dlc->peer_signals = m->value[1] & (uint8_t)~EA;
	if (dlc->peer_signals == before)
		return;
	mux->handlers.event(dlci, CMUX_SIGNALS, mux->handlers.arg);
	if (before & ~m->value[1] & CMUX_DV)
		mux->handlers.event(dlci, CMUX_CARRIER_LOST, mux->handlers.arg);
	cmux_pump(mux);
}

/* One octet asks how the port is set: as AT+IPR's default, 115200 8N1, no flow control. */
static void take_rpn(struct cmux *mux, const struct message *m)
{
	const uint8_t value[VALUE_MAX] = { m->value[0], 7, 3, 0, 0x11, 0x13, 0, 0 };

	if (m->len >= VALUE_MAX)
		answer(mux, m, m->value, m->len);
	else
		answer(mux, m, value, sizeof(value));
}

/* ---- answers of the peer ------------------------------------------------------------ */

static void on_cld_answer(struct cmux *mux, const struct message *m)
{
	(void)m;
	if (mux->shutdown.ticks > 0)
		cmux_end(mux, CMUX_CLOSED);
}

static void on_msc_answer(struct cmux *mux, const struct message *m)
{
	uint8_t dlci;
	struct cmux_dlc *dlc = find_open(mux, m, &dlci);

	if (dlc && (m->value[1] & ~EA) == dlc->signals)
		cmux_wait_stop(&dlc->msc);
}

/* The peer does not know a command of ours. */
static void on_nsc(struct cmux *mux, const struct message *m)
{
	if ((m->value[0] & ~CR) == MESSAGE_CLD && mux->shutdown.ticks > 0) {
		cmux_wait_stop(&mux->shutdown);
		cmux_disconnect(mux, 0);
	}
	if ((m->value[0] & ~CR) == MESSAGE_MSC) {
		for (uint8_t i = 1; i <= CMUX_DLCI_MAX; i++)
			cmux_wait_stop(&mux->dlcs[i].msc);
	}
}

static const struct message_row {
	enum message_type type;
	size_t min; /* bytes of value */
	void (*command)(struct cmux *mux, const struct message *m);
	void (*answer)(struct cmux *mux, const struct message *m);
} rows[] = {
	{ MESSAGE_PN, 8, take_pn, NULL },
	{ MESSAGE_CLD, 0, take_cld, on_cld_answer },
	{ MESSAGE_TEST, 0, take_test, NULL },
	{ MESSAGE_FCON, 0, take_fcon, NULL },
	{ MESSAGE_FCOFF, 0, take_fcoff, NULL },
	{ MESSAGE_MSC, 2, take_msc, on_msc_answer },
	{ MESSAGE_NSC, 1, on_nsc, on_nsc },
	{ MESSAGE_RPN, 1, take_rpn, NULL },
	{ MESSAGE_RLS, 2, take_rls, NULL },
};

static void take_message(struct cmux *mux, const struct message *m)
{
	void (*take)(struct cmux * mux, const struct message *m);
	const struct message_row *row = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type == (m->type & ~CR))
			row = &rows[i];
	}
	/* An answer is the peer's beyond doubt, whatever its frame looked like. */
	if (!(m->type & CR))
		cmux_wait_stop(&mux->probe);
	if (!row) {
		if (m->type & CR)
			send_message(mux, MESSAGE_NSC, &m->type, 1);
		return;
	}
	take = m->type & CR ? row->command : row->answer;
	if (take && m->len >= row->min)
		take(mux, m);
}

/* Takes one message off. False: what is left is none. */
static bool parse(const uint8_t **bytes, size_t *left, struct message *m)
{
	size_t n = 1, len = 0, shift = 0;

	if (*left < 2 || !((*bytes)[0] & EA))
		return false;
	do {
		if (n == *left || shift > 7)
			return false;
		len |= (size_t)((*bytes)[n] >> 1) << shift;
		shift += 7;
	} while (!((*bytes)[n++] & EA));
	if (len > *left - n)
		return false;
	m->type = (*bytes)[0];
	m->value = *bytes + n;
	m->len = len;
	*bytes += n + len;
	*left -= n + len;
	return true;
}

void cmux_control_input(struct cmux *mux, const struct cmux_frame *frame)
{
	const uint8_t *bytes = frame->info;
	size_t left = frame->len;
	struct message m;

	while (mux->is_running && parse(&bytes, &left, &m))
		take_message(mux, &m);
}

/* ---- a modem that was left multiplexing ------------------------------------------- */

size_t cmux_make_close_down(uint8_t *out, size_t n_flags)
{
	static const uint8_t cld[] = { MESSAGE_CLD | CR, EA };
	const struct cmux_frame close_down = {
		.type = CMUX_UIH, .has_cr = true, .info = cld, .len = sizeof(cld)
	};
	const struct cmux_frame open = { .type = CMUX_SABM, .has_cr = true, .has_pf = true };
	struct cmux_frame disc = { .type = CMUX_DISC, .has_cr = true, .has_pf = true };
	size_t n = n_flags;

	memset(out, CMUX_FLAG, n_flags);
	n += cmux_encode(out + n, &open);
	for (disc.dlci = CMUX_DLCI_MAX; disc.dlci > 0; disc.dlci--)
		n += cmux_encode(out + n, &disc);
	n += cmux_encode(out + n, &close_down);
	n += cmux_encode(out + n, &disc);
	return n;
}
