/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A call connects one channel with a PPP server, lwIP's behind the same guard
 * as the client's. Its packets take a path to the network and another back,
 * which may lose and delay them; what comes back waits for the serial line.
 *
 * Instead of both it can be another program that talks PPP (peer.c).
 *
 * To a caller with IPv6 the network is a router that tells the prefix and the
 * name server, when asked and now and then.
 *
 * A call ends from either side: call_end() takes PPP away without a word,
 * PPP's own end is told to the channel as NO CARRIER.
 */
#include "tests/modem-sim/call.h"

#include "netif/modem/pppline.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/icmp6.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/network.h"
#include "tests/modem-sim/path.h"
#include "tests/modem-sim/peer.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What no caller has. */
#define NOBODYS_PASSWORD "\x01"

#define HOST		 "10.0.2.2"
#define NAMESERVER	 "10.0.2.3"
/* Last bytes of the network's IPv6 addresses. */
#define ROUTER6_ID     2
#define NAMESERVER6_ID 3
#define ROUTER_MTU     1500
#define ADVERT_S       30

struct call {
	struct modem *modem;
	struct network *network;
	struct path *sent, *received;
	struct event *advert;	 /* the next router advertisement is due */
	struct channel *channel; /* NULL: no call */
	struct pppline *ppp;	 /* either of these */
	struct peer *peer;
	unsigned int pdp; /* of the call; bits of enum pdp */
	struct in_addr address;
	bool is_dropping, is_unanswered, is_refusing, is_mute;
	unsigned int n_calls;
};

static void on_ppp_output(const void *bytes, size_t len, void *arg)
{
	struct call *call = arg;

	if (!call->is_mute)
		channel_write(call->channel, bytes, len);
}

/* To all nodes, which is whoever calls. */
static void advertise(struct call *call)
{
	const struct options *options = call->modem->options;
	struct icmp6_router router = { .prefix = options->prefix, .dns = options->prefix };
	uint8_t packet[ICMP6_ANSWER_MAX];

	router.address.s6_addr[0] = 0xfe;
	router.address.s6_addr[1] = 0x80;
	router.address.s6_addr[15] = ROUTER6_ID;
	router.dns.s6_addr[15] = NAMESERVER6_ID;
	router.mtu = ROUTER_MTU;
	path_send(call->received, packet, icmp6_advertise_router(packet, &router));
}

static void on_advert(evutil_socket_t fd, short what, void *arg)
{
	struct timeval next = { .tv_sec = ADVERT_S };
	struct call *call = arg;

	(void)fd;
	(void)what;
	if (!call->is_dropping)
		advertise(call);
	event_add(call->advert, &next);
}

static void on_ppp_packet(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	if (call->is_dropping)
		return;
	if (icmp6_type(packet, len) == ICMP6_SOLICIT_ROUTER)
		advertise(call);
	else
		path_send(call->sent, packet, len);
}

static void on_ppp_up(const struct pppline_addresses *addresses, void *arg)
{
	(void)addresses;
	(void)arg;
}

static void on_ppp_down(enum pppline_end end, void *arg)
{
	struct call *call = arg;

	(void)end;
	channel_lose_carrier(call->channel);
}

static bool on_sent(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	network_send(call->network, packet, len);
	return true;
}

static void on_network_packet(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	if (call->ppp && !call->is_dropping)
		path_send(call->received, packet, len);
}

static bool on_received(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	if (call->channel && channel_is_busy(call->channel))
		return false;
	if (call->ppp)
		pppline_send(call->ppp, packet, len);
	return true;
}

/* ---- a call ------------------------------------------------------------------------ */

static bool is_peer_busy(void *arg)
{
	const struct call *call = arg;

	return channel_is_busy(call->channel);
}

static void on_peer_ended(void *arg)
{
	struct call *call = arg;

	channel_lose_carrier(call->channel);
}

static int start_peer(struct call *call)
{
	const struct options *options = call->modem->options;
	const struct peer_params params = {
		.pap = options->pap,
		.chap = options->chap,
		.user = options->user,
		.password = call->is_refusing ? NOBODYS_PASSWORD : options->password,
	};
	const struct peer_handlers handlers = {
		.output = on_ppp_output,
		.is_busy = is_peer_busy,
		.ended = on_peer_ended,
		.arg = call,
	};

	call->peer = peer_new(call->modem->base, &params, &handlers);
	return call->peer ? 0 : -1;
}

static int start_ppp(struct call *call, unsigned int pdp)
{
	const struct options *options = call->modem->options;
	const struct pppline_config config = {
		.base = call->modem->base,
		.user = options->user,
		.password = call->is_refusing ? NOBODYS_PASSWORD : options->password,
		.pap = options->pap || (call->is_refusing && !options->chap),
		.chap = options->chap,
		.ip4 = pdp & PDP_IP4,
		.ip6 = pdp & PDP_IP6,
		.is_server = true,
		.addresses = {
			.ip4 = inet_addr(HOST),
			.peer4 = call->address.s_addr,
			.dns4 = { inet_addr(NAMESERVER), inet_addr(NAMESERVER) },
		},
	};
	const struct timeval first = { .tv_sec = ADVERT_S };
	const struct pppline_handlers handlers = {
		.output = on_ppp_output,
		.packet = on_ppp_packet,
		.up = on_ppp_up,
		.down = on_ppp_down,
		.arg = call,
	};

	call->ppp = pppline_new(&config, &handlers);
	if (pdp & PDP_IP6)
		event_add(call->advert, &first);
	return call->ppp ? 0 : -1;
}

void call_start(struct call *call, struct channel *channel, unsigned int pdp)
{
	int error;

	call->n_calls++;
	call->channel = channel;
	call->pdp = pdp;
	channel_set_mode(channel, CHANNEL_DATA);
	error = call->modem->options->has_peer ? start_peer(call) : start_ppp(call, pdp);
	if (error)
		channel_lose_carrier(channel);
}

void call_end(struct call *call)
{
	pppline_free(call->ppp);
	call->ppp = NULL;
	peer_free(call->peer);
	call->peer = NULL;
	call->channel = NULL;
	path_clear(call->received);
	event_del(call->advert);
	contexts_deactivate(call->modem, "ME PDN DEACT");
}

struct channel *call_channel(const struct call *call)
{
	return call->channel;
}

void call_input(struct call *call, const void *bytes, size_t len)
{
	if (call->is_mute)
		return;
	if (call->ppp)
		pppline_input(call->ppp, bytes, len);
	if (call->peer)
		peer_input(call->peer, bytes, len);
}

void call_resume(struct call *call)
{
	path_resume(call->received);
	if (call->peer)
		peer_resume(call->peer);
}

void call_terminate(struct call *call)
{
	if (call->ppp)
		pppline_stop(call->ppp);
}

void call_renegotiate(struct call *call)
{
	if (!call->ppp)
		return;
	pppline_free(call->ppp);
	path_clear(call->received);
	if (start_ppp(call, call->pdp) != 0)
		channel_lose_carrier(call->channel);
}

void call_set_address(struct call *call, struct in_addr address)
{
	call->address = address;
}

struct in_addr call_address(const struct call *call)
{
	return call->address;
}

void call_set_refusing(struct call *call, bool is_on)
{
	call->is_refusing = is_on;
}

void call_set_mute(struct call *call, bool is_on)
{
	call->is_mute = is_on;
}

void call_set_dropping(struct call *call, bool is_on)
{
	call->is_dropping = is_on;
}

void call_set_answering(struct call *call, bool is_on)
{
	call->is_unanswered = !is_on;
}

unsigned int call_count(const struct call *call)
{
	return call->n_calls;
}

const struct path_counts *call_sent(const struct call *call)
{
	return path_counts(call->sent);
}

const struct path_counts *call_received(const struct call *call)
{
	return path_counts(call->received);
}

static int dial(struct channel *channel, int cid)
{
	struct modem *modem = channel->modem;
	struct call *call = modem->call;

	if (call->channel || call->is_unanswered || contexts_activate(modem, cid) != 0)
		return END_NO_CARRIER;
	channel_say(channel, "CONNECT 150000000");
	call_start(call, channel, contexts_find(&modem->contexts, cid)->active);
	return END_TOLD;
}

int call_dial(struct channel *channel, const char *args)
{
	int cid = 1;

	if (strcmp(args, "#") != 0 && sscanf(args, "***%d#", &cid) != 1)
		return END_ERROR;
	return dial(channel, cid);
}

int call_dial_data(struct channel *channel, const char *args)
{
	char protocol[8], cid[8];

	args = command_field(args, protocol, sizeof(protocol));
	command_field(args, cid, sizeof(cid));
	return strcmp(protocol, "PPP") == 0 ? dial(channel, atoi(cid)) : CME_INVALID;
}

struct call *call_new(struct modem *modem)
{
	struct call *call = calloc(1, sizeof(*call));
	struct path_params params = modem->options->path;

	if (!call)
		return NULL;
	call->modem = modem;
	call->address = modem->options->address;
	call->sent = path_new(modem->base, &params, on_sent, call);
	params.seed = ~params.seed;
	call->received = path_new(modem->base, &params, on_received, call);
	call->advert = evtimer_new(modem->base, on_advert, call);
	if (call->sent && call->received && call->advert)
		call->network = network_new(modem->base, modem->options->tun, on_network_packet,
			call);
	if (call->network)
		return call;
	call_free(call);
	return NULL;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	pppline_free(call->ppp);
	peer_free(call->peer);
	network_free(call->network);
	path_free(call->sent);
	path_free(call->received);
	if (call->advert)
		event_free(call->advert);
	free(call);
}
