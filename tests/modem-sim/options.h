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

/* In what state somebody else has left the modem; bits. */
enum start {
	START_DATA = 1 << 0,   /* in a call */
	START_SILENT = 1 << 1, /* answers to nothing but a reset */
};

/* Texts point into argv. */
struct options {
	const char *device;	  /* the terminal's path */
	const char *control_path; /* NULL: no control socket */
	unsigned int start;	  /* bits of enum start */
	const char *pin;	  /* NULL: the SIM asks for none */
	int tries;		  /* that are left for it */
	bool has_no_sim;
	bool pap, chap; /* the caller must prove who it is */
	const char *user, *password;
	struct in_addr address; /* the caller's */
	struct line_params line;
	struct path_params path; /* of the network, each way */
	const char *tun;	 /* the network's TUN device; NULL: usocket-slirp */
};

/* Returns 0, or -1 when told something else than in options_usage(). */
int options_take(struct options *options, int argc, char **argv);

void options_usage(void);

#endif
