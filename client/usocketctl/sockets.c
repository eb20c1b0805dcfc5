/* SPDX-License-Identifier: MIT */
/*
 * usocketctl sockets
 *
 * Theory of operation
 *
 * Walks the connection table once. The library gives whole records only, and
 * skips what is free or half written, so what is shown may be a moment old but
 * never torn.
 */
#include "client/usocketctl/columns.h"
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/socket_filter.h"
#include "client/usocketctl/socket_json.h"
#include "client/usocketctl/socket_show.h"

#include "usocket.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define LINKS_MAX 64

/* The links' names by index, for the sockets' rows; empty: none such. */
struct link_names {
	char names[LINKS_MAX][sizeof(((struct usocket_link_info *)0)->name) + 1];
};

typedef void (*show_fn)(void *result, const struct ctl_options *options,
	const struct usocket_socket_info *info, const char *link_name,
	uint64_t now_ns);

static void read_link_names(struct link_names *names)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	memset(names, 0, sizeof(*names));
	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		if (link.index < LINKS_MAX)
			memcpy(names->names[link.index], link.name, sizeof(link.name));
}

/* @link is the index + 1, 0 for none. */
static const char *find_link_name(const struct link_names *names, uint32_t link)
{
	return link > 0 && link <= LINKS_MAX ? names->names[link - 1] : "";
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Shows each socket that matches. Returns enum ctl_exit. */
static int walk(const struct ctl_options *options, show_fn show, void *result)
{
	struct usocket_socket_info info;
	struct link_names names;
	uint32_t cursor = 0;
	int rc;

	read_link_names(&names);
	while ((rc = usocket_next_socket(&cursor, &info, sizeof(info))) == 1)
		if (socket_filter_match(options, &info))
			show(result, options, &info, find_link_name(&names, info.link),
				now_ns());
	return rc < 0 ? report_error(errno) : CTL_EXIT_OK;
}

static void show_row(void *result, const struct ctl_options *options,
	const struct usocket_socket_info *info, const char *link_name,
	uint64_t now)
{
	socket_show_add_row(result, options->flags, info, link_name, now);
}

static int print_text(const struct ctl_options *options, FILE *out)
{
	struct columns *columns = socket_show_new_columns(options->flags);
	int rc;

	if (!columns)
		return report_error(ENOMEM);
	rc = walk(options, show_row, columns);
	if (rc == CTL_EXIT_OK && columns_print(columns, options->flags & CTL_NO_HEADER, out) < 0)
		rc = report_error(ENOMEM);
	columns_free(columns);
	return rc;
}

static void show_json(void *result, const struct ctl_options *options,
	const struct usocket_socket_info *info, const char *link_name,
	uint64_t now)
{
	(void)options;
	json_object_array_add(result, socket_json_new(info, link_name, now));
}

static int print_json(const struct ctl_options *options, FILE *out)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	int rc;

	json_object_object_add(object, "sockets", array);
	rc = walk(options, show_json, array);
	if (rc == CTL_EXIT_OK)
		return json_print(object, out);
	json_object_put(object);
	return rc;
}

int ctl_run_sockets(const struct ctl_options *options, FILE *out)
{
	return options->flags & CTL_JSON ? print_json(options, out) : print_text(options, out);
}
