/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The link over an interface that the kernel shows: the Ethernet of an ECM, NCM
 * or RNDIS modem, the raw IP of a QMI or MBIM modem's wwan. The kernel's driver
 * runs it, and whoever manages the modem dials; what is done here is to take
 * the packets (packet_socket.c) and to find out the addresses: configured, by
 * DHCP, by router advertisements, or from ModemManager or a script.
 *
 * The interface is watched from start to stop. Each time it may have changed
 * it is looked at as a whole (look()): the table of obstacles says what is in
 * the way, if anything. While something is, an open link waits, without a
 * deadline and without polling; a link that had packets fails, and waits when
 * it is opened again. When the last obstacle goes, a link that was to be tried
 * again later is tried at once.
 *
 * The kernel must not have an address on the interface: two stacks would both
 * answer, the kernel's with resets. Its IPv6 link-local address does no harm.
 *
 * Stages of an open link: waiting, for obstacles to go; asking, a program for
 * addresses; attached.
 */
#include "netif/bearer_query.h"
#include "netif/dhcp_client.h"
#include "netif/interface.h"
#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/packet_socket.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

#define PATH_MAX_ 256

enum choice {
	CHOICE_AUTO,
	CHOICE_YES,
	CHOICE_NO,
};

enum mode {
	MODE_AUTO, /* by the interface's type */
	MODE_ETHERNET,
	MODE_RAW,
};

enum stage {
	STAGE_CLOSED,
	STAGE_WAITING,
	STAGE_ASKING,
	STAGE_ATTACHED,
};

struct packet {
	/* Configured. */
	char interface[IFNAMSIZ];
	char modem[BEARER_PATH_MAX];
	char script[PATH_MAX_];
	enum mode mode;
	enum choice dhcp_choice, routers_choice;
	bool offload_off;
	enum bearer_source source;

	enum stage stage;
	struct interface now;	   /* as last looked at */
	struct interface attached; /* as it was then */
	bool was_clear;		   /* at the last look nothing was in the way */
	int raised_index;	   /* of the interface that has been set up once */
	struct interface_watch watch;
	struct bearer_query query;
	struct bearer bearer; /* from the program that was asked */
	struct dhcp_client dhcp;
};

static struct packet *packet_of(const struct link *link)
{
	return link->driver_state;
}

/* ---- configuration ------------------------------------------------------------------ */

static int set_interface(struct link *link, const char *value, char *error, size_t size)
{
	struct packet *packet = packet_of(link);

	if (!link_is_interface_name(value)) {
		snprintf(error, size, "interface is the name of one, at most %d characters",
			IFNAMSIZ - 1);
		return -EINVAL;
	}
	snprintf(packet->interface, sizeof(packet->interface), "%s", value);
	return 0;
}

/* Position of @value among @names, which end with NULL; -1: none of them. */
static int find_name(const char *const *names, const char *value)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], value) == 0)
			return i;
	}
	return -1;
}

static int set_mode(struct link *link, const char *value, char *error, size_t size)
{
	static const char *const names[] = { "auto", "ethernet", "raw", NULL };
	int mode = find_name(names, value);

	if (mode < 0) {
		snprintf(error, size, "mode is auto, ethernet or raw");
		return -EINVAL;
	}
	packet_of(link)->mode = (enum mode)mode;
	return 0;
}

static int set_choice(enum choice *out, const char *key, const char *value, char *error,
	size_t size)
{
	static const char *const names[] = { "auto", "yes", "no", NULL };
	int choice = find_name(names, value);

	if (choice < 0) {
		snprintf(error, size, "%s is auto, yes or no", key);
		return -EINVAL;
	}
	*out = (enum choice)choice;
	return 0;
}

static int set_dhcp(struct link *link, const char *value, char *error, size_t size)
{
	return set_choice(&packet_of(link)->dhcp_choice, "dhcp", value, error, size);
}

static int set_routers(struct link *link, const char *value, char *error, size_t size)
{
	return set_choice(&packet_of(link)->routers_choice, "router_advertisements", value, error,
		size);
}

static int set_bearer(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "modemmanager") != 0) {
		snprintf(error, size, "bearer is modemmanager");
		return -EINVAL;
	}
	packet_of(link)->source = BEARER_SOURCE_MODEMMANAGER;
	return 0;
}

static int set_modem(struct link *link, const char *value, char *error, size_t size)
{
	struct packet *packet = packet_of(link);

	if (!*value || *value == '-' || strlen(value) >= sizeof(packet->modem)) {
		snprintf(error, size, "modem is what mmcli -m takes: a number, a path, an IMEI, "
				      "or any");
		return -EINVAL;
	}
	snprintf(packet->modem, sizeof(packet->modem), "%s", value);
	return 0;
}

static int set_script(struct link *link, const char *value, char *error, size_t size)
{
	struct packet *packet = packet_of(link);

	if (value[0] != '/' || strlen(value) >= sizeof(packet->script)) {
		snprintf(error, size, "config_script is the path of a program");
		return -EINVAL;
	}
	snprintf(packet->script, sizeof(packet->script), "%s", value);
	packet->source = BEARER_SOURCE_SCRIPT;
	return 0;
}

static int set_offload(struct link *link, const char *value, char *error, size_t size)
{
	return link_set_offload(&packet_of(link)->offload_off, value, error, size);
}

static const struct link_key keys[] = {
	{ "address", link_set_address },
	{ "address6", link_set_address6 },
	{ "bearer", set_bearer },
	{ "config_script", set_script },
	{ "dhcp", set_dhcp },
	{ "gateway", link_set_gateway },
	{ "interface", set_interface },
	{ "mode", set_mode },
	{ "modem", set_modem },
	{ "offload", set_offload },
	{ "router_advertisements", set_routers },
	{ NULL, NULL },
};

static bool has_static_address(const struct link *link)
{
	return link->configured.address4.family || link->configured.n_addresses6 > 0;
}

static int check(const struct link *link, char *error, size_t size)
{
	const struct packet *packet = packet_of(link);
	bool is_asked = packet->source != BEARER_SOURCE_NONE;
	const char *wrong = NULL;

	if (!packet->interface[0])
		wrong = "the driver packet needs interface";
	else if (is_asked && has_static_address(link))
		wrong = "address and address6 do not go with bearer or config_script";
	else if (is_asked && packet->dhcp_choice == CHOICE_YES)
		wrong = "dhcp = yes does not go with bearer or config_script";
	else if (packet->dhcp_choice == CHOICE_YES && link->configured.address4.family)
		wrong = "either address or dhcp = yes";
	else if (packet->dhcp_choice == CHOICE_YES && packet->mode == MODE_RAW)
		wrong = "dhcp needs mode = ethernet";
	if (!wrong)
		return 0;
	snprintf(error, size, "%s", wrong);
	return -EINVAL;
}

/* ---- the format ----------------------------------------------------------------------- */

static const struct {
	unsigned int type;
	enum mode mode;
} types[] = {
	{ ARPHRD_ETHER, MODE_ETHERNET },
	{ ARPHRD_RAWIP, MODE_RAW },
	{ ARPHRD_NONE, MODE_RAW },
	{ ARPHRD_PPP, MODE_RAW },
};

/* MODE_AUTO: neither type nor configuration tell. */
static enum mode mode_of(const struct packet *packet)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].type == packet->now.type)
			return types[i].mode;
	}
	return packet->mode;
}

/* Some modems' drivers want frames and look at nothing but what is in them. */
static enum ipif_framing framing_of(const struct packet *packet)
{
	if (mode_of(packet) != MODE_ETHERNET)
		return IPIF_FRAMING_RAW;
	return packet->now.has_neighbours ? IPIF_FRAMING_ETHERNET : IPIF_FRAMING_NOARP;
}

static struct ipif_format format_of(const struct packet *packet)
{
	struct ipif_format format = {
		.framing = framing_of(packet),
		.interface = packet->now.index,
		.has_offload_header = true,
		.offloads = !packet->offload_off,
	};

	memcpy(format.mac, packet->now.mac, sizeof(format.mac));
	return format;
}

/* ---- obstacles ------------------------------------------------------------------------ */

static bool is_absent(const struct packet *packet)
{
	return packet->now.index == 0;
}

static void tell_absent(const struct packet *packet, char *cause, size_t size)
{
	snprintf(cause, size, "%s is not there: is the modem plugged in?", packet->interface);
}

static bool is_of_kernel(const struct packet *packet)
{
	return packet->now.kernel_address.family != ADDRESS_NONE;
}

static void tell_of_kernel(const struct packet *packet, char *cause, size_t size)
{
	char text[ADDRESS_TEXT_MAX];

	address_ip_text(&packet->now.kernel_address, text);
	if (packet->now.kernel_address.family == ADDRESS_IPV4)
		snprintf(cause, size, "the kernel has %s: ip addr flush dev %s", text,
			packet->interface);
	else
		/* What to do comes first: an address may be too long for the rest. */
		snprintf(cause, size, "sysctl net.ipv6.conf.%s.disable_ipv6=1: the kernel has %s",
			packet->interface, text);
}

static bool is_mode_wrong(const struct packet *packet)
{
	enum mode mode = mode_of(packet);

	return mode == MODE_AUTO || (packet->mode != MODE_AUTO && packet->mode != mode) ||
		(mode == MODE_ETHERNET && !packet->now.has_mac) ||
		(packet->dhcp_choice == CHOICE_YES &&
			framing_of(packet) != IPIF_FRAMING_ETHERNET);
}

static void tell_mode_wrong(const struct packet *packet, char *cause, size_t size)
{
	enum mode mode = mode_of(packet);

	if (mode == MODE_AUTO || (mode == MODE_ETHERNET && !packet->now.has_mac))
		snprintf(cause, size, "%s carries neither Ethernet nor raw IP (type %u)",
			packet->interface, packet->now.type);
	else if (packet->mode != MODE_AUTO && packet->mode != mode)
		snprintf(cause, size, "%s is not what mode says, leave it out", packet->interface);
	else
		snprintf(cause, size, "DHCP needs Ethernet with ARP, which %s has not",
			packet->interface);
}

static bool is_mtu_small(const struct packet *packet)
{
	return packet->now.mtu < LINK_MTU_MIN;
}

static void tell_mtu_small(const struct packet *packet, char *cause, size_t size)
{
	snprintf(cause, size, "the MTU of %s is %u: ip link set %s mtu 1500", packet->interface,
		packet->now.mtu, packet->interface);
}

static bool is_down(const struct packet *packet)
{
	return !packet->now.is_up;
}

static void tell_down(const struct packet *packet, char *cause, size_t size)
{
	if (packet->source == BEARER_SOURCE_MODEMMANAGER)
		snprintf(cause, size, "%s is down: ModemManager has not connected it",
			packet->interface);
	else
		snprintf(cause, size, "%s is down: ip link set %s up", packet->interface,
			packet->interface);
}

static bool has_no_carrier(const struct packet *packet)
{
	return !packet->now.has_carrier;
}

static void tell_no_carrier(const struct packet *packet, char *cause, size_t size)
{
	snprintf(cause, size, "%s has no carrier", packet->interface);
}

static const struct obstacle {
	bool (*is_there)(const struct packet *packet);
	void (*tell)(const struct packet *packet, char *cause, size_t size);
	enum table_link_state state; /* in which it is waited for */
	enum table_link_reason reason;
} obstacles[] = {
	{ is_absent, tell_absent, TABLE_LINK_OPENING, TABLE_REASON_DEVICE },
	{ is_of_kernel, tell_of_kernel, TABLE_LINK_OPENING, TABLE_REASON_DEVICE_BUSY },
	{ is_mode_wrong, tell_mode_wrong, TABLE_LINK_OPENING, TABLE_REASON_CONFIGURATION },
	{ is_mtu_small, tell_mtu_small, TABLE_LINK_OPENING, TABLE_REASON_CONFIGURATION },
	{ is_down, tell_down, TABLE_LINK_OPENING, TABLE_REASON_DEVICE },
	{ has_no_carrier, tell_no_carrier, TABLE_LINK_REGISTERING, TABLE_REASON_CARRIER },
};

static const struct obstacle *find_obstacle(const struct packet *packet)
{
	for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
		if (obstacles[i].is_there(packet))
			return &obstacles[i];
	}
	return NULL;
}

/* ---- addresses ------------------------------------------------------------------------ */

/* Without a word in the configuration whatever the network offers is taken. */
static bool is_chosen(const struct link *link, enum choice choice)
{
	if (choice != CHOICE_AUTO)
		return choice == CHOICE_YES;
	return packet_of(link)->source == BEARER_SOURCE_NONE && !has_static_address(link);
}

static bool uses_dhcp(const struct link *link)
{
	const struct packet *packet = packet_of(link);

	return framing_of(packet) == IPIF_FRAMING_ETHERNET &&
		(packet->bearer.uses_dhcp || is_chosen(link, packet->dhcp_choice));
}

static uint32_t smaller_mtu(uint32_t a, uint32_t b)
{
	return a == 0 || b < a ? b : a;
}

static struct link_parameters parameters(const struct link *link)
{
	const struct packet *packet = packet_of(link);
	struct link_parameters p = packet->source == BEARER_SOURCE_NONE
		? link->configured
		: packet->bearer.parameters;

	p.asks_routers |= is_chosen(link, packet->routers_choice);
	p.detects_duplicates = framing_of(packet) == IPIF_FRAMING_ETHERNET;
	p.mtu = smaller_mtu(p.mtu, packet->now.mtu > UINT16_MAX ? UINT16_MAX : packet->now.mtu);
	if (link->configured.mtu)
		p.mtu = smaller_mtu(p.mtu, link->configured.mtu);
	if (uses_dhcp(link))
		dhcp_client_add(&packet->dhcp, &p);
	return p;
}

static void on_dhcp(void *arg)
{
	struct link *link = arg;
	struct link_parameters p;

	if (packet_of(link)->stage != STAGE_ATTACHED || !uses_dhcp(link))
		return;
	p = parameters(link);
	link_ready(link, -1, &p);
}

/* ---- packets -------------------------------------------------------------------------- */

static void fail_open(struct link *link, int error)
{
	const char *name = packet_of(link)->interface;

	if (error == -EPERM)
		link_fail(link, TABLE_REASON_SYSTEM,
			"packets of %s are not permitted: run with CAP_NET_RAW", name);
	else
		link_fail(link, TABLE_REASON_SYSTEM, "packets of %s: %s", name, strerror(-error));
}

/* True if the link has a descriptor now; else it has failed. */
static bool give_descriptor(struct link *link)
{
	struct packet *packet = packet_of(link);
	struct ipif_format format = format_of(packet);
	struct link_parameters p = parameters(link);
	int fd = packet_socket_open(&format), r;

	if (fd < 0) {
		fail_open(link, fd);
		return false;
	}
	r = ipif_set_format(&link->ipif, &format);
	if (r < 0) {
		close(fd);
		fail_open(link, r);
		return false;
	}
	packet->stage = STAGE_ATTACHED;
	packet->attached = packet->now;
	link_progress(link, TABLE_LINK_NEGOTIATING, "asking for an address");
	/* A lease of before is asked for again first. */
	p.is_pending4 = uses_dhcp(link);
	link_ready(link, fd, &p);
	return packet->stage == STAGE_ATTACHED;
}

static void attach(struct link *link)
{
	struct packet *packet = packet_of(link);

	if (!uses_dhcp(link))
		dhcp_client_stop(&packet->dhcp);
	if (!give_descriptor(link) || !uses_dhcp(link))
		return;
	if (dhcp_client_start(&packet->dhcp) != 0)
		fail_open(link, -ENOMEM);
}

/* ---- the program that knows the bearer -------------------------------------------------- */

static void on_bearer(const struct bearer *bearer, enum table_link_reason reason,
	const char *cause, void *arg)
{
	struct link *link = arg;
	struct packet *packet = packet_of(link);

	if (!bearer) {
		link_fail(link, reason, "%s", cause);
		return;
	}
	packet->bearer = *bearer;
	attach(link);
}

static void ask_for_bearer(struct link *link)
{
	struct packet *packet = packet_of(link);
	int r = bearer_query_start(&packet->query);

	if (r == 0) {
		packet->stage = STAGE_ASKING;
		link_progress(link, TABLE_LINK_REGISTERING, "asking for the bearer");
		return;
	}
	link_fail(link, TABLE_REASON_SYSTEM, "%s: %s",
		packet->source == BEARER_SOURCE_SCRIPT ? packet->script : "mmcli", strerror(-r));
}

/* ---- the interface ---------------------------------------------------------------------- */

/*
 * Once for each that appears: later it is its administrator's. Who dials sets
 * up by himself what he may have to reconfigure first.
 */
static void raise_once(struct packet *packet)
{
	if (packet->source != BEARER_SOURCE_NONE || packet->now.index == 0 || packet->now.is_up ||
		is_of_kernel(packet) ||
		packet->raised_index == packet->now.index)
		return;
	packet->raised_index = packet->now.index;
	if (interface_set_up(packet->interface) == 0)
		interface_query(&packet->now, packet->interface);
}

/* True if it is another than the one whose packets we have. */
static bool is_changed(const struct packet *packet)
{
	const struct interface *then = &packet->attached, *now = &packet->now;

	return now->index != then->index || now->mtu != then->mtu || now->type != then->type ||
		now->has_neighbours != then->has_neighbours ||
		memcmp(now->mac, then->mac, sizeof(now->mac)) != 0;
}

static void meet_obstacle(struct link *link, const struct obstacle *obstacle)
{
	struct packet *packet = packet_of(link);
	char cause[TABLE_CAUSE_MAX];

	obstacle->tell(packet, cause, sizeof(cause));
	if (obstacle->is_there == is_of_kernel && strcmp(cause, link->cause) != 0)
		log_error("link %s: %s is for the kernel's stack or for this one, not for both: "
			  "%s; and keep NetworkManager, systemd-networkd or dhcpcd off it",
			link->name, packet->interface, cause);
	if (packet->stage == STAGE_ATTACHED) {
		link_fail(link, obstacle->reason, "%s", cause);
		return;
	}
	if (packet->stage == STAGE_ASKING)
		bearer_query_stop(&packet->query);
	packet->stage = STAGE_WAITING;
	link_wait(link, obstacle->state, obstacle->reason, cause);
}

static void go_on(struct link *link)
{
	struct packet *packet = packet_of(link);

	switch (packet->stage) {
	case STAGE_CLOSED:
	case STAGE_ASKING:
		break;
	case STAGE_WAITING:
		if (packet->source == BEARER_SOURCE_NONE)
			attach(link);
		else
			ask_for_bearer(link);
		break;
	case STAGE_ATTACHED:
		if (is_changed(packet))
			link_fail(link, TABLE_REASON_DEVICE, "%s has changed", packet->interface);
		break;
	}
}

/* The last thing its callers do. */
static void look(struct link *link)
{
	struct packet *packet = packet_of(link);
	const struct obstacle *obstacle;
	bool was_clear = packet->was_clear;
	int r = interface_query(&packet->now, packet->interface);

	if (r < 0) {
		if (packet->stage != STAGE_CLOSED)
			link_fail(link, TABLE_REASON_SYSTEM, "the kernel does not tell of %s: %s",
				packet->interface, strerror(-r));
		return;
	}
	if (packet->stage == STAGE_WAITING)
		raise_once(packet);
	packet->watch.index = packet->now.index;
	obstacle = find_obstacle(packet);
	packet->was_clear = !obstacle;
	if (packet->stage == STAGE_CLOSED && !obstacle && !was_clear)
		link_hasten(link);
	else if (packet->stage != STAGE_CLOSED && obstacle)
		meet_obstacle(link, obstacle);
	else
		go_on(link);
}

static void on_interface(void *arg)
{
	look(arg);
}

/* ---- life ------------------------------------------------------------------------------- */

static void packet_init(struct link *link)
{
	struct packet *packet = packet_of(link);

	if (!packet->modem[0])
		snprintf(packet->modem, sizeof(packet->modem), "any");
	packet->stage = STAGE_CLOSED;
	packet->raised_index = 0;
	bearer_query_init(&packet->query, link->base);
	packet->query.source = packet->source;
	packet->query.program = packet->script;
	packet->query.modem = packet->modem;
	packet->query.interface = packet->interface;
	packet->query.done = on_bearer;
	packet->query.arg = link;
}

/* What packet_init() cannot report. Returns 0 or -errno. */
static int prepare(struct link *link)
{
	struct packet *packet = packet_of(link);
	int r = 0;

	if (!packet->watch.readable)
		r = interface_watch_start(&packet->watch, link->base, packet->interface,
			on_interface, link);
	if (r == 0 && !packet->dhcp.netif)
		r = dhcp_client_init(&packet->dhcp, link->base, &link->ipif.netif, on_dhcp, link);
	return r;
}

static void packet_open(struct link *link)
{
	struct packet *packet = packet_of(link);
	int r = prepare(link);

	if (r < 0) {
		link_fail(link, TABLE_REASON_SYSTEM, "%s cannot be watched: %s", packet->interface,
			strerror(-r));
		return;
	}
	memset(&packet->bearer, 0, sizeof(packet->bearer));
	packet->stage = STAGE_WAITING;
	look(link);
}

static void packet_close(struct link *link)
{
	struct packet *packet = packet_of(link);

	bearer_query_stop(&packet->query);
	packet->stage = STAGE_CLOSED;
}

static void packet_fini(struct link *link)
{
	struct packet *packet = packet_of(link);

	packet_close(link);
	interface_watch_stop(&packet->watch);
	bearer_query_fini(&packet->query);
	dhcp_client_fini(&packet->dhcp);
}

const struct link_driver packet_driver = {
	.name = "packet",
	.checks_health = true,
	.framing = IPIF_FRAMING_ETHERNET,
	.capabilities = 1 << CAP_NET_RAW | 1 << CAP_NET_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct packet),
	.check = check,
	.init = packet_init,
	.open = packet_open,
	.close = packet_close,
	.fini = packet_fini,
};
