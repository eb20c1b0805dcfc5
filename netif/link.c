/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A link is a small state machine around a driver; its states are link_state.c's,
 * what happens in them is here. Drivers report by link_progress(), link_ready() and
 * link_fail(); whatever fails ends in down, from where the next try starts by
 * itself, after a pause and with a step that ladder.c chooses. The step power is
 * taken here, by the script, before the driver is opened; the others are the
 * driver's to take.
 *
 * What no retry can mend (link_refuse()) is not tried again before somebody
 * asks for it (link_up(), link_reset()) or the device comes back, perhaps with
 * another SIM; what was taken down (link_down()) not before link_up(). A device
 * that was missing is used as soon as it is there.
 *
 * The netif exists from start to stop. While the link is down the netif has no
 * descriptor, but it keeps its addresses, and so the sockets bound to them,
 * until the driver or a router reports others. Packets may flow before there
 * is an address (DHCP, router advertisements): the link is negotiating then,
 * and no route leads there.
 *
 * `changed` is called from an event of its own, never from within a step:
 * what it calls may come back here. A driver's callbacks come from the loop
 * too, and link_fail() is always the last thing they do.
 */
#include "netif/link.h"

#include "netif/link_private.h"
#include "netif/helper.h"
#include "netif/log.h"
#include "netif/stack.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A link that was up this long has proved itself. */
#define STABLE_NS	  UINT64_C(10000000000)
#define MOVED_INTERVAL_MS 1000
/* From the end of the packets' pair to that of its helper. */
#define VERDICT_MS 200
/* However often an interface comes and goes, it is tried no faster. */
#define HASTEN_MS 100
/* For how long, and how often, a try that is due waits for the end of the last one. */
#define ENDING_NS      UINT64_C(10000000000)
#define ENDING_LOOK_MS 50

static const struct link_signal no_signal = {
	.rssi_dbm = TABLE_SIGNAL_UNKNOWN,
	.rsrp_dbm = TABLE_SIGNAL_UNKNOWN,
	.rsrq_db = TABLE_SIGNAL_UNKNOWN,
	.sinr_db = TABLE_SIGNAL_UNKNOWN,
};

static const struct table_modem no_modem = {
	.sim_status = TABLE_MODEM_UNKNOWN,
	.registration = TABLE_MODEM_UNKNOWN,
	.voice_registration = TABLE_MODEM_UNKNOWN,
	.access_technology = TABLE_MODEM_UNKNOWN,
	.functionality = TABLE_MODEM_UNKNOWN,
	.ip_type = TABLE_MODEM_UNKNOWN,
	.authentication = TABLE_MODEM_UNKNOWN,
	.reject_cause = TABLE_MODEM_UNKNOWN,
	.area_code = TABLE_MODEM_UNKNOWN,
	.cell_id = TABLE_MODEM_UNKNOWN,
};

/* ---- what drivers call -------------------------------------------------------- */

void link_signal(struct link *link, const struct link_signal *signal)
{
	link->signal = *signal;
	link_notify_soon(link);
}

void link_modem_changed(struct link *link)
{
	link_notify_soon(link);
}

static void tell_address(const struct link *link, char cause[TABLE_CAUSE_MAX])
{
	const struct link_parameters *p = &link->current;
	char text[ADDRESS_TEXT_MAX];

	address_ip_text(p->address4.family ? &p->address4 : &p->addresses6[0], text);
	snprintf(cause, TABLE_CAUSE_MAX, "address %s", text);
}

static void come_up(struct link *link)
{
	char cause[TABLE_CAUSE_MAX];

	tell_address(link, cause);
	link->n_opens++;
	link->up_ns = stack_now_ns();
	ladder_accepted(&link->ladder);
	link_health_begin(link);
	link_demand_begin(link);
	link_enter(link, TABLE_LINK_UP, TABLE_REASON_NONE, cause);
}

/* It is up already; with another address it says so. */
static void stay_up(struct link *link)
{
	char cause[TABLE_CAUSE_MAX];

	tell_address(link, cause);
	if (link->state == TABLE_LINK_UP)
		link_progress(link, TABLE_LINK_UP, cause);
	link_notify_soon(link);
}

/* The parameters may be others now. */
static void update(struct link *link)
{
	link_apply(link);
	if (link_has_address(link)) {
		if (link_is_up(link))
			stay_up(link);
		else
			come_up(link);
	} else if (link_is_up(link)) {
		link_fail(link, TABLE_REASON_ADDRESS, "the last address has expired");
	} else if (link->state != TABLE_LINK_NEGOTIATING) {
		link_enter(link, TABLE_LINK_NEGOTIATING, TABLE_REASON_NONE,
			"waiting for an address");
	}
}

static void on_autoconf(void *arg)
{
	update(arg);
}

static void ask_routers(struct link *link)
{
	static const uint8_t none[AUTOCONF_ID_SIZE];
	const struct link_parameters *p = &link->given;

	if (!p->asks_routers)
		autoconf_forget(&link->autoconf);
	if (p->asks_routers || p->detects_duplicates)
		autoconf_start(&link->autoconf,
			p->asks_routers ? AUTOCONF_ASK : AUTOCONF_WATCH,
			memcmp(p->interface_id, none, sizeof(none)) ? p->interface_id : NULL);
}

static int attach(struct link *link, int fd)
{
	const struct link_parameters *p = &link->given;
	int error;

	error = ipif_set_mtu(&link->ipif, (uint16_t)(p->mtu ? p->mtu : LINK_MTU_DEFAULT));
	if (!error)
		error = ipif_attach(&link->ipif, fd);
	if (error)
		return error;
	ask_routers(link);
	/* Addresses first: the others hear of those that the netif then has. */
	link_apply(link);
	netif_set_link_up(&link->ipif.netif);
	return 0;
}

void link_at_answered(struct link *link, const char *line, bool is_final)
{
	link_at_fn answer = link->at_answer;

	if (!answer)
		return;
	if (is_final)
		link->at_answer = NULL;
	answer(line, is_final, link->at_arg);
}

void link_ready(struct link *link, int fd, const struct link_parameters *parameters)
{
	bool was_asking = link->given.asks_routers;
	int error;

	link->given = *parameters;
	if (fd < 0 && was_asking != parameters->asks_routers)
		ask_routers(link);
	if (fd >= 0) {
		error = attach(link, fd);
		if (error) {
			evutil_closesocket(fd);
			link_fail(link, TABLE_REASON_SYSTEM, "the packets' descriptor: %s",
				strerror(-error));
			return;
		}
	}
	update(link);
}

/* What it is and whose SIM it has may be asked for in any state. */
static void forget_place(struct link *link)
{
	struct table_modem *m = &link->modem;

	m->registration = m->voice_registration = TABLE_MODEM_UNKNOWN;
	m->access_technology = TABLE_MODEM_UNKNOWN;
	m->reject_cause = m->area_code = TABLE_MODEM_UNKNOWN;
	m->cell_id = TABLE_MODEM_UNKNOWN;
	m->operator_id[0] = '\0';
}

static void close_driver(struct link *link)
{
	power_free(link->power);
	link->power = NULL;
	link_health_end(link);
	link_demand_end(link);
	autoconf_stop(&link->autoconf);
	ipif_detach(&link->ipif);
	route_update();
	if (!link->is_open)
		return;
	link->is_open = false;
	link->signal = no_signal;
	forget_place(link);
	link->driver->close(link);
	link_at_answered(link, "the link went down", true);
}

static void try_in(struct link *link, uint32_t delay_ms)
{
	link->demand.is_asleep = false;
	link->retry_ns = stack_now_ns() + (uint64_t)delay_ms * 1000000;
	link_timer_in(link->timer, delay_ms);
}

static void try_never(struct link *link)
{
	link->retry_ns = 0;
	event_del(link->timer);
}

/* Down until a program needs it; not before the pause of a failure is over. */
static void fall_asleep(struct link *link)
{
	link->demand.earliest_ns = link->retry_ns;
	try_never(link);
	link->demand.is_asleep = true;
}

/* What was wrong before a time of service has nothing to do with this. */
static void note_failure(struct link *link, enum table_link_reason reason)
{
	if (link_is_up(link) && stack_now_ns() - link->up_ns >= STABLE_NS &&
		(reason != TABLE_REASON_NO_DATA || link_health_has_proof(link)))
		ladder_reset(&link->ladder);
	ladder_failed(&link->ladder, reason);
}

static enum table_link_step highest_step(const struct link *link)
{
	if (link->driver->highest_step == TABLE_STEP_POWER && !link->power_script[0])
		return TABLE_STEP_RESET;
	return link->driver->highest_step;
}

static void go_down(struct link *link, enum table_link_reason reason, const char *cause)
{
	close_driver(link);
	if (link->state != TABLE_LINK_DOWN)
		link_enter(link, TABLE_LINK_DOWN, reason, cause);
	link->step = ladder_step(&link->ladder, highest_step(link));
	try_in(link, ladder_pause_ms(&link->ladder, stack_random()));
	if (reason != TABLE_REASON_COMMAND && link_demand_is_over(link))
		fall_asleep(link);
	if (link->driver->device && reason == TABLE_REASON_DEVICE)
		device_watch_start(&link->watch, link->driver->device(link));
}

void link_hasten(struct link *link)
{
	if (link->state != TABLE_LINK_DOWN || link->retry_ns == 0)
		return;
	ladder_hurry(&link->ladder);
	try_in(link, HASTEN_MS);
}

static void give_up(struct link *link, enum table_link_reason reason, const char *cause)
{
	go_down(link, reason, cause);
	link->is_refused = true;
	try_never(link);
	if (link->driver->device)
		device_watch_start(&link->watch, link->driver->device(link));
	link_note(link, LOG_LEVEL_ERROR, "not tried again before something is changed: %s", cause);
	link_tell_log(link);
}

void link_fail(struct link *link, enum table_link_reason reason, const char *format, ...)
{
	char text[TABLE_CAUSE_MAX], cause[TABLE_CAUSE_MAX];
	va_list args;
	bool was_up;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	was_up = link_is_up(link);
	note_failure(link, reason);
	if (ladder_is_at_end(&link->ladder)) {
		snprintf(cause, sizeof(cause), "refused %u times: %.70s",
			link->ladder.n_refusals, text);
		give_up(link, reason, cause);
	} else {
		go_down(link, reason, text);
		if (was_up)
			link_tell_log(link);
	}
}

void link_refuse(struct link *link, enum table_link_reason reason, const char *cause)
{
	note_failure(link, reason);
	give_up(link, reason, cause);
}

void link_hang_up(struct link *link, const char *cause)
{
	close_driver(link);
	ladder_reset(&link->ladder);
	link->step = TABLE_STEP_REDIAL;
	link_enter(link, TABLE_LINK_DOWN, TABLE_REASON_IDLE, cause);
	try_never(link);
	fall_asleep(link);
}

void link_wake(struct link *link)
{
	uint64_t now_ns = stack_now_ns(), earliest_ns = link->demand.earliest_ns;

	link_enter(link, TABLE_LINK_DOWN, TABLE_REASON_COMMAND, "a program needs it");
	try_in(link, earliest_ns > now_ns ? (uint32_t)((earliest_ns - now_ns) / 1000000) + 1 : 0);
}

void link_degrade(struct link *link, const char *cause)
{
	link_enter(link, TABLE_LINK_DEGRADED, TABLE_REASON_NO_DATA, cause);
}

void link_recover(struct link *link)
{
	link_enter(link, TABLE_LINK_UP, TABLE_REASON_NONE, "data passes again");
}

/* ---- events ------------------------------------------------------------------- */

static void open_driver(struct link *link)
{
	link->is_open = true;
	link->driver->open(link);
}

static void on_power_done(void *arg)
{
	struct link *link = arg;

	power_free(link->power);
	link->power = NULL;
	link_progress(link, TABLE_LINK_OPENING, "the power script has ended");
	open_driver(link);
}

/* Returns 0, or -errno with the step left out. */
static int start_power(struct link *link)
{
	const struct power_params params = {
		.base = link->base,
		.script = link->power_script,
		.link = link->name,
		.device = link->driver->device(link),
		.done = on_power_done,
		.arg = link,
	};
	int error = power_start(&link->power, &params);

	if (error)
		log_error("link %s: %s: %s", link->name, link->power_script, strerror(-error));
	else
		link_progress(link, TABLE_LINK_OPENING, "running the power script");
	return error;
}

/* A helper may be hanging up; one that was killed lives on while its device keeps it. */
static bool is_last_one_ending(struct link *link)
{
	return link->driver->helper && helper_is_ending(link->driver->helper(link)) &&
		stack_now_ns() < link->retry_ns + ENDING_NS;
}

static void begin_try(struct link *link)
{
	char cause[TABLE_CAUSE_MAX];

	if (is_last_one_ending(link)) {
		link_timer_in(link->timer, ENDING_LOOK_MS);
		return;
	}
	if (link->ladder.n_failures == 0)
		snprintf(cause, sizeof(cause), "started");
	else
		snprintf(cause, sizeof(cause), "retry %u: %s", link->ladder.n_failures,
			table_link_step_name(link->step));
	device_watch_stop(&link->watch);
	link->is_refused = false;
	link->retry_ns = 0;
	link->n_tries++;
	link_enter(link, TABLE_LINK_OPENING, TABLE_REASON_NONE, cause);
	if (link->step != TABLE_STEP_POWER || start_power(link) != 0)
		open_driver(link);
}

/* It may be another modem, or another SIM: what was refused is tried again. */
static void on_appeared(void *arg)
{
	struct link *link = arg;

	log_notice("link %s: %s is there", link->name, link->driver->device(link));
	if (link->is_refused)
		ladder_reset(&link->ladder);
	else
		ladder_hurry(&link->ladder);
	link->is_refused = false;
	try_in(link, 0);
	if (link_demand_is_over(link))
		fall_asleep(link);
}

static void fail_without_data(struct link *link)
{
	char cause[TABLE_CAUSE_MAX];

	health_describe(&link->health.passive, stack_now_ns(), cause, sizeof(cause));
	link_fail(link, TABLE_REASON_NO_DATA, "%s", cause);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	if (link->state == TABLE_LINK_DOWN)
		begin_try(link);
	else if (link_is_up(link) && link->ipif.fd < 0)
		link_fail(link, TABLE_REASON_HELPER, "the packets' pair was closed");
	else if (link->state == TABLE_LINK_DEGRADED)
		fail_without_data(link);
	else
		link_fail(link, TABLE_REASON_TIMEOUT, "no success for %u s while %s",
			link_deadline_ms(link->state) / 1000,
			table_link_state_name(link->state));
}

static void on_notify(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	link->changed(link, link->changed_arg);
}

static void on_moved_interval(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	ipif_rest(&link->ipif);
	link_demand_moved(link);
	link->changed(link, link->changed_arg);
}

static void on_moved(struct ipif *ipif, void *arg)
{
	struct link *link = arg;

	(void)ipif;
	link_demand_moved(link);
	link_timer_in(link->moved, MOVED_INTERVAL_MS);
}

static const char *device_error(int error)
{
	switch (error) {
	case EIO:
		return "the device is down";
	case EBADFD:
	case ENODEV:
	case ENXIO:
		return "the device is gone";
	default:
		return strerror(error);
	}
}

static void on_lost(struct ipif *ipif, int error, void *arg)
{
	struct link *link = arg;

	if (error) {
		link_fail(link, TABLE_REASON_DEVICE, "%s", device_error(error));
		return;
	}
	/* A helper that has died says in a moment how: see helper.c. */
	ipif_detach(ipif);
	route_update();
	link_timer_in(link->timer, VERDICT_MS);
}

/* ---- life --------------------------------------------------------------------- */

static bool is_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < TABLE_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

struct link *link_new(const char *name)
{
	struct link *link;

	assert(is_name_valid(name));
	link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->metric = LINK_METRIC_DEFAULT;
	LIST_INIT(&link->followers);
	link->log = link_log_new();
	if (!link->log) {
		free(link);
		return NULL;
	}
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	link_stop(link);
	assert(LIST_EMPTY(&link->followers));
	link_log_free(link->log);
	free(link->driver_state);
	free(link);
}

static void events_free(struct link *link)
{
	struct event **events[] = { &link->timer, &link->notify, &link->moved };
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i])
			event_free(*events[i]);
		*events[i] = NULL;
	}
	device_watch_fini(&link->watch);
	link_health_fini(link);
	link_demand_fini(link);
}

static int events_new(struct link *link, struct event_base *base)
{
	link->timer = evtimer_new(base, on_timer, link);
	link->notify = evtimer_new(base, on_notify, link);
	link->moved = evtimer_new(base, on_moved_interval, link);
	if (link->timer && link->notify && link->moved &&
		device_watch_init(&link->watch, base, on_appeared, link) == 0 &&
		link_health_init(link, base) == 0 && link_demand_init(link, base) == 0)
		return 0;
	events_free(link);
	return -ENOMEM;
}

/* A locally administered MAC of its own for every run. */
static void make_mac(uint8_t mac[INGRESS_MAC_SIZE])
{
	uint32_t random = stack_random();

	mac[0] = 0x52;
	mac[1] = 0x55;
	memcpy(mac + 2, &random, 4);
}

static int netif_start(struct link *link, struct event_base *base)
{
	struct ipif_params params = {
		.base = base,
		.format.framing = link->driver->framing,
		.mtu = (uint16_t)(link->configured.mtu ? link->configured.mtu : LINK_MTU_DEFAULT),
		.lost = on_lost,
		.moved = on_moved,
		.received = link_health_received,
		.sent = link_health_sent,
		.arg = link,
	};
	int error;

	make_mac(params.format.mac);
	error = ipif_init(&link->ipif, &params);
	if (error)
		return error;
	error = autoconf_init(&link->autoconf, base, &link->ipif.netif, on_autoconf, link);
	if (error) {
		ipif_fini(&link->ipif);
		return error;
	}
	memset(&link->route, 0, sizeof(link->route));
	link->route.netif = &link->ipif.netif;
	link->route.is_waiting = true;
	link->route.metric = link->metric;
	if (link->nat64 == LINK_NAT64_FIXED)
		link->route.nat64 = link->nat64_prefix;
	route_add(&link->route);
	return 0;
}

int link_start(struct link *link, struct event_base *base, link_changed_fn changed, void *arg)
{
	int error;

	assert(link->driver && !link->base);
	error = events_new(link, base);
	if (error)
		return error;
	error = netif_start(link, base);
	if (error) {
		events_free(link);
		return error;
	}
	link->base = base;
	link->changed = changed;
	link->changed_arg = arg;
	link->since_ns = stack_now_ns();
	ladder_reset(&link->ladder);
	link->n_tries = 0;
	link->retry_ns = 0;
	link->is_held = false;
	link->signal = no_signal;
	link->modem = no_modem;
	snprintf(link->cause, sizeof(link->cause), "not started yet");
	if (link->driver->init)
		link->driver->init(link);
	if (link->demand.is_on)
		link_hang_up(link, "until a program needs it");
	else
		link_timer_in(link->timer, 0);
	link_notify_soon(link);
	return 0;
}

void link_stop(struct link *link)
{
	if (!link->base)
		return;
	power_free(link->power);
	link->power = NULL;
	autoconf_forget(&link->autoconf);
	/* While packets still flow: peers are told. */
	link_unapply(link);
	ipif_detach(&link->ipif);
	if (link->driver->fini)
		link->driver->fini(link);
	link->is_open = false;
	if (link->state != TABLE_LINK_DOWN)
		link_enter(link, TABLE_LINK_DOWN, TABLE_REASON_COMMAND, "stopped");
	route_remove(&link->route);
	autoconf_fini(&link->autoconf);
	ipif_fini(&link->ipif);
	events_free(link);
	link->base = NULL;
}

/* Asked for: it counts as no failure, so there is hardly a pause. */
void link_redial(struct link *link, const char *cause)
{
	if (!link->base || link->is_held)
		return;
	link->is_refused = false;
	device_watch_stop(&link->watch);
	ladder_reset(&link->ladder);
	go_down(link, TABLE_REASON_COMMAND, cause);
}

void link_reset(struct link *link, const char *cause)
{
	link_redial(link, cause);
	if (link->base && !link->is_held && highest_step(link) >= TABLE_STEP_RESET)
		link->step = TABLE_STEP_RESET;
}

void link_up(struct link *link, const char *cause)
{
	if (!link->base || link->state != TABLE_LINK_DOWN)
		return;
	link->is_held = false;
	link->is_refused = false;
	device_watch_stop(&link->watch);
	ladder_reset(&link->ladder);
	link->step = TABLE_STEP_REDIAL;
	link_enter(link, TABLE_LINK_DOWN, TABLE_REASON_COMMAND, cause);
	try_in(link, 0);
}

void link_down(struct link *link, const char *cause)
{
	if (!link->base || link->is_held)
		return;
	link->is_held = true;
	link->is_refused = false;
	device_watch_stop(&link->watch);
	close_driver(link);
	ladder_reset(&link->ladder);
	link_enter(link, TABLE_LINK_DOWN, TABLE_REASON_COMMAND, cause);
	try_never(link);
}

int link_at(struct link *link, const char *command, link_at_fn answer, void *arg)
{
	int error;

	if (!link->driver->at)
		return -EOPNOTSUPP;
	if (!link->base || !link->is_open)
		return -ENETDOWN;
	if (link->at_answer)
		return -EBUSY;
	error = link->driver->at(link, command);
	if (error)
		return error;
	link->at_answer = answer;
	link->at_arg = arg;
	return 0;
}

void link_at_cancel(struct link *link)
{
	link->at_answer = NULL;
}

/* ---- observers ---------------------------------------------------------------- */

const char *link_name(const struct link *link)
{
	return link->name;
}

enum table_link_state link_state(const struct link *link)
{
	return link->state;
}

bool link_is_held(const struct link *link)
{
	return link->is_held;
}

int link_helper_pid(const struct link *link)
{
	if (!link->base || !link->driver->helper)
		return 0;
	return (int)link->driver->helper(link)->pid;
}

struct netif *link_netif(const struct link *link)
{
	return link->base ? (struct netif *)&link->ipif.netif : NULL;
}
