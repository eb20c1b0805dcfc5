/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The PDP context gets its APN and type, and its account both by the family's
 * command, which is what some modems hand to the network, and by PPP, which is
 * what others do. Then the call is dialed on the data channel, and PPP begins
 * with the byte behind CONNECT.
 *
 * A call that is not connected is asked for the network's cause (+CEER), since
 * NO CARRIER alone helps nobody.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/pppline.h"
#include "netif/modem/serial.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define DIAL_MS	       120000
#define NEGOTIATION_MS 60000
#define MTU_DEFAULT    1500

void call_set_bearer(struct call *call, const ush_HelperBearer *bearer)
{
	if (call->state < CALL_BEARER)
		call->config.bearer = *bearer;
}

/* ---- the bearer -------------------------------------------------------------------- */

void call_enter_bearer(struct call *call)
{
	const ush_HelperBearer *b = &call->config.bearer;
	char command[160];

	call_tell_state(call, TABLE_LINK_DIALING,
		registration_describe(&call->registration, call->config.modem.roaming));
	snprintf(command, sizeof(command), "AT+CGDCONT=%d,\"%s\",\"%s\"", CALL_CID, b->type,
		b->apn);
	call_command(call, command, "", 10000);
}

void call_on_bearer(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call_enter(call, CALL_ACCOUNT);
	else
		call_fail(call, TABLE_REASON_MODEM, "the modem refuses apn or pdp_type");
}

void call_enter_account(struct call *call)
{
	const ush_HelperBearer *b = &call->config.bearer;
	struct family_account account = {
		.cid = CALL_CID,
		.type = b->type,
		.apn = b->apn,
		.user = b->user,
		.password = b->password,
		.auth = FAMILY_AUTH_NONE,
	};
	char command[AT_COMMAND_MAX];

	if (b->chap)
		account.auth = FAMILY_AUTH_CHAP;
	else if (b->pap)
		account.auth = FAMILY_AUTH_PAP;
	call->family->write_account(command, sizeof(command), &account);
	call_command(call, command, "", 10000);
}

/* ---- dialing ----------------------------------------------------------------------- */

static void on_dialed(const struct at_result *result, void *arg)
{
	struct call *call = arg;

	if (call->state == CALL_ENDED)
		return;
	if (result->status == AT_CONNECT) {
		call_enter(call, CALL_NEGOTIATE);
		return;
	}
	snprintf(call->dial_result, sizeof(call->dial_result), "%s",
		result->text[0] ? result->text : at_status_name(result->status));
	/* Silence is no refusal: the same is to be asked for again. */
	call->dial_reason = result->status == AT_TIMEOUT ? TABLE_REASON_TIMEOUT
							 : TABLE_REASON_DIAL;
	call_enter(call, CALL_WHY);
}

void call_enter_dial(struct call *call)
{
	const struct at_command command = {
		.text = "ATD*99***1#",
		.prefix = "",
		.timeout_ms = DIAL_MS,
		.done = on_dialed,
		.arg = call,
	};

	_Static_assert(CALL_CID == 1, "the number is in the command");
	call_command_to(call, &call->dialogues[CALL_CHANNEL_DATA], &command);
}

void call_on_why(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+CEER:"), *why = "APN, subscription?";
	char cause[96];

	if (line) {
		line += strlen("+CEER:");
		why = line + strspn(line, " ");
		snprintf(call->network_cause, sizeof(call->network_cause), "%s", why);
	}
	snprintf(cause, sizeof(cause), "the call failed: %.30s (%.44s)", call->dial_result, why);
	call_fail(call, call->dial_reason, cause);
}

/* ---- PPP --------------------------------------------------------------------------- */

static void on_ppp_output(const void *bytes, size_t len, void *arg)
{
	call_write(arg, CALL_CHANNEL_DATA, bytes, len);
}

static void on_ppp_packet(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	call->handlers.packet(packet, len, call->handlers.arg);
}

static void put_address(ush_HelperAddress *out, uint32_t ip)
{
	out->ip.size = 4;
	memcpy(out->ip.bytes, &ip, 4);
	out->prefix = 32;
}

static void on_ppp_up(const struct pppline_addresses *a, void *arg)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	ush_HelperReady *ready = &event.body.ready;
	struct call *call = arg;

	if (call->state != CALL_NEGOTIATE && call->state != CALL_UP)
		return;
	event.which_body = ush_HelperEvent_ready_tag;
	ready->mtu = call->config.mtu < MTU_DEFAULT ? call->config.mtu : MTU_DEFAULT;
	ready->has_address4 = a->ip4 != 0;
	put_address(&ready->address4, a->ip4);
	ready->has_gateway4 = a->ip4 != 0 && a->peer4 != 0;
	put_address(&ready->gateway4, a->peer4);
	ready->router_advertisements = a->interface_id != 0;
	ready->interface_id = a->interface_id;
	for (int i = 0; i < 2; i++) {
		/* Some networks give the same one twice. */
		if (a->dns4[i] && (i == 0 || a->dns4[i] != a->dns4[0]))
			put_address(&ready->dns[ready->dns_count++], a->dns4[i]);
	}
	if (call->state == CALL_NEGOTIATE) {
		event_del(call->timer);
		call_enter(call, CALL_UP);
	}
	call->handlers.event(&event, call->handlers.arg);
}

static void on_ppp_trace(const char *text, bool is_sent, void *arg)
{
	call_say(arg, LOG_LEVEL_DEBUG, "PPP %s %s", is_sent ? ">" : "<", text);
}

static void on_ppp_down(enum pppline_end how, void *arg)
{
	static const struct {
		enum table_link_reason reason;
		const char *cause;
	} rows[] = {
		[PPPLINE_END_CLOSED] = { TABLE_REASON_COMMAND, "hung up" },
		[PPPLINE_END_PEER] = { TABLE_REASON_PEER, "the network ended PPP" },
		[PPPLINE_END_SILENT] = { TABLE_REASON_PEER_SILENT,
			"the network does not answer echo requests" },
		[PPPLINE_END_REFUSED] = { TABLE_REASON_AUTHENTICATION,
			"the network refuses user and password" },
		[PPPLINE_END_NO_IP] = { TABLE_REASON_ADDRESS,
			"the network gives no address: pdp_type?" },
		[PPPLINE_END_CARRIER] = { TABLE_REASON_CARRIER, "NO CARRIER" },
	};

	call_fail(arg, rows[how].reason, rows[how].cause);
}

void call_enter_negotiate(struct call *call)
{
	const ush_HelperBearer *b = &call->config.bearer;
	const struct pppline_config config = {
		.base = call->base,
		.user = b->user,
		.password = b->password,
		.ip4 = strcmp(b->type, "IPV6") != 0,
		.ip6 = strcmp(b->type, "IP") != 0,
		.interface_id = b->interface_id,
		.pap = b->pap,
		.chap = b->chap,
	};
	const struct pppline_handlers handlers = {
		.output = on_ppp_output,
		.packet = on_ppp_packet,
		.up = on_ppp_up,
		.trace = on_ppp_trace,
		.down = on_ppp_down,
		.arg = call,
	};

	call_tell_state(call, TABLE_LINK_NEGOTIATING, "connected");
	call_timer_in(call->timer, NEGOTIATION_MS);
	call->ppp = pppline_new(&config, &handlers);
	if (!call->ppp)
		call_fail(call, TABLE_REASON_SYSTEM, "out of memory");
}

void call_negotiation_expired(struct call *call)
{
	call_fail(call, TABLE_REASON_PEER_SILENT, "PPP did not get up in time");
}

/* ---- packets ----------------------------------------------------------------------- */

void call_send(struct call *call, const void *packet, size_t len)
{
	if (call->state == CALL_UP)
		pppline_send(call->ppp, packet, len);
}
