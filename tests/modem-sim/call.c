/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A call connects one channel with a PPP server, lwIP's behind the same guard
 * as the client's. Its packets take a path to the network and another back,
 * which may lose and delay them; what comes back waits for the serial line.
 *
 * A call ends from either side: call_end() takes PPP away without a word,
 * PPP's own end is told to the channel as NO CARRIER.
 */
#include "tests/modem-sim/call.h"

#include "netif/modem/pppline.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/network.h"
#include "tests/modem-sim/path.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define HOST	   "10.0.2.2"
#define NAMESERVER "10.0.2.3"

struct call {
	struct event_base *base;
	const struct options *options;
	struct network *network;
	struct path *sent, *received;
	struct channel *channel; /* NULL: no call */
	struct pppline *ppp;
	struct in_addr address;
	bool is_dropping, is_refusing;
	unsigned int n_calls;
};

static void on_ppp_output(const void *bytes, size_t len, void *arg)
{
	struct call *call = arg;

	channel_write(call->channel, bytes, len);
}

static void on_ppp_packet(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	if (!call->is_dropping)
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

void call_start(struct call *call, struct channel *channel)
{
	const struct options *options = call->options;
	const struct pppline_config config = {
		.base = call->base,
		.user = options->user,
		.password = options->password,
		.pap = options->pap,
		.chap = options->chap,
		.ip4 = true,
		.is_server = true,
		.addresses = {
			.ip4 = inet_addr(HOST),
			.peer4 = call->address.s_addr,
			.dns4 = { inet_addr(NAMESERVER), inet_addr(NAMESERVER) },
		},
	};
	const struct pppline_handlers handlers = {
		.output = on_ppp_output,
		.packet = on_ppp_packet,
		.up = on_ppp_up,
		.down = on_ppp_down,
		.arg = call,
	};

	call->n_calls++;
	call->channel = channel;
	channel->mode = CHANNEL_DATA;
	call->ppp = pppline_new(&config, &handlers);
}

void call_end(struct call *call)
{
	pppline_free(call->ppp);
	call->ppp = NULL;
	call->channel = NULL;
	path_clear(call->received);
}

struct channel *call_channel(const struct call *call)
{
	return call->channel;
}

void call_input(struct call *call, const void *bytes, size_t len)
{
	if (call->ppp)
		pppline_input(call->ppp, bytes, len);
}

void call_resume(struct call *call)
{
	path_resume(call->received);
}

void call_terminate(struct call *call)
{
	if (call->ppp)
		pppline_stop(call->ppp);
}

void call_set_address(struct call *call, struct in_addr address)
{
	call->address = address;
}

void call_set_dropping(struct call *call, bool is_on)
{
	call->is_dropping = is_on;
}

void call_set_answering(struct call *call, bool is_on)
{
	call->is_refusing = !is_on;
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

int call_dial(struct channel *channel, const char *args)
{
	struct call *call = channel->modem->call;

	(void)args;
	if (call->channel || call->is_refusing || !radio_is_registered(channel->modem))
		return END_NO_CARRIER;
	channel_say(channel, "CONNECT 150000000");
	call_start(call, channel);
	return END_TOLD;
}

struct call *call_new(struct event_base *base, const struct options *options)
{
	struct call *call = calloc(1, sizeof(*call));
	struct path_params params = options->path;

	if (!call)
		return NULL;
	call->base = base;
	call->options = options;
	call->address = options->address;
	call->sent = path_new(base, &params, on_sent, call);
	params.seed = ~params.seed;
	call->received = path_new(base, &params, on_received, call);
	if (call->sent && call->received)
		call->network = network_new(base, options->tun, on_network_packet, call);
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
	network_free(call->network);
	path_free(call->sent);
	path_free(call->received);
	free(call);
}
