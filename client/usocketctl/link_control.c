/* SPDX-License-Identifier: MIT */
/*
 * usocketctl link up, down, reset, set and wait
 *
 * Theory of operation
 *
 * The daemon decides who may and what can be set, and says why not; this passes
 * it on. A value that is "-" is a line of standard input, so that a password
 * need not stand in the command line, which everybody can see. Of several keys
 * the last brings the link down and up: with one try, not with one a key.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/follow.h"
#include "client/usocketctl/link_name.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 256

typedef int (*act_fn)(const char *link, struct usocket_refusal *why);

static int act(const struct ctl_options *options, act_fn fn)
{
	struct usocket_refusal why;

	if (fn(options->operands[0], &why) < 0)
		return report_refusal(errno, &why);
	return CTL_EXIT_OK;
}

int ctl_run_link_up(const struct ctl_options *options, FILE *out)
{
	(void)out;
	return act(options, usocket_link_up);
}

int ctl_run_link_down(const struct ctl_options *options, FILE *out)
{
	(void)out;
	return act(options, usocket_link_down);
}

int ctl_run_link_reset(const struct ctl_options *options, FILE *out)
{
	(void)out;
	return act(options, usocket_link_reset);
}

/* ---- set -------------------------------------------------------------------- */

/* @value, or for "-" a line of standard input, in @line. NULL: there is none. */
static const char *read_value(const char *value, char line[VALUE_MAX])
{
	if (strcmp(value, "-") != 0)
		return value;
	if (!fgets(line, VALUE_MAX, stdin))
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static int set_key(const char *link, const char *key, const char *value, int redial)
{
	struct usocket_refusal why;
	char line[VALUE_MAX];
	int rc = CTL_EXIT_OK;

	value = read_value(value, line);
	if (!value) {
		fprintf(stderr, "usocketctl: no line of standard input for %s\n", key);
		return CTL_EXIT_FAILED;
	}
	if (usocket_link_set(link, key, value, redial, &why) < 0)
		rc = report_refusal(errno, &why);
	explicit_bzero(line, sizeof(line));
	return rc;
}

int ctl_run_link_set(const struct ctl_options *options, FILE *out)
{
	int i, rc = CTL_EXIT_OK;

	(void)out;
	if (options->n_operands % 2 == 0) {
		fprintf(stderr, "usocketctl: '%s' has no value\n",
			options->operands[options->n_operands - 1]);
		return CTL_EXIT_USAGE;
	}
	for (i = 1; i < options->n_operands && rc == CTL_EXIT_OK; i += 2)
		rc = set_key(options->operands[0], options->operands[i], options->operands[i + 1],
			i + 2 == options->n_operands);
	/* The one that failed is not the first: those before it are set. */
	if (rc != CTL_EXIT_OK && i > 3)
		fputs("What stands before it is set, and counts from the link's next try on.\n",
			stderr);
	return rc;
}

/* ---- wait ------------------------------------------------------------------- */

struct wait {
	const char *name; /* NULL: any link */
	struct usocket_link_event latest;
};

static int look(int watch, const struct ctl_options *options, FILE *out, void *arg)
{
	struct usocket_link_event event;
	struct wait *wait = arg;
	int r;

	(void)options;
	(void)out;
	while ((r = usocket_watch_next(watch, &event, sizeof(event))) == 1) {
		if (wait->name && strcmp(event.name, wait->name) != 0)
			continue;
		wait->latest = event;
		if (event.state >= USOCKET_LINK_UP)
			return CTL_EXIT_OK;
	}
	return r < 0 ? report_error(errno) : FOLLOW_ON;
}

static int report_late(const struct wait *wait)
{
	const struct usocket_link_event *event = &wait->latest;
	char cause[TEXT_ESCAPED_MAX(sizeof(event->cause))];

	if (wait->name)
		fprintf(stderr, "usocketctl: link %s is not up: %s%s%s\n", wait->name,
			usocket_link_state_name(event->state), event->cause[0] ? ": " : "",
			text_escape(cause, sizeof(cause), event->cause, sizeof(event->cause)));
	else
		fputs("usocketctl: no link is up\n", stderr);
	return CTL_EXIT_FAILED;
}

int ctl_run_link_wait(const struct ctl_options *options, FILE *out)
{
	struct wait wait = { .name = options->n_operands ? options->operands[0] : NULL };
	int timeout_ms = options->flags & CTL_TIMEOUT ? options->timeout_ms : -1;
	struct usocket_link_info link;
	int watch, rc;

	if (wait.name) {
		rc = link_name_find(wait.name, &link);
		if (rc != CTL_EXIT_OK)
			return rc;
	}
	watch = usocket_watch_links();
	if (watch < 0)
		return report_error(errno);
	rc = follow(watch, options, out, look, &wait, timeout_ms);
	close(watch);
	return rc == FOLLOW_TIMED_OUT ? report_late(&wait) : rc;
}
