/* SPDX-License-Identifier: MIT */
/*
 * usocketctl status
 *
 * Theory of operation
 *
 * The one command that asks the daemon: its own counters are in no table. The
 * links are from the table and say in a line each what "link" says in full;
 * JSON leaves them to that.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINE	 "    %-10s "
#define DNS_PORT 53

static void print_links(FILE *out)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1) {
		char name[TEXT_ESCAPED_MAX(sizeof(link.name))], ip[TEXT_ADDRESS_MAX];

		fprintf(out, LINE "%s %s", "link",
			text_escape(name, sizeof(name), link.name, sizeof(link.name)),
			usocket_link_state_name(link.state));
		if (link.address4.family != AF_UNSPEC)
			fprintf(out, " %s", text_ip(ip, &link.address4));
		if (link.n_addresses6 > 0)
			fprintf(out, " %s", text_ip(ip, &link.addresses6[0]));
		fputs(link.is_default ? ", default\n" : "\n", out);
	}
}

static void print_name_servers(const struct usocket_status *status, FILE *out)
{
	fprintf(out, LINE, "dns");
	for (uint32_t i = 0; i < status->n_name_servers; i++) {
		const struct usocket_address *server = &status->name_servers[i].address;
		char ip[TEXT_ADDRESS_MAX];

		fprintf(out, "%s%s", i > 0 ? ", " : "", text_ip(ip, server));
		if (server->port != 0 && server->port != DNS_PORT)
			fprintf(out, " port %u", server->port);
	}
	fputs(status->n_name_servers ? "\n" : "none\n", out);
}

static void print_text(const struct usocket_status *status, const struct usocket_versions *versions,
	FILE *out)
{
	char version[TEXT_ESCAPED_MAX(sizeof(status->version))];
	char lwip[TEXT_ESCAPED_MAX(sizeof(status->lwip_version))];
	char uptime[TEXT_NUMBER_MAX];

	fprintf(out, "usocketd %s, lwIP %s, pid %" PRIu32 ", up %s\n",
		text_escape(version, sizeof(version), status->version, sizeof(status->version)),
		text_escape(lwip, sizeof(lwip), status->lwip_version,
			sizeof(status->lwip_version)),
		status->daemon_pid, text_duration(uptime, status->uptime_ms));
	fprintf(out, LINE "version %" PRIu32 "\n", "protocol", versions->in_use);
	fprintf(out, LINE "%" PRIu32 " of %" PRIu32 ", %" PRIu32 " without a queue pair\n",
		"sessions", status->sessions, status->sessions_max,
		status->sessions_without_queue);
	fprintf(out, LINE "%" PRIu32 " of %" PRIu32 "\n", "sockets", status->sockets,
		status->sockets_max);
	fprintf(out, LINE "%" PRIu64 ", %" PRIu64 " malformed, %" PRIu64 " clients dropped\n",
		"requests", status->requests, status->malformed, status->clients_dropped);
	fprintf(out, LINE "%" PRIu32 " under way\n", "look-ups", status->lookups);
	fprintf(out, LINE "%" PRIu32 ", %" PRIu64 " hits, %" PRIu64 " misses\n", "cached",
		status->cache_entries, status->cache_hits, status->cache_misses);
	fprintf(out, LINE "%" PRIu64 " dropped\n", "SYNs", status->syn_dropped);
	print_name_servers(status, out);
	print_links(out);
}

static void add_versions(struct json_object *object, const struct usocket_versions *versions)
{
	struct json_object *protocol = json_object_new_object();

	json_add_number(protocol, "in_use", versions->in_use);
	json_add_number(protocol, "library_min", versions->library_min);
	json_add_number(protocol, "library_max", versions->library_max);
	json_add_number(protocol, "daemon_min", versions->daemon_min);
	json_add_number(protocol, "daemon_max", versions->daemon_max);
	json_object_object_add(object, "protocol", protocol);
}

static void add_name_servers(struct json_object *object, const struct usocket_status *status)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < status->n_name_servers; i++)
		json_object_array_add(list, json_new_ip(&status->name_servers[i].address));
	json_object_object_add(object, "dns", list);
}

static int print_json(const struct usocket_status *status, const struct usocket_versions *versions,
	FILE *out)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "version", status->version, sizeof(status->version));
	json_add_text(object, "lwip_version", status->lwip_version,
		sizeof(status->lwip_version));
	json_add_number(object, "pid", status->daemon_pid);
	json_add_number(object, "uptime_ms", status->uptime_ms);
	add_versions(object, versions);
	json_add_number(object, "sessions", status->sessions);
	json_add_number(object, "sessions_max", status->sessions_max);
	json_add_number(object, "sessions_without_queue", status->sessions_without_queue);
	json_add_number(object, "sockets", status->sockets);
	json_add_number(object, "sockets_max", status->sockets_max);
	json_add_number(object, "requests", status->requests);
	json_add_number(object, "malformed", status->malformed);
	json_add_number(object, "clients_dropped", status->clients_dropped);
	json_add_number(object, "lookups", status->lookups);
	json_add_number(object, "cache_entries", status->cache_entries);
	json_add_number(object, "cache_hits", status->cache_hits);
	json_add_number(object, "cache_misses", status->cache_misses);
	json_add_number(object, "syn_dropped", status->syn_dropped);
	add_name_servers(object, status);
	return json_print(object, out);
}

int ctl_run_status(const struct ctl_options *options, FILE *out)
{
	struct usocket_versions versions;
	struct usocket_status status;

	if (usocket_status(&status, sizeof(status)) < 0)
		return report_error(errno);
	usocket_versions(&versions, sizeof(versions));
	if (options->flags & CTL_JSON)
		return print_json(&status, &versions, out);
	print_text(&status, &versions, out);
	return CTL_EXIT_OK;
}
