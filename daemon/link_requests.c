/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Links are everybody's, so changing one needs a right: root, the daemon's own
 * user and the members of the control group have it. Reading a link's log needs
 * it too: what others have sent by AT is in there. Each refusal says why in a
 * sentence.
 *
 * A log and the answer to an AT command travel as lines on an event channel.
 * The stream behind it lives until its client closes the channel, or until the
 * line cannot be sent (AT: the client does not read, nothing more is to be
 * lost). A log is sent at its reader's pace: the link's ring is the buffer, and
 * a reader that is too slow misses what was overwritten.
 *
 * What a request has changed is in the link's record before its reply is sent:
 * whoever has asked and looks, sees it.
 *
 * link_at_cancel() is called before a stream that waits for an answer is freed.
 */
#include "daemon/link_requests.h"

#include "daemon/event_channel.h"
#include "daemon/limits.h"
#include "daemon/reap.h"
#include "daemon/request.h"
#include "daemon/session.h"
#include "daemon/usocketd.h"
#include "netif/link.h"
#include "netif/link_log.h"
#include "netif/log.h"
#include "proto/codec.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

struct stream {
	struct link_requests *requests;
	struct link *link;
	struct event_channel *channel;
	struct account *account; /* referenced; one RESOURCE_WATCH charged */
	struct link_follower follower;
	uint64_t position; /* in the link's log */
	uint32_t n_lines;  /* sent; 0 is skipped */
	bool follows;	   /* the log does not end */
	bool is_following; /* follower is in the link's list */
	bool asks;	   /* an AT command is under way */
	bool ended;	   /* waits for the reaper */
	LIST_ENTRY(stream) entry;
	struct reap_item reap;
};

LIST_HEAD(stream_list, stream);

struct link_requests {
	struct usocketd *daemon;
	struct stream_list all;
};

/* ---- streams ----------------------------------------------------------------- */

/* The link is let alone from here on. */
static void leave_link(struct stream *stream)
{
	if (stream->is_following)
		link_unfollow(&stream->follower);
	if (stream->asks)
		link_at_cancel(stream->link);
	stream->is_following = false;
	stream->asks = false;
}

static void free_stream(struct stream *stream)
{
	leave_link(stream);
	event_channel_free(stream->channel);
	account_release(stream->account, RESOURCE_WATCH, 1);
	account_unref(stream->account);
	free(stream);
}

static void reap_stream(struct reap_item *item)
{
	free_stream((struct stream *)((char *)item - offsetof(struct stream, reap)));
}

static void end_stream(struct stream *stream)
{
	if (stream->ended)
		return;
	stream->ended = true;
	leave_link(stream);
	LIST_REMOVE(stream, entry);
	reaper_put(stream->requests->daemon->reaper, &stream->reap, reap_stream);
}

static void on_closed(void *arg)
{
	end_stream(arg);
}

static int make_stream(struct stream **out, struct request *request, struct link *link)
{
	struct link_requests *requests = request->daemon->link_requests;
	struct account *account = session_account(request->session);
	struct stream *stream;
	int r;

	r = account_charge(account, RESOURCE_WATCH, 1);
	if (r < 0)
		return r;
	stream = calloc(1, sizeof(*stream));
	r = stream ? event_channel_new(&stream->channel, requests->daemon->base, on_closed,
			     stream, &request->fd_out)
		   : -ENOMEM;
	if (r < 0) {
		free(stream);
		account_release(account, RESOURCE_WATCH, 1);
		return r;
	}
	stream->requests = requests;
	stream->link = link;
	stream->account = account_ref(account);
	LIST_INSERT_HEAD(&requests->all, stream, entry);
	*out = stream;
	return 0;
}

static int send_line(struct stream *stream, usp_LinkLine *line)
{
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int len;

	line->number = stream->n_lines + 1 ? stream->n_lines + 1 : 1;
	len = codec_encode_line(line, buf, sizeof(buf));
	assert(len >= 0);
	len = event_channel_send(stream->channel, buf, (size_t)len);
	if (len == 0)
		stream->n_lines = line->number;
	return len;
}
_Static_assert(usp_LinkLine_size <= PROTOCOL_EVENT_MAX, "a line fits a message");

struct link_requests *link_requests_new(struct usocketd *daemon)
{
	struct link_requests *requests = calloc(1, sizeof(*requests));

	if (!requests)
		return NULL;
	requests->daemon = daemon;
	LIST_INIT(&requests->all);
	return requests;
}

void link_requests_free(struct link_requests *requests)
{
	struct stream *stream;

	if (!requests)
		return;
	while ((stream = LIST_FIRST(&requests->all))) {
		LIST_REMOVE(stream, entry);
		free_stream(stream);
	}
	free(requests);
}

/* ---- who may, and which link ---------------------------------------------------- */

static bool may_control(const struct request *request)
{
	uid_t uid = session_uid(request->session);
	gid_t group = request->daemon->config.control_group;

	return uid == 0 || uid == geteuid() ||
		(group != (gid_t)-1 && session_in_group(request->session, group));
}

/* Returns 0 with *@out, or refuses. */
static int find_link(struct request *request, const char *name, struct link **out)
{
	struct usocketd *daemon = request->daemon;

	if (!may_control(request))
		return request_refuse(request, -EPERM,
			"links are controlled by root, the daemon's own user and the members of "
			"control_group in [limits] of its configuration");
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		if (strcmp(link_name(daemon->links[i]), name) != 0)
			continue;
		*out = daemon->links[i];
		return 0;
	}
	return request_refuse(request, -EINVAL, "there is no link %s", name);
}

/* What the link's record says of who did it. */
static const char *by_whom(const struct request *request, const char *what, char *out, size_t size)
{
	snprintf(out, size, "%.32s by %.31s (user %u)", what, session_program(request->session),
		(unsigned int)session_uid(request->session));
	return out;
}

/* ---- requests that are done at once ---------------------------------------------- */

int request_link_control(struct request *request)
{
	static const struct {
		const char *what;
		void (*act)(struct link *link, const char *cause);
	} actions[] = {
		[usp_LINK_ACTION_UP] = { "brought up", link_up },
		[usp_LINK_ACTION_DOWN] = { "taken down", link_down },
		[usp_LINK_ACTION_RESET] = { "reset", link_reset },
	};
	const usp_LinkControl *message = &request->message->body.link_control;
	unsigned int action = (unsigned int)message->action;
	char cause[TABLE_CAUSE_MAX];
	struct link *link;
	int r;

	r = find_link(request, message->link, &link);
	if (r < 0)
		return r;
	if (action >= sizeof(actions) / sizeof(actions[0]) || !actions[action].act)
		return -EINVAL;
	if (action == usp_LINK_ACTION_RESET && link_is_held(link))
		return request_refuse(request, -EINVAL,
			"link %s has been taken down: bring it up first", message->link);
	actions[action].act(link, by_whom(request, actions[action].what, cause, sizeof(cause)));
	usocketd_publish_link(request->daemon, link);
	return 0;
}

int request_link_set(struct request *request)
{
	const usp_LinkSet *message = &request->message->body.link_set;
	char error[sizeof(((usp_Refusal *)0)->text)] = "wrong value";
	char what[32], cause[TABLE_CAUSE_MAX];
	struct link *link;
	int r;

	r = find_link(request, message->link, &link);
	if (r < 0)
		return r;
	r = link_change(link, message->key, message->value, error, sizeof(error));
	if (r < 0)
		return request_refuse(request, -EINVAL, "%s", error);
	snprintf(what, sizeof(what), "%.24s set", message->key);
	by_whom(request, what, cause, sizeof(cause));
	log_notice("link %s: %s", message->link, cause);
	if (message->redial)
		link_redial(link, cause);
	usocketd_publish_link(request->daemon, link);
	return 0;
}

/* ---- the log ---------------------------------------------------------------------- */

static void send_log(void *arg)
{
	struct stream *stream = arg;
	const struct link_log *log = link_log_of(stream->link);
	struct link_log_line line;
	uint64_t next = stream->position;

	if (stream->ended)
		return;
	while (link_log_read(log, &next, &line) == 1) {
		usp_LinkLine message = { .time_ms = line.time_ms, .level = line.level };
		int r;

		snprintf(message.text, sizeof(message.text), "%s", line.text);
		r = send_line(stream, &message);
		if (r == -EAGAIN)
			event_channel_when_writable(stream->channel, send_log);
		/* Of any other failure on_closed() tells. */
		if (r < 0)
			return;
		stream->position = next;
	}
	if (!stream->follows)
		event_channel_finish(stream->channel);
}

int request_link_log(struct request *request)
{
	const usp_LinkLog *message = &request->message->body.link_log;
	struct stream *stream;
	struct link *link;
	int r;

	r = find_link(request, message->link, &link);
	if (r < 0)
		return r;
	r = make_stream(&stream, request, link);
	if (r < 0)
		return r;
	stream->follows = message->follow;
	if (stream->follows) {
		stream->follower = (struct link_follower){ .fn = send_log, .arg = stream };
		link_follow(link, &stream->follower);
		stream->is_following = true;
	}
	send_log(stream);
	return REQUEST_STARTED;
}

/* ---- AT ---------------------------------------------------------------------------- */

static void on_answer(const char *text, bool is_final, void *arg)
{
	struct stream *stream = arg;
	usp_LinkLine line = { .is_final = is_final };

	if (is_final)
		stream->asks = false;
	snprintf(line.text, sizeof(line.text), "%s", text);
	if (send_line(stream, &line) < 0)
		end_stream(stream);
	else if (is_final)
		event_channel_finish(stream->channel);
}

static int refuse_at(struct request *request, int error)
{
	const char *name = request->message->body.link_at.link;

	switch (error) {
	case -EOPNOTSUPP:
		return request_refuse(request, error, "link %s has no modem", name);
	case -ENETDOWN:
		return request_refuse(request, -EHOSTUNREACH,
			"link %s has no AT channel now: it is down, or its modem has none beside "
			"the one that data takes",
			name);
	case -EBUSY:
		return request_refuse(request, -EALREADY,
			"another command is under way on link %s", name);
	case -EINVAL:
		return request_refuse(request, error,
			"an AT command is a line of up to 255 characters that begins with AT");
	default:
		return request_refuse(request, error, "the modem's helper takes no command: %s",
			strerror(-error));
	}
}

int request_link_at(struct request *request)
{
	const usp_LinkAt *message = &request->message->body.link_at;
	const char *harm = link_at_harm(message->command);
	struct stream *stream;
	struct link *link;
	int r;

	r = find_link(request, message->link, &link);
	if (r < 0)
		return r;
	if (harm)
		return request_refuse(request, -EINVAL, "%s", harm);
	r = make_stream(&stream, request, link);
	if (r < 0)
		return r;
	r = link_at(link, message->command, on_answer, stream);
	if (r < 0) {
		end_stream(stream);
		return refuse_at(request, r);
	}
	stream->asks = true;
	return REQUEST_STARTED;
}
