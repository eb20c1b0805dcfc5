/* SPDX-License-Identifier: MIT */
/*
 * A link from the inside: for its own files and its drivers.
 */
#ifndef NETIF_LINK_PRIVATE_H
#define NETIF_LINK_PRIVATE_H

#include "netif/autoconf.h"
#include "netif/device_watch.h"
#include "netif/ipif.h"
#include "netif/health.h"
#include "netif/ladder.h"
#include "netif/link.h"
#include "netif/link_log.h"
#include "netif/log.h"
#include "netif/power.h"
#include "netif/probe.h"
#include "netif/route.h"

#include "proto/address.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;
struct link;

#define LINK_MTU_MIN	    1280 /* RFC 8200 5 */
#define LINK_MTU_DEFAULT    1500

#define LINK_METRIC_DEFAULT 100
#define LINK_METRIC_MAX	    9999

#define LINK_PATH_MAX	    256

enum link_nat64 {
	LINK_NAT64_AUTO, /* to be found: see link_set_nat64() */
	LINK_NAT64_NONE,
	LINK_NAT64_FIXED,
};

/*
 * What a link is given by its driver when it comes up. In addresses, the port
 * is the prefix length, as in the table.
 */
struct link_parameters {
	uint32_t mtu;
	struct address address4, gateway4;
	struct address addresses6[TABLE_LINK_ADDRESSES6];
	uint8_t flags6[TABLE_LINK_ADDRESSES6]; /* of each, enum link_address_flag */
	uint8_t n_addresses6;
	uint8_t n_dns;
	struct address gateway6;
	struct address dns[TABLE_LINK_DNS];
	/* address4 is not known yet: what the netif has stays meanwhile. */
	bool is_pending4;
	/* Routers tell addresses6, gateway6, MTU and DNS servers (autoconf.h). */
	bool asks_routers;
	/* IPv6 addresses are used once nobody else is known to (RFC 4862 5.4). */
	bool detects_duplicates;
	/* Of the link-local address and those by routers; zero: made up. */
	uint8_t interface_id[AUTOCONF_ID_SIZE];
};

enum link_address_flag {
	LINK_ADDRESS_DEPRECATED = 1 << 0,  /* for connections that have it (RFC 4862) */
	LINK_ADDRESS_OFF_LINK = 1 << 1,	   /* its /64 is reached by the router */
	LINK_ADDRESS_UNCONFIRMED = 1 << 2, /* of before; is no reason to be up */
};

/* What a modem says of network and signal; as in the table. */
struct link_signal {
	char operator_name[32];
	char radio[16];
	int16_t rssi_dbm, rsrp_dbm, rsrq_db, sinr_db; /* TABLE_SIGNAL_UNKNOWN */
};

/* A configuration key. Returns 0, or -EINVAL with a sentence in @error. */
struct link_key {
	const char *name;
	int (*set)(struct link *link, const char *value, char *error, size_t size);
};

/*
 * What makes links of one kind. A driver works between open and close: it
 * calls link_progress(), link_ready() and link_fail(), the last also from
 * within open.
 */
struct link_driver {
	const char *name;
	enum ipif_framing framing;
	/* Bits of CAP_ of capabilities(7): what opening its devices needs. */
	uint32_t capabilities;
	/* The last one's name is NULL. */
	const struct link_key *keys;
	/* Of the driver's own struct, zeroed at first. */
	size_t state_size;
	/* As link_check(); may be NULL. */
	int (*check)(const struct link *link, char *error, size_t size);
	/* Names of those that may be set while it runs, NULL ends them; may be NULL. */
	const char *const *live_keys;
	/* One of them has been set; may be NULL. */
	void (*changed)(struct link *link);
	/* At link_start(); may be NULL. */
	void (*init)(struct link *link);
	void (*open)(struct link *link);
	/* The descriptor given with link_ready() has been closed already. */
	void (*close)(struct link *link);
	/* At link_stop(), in place of close if it is open; may be NULL. */
	void (*fini)(struct link *link);
	/*
	 * The most that a try can begin with, if open() heeds link->step. The
	 * step power is taken before open(), by the script.
	 */
	enum table_link_step highest_step;
	/* Whether links are watched for data that does not pass, by default. */
	bool checks_health;
	/* Path of the device's node; NULL: not known, or there is none. */
	const char *(*device)(const struct link *link);
	/* Hands a command to the modem, see link_at(); NULL: there is none. */
	int (*at)(struct link *link, const char *command);
	/* The process that does the driver's work; NULL: there is none. */
	struct helper *(*helper)(const struct link *link);
};

/* Whom to ask whether data passes. */
enum link_probe {
	LINK_PROBE_DNS,	    /* the link's name servers */
	LINK_PROBE_ADDRESS, /* by TCP if a port is given, else by ping */
	LINK_PROBE_NONE,
};

/* See link_health.c. */
struct link_health {
	bool is_set, is_enabled; /* by the configuration */
	enum link_probe target;
	struct address address; /* of LINK_PROBE_ADDRESS */

	bool is_on; /* the link is up, and watched */
	struct health passive;
	struct probe probe;
	struct event *timer;   /* suspicion to look into, or an answer that is due */
	bool is_armed;	       /* the timer */
	unsigned int n_probes; /* without an answer; 0: no question is out */
	uint64_t quiet_until_ns;
	uint32_t pause_s; /* of quiet after the next answer */
};

/* Dial on demand, see link_demand.c. */
struct link_demand {
	bool is_on; /* by the configuration, as the next two */
	bool is_timeout_set;
	uint32_t timeout_s; /* 0: it is not hung up */

	bool is_asleep; /* down until a program needs it */
	struct event *timer;
	uint64_t moved_ns;    /* when packets have passed last */
	uint64_t demanded_ns; /* when it was needed last */
	uint64_t earliest_ns; /* no try before, after failures */
};

extern const struct link_driver modem_driver;
extern const struct link_driver packet_driver;
extern const struct link_driver tun_driver;
extern const struct link_driver slirp_driver;

/* Owned by its creator; see link.h. */
struct link {
	char name[TABLE_NAME_MAX];
	const struct link_driver *driver; /* NULL: key not seen yet */
	void *driver_state;
	struct link_parameters configured; /* by keys; what is set wins */
	struct link_parameters given;	   /* by the driver, the latest */
	struct link_parameters current;	   /* applied to the netif */
	uint32_t metric;		   /* configured: the lowest link goes first */
	enum link_nat64 nat64;		   /* configured */
	struct address nat64_prefix;	   /* configured, for LINK_NAT64_FIXED */
	struct link_signal signal;	   /* the latest that is known */
	struct table_modem modem;	   /* the latest that is known */

	struct event_base *base; /* NULL: stopped */
	link_changed_fn changed;
	void *changed_arg;
	struct event *timer;  /* the state's deadline, or the next try */
	struct event *notify; /* calls changed, soon */
	struct event *moved;  /* calls changed, once a second */

	enum table_link_state state;
	enum table_link_reason reason;
	char cause[TABLE_CAUSE_MAX];
	char told_cause[TABLE_CAUSE_MAX]; /* the cause of the latest way down, if not up since */
	enum table_link_step step;	  /* how the present try began, or the next begins */
	bool is_refused;		  /* not tried again before something changes */
	bool is_held;			  /* taken down, and not to come up before link_up() */
	uint64_t since_ns;
	uint64_t up_ns;	   /* when it has come up last */
	uint64_t retry_ns; /* when it is tried next; 0: no try is due */
	struct ladder ladder;
	uint32_t n_tries; /* since the start */
	uint32_t n_opens; /* that a driver has succeeded in */
	bool is_open;	  /* the driver has been opened, not closed */

	char power_script[LINK_PATH_MAX]; /* empty: none */
	struct power *power;		  /* the script that runs now; NULL: none */
	struct device_watch watch;	  /* runs while down for want of the device */

	struct link_health health;
	struct link_demand demand;

	struct ipif ipif;
	struct route route;
	struct autoconf autoconf;

	struct link_log *log;
	/* Up to where, and when, it was written to the daemon's log. */
	uint64_t told, told_ns;
	LIST_HEAD(, link_follower) followers; /* of the log; theirs */

	link_at_fn at_answer; /* NULL: no command of a user's is under way */
	void *at_arg;
};

/* ---- for drivers ------------------------------------------------------------- */

/*
 * The link is on its way up: @state is one of sim, registering, dialing and
 * negotiating, or the state it is in, with another cause. Returns 0; -EPROTO if
 * no way leads there from the state it is in.
 */
int link_progress(struct link *link, enum table_link_state state, const char *cause);

/*
 * The link waits for something that the driver will notice: @state, opening,
 * sim, registering or dialing, has no deadline meanwhile. A state that comes
 * later is not left for it.
 */
void link_wait(struct link *link, enum table_link_state state, enum table_link_reason reason,
	const char *cause);

/* What was in the way of the next try is gone: it need not wait any longer. */
void link_hasten(struct link *link);

void link_signal(struct link *link, const struct link_signal *signal);

/* The driver has written into link->modem. */
void link_modem_changed(struct link *link);

/*
 * Packets flow. @fd, which carries them, becomes the link's; -1 if only
 * @parameters have changed since. The link is up from its first address on,
 * which may be one that routers advertise, and negotiating before.
 */
void link_ready(struct link *link, int fd, const struct link_parameters *parameters);

/*
 * The link cannot come up, or has gone down: it is closed, and tried again
 * later. @format is the cause, with what the reader can do about it.
 */
void link_fail(struct link *link, enum table_link_reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As link_fail(), but it is not tried again before link_up(), link_reset() or
 * a new start. */
void link_refuse(struct link *link, enum table_link_reason reason, const char *cause);

/* What the modem has answered to link_at(); @is_final as there. */
void link_at_answered(struct link *link, const char *line, bool is_final);

/* ---- link_address.c ---------------------------------------------------------- */

/*
 * Gives the netif what configuration, driver and routers say, in this order of
 * weight; what is the same stays untouched.
 */
void link_apply(struct link *link);

/* Takes all addresses away. */
void link_unapply(struct link *link);

/* True if the link has an address by which others can reach it. */
bool link_has_address(const struct link *link);

/* ---- link_state.c, for link.c ------------------------------------------------ */

/*
 * The one way from state to state, or into the same one for another reason. It
 * must be allowed from the present one.
 */
void link_enter(struct link *link, enum table_link_state state, enum table_link_reason reason,
	const char *cause);

/* How long the state may last; 0: for ever. */
uint32_t link_deadline_ms(enum table_link_state state);

/* Up or degraded. */
bool link_is_up(const struct link *link);

/* Has `changed` called from the loop. */
void link_notify_soon(struct link *link);

void link_timer_in(struct event *timer, uint32_t delay_ms);

/* ---- link.c, for link_health.c ----------------------------------------------- */

/* No data passes a link that is up: it is given up unless some does soon. */
void link_degrade(struct link *link, const char *cause);

/* Data passes again. */
void link_recover(struct link *link);

/* ---- link.c, for link_demand.c ----------------------------------------------- */

/* Nobody uses it: it goes down, to sleep. */
void link_hang_up(struct link *link, const char *cause);

/* It sleeps no more: tried as soon as the last failure permits. */
void link_wake(struct link *link);

/* ---- link_demand.c ----------------------------------------------------------- */

/* Returns 0 or -ENOMEM. */
int link_demand_init(struct link *link, struct event_base *base);
void link_demand_fini(struct link *link);

/* The link has come up; it goes down; packets pass. */
void link_demand_begin(struct link *link);
void link_demand_end(struct link *link);
void link_demand_moved(struct link *link);

/* After a failure: whether it is to sleep, as nobody has needed it for long. */
bool link_demand_is_over(const struct link *link);

/* ---- link_health.c ----------------------------------------------------------- */

/* Returns 0 or -ENOMEM. */
int link_health_init(struct link *link, struct event_base *base);
void link_health_fini(struct link *link);

/* The link has come up, with addresses; it goes down. */
void link_health_begin(struct link *link);
void link_health_end(struct link *link);

/* What passes the link: ipif_packet_fn. */
void link_health_received(struct ipif *ipif, const uint8_t *packet, size_t len, void *arg);
void link_health_sent(struct ipif *ipif, const uint8_t *packet, size_t len, void *arg);

/* Whether data has passed since the link came up, as far as that is watched. */
bool link_health_has_proof(const struct link *link);

/* ---- link_note.c ------------------------------------------------------------- */

/* A line for the daemon's log, if @level is shown there, and the link's own. */
void link_note(struct link *link, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for the link's own alone. */
void link_log_text(struct link *link, enum log_level level, const char *text);

/* Writes what the daemon's log has not had yet of the link's there. */
void link_tell_log(struct link *link);

/* ---- link_config.c ----------------------------------------------------------- */

/* Keys of every driver; the last one's name is NULL. */
extern const struct link_key link_common_keys[];

/* "1.2.3.4/24"; without a prefix @a gets one host's. Returns 0 or -EINVAL. */
int link_parse_prefix(struct address *a, const char *text);

/*
 * Calls @item for each item of a list separated by commas, white space around
 * it taken off. Stops at the first that returns non-zero and returns that;
 * -EINVAL for an empty or overlong item.
 */
int link_parse_list(const char *list, int (*item)(const char *text, void *arg), void *arg);

int link_parse_number(const char *text, long min, long max, long *number);

bool link_is_interface_name(const char *text);

/* Keys of drivers whose addresses may be configured, for their tables. */
int link_set_address(struct link *link, const char *value, char *error, size_t size);
int link_set_address6(struct link *link, const char *value, char *error, size_t size);
int link_set_gateway(struct link *link, const char *value, char *error, size_t size);

/* Reads yes or no for a driver that keeps the opposite: on is the default. */
int link_set_offload(bool *is_off, const char *value, char *error, size_t size);

#endif
