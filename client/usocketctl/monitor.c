/* SPDX-License-Identifier: MIT */
/*
 * usocketctl monitor
 *
 * Theory of operation
 *
 * A line for the state of each link, then one at each change, until the daemon
 * ends or nobody reads the lines any more.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/follow.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int print_text(const struct usocket_link_event *event, FILE *out)
{
	char name[TEXT_ESCAPED_MAX(sizeof(event->name))];
	char cause[TEXT_ESCAPED_MAX(sizeof(event->cause))];

	text_escape(cause, sizeof(cause), event->cause, sizeof(event->cause));
	fprintf(out, "%s: %s",
		text_escape(name, sizeof(name), event->name, sizeof(event->name)),
		usocket_link_state_name(event->state));
	if (event->reason != USOCKET_REASON_NONE)
		fprintf(out, " (%s%s)", usocket_link_reason_name(event->reason),
			event->is_refused ? ", refused" : "");
	fprintf(out, "%s%s\n", cause[0] ? ": " : "", cause);
	return CTL_EXIT_OK;
}

static int print_json(const struct usocket_link_event *event, FILE *out)
{
	struct json_object *object = json_object_new_object();
	const char *state = usocket_link_state_name(event->state);
	const char *reason = usocket_link_reason_name(event->reason);

	json_add_text(object, "name", event->name, sizeof(event->name));
	json_add_number(object, "index", event->index);
	json_add_text(object, "state", state, strlen(state));
	json_add_text(object, "reason", reason, strlen(reason));
	json_add_boolean(object, "refused", event->is_refused);
	if (event->cause[0])
		json_add_text(object, "cause", event->cause, sizeof(event->cause));
	else
		json_add_null(object, "cause");
	return json_print_line(object, out);
}

static int print_events(int watch, const struct ctl_options *options, FILE *out, void *arg)
{
	struct usocket_link_event event;
	int r, rc;

	(void)arg;
	while ((r = usocket_watch_next(watch, &event, sizeof(event))) != 0) {
		if (r < 0)
			return report_error(errno);
		rc = options->flags & CTL_JSON ? print_json(&event, out)
					       : print_text(&event, out);
		if (rc != CTL_EXIT_OK)
			return rc;
	}
	return FOLLOW_ON;
}

int ctl_run_monitor(const struct ctl_options *options, FILE *out)
{
	int watch = usocket_watch_links();
	int rc;

	if (watch < 0)
		return report_error(errno);
	rc = follow(watch, options, out, print_events, NULL, -1);
	close(watch);
	return rc;
}
