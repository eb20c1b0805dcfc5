/* SPDX-License-Identifier: MIT */
/*
 * Asks the program that manages a bearer for its addresses.
 */
#ifndef NETIF_BEARER_QUERY_H
#define NETIF_BEARER_QUERY_H

#include "netif/bearer.h"
#include "netif/command.h"

struct event_base;

enum bearer_source {
	BEARER_SOURCE_NONE,
	BEARER_SOURCE_MODEMMANAGER, /* mmcli -K */
	BEARER_SOURCE_SCRIPT,
};

/*
 * @bearer: the one that is connected on the interface; NULL: there is none, and
 * @cause says why. From the loop.
 */
typedef void (*bearer_query_done_fn)(const struct bearer *bearer, enum table_link_reason reason,
	const char *cause, void *arg);

/* Embedded; owned by who asks. */
struct bearer_query {
	struct command command;
	enum bearer_source source;
	const char *program; /* the script, or NULL */
	const char *modem;   /* as mmcli has it: a number, a path, or any */
	const char *interface;
	bearer_query_done_fn done;
	void *arg;
	size_t n_paths, i_path; /* the modem's bearers, and the one being read */
	char paths[BEARERS_MAX][BEARER_PATH_MAX];
	struct bearer bearer;
};

void bearer_query_init(struct bearer_query *query, struct event_base *base);
void bearer_query_fini(struct bearer_query *query);

/* The fields from source to arg are set. Returns 0, or -errno and done is not called. */
int bearer_query_start(struct bearer_query *query);
void bearer_query_stop(struct bearer_query *query);

#endif
