/* SPDX-License-Identifier: MIT */
/*
 * PDP contexts: what was defined, what the network grants, what is active.
 */
#ifndef TESTS_MODEM_SIM_CONTEXTS_H
#define TESTS_MODEM_SIM_CONTEXTS_H

#include "tests/modem-sim/command.h"

#include <stdbool.h>

#define CONTEXTS_MAX	  8
#define CONTEXTS_TEXT_MAX 64

struct channel;
struct modem;
struct options;

enum pdp {
	PDP_IP4 = 1 << 0,
	PDP_IP6 = 1 << 1,
};

struct context {
	unsigned int pdp; /* bits of enum pdp; 0: not defined */
	char apn[CONTEXTS_TEXT_MAX];
	int auth; /* 0 none, 1 PAP, 2 CHAP, 3 either */
	char user[CONTEXTS_TEXT_MAX], password[CONTEXTS_TEXT_MAX];
	unsigned int active; /* bits of enum pdp, granted; 0: not active */
};

/* Embedded in the modem. */
struct contexts {
	struct context list[CONTEXTS_MAX]; /* <cid> 1 and on */
	bool is_attached;
	bool is_reporting; /* +CGEREP */
	int cause;	   /* of the last refusal, TS 24.008 10.5.6.6; 0: none */
};

/* As they come from the factory. */
void contexts_init(struct contexts *contexts);

/* NULL: there is none of that number. */
struct context *contexts_find(struct contexts *contexts, int cid);

/* "IP", "IPV6" or "IPV4V6"; 0: none of them. */
unsigned int contexts_parse_pdp(const char *name);

/* Asks the network. Returns 0, or a positive cause, which +CEER tells. */
int contexts_activate(struct modem *modem, int cid);

/* All that is active ends; @why: of +CGEV. */
void contexts_deactivate(struct modem *modem, const char *why);

/* Sets authentication; @auth as in struct context. Returns how the command ends. */
int contexts_set_auth(struct channel *channel, int cid, int auth, const char *user,
	const char *password);

/* AT+CGAUTH in the order of TS 27.007: <cid>,<auth>,<user>,<password>. */
int contexts_set_cgauth(struct channel *channel, const char *args);

extern const struct command context_commands[];

#endif
