/* SPDX-License-Identifier: MIT */
/*
 * usocketctl link log, and usocketctl at
 *
 * Theory of operation
 *
 * Both print lines of a link as they come. What a modem says is bytes of a
 * device: it is escaped. The exit status of "at" is that of the command: its
 * final result decides, whatever lines came before.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/follow.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/link_name.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The longest that a modem takes for an answer, to a search for networks, and more. */
#define AT_TIMEOUT_MS 300000

#define SHOWN_MAX     TEXT_ESCAPED_MAX(sizeof(((struct usocket_link_line *)0)->text))
#define TIME_MAX      32

/* "2026-11-25 19:05:39.123", local time. */
static const char *time_text(char out[TIME_MAX], uint64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	size_t len;
	struct tm tm;

	localtime_r(&seconds, &tm);
	len = strftime(out, TIME_MAX, "%F %T", &tm);
	snprintf(out + len, TIME_MAX - len, ".%03u", (unsigned int)(time_ms % 1000));
	return out;
}

/* ---- the log ---------------------------------------------------------------- */

static int print_log_json(const struct usocket_link_line *line, FILE *out)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "time_ms", line->time_ms);
	json_add_number(object, "level", line->level);
	json_add_text(object, "text", line->text, sizeof(line->text));
	return json_print_line(object, out);
}

static int print_log(int fd, const struct ctl_options *options, FILE *out, void *arg)
{
	char shown[SHOWN_MAX], at[TIME_MAX];
	struct usocket_link_line line;
	int r;

	(void)arg;
	while ((r = usocket_link_next_line(fd, &line, sizeof(line))) == 1) {
		if (!(options->flags & CTL_JSON))
			fprintf(out, "%s %s\n", time_text(at, line.time_ms),
				text_escape(shown, sizeof(shown), line.text, sizeof(line.text)));
		else if (print_log_json(&line, out) != CTL_EXIT_OK)
			return CTL_EXIT_FAILED;
	}
	if (r == 0)
		return FOLLOW_ON;
	if (errno != ENODATA)
		return report_error(errno);
	/* Without an end of its own it ends with the daemon. */
	return options->flags & CTL_FOLLOW ? report_error(ENODEV) : CTL_EXIT_OK;
}

int ctl_run_link_log(const struct ctl_options *options, FILE *out)
{
	struct usocket_link_info link;
	struct usocket_refusal why;
	int fd, rc;

	rc = link_name_find(options->n_operands ? options->operands[0] : NULL, &link);
	if (rc != CTL_EXIT_OK)
		return rc;
	fd = usocket_link_log(link.name, options->flags & CTL_FOLLOW ? 1 : 0, &why);
	if (fd < 0)
		return report_refusal(errno, &why);
	rc = follow(fd, options, out, print_log, NULL, -1);
	close(fd);
	return rc;
}

/* ---- AT --------------------------------------------------------------------- */

struct answer {
	struct json_object *lines; /* NULL: text is wanted */
	char result[sizeof(((struct usocket_link_line *)0)->text)];
};

static void take_line(struct answer *answer, const struct usocket_link_line *line, FILE *out)
{
	char shown[SHOWN_MAX];

	if (line->is_final)
		memcpy(answer->result, line->text, sizeof(answer->result));
	if (!answer->lines) {
		fprintf(out, "%s\n",
			text_escape(shown, sizeof(shown), line->text, sizeof(line->text)));
	} else if (!line->is_final) {
		text_utf8(shown, sizeof(shown), line->text, sizeof(line->text));
		json_object_array_add(answer->lines, json_object_new_string(shown));
	}
}

static int read_answer(int fd, const struct ctl_options *options, FILE *out, void *arg)
{
	struct answer *answer = arg;
	struct usocket_link_line line;
	int r;

	(void)options;
	while ((r = usocket_link_next_line(fd, &line, sizeof(line))) == 1) {
		take_line(answer, &line, out);
		if (line.is_final)
			return strcmp(line.text, "OK") == 0 ? CTL_EXIT_OK : CTL_EXIT_FAILED;
	}
	if (r == 0)
		return FOLLOW_ON;
	return report_error(errno == ENODATA ? ENODEV : errno);
}

static int print_answer(struct answer *answer, FILE *out)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "lines", json_object_get(answer->lines));
	json_add_text(object, "result", answer->result, sizeof(answer->result));
	return json_print(object, out);
}

static int ask(int fd, const struct ctl_options *options, FILE *out)
{
	struct answer answer = { 0 };
	int timeout_ms = options->flags & CTL_TIMEOUT ? options->timeout_ms : AT_TIMEOUT_MS;
	int rc;

	if (options->flags & CTL_JSON)
		answer.lines = json_object_new_array();
	rc = follow(fd, options, out, read_answer, &answer, timeout_ms);
	if (rc == FOLLOW_TIMED_OUT) {
		fputs("usocketctl: the modem has not answered in time\n", stderr);
		rc = CTL_EXIT_FAILED;
	} else if (answer.lines && answer.result[0] && print_answer(&answer, out) != CTL_EXIT_OK) {
		rc = CTL_EXIT_FAILED;
	}
	json_object_put(answer.lines);
	return rc;
}

int ctl_run_at(const struct ctl_options *options, FILE *out)
{
	struct usocket_link_info link;
	struct usocket_refusal why;
	int fd, rc;

	rc = link_name_find(options->flags & CTL_LINK ? options->link : NULL, &link);
	if (rc != CTL_EXIT_OK)
		return rc;
	fd = usocket_link_at(link.name, options->operands[0], &why);
	if (fd < 0)
		return report_refusal(errno, &why);
	rc = ask(fd, options, out);
	close(fd);
	return rc;
}
