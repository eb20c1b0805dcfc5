/* SPDX-License-Identifier: MIT */
/*
 * The radio: on or off, registration, operator, signal.
 */
#ifndef TESTS_MODEM_SIM_RADIO_H
#define TESTS_MODEM_SIM_RADIO_H

#include "tests/modem-sim/command.h"

#include <stdbool.h>

struct event;
struct modem;

/* The operator, and where we are. */
#define RADIO_MCC     "001"
#define RADIO_MNC     "01"
#define RADIO_AREA    "1A2B"
#define RADIO_CELL    "01C3D4E5"

#define RADIO_DOMAINS 4

/* <fun> of +CFUN, TS 27.007 8.2. */
enum radio_functionality {
	RADIO_MINIMUM = 0,
	RADIO_FULL = 1,
	RADIO_OFF = 4,
};

/* <stat> of TS 27.007 7.2. */
enum radio_stat {
	STAT_NOT_REGISTERED = 0,
	STAT_HOME = 1,
	STAT_SEARCHING = 2,
	STAT_DENIED = 3,
	STAT_UNKNOWN = 4,
	STAT_ROAMING = 5,
};

/* Embedded in the modem. */
struct radio {
	enum radio_functionality functionality;
	bool is_searching;   /* it takes a while, --register */
	bool is_off_network; /* +COPS=2 */
	int grant;	     /* <stat> that the network gives in the end */
	int technology;	     /* <AcT> */
	int format;	     /* of +COPS?: 0 long name, 2 number */
	int rssi, rsrp, rsrq, sinr;
	/* Of each of the domains: <n>, and the <stat> that was last told. */
	int reporting[RADIO_DOMAINS], told[RADIO_DOMAINS];
	struct event *found; /* the search ends */
};

/* Returns 0, or -1 when out of memory. */
int radio_init(struct modem *modem);
void radio_fini(struct modem *modem);

/* After power on: everything but what the network thinks. */
void radio_restart(struct modem *modem);

/* <stat> as it is now, the SIM considered. */
int radio_stat(const struct modem *modem);

/* Registered, at home or roaming. */
bool radio_is_registered(const struct modem *modem);

/* Something has changed: tells whoever asked for it. */
void radio_update(struct modem *modem);

/* Indices of +CESQ, TS 27.007 8.69. */
int radio_rsrp_index(const struct radio *radio);
int radio_rsrq_index(const struct radio *radio);

/* Returns how the command ends. */
int radio_set_functionality(struct modem *modem, enum radio_functionality functionality);

extern const struct command radio_commands[];

#endif
