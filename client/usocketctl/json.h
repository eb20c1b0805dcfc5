/* SPDX-License-Identifier: MIT */
/*
 * JSON output: members of an object one by one, printed at the end.
 */
#ifndef CLIENT_USOCKETCTL_JSON_H
#define CLIENT_USOCKETCTL_JSON_H

#include <json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct usocket_address;

void json_add_number(struct json_object *object, const char *key, uint64_t value);
void json_add_boolean(struct json_object *object, const char *key, bool value);
/* At most @size bytes, whatever they are. */
void json_add_text(struct json_object *object, const char *key, const char *text, size_t size);
/* The same, null for an empty text. */
void json_add_text_or_null(struct json_object *object, const char *key, const char *text,
	size_t size);
void json_add_null(struct json_object *object, const char *key);
/* {"address": "::1", "port": 80}; null if there is none. */
void json_add_endpoint(struct json_object *object, const char *key,
	const struct usocket_address *address);

/* A new value: "10.0.2.15", or null if there is none. */
struct json_object *json_new_ip(const struct usocket_address *address);

/* The same with its prefix's length: "10.0.2.15/24". */
struct json_object *json_new_network(const struct usocket_address *address);

/* Prints @object and gives it up. Returns enum ctl_exit. */
int json_print(struct json_object *object, FILE *out);
/* The same on one line. */
int json_print_line(struct json_object *object, FILE *out);

#endif
