/* SPDX-License-Identifier: MIT */
/*
 * What the command line says of the simulated modem.
 */
#ifndef TESTS_MODEM_SIM_OPTIONS_H
#define TESTS_MODEM_SIM_OPTIONS_H

#include "tests/modem-sim/line.h"
#include "tests/modem-sim/path.h"

#include <netinet/in.h>
#include <stdbool.h>

struct family;

#define PORTS_MAX 3

/* In what state somebody else has left the modem; bits. */
enum start {
	START_DATA = 1 << 0,   /* in a call */
	START_SILENT = 1 << 1, /* answers to nothing but a reset */
	START_BAUD = 1 << 2,   /* at another speed than most */
	START_ECHO_OFF = 1 << 3,
	START_GARBAGE = 1 << 4, /* noise, and half a command in its buffer */
	START_DEAD = 1 << 5,	/* until its power is switched */
	START_CMUX = 1 << 6,
};

/* Texts point into argv. */
struct options {
	const char *device;	  /* the terminal's path */
	const char *control_path; /* NULL: no control socket */
	uint32_t n_ports;
	bool is_usb; /* a reset takes the device away for a while */
	bool has_no_cmux;
	bool is_three_wire; /* no DTR */
	bool has_peer;	    /* slirp-fullbolt answers calls */
	unsigned int start; /* bits of enum start */
	const struct family *family;
	uint32_t baud;	      /* 0: whatever the host's port has */
	uint32_t boot_ms;     /* from power to the greeting */
	uint32_t register_ms; /* from then to registration */
	uint32_t chatter_ms;  /* between unsolicited lines, on average; 0: none */
	const char *pin;      /* NULL: the SIM asks for none */
	uint32_t tries;	      /* that are left for it */
	bool has_no_sim;
	const char *apn;    /* the only one that the network knows; NULL: any */
	unsigned int pdp;   /* what it grants, bits of enum pdp */
	bool is_pdp_strict; /* asked for more it refuses */
	bool pap, chap;	    /* the caller must prove who it is */
	const char *user, *password;
	struct in_addr address; /* the caller's */
	struct in6_addr prefix; /* the network's, 64 bits */
	struct line_params line;
	struct path_params path; /* of the network, each way */
	const char *tun;	 /* the network's TUN device; NULL: usocket-slirp */
};

/* Returns 0, or -1 when told something else than in options_usage(). */
int options_take(struct options *options, int argc, char **argv);

void options_usage(void);

#endif
