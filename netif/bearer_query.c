/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * ModemManager: one mmcli lists the modem's bearers, then one for each of them
 * until one is connected on the interface. A script: one run, with the
 * interface's name. A program that fails has said why in its first line.
 */
#include "netif/bearer_query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MMCLI	   "mmcli"
#define TIMEOUT_MS 15000

static void fail(struct bearer_query *query, enum table_link_reason reason, const char *cause)
{
	query->done(NULL, reason, cause, query->arg);
}

static const char *program_of(const struct bearer_query *query)
{
	return query->source == BEARER_SOURCE_SCRIPT ? query->program : MMCLI;
}

static void tell_failure(struct bearer_query *query, int status, char *output)
{
	char cause[TABLE_CAUSE_MAX];

	output[strcspn(output, "\r\n")] = '\0';
	if (status == -ETIMEDOUT)
		snprintf(cause, sizeof(cause), "%s does not end", program_of(query));
	else
		snprintf(cause, sizeof(cause), "%s: %s", program_of(query),
			*output ? output : "failed without a word");
	fail(query, TABLE_REASON_SYSTEM, cause);
}

static void on_script(int status, char *output, void *arg)
{
	struct bearer_query *query = arg;
	char error[TABLE_CAUSE_MAX];

	if (status != 0)
		tell_failure(query, status, output);
	else if (bearer_read_script(&query->bearer, output, error, sizeof(error)) != 0)
		fail(query, TABLE_REASON_CONFIGURATION, error);
	else
		query->done(&query->bearer, TABLE_REASON_NONE, "", query->arg);
}

static void read_next(struct bearer_query *query);

static void on_bearer(int status, char *output, void *arg)
{
	struct bearer_query *query = arg;
	char error[TABLE_CAUSE_MAX];

	/* A bearer that has gone since the list was made is no failure. */
	if (status == -ETIMEDOUT) {
		tell_failure(query, status, output);
	} else if (status == 0 &&
		bearer_read_mmcli(&query->bearer, output, error, sizeof(error)) != 0) {
		fail(query, TABLE_REASON_DIAL, error);
	} else if (status == 0 && query->bearer.is_connected &&
		strcmp(query->bearer.interface, query->interface) == 0) {
		query->done(&query->bearer, TABLE_REASON_NONE, "", query->arg);
	} else {
		query->i_path++;
		read_next(query);
	}
}

static void read_next(struct bearer_query *query)
{
	const char *argv[] = { MMCLI, "-b", query->paths[query->i_path], "-K", NULL };
	char cause[TABLE_CAUSE_MAX];
	int r;

	if (query->i_path == query->n_paths) {
		snprintf(cause, sizeof(cause),
			"ModemManager has no bearer connected on %s: mmcli -m %s --simple-connect",
			query->interface, query->modem);
		fail(query, TABLE_REASON_DIAL, cause);
		return;
	}
	r = command_start(&query->command, argv, TIMEOUT_MS, on_bearer, query);
	if (r < 0)
		fail(query, TABLE_REASON_SYSTEM, strerror(-r));
}

static void on_list(int status, char *output, void *arg)
{
	struct bearer_query *query = arg;

	if (status != 0) {
		tell_failure(query, status, output);
		return;
	}
	query->n_paths = bearer_list(output, query->paths);
	query->i_path = 0;
	read_next(query);
}

int bearer_query_start(struct bearer_query *query)
{
	const char *mmcli[] = { MMCLI, "-m", query->modem, "-K", NULL };
	const char *script[] = { query->program, query->interface, NULL };

	if (query->source == BEARER_SOURCE_SCRIPT)
		return command_start(&query->command, script, TIMEOUT_MS, on_script, query);
	return command_start(&query->command, mmcli, TIMEOUT_MS, on_list, query);
}

void bearer_query_stop(struct bearer_query *query)
{
	command_kill(&query->command);
}

void bearer_query_init(struct bearer_query *query, struct event_base *base)
{
	command_init(&query->command, base);
}

void bearer_query_fini(struct bearer_query *query)
{
	command_fini(&query->command);
}
