/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each call is one request; what takes time comes by an event channel (events.c).
 * The end of the channel is the end of the lines; a daemon that ends meanwhile
 * looks the same. The sentence of a refusal comes with the reply.
 */
#include "client/events.h"
#include "client/result.h"
#include "client/session.h"
#include "client/usocket.h"
#include "proto/codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(((struct usocket_refusal *)0)->text) == sizeof(((usp_Refusal *)0)->text),
	"refusals");
_Static_assert(sizeof(((struct usocket_link_line *)0)->text) == sizeof(((usp_LinkLine *)0)->text),
	"lines");

#define COPY(to, from) copy((to), sizeof(to), (from))

static int copy(char *to, size_t size, const char *from)
{
	return snprintf(to, size, "%s", from) < (int)size ? 0 : -ENAMETOOLONG;
}

/* What came of it, and why. */
static int end(const struct session_call *call, int result, struct usocket_refusal *why)
{
	if (why)
		why->text[0] = '\0';
	if (why && result < 0 && call->reply.which_body == usp_Reply_refusal_tag)
		memcpy(why->text, call->reply.body.refusal.text, sizeof(why->text));
	return (int)posix_result(result == -ENOSYS ? -EOPNOTSUPP : result);
}

static int control(const char *link, usp_LinkAction action, struct usocket_refusal *why)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_link_control_tag);
	usp_LinkControl *request = &call.request.body.link_control;
	int r = COPY(request->link, link);

	request->action = action;
	return end(&call, r < 0 ? r : session_request(&call), why);
}

int usocket_link_up(const char *link, struct usocket_refusal *why)
{
	return control(link, usp_LINK_ACTION_UP, why);
}

int usocket_link_down(const char *link, struct usocket_refusal *why)
{
	return control(link, usp_LINK_ACTION_DOWN, why);
}

int usocket_link_reset(const char *link, struct usocket_refusal *why)
{
	return control(link, usp_LINK_ACTION_RESET, why);
}

int usocket_link_set(const char *link, const char *key, const char *value, int redial,
	struct usocket_refusal *why)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_link_set_tag);
	usp_LinkSet *request = &call.request.body.link_set;
	int r = COPY(request->link, link);

	if (r == 0)
		r = COPY(request->key, key);
	if (r == 0)
		r = COPY(request->value, value);
	request->redial = redial != 0;
	return end(&call, r < 0 ? r : session_request(&call), why);
}

int usocket_link_log(const char *link, int follow, struct usocket_refusal *why)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_link_log_tag);
	usp_LinkLog *request = &call.request.body.link_log;
	int r = COPY(request->link, link);

	request->follow = follow != 0;
	return end(&call, r < 0 ? r : events_open(&call), why);
}

int usocket_link_at(const char *link, const char *command, struct usocket_refusal *why)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_link_at_tag);
	usp_LinkAt *request = &call.request.body.link_at;
	int r = COPY(request->link, link);

	if (r == 0)
		r = COPY(request->command, command);
	return end(&call, r < 0 ? r : events_open(&call), why);
}

static void fill_line(struct usocket_link_line *line, const usp_LinkLine *message)
{
	memset(line, 0, sizeof(*line));
	line->time_ms = message->time_ms;
	line->level = (uint8_t)message->level;
	line->is_final = message->is_final;
	memcpy(line->text, message->text, sizeof(line->text));
}

static int next_line(int fd, struct usocket_link_line *line)
{
	usp_LinkLine message = usp_LinkLine_init_zero;
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	int n = events_receive(fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n;
	if (codec_decode_line(&message, bytes, (size_t)n) < 0 || message.level > UINT8_MAX)
		return -EPROTO;
	fill_line(line, &message);
	return 1;
}

int usocket_link_next_line(int fd, struct usocket_link_line *line, size_t size)
{
	struct usocket_link_line whole;
	int r = next_line(fd, &whole);

	if (r == 1) {
		memset(line, 0, size);
		memcpy(line, &whole, size < sizeof(whole) ? size : sizeof(whole));
	}
	return (int)posix_result(r);
}
