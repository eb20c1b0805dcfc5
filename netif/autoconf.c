/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What routers advertise on a netif is kept here, with its lifetimes, and
 * becomes part of the link's parameters; netif slots and routes are for
 * link_address.c alone, as with every other way of getting an address. lwIP has
 * code for this too, but it assigns addresses by itself, counts lifetimes down
 * once a second for ever, knows neither the lifetimes nor the links of DNS
 * servers, and asks for the neighbour behind every router until it answers,
 * which on a raw IP link it never does. So advertisements never reach it.
 *
 * One timer a netif, set for what comes first: the end of a lifetime or the
 * next solicitation. Solicitations go on with growing pauses until a router has
 * answered (RFC 7559), and start again when three quarters of the shortest
 * lifetime are over, or the last router has withdrawn.
 *
 * A link that comes up again keeps its addresses, and so its connections, if
 * the first router to answer advertises the same prefix; the others go then, or
 * when no router has answered for a while.
 *
 * Duplicate address detection is lwIP's, where link_address.c starts it. It
 * tells of its result by the state of the netif's slot; a clash makes a new
 * interface identifier (RFC 7217 6), three times at most.
 */
#include "netif/autoconf.h"

#include "netif/ingress.h"
#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/router_advert.h"
#include "netif/stack.h"
#include "netif/stack_private.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define NEVER	 UINT64_MAX
/* RFC 7559 2, RFC 4861 10 */
#define SOLICIT_FIRST_NS (4 * NS_PER_S)
#define SOLICIT_MAX_NS	 (3600 * NS_PER_S)
/* RFC 4862 5.5.3 e: nobody shortens a lifetime to less by one packet. */
/* From the first of three solicitations to when the third must be answered. */
#define CONFIRM_NS	 (15 * NS_PER_S)
#define SAFE_LIFETIME_NS (7200 * NS_PER_S)
#define CLASHES_MAX	 3
#define HOP_LIMIT	 255
#define SOLICITATION	 133
#define OPTION_SOURCE	 1

static struct autoconf *all;

static uint64_t deadline(uint64_t now, uint32_t seconds)
{
	return seconds == ROUTER_ADVERT_FOREVER ? NEVER : now + seconds * NS_PER_S;
}

static struct address to_address(const uint8_t ip[16], uint16_t prefix)
{
	struct address a = { .family = ADDRESS_IPV6, .port = prefix };

	memcpy(a.ip, ip, sizeof(a.ip));
	return a;
}

/* ---- the timer ------------------------------------------------------------------ */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_deadline(const struct autoconf *a, uint64_t now)
{
	uint64_t next = sooner(a->solicit_ns, a->confirm_ns);
	size_t i;

	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++) {
		const struct autoconf_address *address = &a->addresses[i];

		if (!address->ip.family)
			continue;
		next = sooner(next, address->valid_ns);
		if (address->preferred_ns > now)
			next = sooner(next, address->preferred_ns);
	}
	for (i = 0; i < AUTOCONF_ROUTERS; i++) {
		if (a->routers[i].ip.family)
			next = sooner(next, a->routers[i].until_ns);
	}
	for (i = 0; i < TABLE_LINK_DNS; i++) {
		if (a->dns[i].ip.family)
			next = sooner(next, a->dns[i].until_ns);
	}
	return next;
}

static void arm(struct autoconf *a, uint64_t now)
{
	uint64_t next = next_deadline(a, now), delay;
	struct timeval t;

	event_del(a->timer);
	if (next == NEVER)
		return;
	/* Rounded up: at the deadline it must have passed. */
	delay = (next > now ? next - now : 0) + 999;
	t.tv_sec = (time_t)(delay / NS_PER_S);
	t.tv_usec = (suseconds_t)(delay % NS_PER_S / 1000);
	event_add(a->timer, &t);
}

/* ---- soliciting ------------------------------------------------------------------- */

static void send_solicitation(const struct autoconf *a)
{
	struct netif *netif = a->netif;
	bool has_source = ip6_addr_isvalid(netif_ip6_addr_state(netif, 0));
	bool has_option = has_source && netif->hwaddr_len == INGRESS_MAC_SIZE;
	const ip6_addr_t *source = has_source ? netif_ip6_addr(netif, 0) : IP6_ADDR_ANY6;
	uint16_t len = has_option ? 16 : 8, sum;
	struct pbuf *p = pbuf_alloc(PBUF_IP, len, PBUF_RAM);
	uint8_t *message;
	ip6_addr_t to;

	if (!p)
		return;
	message = p->payload;
	memset(message, 0, len);
	message[0] = SOLICITATION;
	if (has_option) {
		message[8] = OPTION_SOURCE;
		message[9] = 1;
		memcpy(message + 10, netif->hwaddr, INGRESS_MAC_SIZE);
	}
	ip6_addr_set_allrouters_linklocal(&to);
	ip6_addr_assign_zone(&to, IP6_MULTICAST, netif);
	sum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, len, source, &to);
	memcpy(message + 2, &sum, sizeof(sum));
	ip6_output_if(p, has_source ? source : NULL, &to, HOP_LIMIT, 0, IP6_NEXTH_ICMP6, netif);
	pbuf_free(p);
}

static void solicit_from(struct autoconf *a, uint64_t now)
{
	a->solicit_ns = now;
	a->solicit_wait_ns = SOLICIT_FIRST_NS;
}

static void solicit_if_due(struct autoconf *a, uint64_t now)
{
	if (now < a->solicit_ns)
		return;
	send_solicitation(a);
	a->solicit_ns = now + a->solicit_wait_ns;
	a->solicit_wait_ns = sooner(a->solicit_wait_ns * 2, SOLICIT_MAX_NS);
}

/* ---- lifetimes -------------------------------------------------------------------- */

static bool has_router(const struct autoconf *a)
{
	size_t i;

	for (i = 0; i < AUTOCONF_ROUTERS; i++) {
		if (a->routers[i].ip.family)
			return true;
	}
	return false;
}

static void expire(struct autoconf *a, uint64_t now)
{
	bool had_router = has_router(a);
	size_t i;

	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++) {
		struct autoconf_address *address = &a->addresses[i];

		if (now >= address->valid_ns || (now >= a->confirm_ns && !address->is_confirmed))
			address->ip.family = ADDRESS_NONE;
	}
	if (now >= a->confirm_ns)
		a->confirm_ns = NEVER;
	for (i = 0; i < AUTOCONF_ROUTERS; i++) {
		if (now >= a->routers[i].until_ns)
			a->routers[i].ip.family = ADDRESS_NONE;
	}
	for (i = 0; i < TABLE_LINK_DNS; i++) {
		if (now >= a->dns[i].until_ns)
			a->dns[i].ip.family = ADDRESS_NONE;
	}
	if (had_router && !has_router(a) && a->is_asking)
		solicit_from(a, now);
}

/* ---- duplicates --------------------------------------------------------------------- */

static bool is_duplicate(const struct netif *netif, int slot)
{
	return ip6_addr_isduplicated(netif_ip6_addr_state(netif, slot));
}

/* Of our identifier, not configured. */
static bool is_made(const struct autoconf *a, int slot)
{
	return memcmp(&netif_ip6_addr(a->netif, slot)->addr[2], a->id, sizeof(a->id)) == 0;
}

static bool has_clash(const struct autoconf *a)
{
	int i;

	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (is_duplicate(a->netif, i) && is_made(a, i))
			return true;
	}
	return false;
}

static void make_id(struct autoconf *a)
{
	uint32_t words[2] = { stack_random(), stack_random() };

	memcpy(a->id, words, sizeof(a->id));
}

static void resolve_clash(struct autoconf *a)
{
	size_t i;

	if (!has_clash(a) || a->n_clashes >= CLASHES_MAX)
		return;
	a->n_clashes++;
	if (a->is_id_given || a->n_clashes == CLASHES_MAX) {
		a->n_clashes = CLASHES_MAX;
		log_error("An IPv6 address of ours is in use by another host on the link");
		return;
	}
	log_warning("An IPv6 address of ours is in use by another host on the link: "
		    "taking another");
	make_id(a);
	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++)
		memcpy(a->addresses[i].ip.ip + 8, a->id, sizeof(a->id));
}

/* ---- what a router says ---------------------------------------------------------------- */

static struct autoconf_address *find_address(struct autoconf *a, const struct address *ip)
{
	struct autoconf_address *unused = NULL;
	size_t i;

	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++) {
		struct autoconf_address *address = &a->addresses[i];

		if (address->ip.family && address_ip_equal(&address->ip, ip))
			return address;
		if (!address->ip.family && !unused)
			unused = address;
	}
	return unused;
}

static struct address address_of(const struct autoconf *a, const struct router_prefix *prefix)
{
	struct address ip = to_address(prefix->ip, 64);

	memcpy(ip.ip + 8, a->id, sizeof(a->id));
	return ip;
}

/* RFC 4862 5.5.3 e */
static uint64_t new_validity(uint64_t old, uint64_t advertised, uint64_t now)
{
	if (advertised > old || advertised == NEVER || advertised - now > SAFE_LIFETIME_NS)
		return advertised;
	return sooner(old, now + SAFE_LIFETIME_NS);
}

static void take_prefix(struct autoconf *a, const struct router_prefix *prefix, uint64_t now)
{
	struct address ip = address_of(a, prefix);
	struct autoconf_address *address = find_address(a, &ip);

	if (!address || (!address->ip.family && prefix->valid_s == 0))
		return;
	if (!address->ip.family)
		address->valid_ns = 0;
	address->ip = ip;
	address->valid_ns = new_validity(address->valid_ns, deadline(now, prefix->valid_s), now);
	address->preferred_ns = deadline(now, prefix->preferred_s);
	address->is_on_link = prefix->is_on_link;
	address->is_confirmed = true;
}

/* What the first router with a prefix does not confirm is of another network. */
static void drop_unconfirmed(struct autoconf *a, const struct router_advert *advert)
{
	size_t i, j;

	for (i = 0; i < TABLE_LINK_ADDRESSES6 && advert->n_prefixes > 0; i++) {
		bool is_confirmed = a->addresses[i].is_confirmed;

		for (j = 0; j < advert->n_prefixes && !is_confirmed; j++) {
			struct address ip = address_of(a, &advert->prefixes[j]);

			is_confirmed = address_ip_equal(&a->addresses[i].ip, &ip);
		}
		if (!is_confirmed)
			a->addresses[i].ip.family = ADDRESS_NONE;
	}
}

static void take_router(struct autoconf *a, const struct router_advert *advert,
	const struct address *from, uint64_t now)
{
	struct autoconf_router *router = NULL, *unused = NULL;
	size_t i;

	for (i = 0; i < AUTOCONF_ROUTERS && !router; i++) {
		if (!a->routers[i].ip.family)
			unused = unused ? unused : &a->routers[i];
		else if (address_ip_equal(&a->routers[i].ip, from))
			router = &a->routers[i];
	}
	if (!router && advert->lifetime_s > 0)
		router = unused;
	if (!router)
		return;
	router->ip = *from;
	router->preference = advert->preference;
	router->until_ns = now + advert->lifetime_s * NS_PER_S;
}

static void take_dns(struct autoconf *a, const struct router_dns *dns, uint64_t now)
{
	struct address ip = to_address(dns->ip, 0);
	struct autoconf_dns *slot = NULL, *unused = NULL;
	size_t i;

	for (i = 0; i < TABLE_LINK_DNS && !slot; i++) {
		if (!a->dns[i].ip.family)
			unused = unused ? unused : &a->dns[i];
		else if (address_ip_equal(&a->dns[i].ip, &ip))
			slot = &a->dns[i];
	}
	if (!slot && dns->lifetime_s > 0)
		slot = unused;
	if (!slot)
		return;
	slot->ip = ip;
	slot->until_ns = deadline(now, dns->lifetime_s);
}

/*
 * A router that does not advertise by itself is asked again before anything of
 * it ends; one that does is heard earlier.
 */
static void solicit_before_end(struct autoconf *a, uint64_t now)
{
	uint64_t end = NEVER;
	size_t i;

	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++) {
		if (a->addresses[i].ip.family)
			end = sooner(end, a->addresses[i].valid_ns);
	}
	for (i = 0; i < AUTOCONF_ROUTERS; i++) {
		if (a->routers[i].ip.family)
			end = sooner(end, a->routers[i].until_ns);
	}
	solicit_from(a, end == NEVER ? NEVER : now + (end - now) / 4 * 3);
}

static void take_advert(struct autoconf *a, const struct router_advert *advert,
	const struct address *from, uint64_t now)
{
	size_t i;

	take_router(a, advert, from, now);
	if (advert->mtu > 0)
		a->mtu = advert->mtu;
	drop_unconfirmed(a, advert);
	for (i = 0; i < advert->n_prefixes; i++)
		take_prefix(a, &advert->prefixes[i], now);
	for (i = 0; i < advert->n_dns; i++)
		take_dns(a, &advert->dns[i], now);
	if (advert->lifetime_s > 0)
		solicit_before_end(a, now);
	/* A lifetime of 0 ends at once. */
	expire(a, now);
}

static struct autoconf *find(const struct netif *netif)
{
	struct autoconf *a = all;

	while (a && a->netif != netif)
		a = a->next;
	return a;
}

static bool is_checksum_valid(struct pbuf *p, const uint8_t *packet)
{
	ip6_addr_t source, destination;

	memset(&source, 0, sizeof(source));
	memset(&destination, 0, sizeof(destination));
	memcpy(source.addr, packet + 8, 16);
	memcpy(destination.addr, packet + 24, 16);
	return ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->tot_len, &source, &destination) == 0;
}

void autoconf_input(struct netif *netif, struct pbuf *p, const struct ingress_packet *info)
{
	struct autoconf *a = find(netif);
	const uint8_t *packet = p->payload;
	struct router_advert advert;
	struct address from = to_address(packet + 8, 0);

	pbuf_remove_header(p, info->payload_at);
	if (a && a->is_asking && is_checksum_valid(p, packet) &&
		router_advert_parse(&advert, p->payload, p->len) == 0) {
		take_advert(a, &advert, &from, stack_now_ns());
		/* The caller is reading packets: what follows may end that. */
		event_active(a->timer, EV_TIMEOUT, 0);
	}
	pbuf_free(p);
}

/* ---- events ----------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct autoconf *a = arg;
	uint64_t now = stack_now_ns();

	(void)fd;
	(void)what;
	if (!a->is_running)
		return;
	expire(a, now);
	resolve_clash(a);
	solicit_if_due(a, now);
	arm(a, now);
	/* The last thing done: see the header. */
	a->changed(a->arg);
}

NETIF_DECLARE_EXT_CALLBACK(slot_callback)

static void on_slot(struct netif *netif, netif_nsc_reason_t reason,
	const netif_ext_callback_args_t *args)
{
	struct autoconf *a = find(netif);
	int slot;

	if (!(reason & LWIP_NSC_IPV6_ADDR_STATE_CHANGED) || !a || !a->is_running)
		return;
	slot = args->ipv6_addr_state_changed.addr_index;
	if (is_duplicate(netif, slot) && !is_made(a, slot))
		log_error("%s is in use by another host on the link: it cannot be ours",
			ip6addr_ntoa(netif_ip6_addr(netif, slot)));
	event_active(a->timer, EV_TIMEOUT, 0);
}

/* ---- life ------------------------------------------------------------------------------- */

int autoconf_init(struct autoconf *a, struct event_base *base, struct netif *netif,
	autoconf_changed_fn changed, void *arg)
{
	memset(a, 0, sizeof(*a));
	a->timer = evtimer_new(base, on_timer, a);
	if (!a->timer)
		return -ENOMEM;
	a->netif = netif;
	a->changed = changed;
	a->arg = arg;
	a->solicit_ns = NEVER;
	a->confirm_ns = NEVER;
	make_id(a);
	if (!all)
		netif_add_ext_callback(&slot_callback, on_slot);
	a->next = all;
	all = a;
	return 0;
}

void autoconf_fini(struct autoconf *a)
{
	struct autoconf **at;

	for (at = &all; *at != a; at = &(*at)->next)
		;
	*at = a->next;
	if (!all)
		netif_remove_ext_callback(&slot_callback);
	event_free(a->timer);
	a->timer = NULL;
}

void autoconf_start(struct autoconf *a, enum autoconf_mode mode, const uint8_t *id)
{
	uint64_t now = stack_now_ns();
	size_t i;

	if (id)
		memcpy(a->id, id, sizeof(a->id));
	else if (a->is_id_given)
		make_id(a);
	a->is_id_given = id != NULL;
	a->is_running = true;
	a->is_asking = mode == AUTOCONF_ASK;
	a->n_clashes = 0;
	a->mtu = 0;
	memset(a->routers, 0, sizeof(a->routers));
	memset(a->dns, 0, sizeof(a->dns));
	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++)
		a->addresses[i].is_confirmed = false;
	expire(a, now);
	if (a->is_asking) {
		solicit_from(a, now);
		a->confirm_ns = now + CONFIRM_NS;
	}
	arm(a, now);
}

void autoconf_stop(struct autoconf *a)
{
	a->is_running = false;
	a->is_asking = false;
	a->solicit_ns = NEVER;
	a->confirm_ns = NEVER;
	event_del(a->timer);
}

void autoconf_forget(struct autoconf *a)
{
	autoconf_stop(a);
	memset(a->addresses, 0, sizeof(a->addresses));
}

/* ---- the result --------------------------------------------------------------------------- */

static const struct autoconf_router *best_router(const struct autoconf *a)
{
	const struct autoconf_router *best = NULL;
	size_t i;

	for (i = 0; i < AUTOCONF_ROUTERS; i++) {
		const struct autoconf_router *router = &a->routers[i];

		if (router->ip.family && (!best || router->preference > best->preference))
			best = router;
	}
	return best;
}

static void add_address(const struct autoconf_address *address, struct link_parameters *p,
	uint64_t now)
{
	uint8_t flags = 0;
	size_t i;

	for (i = 0; i < p->n_addresses6; i++) {
		if (address_ip_equal(&p->addresses6[i], &address->ip))
			return;
	}
	if (!address->ip.family || p->n_addresses6 == TABLE_LINK_ADDRESSES6)
		return;
	if (now >= address->preferred_ns)
		flags |= LINK_ADDRESS_DEPRECATED;
	if (!address->is_on_link)
		flags |= LINK_ADDRESS_OFF_LINK;
	if (!address->is_confirmed)
		flags |= LINK_ADDRESS_UNCONFIRMED;
	p->addresses6[p->n_addresses6] = address->ip;
	p->flags6[p->n_addresses6++] = flags;
}

void autoconf_add(const struct autoconf *a, struct link_parameters *p)
{
	const struct autoconf_router *router = best_router(a);
	uint64_t now = stack_now_ns();
	size_t i;

	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++)
		add_address(&a->addresses[i], p, now);
	if (router && !p->gateway6.family)
		p->gateway6 = router->ip;
	if (a->mtu > 0 && a->mtu < p->mtu)
		p->mtu = a->mtu;
	for (i = 0; i < TABLE_LINK_DNS; i++) {
		if (a->dns[i].ip.family && p->n_dns < TABLE_LINK_DNS)
			p->dns[p->n_dns++] = a->dns[i].ip;
	}
}
