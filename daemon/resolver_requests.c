/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each Resolve request becomes a query: a look-up and an event channel. When
 * the look-up is done its result is sent and the channel is finished; when
 * the client has closed its end, the query is freed. A client that closes
 * early gets nothing, but its query stays, and stays charged, until the
 * look-up is done: else a client could have any number of look-ups under way
 * by closing each at once.
 */
#include "daemon/resolver_requests.h"

#include "daemon/event_channel.h"
#include "daemon/limits.h"
#include "daemon/reap.h"
#include "daemon/request.h"
#include "daemon/resolver.h"
#include "daemon/session.h"
#include "daemon/usocketd.h"
#include "proto/codec.h"
#include "proto/protocol.h"
#include "proto/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

struct query {
	struct usocketd *daemon;
	struct account *account; /* referenced; one RESOURCE_LOOKUP charged */
	struct lookup *lookup;	 /* NULL: done */
	struct event_channel *channel;
	bool closed; /* the client has closed its end */
	bool ended;  /* waits for the reaper */
	LIST_ENTRY(query) link;
	struct reap_item reap;
};

LIST_HEAD(query_list, query);

struct resolver_requests {
	struct usocketd *daemon;
	struct query_list all;
};

static void free_query(struct query *query)
{
	if (query->lookup)
		lookup_cancel(query->lookup);
	event_channel_free(query->channel);
	account_release(query->account, RESOURCE_LOOKUP, 1);
	account_unref(query->account);
	free(query);
}

static void reap_query(struct reap_item *item)
{
	free_query((struct query *)((char *)item - offsetof(struct query, reap)));
}

static void end_query(struct query *query)
{
	if (query->ended)
		return;
	query->ended = true;
	LIST_REMOVE(query, link);
	reaper_put(query->daemon->reaper, &query->reap, reap_query);
}

static void fill_result(usp_ResolveResult *result, const struct resolver_answer *answer)
{
	result->status = status_from_resolve_error(answer->error);
	snprintf(result->canonical, sizeof(result->canonical), "%s", answer->canonical);
	for (size_t i = 0; i < answer->n_addresses; i++)
		address_to_proto(&answer->addresses[i], &result->address[i]);
	result->address_count = (pb_size_t)answer->n_addresses;
}
_Static_assert(usp_ResolveResult_size <= PROTOCOL_EVENT_MAX, "a result fits a message");

static int send_result(struct query *query, const struct resolver_answer *answer)
{
	usp_ResolveResult result = usp_ResolveResult_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int len;

	fill_result(&result, answer);
	len = codec_encode_result(&result, buf, sizeof(buf));
	if (len < 0)
		return len;
	return event_channel_send(query->channel, buf, (size_t)len);
}

static void on_done(const struct resolver_answer *answer, void *arg)
{
	struct query *query = arg;

	query->lookup = NULL;
	if (!query->closed && send_result(query, answer) == 0)
		event_channel_finish(query->channel);
	else
		end_query(query);
}

static void on_closed(void *arg)
{
	struct query *query = arg;

	query->closed = true;
	if (!query->lookup)
		end_query(query);
}

struct resolver_requests *resolver_requests_new(struct usocketd *daemon)
{
	struct resolver_requests *requests = calloc(1, sizeof(*requests));

	if (!requests)
		return NULL;
	requests->daemon = daemon;
	LIST_INIT(&requests->all);
	return requests;
}

void resolver_requests_free(struct resolver_requests *requests)
{
	struct query *query;

	if (!requests)
		return;
	while ((query = LIST_FIRST(&requests->all))) {
		LIST_REMOVE(query, link);
		free_query(query);
	}
	free(requests);
}

static int make_query(struct query **out, struct request *request, struct account *account)
{
	struct resolver_requests *requests = request->daemon->resolver_requests;
	struct query *query = calloc(1, sizeof(*query));
	int r;

	if (!query)
		return -ENOMEM;
	r = event_channel_new(&query->channel, request->daemon->base, on_closed, query,
		&request->fd_out);
	if (r < 0) {
		free(query);
		return r;
	}
	query->daemon = request->daemon;
	query->account = account_ref(account);
	LIST_INSERT_HEAD(&requests->all, query, link);
	*out = query;
	return 0;
}

static int family_of(const usp_Resolve *message, enum address_family *family)
{
	switch (message->family) {
	case usp_FAMILY_ANY:
		*family = ADDRESS_NONE;
		return 0;
	case usp_FAMILY_IPV4:
		*family = ADDRESS_IPV4;
		return 0;
	case usp_FAMILY_IPV6:
		*family = ADDRESS_IPV6;
		return 0;
	}
	return -EAFNOSUPPORT;
}

int request_resolve(struct request *request)
{
	const usp_Resolve *message = &request->message->body.resolve;
	struct account *account = session_account(request->session);
	enum address_family family;
	struct query *query;
	int r;

	r = family_of(message, &family);
	if (r < 0)
		return r;
	r = account_charge(account, RESOURCE_LOOKUP, 1);
	if (r < 0)
		return r;
	r = make_query(&query, request, account);
	if (r < 0) {
		account_release(account, RESOURCE_LOOKUP, 1);
		return r;
	}
	r = resolver_start(request->daemon->resolver, message->name, family, on_done, query,
		&query->lookup);
	if (r < 0) {
		end_query(query);
		return r;
	}
	return REQUEST_STARTED;
}
