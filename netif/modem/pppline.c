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
 * Echo requests are ours: one after ten seconds without a byte from the peer,
 * and after three without any the connection is given up. lwIP would ask every
 * ten seconds. Its answers to the peer's requests stay its own.
 *
 * lwIP's timers run on libevent, one event each: nothing wakes an idle line
 * but the echo.
 */
#include "netif/modem/pppline.h"

#include "netif/modem/guard.h"
#include "netif/modem/hdlc.h"

#include "lwip/dns.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/timeouts.h"
#include "netif/ppp/ppp.h"
#include "netif/ppp/ppp_impl.h"
#include "netif/ppp/pppos.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define ECHO_MS	    10000
#define ECHO_MISSES 3
#define ECHO_CODE   9
#define TEXT_MAX    65

struct pppline {
	struct pppline_handlers handlers;
	struct netif netif;
	ppp_pcb *pcb;
	struct hdlc hdlc;
	struct guard guard;
	struct event *echo, *told;
	unsigned int n_silent; /* echo intervals without a byte */
	bool is_heard;	       /* bytes came since the last one */
	bool is_up, is_told;
	enum pppline_end end;
	uint8_t echo_id;
	char user[TEXT_MAX], password[TEXT_MAX];
};

/* ---- what lwIP needs --------------------------------------------------------------- */

struct timer {
	struct timer *next;
	sys_timeout_handler handler;
	void *arg;
	struct event *event;
};

static struct event_base *timers_base;
static struct timer *timers;

void ppp_assert_failed(const char *message, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, message);
	abort();
}

uint32_t ppp_random(void)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	return random;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

u32_t sys_now(void)
{
	return (u32_t)now_ms();
}

/* Only lwIP's random numbers ask for it. */
u32_t sys_jiffies(void)
{
	return sys_now();
}

/* IPCP tells whom to ask; the netif's owner looks into IPCP's options instead. */
void dns_setserver(u8_t i, const ip_addr_t *server)
{
	(void)i;
	(void)server;
}

const ip_addr_t *dns_getserver(u8_t i)
{
	(void)i;
	return IP_ADDR_ANY;
}

static void timer_free(struct timer *timer)
{
	struct timer **at;

	for (at = &timers; *at != timer; at = &(*at)->next)
		;
	*at = timer->next;
	event_free(timer->event);
	free(timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;
	sys_timeout_handler handler = timer->handler;
	void *handler_arg = timer->arg;

	(void)fd;
	(void)what;
	timer_free(timer);
	handler(handler_arg);
}

static struct timeval to_timeval(uint32_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};
}

void sys_timeout(u32_t ms, sys_timeout_handler handler, void *arg)
{
	struct timer *timer = calloc(1, sizeof(*timer));
	struct timeval t = to_timeval(ms);

	if (!timer)
		abort();
	timer->handler = handler;
	timer->arg = arg;
	timer->event = evtimer_new(timers_base, on_timer, timer);
	if (!timer->event)
		abort();
	timer->next = timers;
	timers = timer;
	event_add(timer->event, &t);
}

void sys_untimeout(sys_timeout_handler handler, void *arg)
{
	struct timer *timer;

	for (timer = timers; timer; timer = timer->next) {
		if (timer->handler == handler && timer->arg == arg) {
			timer_free(timer);
			return;
		}
	}
}

/* ---- the connection ------------------------------------------------------------------ */

static void tell_end(struct pppline *line, enum pppline_end end)
{
	struct timeval now = { 0 };

	if (line->is_told)
		return;
	line->is_told = true;
	line->end = end;
	event_del(line->echo);
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
	struct timeval t = to_timeval(ECHO_MS);

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

static void tell_up(struct pppline *line)
{
	struct pppline_addresses addresses = {
		.ip4 = netif_ip4_addr(&line->netif)->addr,
		.peer4 = netif_ip4_gw(&line->netif)->addr,
		.dns4 = {
			line->pcb->ipcp_gotoptions.dnsaddr[0],
			line->pcb->ipcp_gotoptions.dnsaddr[1],
		},
	};

	line->is_up = true;
	line->n_silent = 0;
	arm_echo(line);
	line->handlers.up(&addresses, line->handlers.arg);
}

static void on_status(ppp_pcb *pcb, int error, void *arg)
{
	struct pppline *line = arg;

	(void)pcb;
	switch (error) {
	case PPPERR_NONE:
		tell_up(line);
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

	(void)pcb;
	line->handlers.output(data, len, line->handlers.arg);
	return len;
}

static void on_frame(uint16_t protocol, uint8_t *packet, size_t len, void *arg)
{
	uint8_t frame[HDLC_ENCODED_MAX(HDLC_FRAME_MAX)];
	struct pppline *line = arg;

	if (protocol == PPP_PROTOCOL_IP4) {
		if (line->is_up)
			line->handlers.packet(packet, len, line->handlers.arg);
		return;
	}
	if (guard_check(&line->guard, protocol, packet, &len, now_ms()) != GUARD_PASS)
		return;
	/* lwIP looks for the end of names with strlen(): a NUL as padding ends them. */
	packet[len] = 0;
	len = hdlc_encode(frame, protocol, packet, len + 1);
	pppos_input(line->pcb, frame, (int)len);
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

	ppp_set_auth(line->pcb, auth, line->user, line->password);
	ppp_set_usepeerdns(line->pcb, 1);
	/* Some peers offer no address of their own, or 0.0.0.0. */
	line->pcb->ipcp_wantoptions.accept_remote = 1;
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

static int events_new(struct pppline *line, struct event_base *base)
{
	static bool is_initialised;

	if (!is_initialised)
		ppp_init();
	is_initialised = true;
	timers_base = base;
	line->echo = evtimer_new(base, on_echo, line);
	line->told = evtimer_new(base, on_told, line);
	return line->echo && line->told ? 0 : -1;
}

struct pppline *pppline_new(const struct pppline_config *config,
	const struct pppline_handlers *handlers)
{
	const struct hdlc_handlers hdlc = { .frame = on_frame, .text = on_text };
	struct pppline *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->handlers = *handlers;
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
		while (timers)
			timer_free(timers);
		line->pcb->phase = PPP_PHASE_DEAD;
		ppp_free(line->pcb);
	}
	if (line->echo)
		event_free(line->echo);
	if (line->told)
		event_free(line->told);
	free(line);
}

void pppline_stop(struct pppline *line)
{
	ppp_close(line->pcb, 0);
}

void pppline_input(struct pppline *line, const void *bytes, size_t len)
{
	line->is_heard = true;
	hdlc_input(&line->hdlc, bytes, len);
}

void pppline_send(struct pppline *line, const void *packet, size_t len)
{
	struct pbuf *p;

	if (!line->is_up || line->is_told)
		return;
	p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	if (!p)
		return;
	memcpy(p->payload, packet, len);
	line->netif.output(&line->netif, p, NULL);
	pbuf_free(p);
}
