/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Bytes from the line are de-framed here (hdlc.c). IP packets go straight to
 * the owner; control packets pass the guard and are handed to lwIP's PPPoS,
 * framed anew so that only its public interface is used. lwIP frames what goes
 * out.
 *
 * lwIP must not be entered from within its own callbacks, so the end of the
 * connection is told from an event of its own.
 *
 * Echo requests are ours: one after ten seconds without a frame from the peer,
 * and after three without any the connection is given up. lwIP would ask every
 * ten seconds. Its answers to the peer's requests stay its own. A modem that has
 * started anew echoes what it is sent: frames of our own are no sign of life.
 *
 * Which network protocols are spoken is the owner's choice. lwIP opens IPCP and
 * IPV6CP alike, so the one that is not wanted is made silent, and the peer's
 * requests for it are answered with a Protocol-Reject before lwIP sees them.
 *
 * A peer may negotiate anew at any time: then lwIP takes a network protocol
 * down and up again. The owner is told what came of it; if nothing is up again
 * for a while, the connection has ended.
 *
 * What is up is told once the other network protocol is settled too, up or
 * given up, so that addresses come together; but a peer that says nothing to it
 * holds up nobody for long.
 */
#include "netif/modem/pppline.h"

#include "netif/modem/guard.h"
#include "netif/modem/hdlc.h"
#include "netif/modem/ppp_port.h"
#include "netif/modem/ppp_trace.h"

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "netif/ppp/ppp.h"
#include "netif/ppp/ppp_impl.h"
#include "netif/ppp/pppos.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_MS	    10000
#define ECHO_MISSES 3
#define ECHO_CODE   9
#define TEXT_MAX    65
/* 10.64.64.64 */
#define NOBODYS_ADDRESS 0x0a404040
/* For a negotiation that the peer has begun anew. */
#define ANEW_MS 20000
/* From one network protocol that is up to the other. */
#define SETTLE_MS 3000
/* RFC 1661 5.7. */
#define REJECT_CODE 8
#define REJECT_MAX  128

struct pppline {
	struct pppline_handlers handlers;
	struct netif netif;
	ppp_pcb *pcb;
	struct hdlc hdlc;
	struct guard guard;
	struct event *echo, *told, *anew, *settle;
	bool ip4, ip6;	       /* wanted */
	unsigned int n_silent; /* echo intervals without a frame */
	bool is_heard;	       /* a frame of the peer's came since the last one */
	bool is_up, is_told;   /* the owner knows that it is, and that it has ended */
	bool is_news;	       /* something has come up that the owner does not know of */
	enum pppline_end end;
	uint8_t echo_id, reject_id;
	char user[TEXT_MAX], password[TEXT_MAX];
};

/* ---- the connection ------------------------------------------------------------------ */

bool pppline_is_refused(const struct pppline *line)
{
	return line->pcb && line->pcb->err_code == PPPERR_AUTHFAIL;
}

static void tell_end(struct pppline *line, enum pppline_end end)
{
	struct timeval now = { 0 };

	if (line->is_told)
		return;
	line->is_told = true;
	/* A network that refuses hangs up, often before PPP has ended in order. */
	line->end = pppline_is_refused(line) ? PPPLINE_END_REFUSED : end;
	event_del(line->echo);
	event_del(line->anew);
	event_del(line->settle);
	event_add(line->told, &now);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
	struct pppline *line = arg;

	(void)fd;
	(void)what;
	line->handlers.down(line->end, line->handlers.arg);
}

static void arm_echo(struct pppline *line)
{
	struct timeval t = ppp_port_timeval(ECHO_MS);

	line->is_heard = false;
	event_add(line->echo, &t);
}

static void send_echo(struct pppline *line)
{
	uint32_t magic = line->pcb->lcp_gotoptions.magicnumber;
	uint8_t packet[8] = { ECHO_CODE, ++line->echo_id, 0, 8 };
	uint8_t frame[HDLC_ENCODED_MAX(sizeof(packet))];
	size_t len;

	for (int i = 0; i < 4; i++)
		packet[4 + i] = (uint8_t)(magic >> (24 - 8 * i));
	len = hdlc_encode(frame, PPP_PROTOCOL_LCP, packet, sizeof(packet));
	line->handlers.output(frame, len, line->handlers.arg);
}

static void on_echo(evutil_socket_t fd, short what, void *arg)
{
	struct pppline *line = arg;

	(void)fd;
	(void)what;
	line->n_silent = line->is_heard ? 0 : line->n_silent + 1;
	if (line->n_silent > ECHO_MISSES) {
		tell_end(line, PPPLINE_END_SILENT);
		return;
	}
	if (!line->is_heard)
		send_echo(line);
	arm_echo(line);
}

static uint64_t interface_id(const eui64_t *id)
{
	uint64_t bytes;

	memcpy(&bytes, id->e8, sizeof(bytes));
	return bytes;
}

static void tell_up(struct pppline *line)
{
	const ppp_pcb *pcb = line->pcb;
	struct pppline_addresses addresses = { 0 };

	if (pcb->if4_up) {
		addresses.ip4 = netif_ip4_addr(&line->netif)->addr;
		addresses.peer4 = netif_ip4_gw(&line->netif)->addr;
		addresses.dns4[0] = pcb->ipcp_gotoptions.dnsaddr[0];
		addresses.dns4[1] = pcb->ipcp_gotoptions.dnsaddr[1];
	}
	if (pcb->if6_up)
		addresses.interface_id = interface_id(&pcb->ipv6cp_gotoptions.ourid);
	event_del(line->anew);
	event_del(line->settle);
	line->is_news = false;
	line->is_up = true;
	line->n_silent = 0;
	arm_echo(line);
	line->handlers.up(&addresses, line->handlers.arg);
}

/* Up, rejected, or not wanted. */
static bool is_settled(const fsm *f)
{
	return f->state != PPP_FSM_REQSENT && f->state != PPP_FSM_ACKRCVD &&
		f->state != PPP_FSM_ACKSENT;
}

static void tell_if_settled(struct pppline *line)
{
	const ppp_pcb *pcb = line->pcb;
	struct timeval t = ppp_port_timeval(SETTLE_MS);

	if (!line->is_news)
		return;
	if (is_settled(&pcb->ipcp_fsm) && is_settled(&pcb->ipv6cp_fsm))
		tell_up(line);
	else if (!event_pending(line->settle, EV_TIMEOUT, NULL))
		event_add(line->settle, &t);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	struct pppline *line = arg;

	(void)fd;
	(void)what;
	if (!line->is_told && (line->pcb->if4_up || line->pcb->if6_up))
		tell_up(line);
}

static void on_anew(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_end(arg, PPPLINE_END_PEER);
}

/* lwIP tells when a network protocol comes up, but not when the last goes down. */
static void check_networks(struct pppline *line)
{
	const ppp_pcb *pcb = line->pcb;
	int n_silent = !line->ip4 + !line->ip6;
	struct timeval t = ppp_port_timeval(ANEW_MS);

	if (line->is_told)
		return;
	if (pcb->if4_up || pcb->if6_up) {
		tell_if_settled(line);
		return;
	}
	if (pcb->phase == PPP_PHASE_NETWORK && pcb->num_np_open <= n_silent)
		tell_end(line, PPPLINE_END_NO_IP);
	if (!line->is_up)
		return;
	line->is_up = false;
	event_add(line->anew, &t);
}

static void on_status(ppp_pcb *pcb, int error, void *arg)
{
	struct pppline *line = arg;

	(void)pcb;
	switch (error) {
	case PPPERR_NONE:
		/* Told when the frame that brought it has been taken. */
		line->is_news = true;
		break;
	case PPPERR_USER:
		tell_end(line, PPPLINE_END_CLOSED);
		break;
	case PPPERR_AUTHFAIL:
		tell_end(line, PPPLINE_END_REFUSED);
		break;
	case PPPERR_PROTOCOL:
		tell_end(line, PPPLINE_END_NO_IP);
		break;
	default:
		tell_end(line, PPPLINE_END_PEER);
		break;
	}
}

static u32_t on_output(ppp_pcb *pcb, const void *data, u32_t len, void *arg)
{
	struct pppline *line = arg;
	char text[PPP_TRACE_MAX];

	(void)pcb;
	if (line->handlers.trace && ppp_trace_frame(text, data, len))
		line->handlers.trace(text, true, line->handlers.arg);
	line->handlers.output(data, len, line->handlers.arg);
	return len;
}

static void reject(struct pppline *line, uint16_t protocol, const uint8_t *packet, size_t len)
{
	uint8_t answer[6 + REJECT_MAX] = { REJECT_CODE, ++line->reject_id };
	uint8_t frame[HDLC_ENCODED_MAX(sizeof(answer))];

	if (len > REJECT_MAX)
		len = REJECT_MAX;
	answer[3] = (uint8_t)(6 + len);
	answer[4] = (uint8_t)(protocol >> 8);
	answer[5] = (uint8_t)protocol;
	memcpy(answer + 6, packet, len);
	len = hdlc_encode(frame, PPP_PROTOCOL_LCP, answer, 6 + len);
	line->handlers.output(frame, len, line->handlers.arg);
}

static bool is_unwanted(const struct pppline *line, uint16_t protocol)
{
	return (protocol == PPP_PROTOCOL_IPCP && !line->ip4) ||
		(protocol == PPP_PROTOCOL_IPV6CP && !line->ip6);
}

static void take_control(struct pppline *line, uint16_t protocol, uint8_t *packet, size_t len)
{
	uint8_t frame[HDLC_ENCODED_MAX(HDLC_FRAME_MAX)];
	char text[PPP_TRACE_MAX];

	if (line->handlers.trace && ppp_trace_packet(text, protocol, packet, len))
		line->handlers.trace(text, false, line->handlers.arg);
	if (guard_check(&line->guard, protocol, packet, &len, ppp_port_now_ms()) != GUARD_PASS)
		return;
	if (is_unwanted(line, protocol)) {
		/* Before it is up, what is no LCP is dropped (RFC 1661 3.4). */
		if (line->pcb->phase >= PPP_PHASE_NETWORK)
			reject(line, protocol, packet, len);
		return;
	}
	/* lwIP looks for the end of names with strlen(): a NUL as padding ends them. */
	packet[len] = 0;
	len = hdlc_encode(frame, protocol, packet, len + 1);
	pppos_input(line->pcb, frame, (int)len);
	check_networks(line);
}

/* Our own frame, which a modem that has left the call gives back as it comes. */
static bool is_echoed(const struct pppline *line, uint16_t protocol, const uint8_t *packet,
	size_t len)
{
	uint32_t magic = lwip_htonl(line->pcb->lcp_gotoptions.magicnumber);

	switch (protocol) {
	case PPP_PROTOCOL_IP4:
		return len >= 20 && memcmp(packet + 12, netif_ip4_addr(&line->netif), 4) == 0;
	case PPP_PROTOCOL_IP6:
		return len >= 40 &&
			memcmp(packet + 16, line->pcb->ipv6cp_gotoptions.ourid.e8, 8) == 0;
	case PPP_PROTOCOL_LCP:
		return magic != 0 && len >= 8 && packet[0] == ECHO_CODE &&
			memcmp(packet + 4, &magic, 4) == 0;
	default:
		return false;
	}
}

static void on_frame(uint16_t protocol, uint8_t *packet, size_t len, void *arg)
{
	struct pppline *line = arg;

	if (is_echoed(line, protocol, packet, len))
		return;
	line->is_heard = true;
	if (protocol != PPP_PROTOCOL_IP4 && protocol != PPP_PROTOCOL_IP6)
		take_control(line, protocol, packet, len);
	else if (protocol == PPP_PROTOCOL_IP4 ? line->pcb->if4_up : line->pcb->if6_up)
		line->handlers.packet(packet, len, line->handlers.arg);
}

static void on_text(const char *text, void *arg)
{
	if (strcmp(text, "NO CARRIER") == 0)
		tell_end(arg, PPPLINE_END_CARRIER);
}

static void configure_client(struct pppline *line, const struct pppline_config *config)
{
	u8_t auth = (u8_t)((config->pap ? PPPAUTHTYPE_PAP : 0) |
		(config->chap ? PPPAUTHTYPE_CHAP : 0));
	ip4_addr_t nobodys;

	ppp_set_auth(line->pcb, auth, line->user, line->password);
	ppp_set_usepeerdns(line->pcb, 1);
	if (config->interface_id) {
		memcpy(line->pcb->ipv6cp_wantoptions.ourid.e8, &config->interface_id,
			sizeof(config->interface_id));
		line->pcb->ipv6cp_wantoptions.opt_local = 1;
	}
	/*
	 * Some peers offer no address of their own, or 0.0.0.0 and want one: they
	 * get the same as from pppd. lwIP alone would refuse, and they hang up.
	 */
	line->pcb->ipcp_wantoptions.accept_remote = 1;
	ip4_addr_set_u32(&nobodys, PP_HTONL(NOBODYS_ADDRESS));
	ppp_set_ipcp_hisaddr(line->pcb, &nobodys);
}

#if PPP_SERVER
static void configure_server(struct pppline *line, const struct pppline_config *config)
{
	const struct pppline_addresses *a = &config->addresses;
	u8_t auth = (u8_t)((config->pap ? PPPAUTHTYPE_PAP : 0) |
		(config->chap ? PPPAUTHTYPE_CHAP : 0));
	ip4_addr_t ip;

	ppp_set_auth(line->pcb, auth, line->user, line->password);
	ppp_set_auth_required(line->pcb, auth != 0);
	ip.addr = a->ip4;
	ppp_set_ipcp_ouraddr(line->pcb, &ip);
	ip.addr = a->peer4;
	ppp_set_ipcp_hisaddr(line->pcb, &ip);
	for (u8_t i = 0; i < 2; i++) {
		ip.addr = a->dns4[i];
		ppp_set_ipcp_dnsaddr(line->pcb, i, &ip);
	}
}
#endif

static void silence_unwanted(struct pppline *line)
{
	if (!line->ip4)
		line->pcb->ipcp_fsm.flags |= OPT_SILENT;
	if (!line->ip6)
		line->pcb->ipv6cp_fsm.flags |= OPT_SILENT;
}

static int events_new(struct pppline *line, struct event_base *base)
{
	static bool is_initialised;

	if (!is_initialised)
		ppp_init();
	is_initialised = true;
	ppp_port_init(base);
	line->echo = evtimer_new(base, on_echo, line);
	line->told = evtimer_new(base, on_told, line);
	line->anew = evtimer_new(base, on_anew, line);
	line->settle = evtimer_new(base, on_settle, line);
	return line->echo && line->told && line->anew && line->settle ? 0 : -1;
}

struct pppline *pppline_new(const struct pppline_config *config,
	const struct pppline_handlers *handlers)
{
	const struct hdlc_handlers hdlc = { .frame = on_frame, .text = on_text };
	struct pppline *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->handlers = *handlers;
	line->ip4 = config->ip4;
	line->ip6 = config->ip6;
	snprintf(line->user, sizeof(line->user), "%s", config->user);
	snprintf(line->password, sizeof(line->password), "%s", config->password);
	hdlc_init(&line->hdlc, &hdlc);
	line->hdlc.handlers.arg = line;
	guard_init(&line->guard);
	if (events_new(line, config->base) == 0)
		line->pcb = pppos_create(&line->netif, on_output, on_status, line);
	if (!line->pcb) {
		pppline_free(line);
		return NULL;
	}
	silence_unwanted(line);
#if PPP_SERVER
	if (config->is_server) {
		configure_server(line, config);
		ppp_listen(line->pcb);
		return line;
	}
#endif
	configure_client(line, config);
	ppp_connect(line->pcb, 0);
	return line;
}

void pppline_free(struct pppline *line)
{
	if (!line)
		return;
	if (line->pcb) {
		line->is_told = true;
		/* lwIP frees a dead connection only, and some ends take it time. */
		ppp_port_drop_timers();
		line->pcb->phase = PPP_PHASE_DEAD;
		ppp_free(line->pcb);
	}
	if (line->echo)
		event_free(line->echo);
	if (line->told)
		event_free(line->told);
	if (line->anew)
		event_free(line->anew);
	if (line->settle)
		event_free(line->settle);
	free(line);
}

void pppline_stop(struct pppline *line)
{
	ppp_close(line->pcb, 0);
}

void pppline_carrier_lost(struct pppline *line)
{
	tell_end(line, PPPLINE_END_CARRIER);
}

void pppline_input(struct pppline *line, const void *bytes, size_t len)
{
	hdlc_input(&line->hdlc, bytes, len);
}

void pppline_send(struct pppline *line, const void *packet, size_t len)
{
	bool is_ip6 = len > 0 && *(const uint8_t *)packet >> 4 == 6;
	struct pbuf *p;

	if (line->is_told || len > UINT16_MAX ||
		!(is_ip6 ? line->pcb->if6_up : line->pcb->if4_up))
		return;
	p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	if (!p)
		return;
	memcpy(p->payload, packet, len);
	if (is_ip6)
		line->netif.output_ip6(&line->netif, p, NULL);
	else
		line->netif.output(&line->netif, p, NULL);
	pbuf_free(p);
}
