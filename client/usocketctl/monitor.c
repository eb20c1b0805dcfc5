/* SPDX-License-Identifier: MIT */
/*
 * usocketctl monitor
 *
 * Theory of operation
 *
 * A line for the state of each link, then one at each change, until the daemon
 * ends or nobody reads the lines any more: the end of a pipe shows in poll(2)
 * without writing to it.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static int print_text(const struct usocket_link_event *event, FILE *out)
{
	char name[TEXT_ESCAPED_MAX(sizeof(event->name))];
	char cause[TEXT_ESCAPED_MAX(sizeof(event->cause))];

	text_escape(cause, sizeof(cause), event->cause, sizeof(event->cause));
	fprintf(out, "%s: %s%s%s\n",
		text_escape(name, sizeof(name), event->name, sizeof(event->name)),
		usocket_link_state_name(event->state), cause[0] ? ": " : "", cause);
	return CTL_EXIT_OK;
}

static int print_json(const struct usocket_link_event *event, FILE *out)
{
	struct json_object *object = json_object_new_object();
	const char *state = usocket_link_state_name(event->state);

	json_add_text(object, "name", event->name, sizeof(event->name));
	json_add_number(object, "index", event->index);
	json_add_text(object, "state", state, strlen(state));
	if (event->cause[0])
		json_add_text(object, "cause", event->cause, sizeof(event->cause));
	else
		json_add_null(object, "cause");
	return json_print_line(object, out);
}

/* Prints what there is. Returns CTL_EXIT_OK to go on. */
static int print_events(int watch, const struct ctl_options *options, FILE *out)
{
	struct usocket_link_event event;
	int r, rc = CTL_EXIT_OK;

	while (rc == CTL_EXIT_OK && (r = usocket_watch_next(watch, &event, sizeof(event))) != 0) {
		if (r < 0)
			return report_error(errno);
		rc = options->flags & CTL_JSON ? print_json(&event, out)
					       : print_text(&event, out);
	}
	fflush(out);
	return rc;
}

static int monitor(int watch, const struct ctl_options *options, FILE *out)
{
	struct pollfd p[] = {
		{ .fd = watch, .events = POLLIN },
		{ .fd = fileno(out) },
	};
	int rc;

	for (;;) {
		rc = print_events(watch, options, out);
		/* What cannot be written is main()'s to report. */
		if (rc != CTL_EXIT_OK || ferror(out))
			return rc;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return report_error(errno);
		if (p[1].revents & (POLLERR | POLLHUP))
			return CTL_EXIT_OK;
	}
}

int ctl_run_monitor(const struct ctl_options *options, FILE *out)
{
	int watch = usocket_watch_links();
	int rc;

	if (watch < 0)
		return report_error(errno);
	rc = monitor(watch, options, out);
	close(watch);
	return rc;
}
