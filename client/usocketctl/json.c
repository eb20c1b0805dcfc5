/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * json-c takes strings as they are, so texts from the tables are made UTF-8
 * first. A member that could not be had is null, never left out: the set of
 * keys is the same for every object of a kind.
 */
#include "client/usocketctl/json.h"

#include "client/usocketctl/ctl.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <stdlib.h>
#include <string.h>

#define STYLE	   (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)
#define LINE_STYLE (JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Longest text in the tables, in bytes. */
#define TEXT_MAX 256
/* U+FFFD has three. */
#define UTF8_MAX (3 * TEXT_MAX + 1)

void json_add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void json_add_boolean(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void json_add_text(struct json_object *object, const char *key, const char *text, size_t size)
{
	char utf8[UTF8_MAX];

	text_utf8(utf8, sizeof(utf8), text, size);
	json_object_object_add(object, key, json_object_new_string(utf8));
}

void json_add_null(struct json_object *object, const char *key)
{
	json_object_object_add(object, key, NULL);
}

void json_add_text_or_null(struct json_object *object, const char *key, const char *text,
	size_t size)
{
	if (text[0])
		json_add_text(object, key, text, size);
	else
		json_add_null(object, key);
}

struct json_object *json_new_ip(const struct usocket_address *address)
{
	char text[TEXT_ADDRESS_MAX];

	if (address->family == AF_UNSPEC)
		return NULL;
	return json_object_new_string(text_ip(text, address));
}

struct json_object *json_new_network(const struct usocket_address *address)
{
	char ip[TEXT_ADDRESS_MAX], text[TEXT_ADDRESS_MAX + 8];

	if (address->family == AF_UNSPEC)
		return NULL;
	snprintf(text, sizeof(text), "%s/%u", text_ip(ip, address), address->prefix);
	return json_object_new_string(text);
}

void json_add_endpoint(struct json_object *object, const char *key,
	const struct usocket_address *address)
{
	struct json_object *endpoint;

	if (address->family == AF_UNSPEC) {
		json_add_null(object, key);
		return;
	}
	endpoint = json_object_new_object();
	json_object_object_add(endpoint, "address", json_new_ip(address));
	json_add_number(endpoint, "port", address->port);
	json_object_object_add(object, key, endpoint);
}

static int print(struct json_object *object, int style, FILE *out)
{
	const char *text;
	int rc = CTL_EXIT_OK;

	text = json_object_to_json_string_ext(object, style);
	if (!text || fprintf(out, "%s\n", text) < 0) {
		fputs("usocketctl: cannot write the result\n", stderr);
		rc = CTL_EXIT_FAILED;
	}
	json_object_put(object);
	return rc;
}

int json_print(struct json_object *object, FILE *out)
{
	return print(object, STYLE, out);
}

int json_print_line(struct json_object *object, FILE *out)
{
	return print(object, LINE_STYLE, out);
}
