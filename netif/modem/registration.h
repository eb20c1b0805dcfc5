/* SPDX-License-Identifier: MIT */
/*
 * What the network says of our registration: +CREG, +CGREG, +CEREG, +C5GREG.
 */
#ifndef NETIF_MODEM_REGISTRATION_H
#define NETIF_MODEM_REGISTRATION_H

#include <stdbool.h>

/* The network's domains, each with a command of its own. */
enum registration_domain {
	REGISTRATION_CS,  /* +CREG: circuit switched */
	REGISTRATION_PS,  /* +CGREG: GPRS, UMTS */
	REGISTRATION_EPS, /* +CEREG: LTE */
	REGISTRATION_5GS, /* +C5GREG */
	REGISTRATION_DOMAIN_COUNT,
};

/* <stat>, TS 27.007 7.2 and 10.1.20, 10.1.22, 10.1.47. */
enum registration_stat {
	REGISTRATION_OFF = 0, /* and not searching */
	REGISTRATION_HOME = 1,
	REGISTRATION_SEARCHING = 2,
	REGISTRATION_DENIED = 3,
	REGISTRATION_UNKNOWN = 4, /* out of coverage, for instance */
	REGISTRATION_ROAMING = 5,
	REGISTRATION_SMS_HOME = 6,
	REGISTRATION_SMS_ROAMING = 7,
	REGISTRATION_EMERGENCY = 8,
	REGISTRATION_CSFB_HOME = 9, /* registered; no CSFB preferred */
	REGISTRATION_CSFB_ROAMING = 10,
	REGISTRATION_STAT_MAX = 11,
	REGISTRATION_NONE = -1, /* not told, or the modem has no such domain */
};

/* Of technology, area code, cell and cause. */
#define REGISTRATION_UNKNOWN_NUMBER (-1)

/* Embedded in its owner. */
struct registration {
	int stat[REGISTRATION_DOMAIN_COUNT];
	int technology;	   /* <AcT> */
	int area_code;	   /* <lac> or <tac>, of the latest line that had one */
	long long cell_id; /* <ci> */
	int reject_cause;  /* of the latest denial: TS 24.008 10.5.3.6, TS 24.301 9.9.3.9 */
};

enum registration_verdict {
	REGISTRATION_WAITING,
	REGISTRATION_REGISTERED,
	REGISTRATION_REGISTERED_ROAMING, /* and that is permitted */
	REGISTRATION_ROAMING_FORBIDDEN,
	REGISTRATION_REFUSED,
};

void registration_init(struct registration *r);

/*
 * Takes a line, response or unsolicited. True if it is one of these four and
 * makes sense.
 */
bool registration_take(struct registration *r, const char *line);

/* A data call can be tried, or why not. */
enum registration_verdict registration_judge(const struct registration *r, bool may_roam);

/* A sentence for the operator on where things stand. */
const char *registration_describe(const struct registration *r, bool may_roam);

/* <stat> of the packet domain that is best, as scripts look at one only. */
int registration_packet_stat(const struct registration *r);

/* "LTE" and so on; "" if unknown. */
const char *registration_technology_name(int technology);

#endif
