/* SPDX-License-Identifier: MIT */
/*
 * usocketctl resolve
 *
 * Theory of operation
 *
 * The daemon bounds a look-up's time, so this waits for as long as it takes.
 * One socket type is asked for, since each would repeat the addresses.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct usocket_address get_address(const struct addrinfo *entry)
{
	const struct sockaddr_in *sin = (const void *)entry->ai_addr;
	const struct sockaddr_in6 *sin6 = (const void *)entry->ai_addr;
	struct usocket_address address = { .family = (uint16_t)entry->ai_family };

	if (entry->ai_family == AF_INET6) {
		memcpy(address.ip, &sin6->sin6_addr, sizeof(sin6->sin6_addr));
		address.scope = sin6->sin6_scope_id;
	} else {
		memcpy(address.ip, &sin->sin_addr, sizeof(sin->sin_addr));
	}
	return address;
}

static void print_text(const struct addrinfo *entry, FILE *out)
{
	for (; entry; entry = entry->ai_next) {
		struct usocket_address address = get_address(entry);
		char text[TEXT_ADDRESS_MAX];

		fprintf(out, "%s\n", text_ip(text, &address));
	}
}

static int print_json(const char *name, const struct addrinfo *entry, FILE *out)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_add_text(object, "name", name, strlen(name));
	if (entry->ai_canonname)
		json_add_text(object, "canonical", entry->ai_canonname,
			strlen(entry->ai_canonname));
	else
		json_add_null(object, "canonical");
	for (; entry; entry = entry->ai_next) {
		struct usocket_address address = get_address(entry);

		json_object_array_add(list, json_new_ip(&address));
	}
	json_object_object_add(object, "addresses", list);
	return json_print(object, out);
}

int ctl_run_resolve(const struct ctl_options *options, FILE *out)
{
	struct addrinfo hints = {
		.ai_family = ctl_family(options->flags),
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_CANONNAME,
	};
	struct addrinfo *entries;
	const char *name = options->operands[0];
	int rc = usocket_getaddrinfo(name, NULL, &hints, &entries);

	if (rc != 0)
		return report_lookup(name, rc, errno);
	if (options->flags & CTL_JSON) {
		rc = print_json(name, entries, out);
	} else {
		print_text(entries, out);
		rc = CTL_EXIT_OK;
	}
	usocket_freeaddrinfo(entries);
	return rc;
}
