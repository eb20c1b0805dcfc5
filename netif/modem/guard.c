/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP's PPP believes the lengths that the peer sends, before anybody is
 * authenticated. So every packet of a control protocol is judged here first,
 * by a table of what each protocol may contain:
 *
 *  - the length field lies within the packet and covers the header;
 *  - the code is one of the protocol's;
 *  - in Configure packets each option has a length of at least two, all of
 *    them together fill the packet exactly, and a known option has one of the
 *    sizes its RFC gives it;
 *  - in authentication packets the counted fields lie within the packet;
 *  - no packet is longer than real ones are;
 *  - no protocol sends more than a burst of packets and then two a second.
 *
 * The guard keeps no state of the negotiation: what is well-formed and only
 * out of place is lwIP's to ignore.
 */
#include "netif/modem/guard.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_SIZE 4

/* A negotiation that converges needs a dozen packets. */
#define BUDGET_BURST	 64
#define BUDGET_REFILL_MS 500

/* A rejected packet comes back whole: its answer must stay short. */
#define REJECTED_MAX 128

enum code {
	CODE_CONFIGURE_REQUEST = 1,
	CODE_CONFIGURE_ACK,
	CODE_CONFIGURE_NAK,
	CODE_CONFIGURE_REJECT,
	CODE_TERMINATE_REQUEST,
	CODE_TERMINATE_ACK,
	CODE_CODE_REJECT,
	CODE_PROTOCOL_REJECT,
	CODE_ECHO_REQUEST,
	CODE_ECHO_REPLY,
	CODE_DISCARD_REQUEST,
	CODE_IDENTIFICATION,
	CODE_TIME_REMAINING,
};

enum body {
	BODY_NONE,	      /* not allowed */
	BODY_ANY,	      /* text or data, of any content */
	BODY_OPTIONS,	      /* type, length, value and so on */
	BODY_MAGIC,	      /* a magic number, then data */
	BODY_REJECTED,	      /* a protocol number, then the rejected packet */
	BODY_PACKET,	      /* the rejected packet's header and more */
	BODY_COUNTED,	      /* one field with its length in front, then data */
	BODY_COUNTED_OR_NONE, /* that, or nothing */
	BODY_COUNTED_TWICE,   /* two such fields, and nothing else */
};

struct option_row {
	uint8_t type;
	uint8_t min, max; /* whole option, bytes */
};

struct code_row {
	enum body body;
	uint16_t max; /* whole packet, bytes */
};

#define CODES_MAX 14

struct protocol_row {
	uint16_t protocol;
	const struct option_row *options; /* ends with type 0 */
	struct code_row codes[CODES_MAX];
};

/* RFC 1661, 1662, 1989, 1990; of what is not here any size goes. */
static const struct option_row lcp_options[] = {
	{ 1, 4, 4 },   /* Maximum-Receive-Unit */
	{ 2, 6, 6 },   /* Async-Control-Character-Map */
	{ 3, 4, 5 },   /* Authentication-Protocol */
	{ 4, 4, 8 },   /* Quality-Protocol */
	{ 5, 6, 6 },   /* Magic-Number */
	{ 7, 2, 2 },   /* Protocol-Field-Compression */
	{ 8, 2, 2 },   /* Address-and-Control-Field-Compression */
	{ 13, 3, 32 }, /* Callback */
	{ 17, 4, 4 },  /* Multilink MRRU */
	{ 18, 2, 2 },  /* Short sequence numbers */
	{ 19, 3, 32 }, /* Endpoint discriminator */
	{ 0, 0, 0 },
};

/* RFC 1332, 1877. */
static const struct option_row ipcp_options[] = {
	{ 1, 10, 10 }, /* IP-Addresses */
	{ 2, 4, 6 },   /* IP-Compression-Protocol */
	{ 3, 6, 6 },   /* IP-Address */
	{ 4, 6, 6 },   /* Mobile-IPv4 */
	{ 129, 6, 6 }, /* Primary DNS */
	{ 130, 6, 6 }, /* Primary NBNS */
	{ 131, 6, 6 }, /* Secondary DNS */
	{ 132, 6, 6 }, /* Secondary NBNS */
	{ 0, 0, 0 },
};

/* RFC 5072. */
static const struct option_row ipv6cp_options[] = {
	{ 1, 10, 10 }, /* Interface-Identifier */
	{ 2, 4, 6 },   /* IPv6-Compression-Protocol */
	{ 0, 0, 0 },
};

/* All NCPs have these seven. */
#define NCP_CODES                                         \
	[CODE_CONFIGURE_REQUEST] = { BODY_OPTIONS, 160 }, \
	[CODE_CONFIGURE_ACK] = { BODY_OPTIONS, 160 },     \
	[CODE_CONFIGURE_NAK] = { BODY_OPTIONS, 160 },     \
	[CODE_CONFIGURE_REJECT] = { BODY_OPTIONS, 160 },  \
	[CODE_TERMINATE_REQUEST] = { BODY_ANY, 260 },     \
	[CODE_TERMINATE_ACK] = { BODY_ANY, 260 },         \
	[CODE_CODE_REJECT] = { BODY_PACKET, 260 }

static const struct protocol_row protocols[] = {
	{
		.protocol = PPP_PROTOCOL_LCP,
		.options = lcp_options,
		.codes = {
			NCP_CODES,
			[CODE_PROTOCOL_REJECT] = { BODY_REJECTED, 1504 },
			[CODE_ECHO_REQUEST] = { BODY_MAGIC, 260 },
			[CODE_ECHO_REPLY] = { BODY_MAGIC, 260 },
			[CODE_DISCARD_REQUEST] = { BODY_MAGIC, 260 },
			[CODE_IDENTIFICATION] = { BODY_MAGIC, 260 },
			[CODE_TIME_REMAINING] = { BODY_MAGIC, 260 },
		},
	},
	{
		.protocol = PPP_PROTOCOL_IPCP,
		.options = ipcp_options,
		.codes = { NCP_CODES },
	},
	{
		.protocol = PPP_PROTOCOL_IPV6CP,
		.options = ipv6cp_options,
		.codes = { NCP_CODES },
	},
	{
		/* RFC 1334 2.2: request, ack, nak. Some give no text. */
		.protocol = PPP_PROTOCOL_PAP,
		.codes = {
			[1] = { BODY_COUNTED_TWICE, 260 },
			[2] = { BODY_COUNTED_OR_NONE, 260 },
			[3] = { BODY_COUNTED_OR_NONE, 260 },
		},
	},
	{
		/* RFC 1994 4: challenge, response, success, failure. */
		.protocol = PPP_PROTOCOL_CHAP,
		.codes = {
			[1] = { BODY_COUNTED, 260 },
			[2] = { BODY_COUNTED, 260 },
			[3] = { BODY_ANY, 260 },
			[4] = { BODY_ANY, 260 },
		},
	},
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))
_Static_assert(N_PROTOCOLS + 1 == GUARD_PROTOCOLS, "a budget each, and one for all others");

void guard_init(struct guard *guard)
{
	memset(guard, 0, sizeof(*guard));
	for (size_t i = 0; i < GUARD_PROTOCOLS; i++)
		guard->budgets[i].left = BUDGET_BURST;
}

static bool spend(struct guard_budget *budget, uint64_t now_ms)
{
	uint64_t gained = (now_ms - budget->since_ms) / BUDGET_REFILL_MS;

	if (gained > 0) {
		if (gained > BUDGET_BURST - budget->left)
			gained = BUDGET_BURST - budget->left;
		budget->left += (uint32_t)gained;
		budget->since_ms = now_ms;
	}
	if (budget->left == 0)
		return false;
	budget->left--;
	return true;
}

static bool fits_option(const struct option_row *rows, uint8_t type, uint8_t len)
{
	for (; rows->type; rows++) {
		if (rows->type == type)
			return len >= rows->min && len <= rows->max;
	}
	return true;
}

static enum guard_verdict check_options(const struct option_row *rows, const uint8_t *body,
	size_t len)
{
	while (len > 0) {
		if (len < 2 || body[1] < 2 || body[1] > len)
			return GUARD_OPTIONS;
		if (!fits_option(rows, body[0], body[1]))
			return GUARD_VALUE;
		len -= body[1];
		body += body[1];
	}
	return GUARD_PASS;
}

static enum guard_verdict check_counted(const uint8_t *body, size_t len, unsigned int n_fields)
{
	for (; n_fields > 0; n_fields--) {
		if (len < 1 || body[0] > len - 1)
			return GUARD_VALUE;
		len -= 1u + body[0];
		body += 1u + body[0];
	}
	return GUARD_PASS;
}

static enum guard_verdict check_body(const struct protocol_row *row, enum body kind,
	const uint8_t *body, size_t len)
{
	switch (kind) {
	case BODY_NONE:
		return GUARD_CODE;
	case BODY_ANY:
		return GUARD_PASS;
	case BODY_OPTIONS:
		return check_options(row->options, body, len);
	case BODY_MAGIC:
	case BODY_PACKET:
		return len >= 4 ? GUARD_PASS : GUARD_VALUE;
	case BODY_REJECTED:
		return len >= 2 ? GUARD_PASS : GUARD_VALUE;
	case BODY_COUNTED:
		/* A challenge or response of no bytes is none. */
		if (len < 1 || body[0] == 0)
			return GUARD_VALUE;
		return check_counted(body, len, 1);
	case BODY_COUNTED_OR_NONE:
		return len == 0 ? GUARD_PASS : check_counted(body, len, 1);
	case BODY_COUNTED_TWICE:
		return check_counted(body, len, 2);
	}
	return GUARD_CODE;
}

static enum guard_verdict check_packet(const struct protocol_row *row, const uint8_t *packet,
	size_t *len)
{
	const struct code_row *code;
	size_t claimed;

	if (*len < HEADER_SIZE)
		return GUARD_SHORT;
	claimed = (size_t)(packet[2] << 8 | packet[3]);
	if (claimed < HEADER_SIZE || claimed > *len)
		return GUARD_LENGTH;
	if (packet[0] >= CODES_MAX)
		return GUARD_CODE;
	code = &row->codes[packet[0]];
	if (code->body == BODY_NONE)
		return GUARD_CODE;
	if (claimed > code->max)
		return GUARD_LONG;
	*len = claimed;
	return check_body(row, code->body, packet + HEADER_SIZE, claimed - HEADER_SIZE);
}

static size_t find_protocol(uint16_t protocol)
{
	size_t i;

	for (i = 0; i < N_PROTOCOLS && protocols[i].protocol != protocol; i++)
		;
	return i;
}

static enum guard_verdict judge(struct guard *guard, size_t index, const uint8_t *packet,
	size_t *len, uint64_t now_ms)
{
	enum guard_verdict verdict;

	if (index == N_PROTOCOLS)
		verdict = *len <= REJECTED_MAX ? GUARD_PASS : GUARD_PROTOCOL;
	else
		verdict = check_packet(&protocols[index], packet, len);
	if (verdict == GUARD_PASS && !spend(&guard->budgets[index], now_ms))
		verdict = GUARD_REPEATED;
	return verdict;
}

enum guard_verdict guard_check(struct guard *guard, uint16_t protocol, const uint8_t *packet,
	size_t *len, uint64_t now_ms)
{
	enum guard_verdict verdict;

	verdict = judge(guard, find_protocol(protocol), packet, len, now_ms);
	guard->n_judged[verdict]++;
	return verdict;
}

const char *guard_verdict_name(enum guard_verdict verdict)
{
	static const char *const names[] = {
		[GUARD_PASS] = "passed",
		[GUARD_PROTOCOL] = "protocol",
		[GUARD_SHORT] = "short",
		[GUARD_LENGTH] = "length",
		[GUARD_CODE] = "code",
		[GUARD_OPTIONS] = "options",
		[GUARD_VALUE] = "value",
		[GUARD_LONG] = "too long",
		[GUARD_REPEATED] = "too many",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == GUARD_VERDICT_COUNT, "a name each");

	return names[verdict];
}
