/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A watcher is an event channel and the account it is charged to; it lives
 * until its client closes the channel or leaves it full, whatever becomes of
 * the session. At the start it is sent the present state of every link, so a
 * client needs no second way to ask for it.
 */
#include "daemon/watch.h"

#include "daemon/event_channel.h"
#include "daemon/limits.h"
#include "daemon/reap.h"
#include "daemon/request.h"
#include "daemon/session.h"
#include "daemon/usocketd.h"
#include "netif/link.h"
#include "netif/log.h"
#include "proto/codec.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

struct watcher {
	struct watchers *watchers;
	struct event_channel *channel;
	struct account *account; /* referenced; one RESOURCE_WATCH charged */
	uint32_t n_events;	 /* sent; 0 is skipped */
	bool ended;		 /* waits for the reaper */
	LIST_ENTRY(watcher) link;
	struct reap_item reap;
};

LIST_HEAD(watcher_list, watcher);

struct watchers {
	struct usocketd *daemon;
	struct watcher_list all;
};

static void free_watcher(struct watcher *watcher)
{
	event_channel_free(watcher->channel);
	account_release(watcher->account, RESOURCE_WATCH, 1);
	account_unref(watcher->account);
	free(watcher);
}

static void reap_watcher(struct reap_item *item)
{
	free_watcher((struct watcher *)((char *)item - offsetof(struct watcher, reap)));
}

static void end_watcher(struct watcher *watcher)
{
	if (watcher->ended)
		return;
	watcher->ended = true;
	LIST_REMOVE(watcher, link);
	reaper_put(watcher->watchers->daemon->reaper, &watcher->reap, reap_watcher);
}

static void on_closed(void *arg)
{
	end_watcher(arg);
}

static int send_state(struct watcher *watcher, uint32_t index)
{
	const struct table_link *record = &watcher->watchers->daemon->link_records[index];
	usp_Event event = usp_Event_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int len;

	event.link = index;
	event.state = record->state;
	event.reason = record->reason;
	event.is_refused = record->is_refused;
	snprintf(event.cause, sizeof(event.cause), "%s", record->cause);
	if (++watcher->n_events == 0)
		watcher->n_events = 1;
	event.number = watcher->n_events;
	len = codec_encode_event(&event, buf, sizeof(buf));
	assert(len >= 0);
	return event_channel_send(watcher->channel, buf, (size_t)len);
}
_Static_assert(usp_Event_size <= PROTOCOL_EVENT_MAX, "an event fits a message");

struct watchers *watchers_new(struct usocketd *daemon)
{
	struct watchers *watchers = calloc(1, sizeof(*watchers));

	if (!watchers)
		return NULL;
	watchers->daemon = daemon;
	LIST_INIT(&watchers->all);
	return watchers;
}

void watchers_free(struct watchers *watchers)
{
	struct watcher *watcher;

	if (!watchers)
		return;
	while ((watcher = LIST_FIRST(&watchers->all))) {
		LIST_REMOVE(watcher, link);
		free_watcher(watcher);
	}
	free(watchers);
}

void watchers_link_changed(struct watchers *watchers, uint32_t index)
{
	struct watcher *watcher, *next;

	for (watcher = LIST_FIRST(&watchers->all); watcher; watcher = next) {
		next = LIST_NEXT(watcher, link);
		if (send_state(watcher, index) == -EAGAIN) {
			log_warning("a client does not read its link events: subscription ended");
			end_watcher(watcher);
		}
	}
}

static int make_watcher(struct watchers *watchers, struct account *account, int *client_end)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int r;

	if (!watcher)
		return -ENOMEM;
	r = event_channel_new(&watcher->channel, watchers->daemon->base, on_closed, watcher,
		client_end);
	if (r < 0) {
		free(watcher);
		return r;
	}
	watcher->watchers = watchers;
	watcher->account = account_ref(account);
	LIST_INSERT_HEAD(&watchers->all, watcher, link);
	for (uint32_t i = 0; i < watchers->daemon->n_links; i++)
		send_state(watcher, i);
	return 0;
}

int request_watch(struct request *request)
{
	struct account *account = session_account(request->session);
	int r = account_charge(account, RESOURCE_WATCH, 1);

	if (r < 0)
		return r;
	r = make_watcher(request->daemon->watchers, account, &request->fd_out);
	if (r < 0) {
		account_release(account, RESOURCE_WATCH, 1);
		return r;
	}
	if (request->message->body.watch.dial)
		usocketd_dial(request->daemon, NULL);
	return REQUEST_STARTED;
}
